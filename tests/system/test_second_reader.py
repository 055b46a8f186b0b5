"""docs/gmi-format.md is enough: a reader and a writer made from it alone agree with gmi about every byte."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import second_writer
from second_reader import Damaged, NotGmi, Reader

ROOT = Path(__file__).resolve().parents[2]
GMI = Path(os.environ.get("GMI_BUILD", ROOT / "build-test")) / "src/cli/gmi"
CARD = b"gmi\n" * 65536 + bytes(262144) + b"The end.\n" + bytes(503)


def gmi(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([GMI, *map(str, arguments)], capture_output=True, text=True)


def backup(folder: Path, *options: str) -> bytes:
    done = gmi("backup", "--quiet", "--profile", folder / "profile.ini", "-o", folder / "made.gmi", "-f", *options)
    assert done.returncode == 0, done.stderr
    return (folder / "made.gmi").read_bytes()


def card_profile(folder: Path) -> None:
    (folder / "profile.ini").write_text("[device]\nid = tiny-1\n[disk card]\npath = card.img\n")


def documents_example() -> bytes:
    """The file that the document shows, put together from its hex lines and its manifest."""
    text = (ROOT / "docs/gmi-format.md").read_text().split("\n## A whole file\n")[1]
    pieces = {int(at, 16): bytes.fromhex(digits) for at, digits in
              re.findall(r"^    ([0-9a-f]{4})  ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  .*)?$", text, re.M)}
    place = re.search(r"The manifest at ([0-9a-f]{4})", text)
    pieces[int(place[1], 16)] = re.search(r"```json\n(.*?)```", text, re.S)[1].encode()
    whole = bytearray()
    for at in sorted(pieces):
        assert at == len(whole), f"the example is not continuous at {at:04x}"
        whole += pieces[at]
    return bytes(whole)


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("device")
    subprocess.run([ROOT / "virtual/make-device", "--tiny", folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def two_volumes() -> tuple[dict, dict[str, bytes], dict[str, list[tuple[int, int]]]]:
    """What a second writer could say: 64 KiB chunks, a used map with holes, a short last chunk."""
    first = bytes(1000) + b"in use" * 100 + bytes(65536 * 3 - 1600)
    second = bytes(range(256)) * 512 + b"end"
    manifest = {
        "format": "gmi", "version": 1, "created": "2026-01-09T13:43:44Z", "tool": "a second writer",
        "device": {"id": "tiny-1", "model": "", "software": ""}, "signature": "none", "chunk_length": 65536,
        "all_blocks": False, "a_member_of_the_future": [1, 2],
        "disks": [{"name": "card", "kind": "block", "length": len(first + second), "sector_length": 512,
                   "table": "none"}],
        "volumes": [
            {"name": "first", "disk": "card", "offset": 0, "length": len(first), "used": 610, "content": "raw",
             "label": "", "note": ""},
            {"name": "second", "disk": "card", "offset": len(first), "length": len(second), "used": len(second),
             "content": "raw", "label": "", "note": ""}],
    }
    used = {"first": [(1000, 600), (70000, 10)], "second": [(0, len(second))]}
    return manifest, {"first": first, "second": second}, used


def test_the_documents_example_is_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "example.gmi").write_bytes(documents_example())
    assert Reader(documents_example()).disk_content("card") == CARD
    assert gmi("verify", tmp_path / "example.gmi").returncode == 0


def test_gmi_writes_the_documents_example(tmp_path: Path) -> None:
    """All but the time of the backup, what follows from it, and frames, which another zstd makes in another way."""
    (tmp_path / "card.img").write_bytes(CARD)
    card_profile(tmp_path)
    made, shown = Reader(backup(tmp_path, "--chunk-length", "256")), Reader(documents_example())
    for reader in (made, shown):
        del reader.manifest["created"]
    assert made.manifest == shown.manifest and list(made.manifest) == list(shown.manifest)
    assert made.names == shown.names and made.volumes[0].hashes == shown.volumes[0].hashes


def test_the_second_reader_finds_every_flipped_bit() -> None:
    """What the document tells a reader to check leaves no byte out."""
    whole = documents_example()
    for at in range(len(whole)):
        broken = bytearray(whole)
        broken[at] ^= 1 << at % 8
        with pytest.raises((Damaged, NotGmi)):
            Reader(bytes(broken)).disk_content("card")


def test_the_second_reader_finds_every_truncation() -> None:
    whole = documents_example()
    for length in range(len(whole)):
        with pytest.raises((Damaged, NotGmi)):
            Reader(whole[:length])


def test_a_backup_is_read_by_the_second_reader(device: Path) -> None:
    reader = Reader(backup(device))
    disk = (device / "disk.img").read_bytes()
    stored, at = reader.disk_content("emmc"), 0
    assert reader.disk_content("flash") == (device / "flash.img").read_bytes()
    for volume in reader.volumes:
        if volume.name == "flash":
            continue
        for offset, length in volume.used:
            assert stored[at + offset:at + offset + length] == disk[at + offset:at + offset + length], volume.name
        at += volume.length
    assert len(stored) == len(disk) and stored != disk  # stale bytes in free space are not in the file


def test_a_forensic_copy_is_the_whole_disk(device: Path) -> None:
    assert Reader(backup(device, "--all-blocks")).disk_content("emmc") == (device / "disk.img").read_bytes()


def test_long_runs_of_zeros_are_cut_as_the_document_says(tmp_path: Path) -> None:
    with open(tmp_path / "card.img", "wb") as card:
        card.truncate((4096 + 3) * 262144 + 512)
    card_profile(tmp_path)
    names = Reader(backup(tmp_path, "--chunk-length", "256")).names
    assert [name for name in names if name.startswith("volumes/")] == [
        "volumes/card/00000000.zst", "volumes/card/00004096.zst"]


def test_gmi_reads_what_a_second_writer_writes(tmp_path: Path, two_volumes: tuple) -> None:
    manifest, content, used = two_volumes
    (tmp_path / "other.gmi").write_bytes(second_writer.write(manifest, content, used))
    assert gmi("verify", tmp_path / "other.gmi").returncode == 0
    told = json.loads(gmi("info", "--json", tmp_path / "other.gmi").stdout)
    assert told["root_hash"] == Reader((tmp_path / "other.gmi").read_bytes()).root_hash
    for name, expected in content.items():
        assert gmi("extract", tmp_path / "other.gmi", name, "-o", tmp_path / name).returncode == 0
        assert (tmp_path / name).read_bytes() == expected


def with_unreadable_places(two_volumes: tuple) -> tuple:
    """Places between, beside and without used bytes; they hold zeros, the whole second chunk of "second" too."""
    manifest, content, _ = two_volumes
    used = {"first": [(1000, 600)], "second": [(0, 65536), (131072, 3)]}
    unreadable = {"first": [(70000, 10)], "second": [(65536, 65536)]}
    return manifest, {**content, "second": content["second"][:65536] + bytes(65536) + b"end"}, used, unreadable


def test_unreadable_places_of_a_second_writer_are_left_alone_by_a_restore(tmp_path: Path, two_volumes: tuple) -> None:
    manifest, content, used, unreadable = with_unreadable_places(two_volumes)
    file = tmp_path / "other.gmi"
    file.write_bytes(second_writer.write(manifest, content, used, unreadable))
    assert Reader(file.read_bytes()).volumes[1].unreadable == unreadable["second"]
    card_profile(tmp_path)
    (tmp_path / "card.img").write_bytes(b"x" * manifest["disks"][0]["length"])
    assert gmi("restore", "--yes", "--profile", tmp_path / "profile.ini", file).returncode == 0
    restored = (tmp_path / "card.img").read_bytes()
    first, second = restored[:len(content["first"])], restored[len(content["first"]):]
    assert first[70000:70010] == b"x" * 10
    assert second == content["second"][:65536] + b"x" * 65536 + b"end"


def test_bytes_in_an_unreadable_place_are_refused(tmp_path: Path, two_volumes: tuple) -> None:
    manifest, content, used, unreadable = with_unreadable_places(two_volumes)
    first = bytearray(content["first"])
    first[70001] = 1
    bad = second_writer.write(manifest, {**content, "first": bytes(first)}, used, unreadable)
    with pytest.raises(Damaged, match="not in use"):
        Reader(bad).disk_content("card")
    (tmp_path / "bad.gmi").write_bytes(bad)
    assert gmi("verify", tmp_path / "bad.gmi").returncode == 5


def test_a_chunk_that_is_not_the_hashed_one_is_refused(
        tmp_path: Path, two_volumes: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    """Length, frame and CRC-32 are right; only the index tells."""
    honest = second_writer.encode
    monkeypatch.setattr(second_writer, "encode", lambda plain: honest(b"\1" + plain[1:]))
    (tmp_path / "bad.gmi").write_bytes(second_writer.write(*two_volumes))
    with pytest.raises(Damaged, match="hash"):
        Reader((tmp_path / "bad.gmi").read_bytes()).disk_content("card")
    assert gmi("verify", tmp_path / "bad.gmi").returncode == 5


def test_bytes_outside_of_the_used_map_are_refused_before_anything_is_written(
        tmp_path: Path, two_volumes: tuple) -> None:
    manifest, content, used = two_volumes
    hidden = bytearray(content["first"])
    hidden[5000] = 1
    bad = second_writer.write(manifest, {**content, "first": bytes(hidden)}, used)
    with pytest.raises(Damaged, match="not in use"):
        Reader(bad).disk_content("card")
    (tmp_path / "bad.gmi").write_bytes(bad)
    before = b"x" * manifest["disks"][0]["length"]
    (tmp_path / "card.img").write_bytes(before)
    card_profile(tmp_path)
    assert gmi("verify", tmp_path / "bad.gmi").returncode == 5
    restored = gmi("restore", "--yes", "--profile", tmp_path / "profile.ini", tmp_path / "bad.gmi")
    assert restored.returncode == 5 and "used map leaves out" in restored.stderr
    assert (tmp_path / "card.img").read_bytes() == before
