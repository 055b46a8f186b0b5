"""Files that must be refused, offered to a real gmid: a clear word, and not one byte of the device changed."""

import random
import subprocess
from pathlib import Path

import pytest

from client import Client
from crafted import Crafted, Entry
from device import Device
from gmi_reader import DATA, GmiFile
from programs import RELEASE, Gmid, gmi, tool


@pytest.fixture(scope="module")
def victim(used: Device, tmp_path_factory: pytest.TempPathFactory):
    """One gmid for all files here: each of them must leave it and its device as they were."""
    device = used.copy(tmp_path_factory.mktemp("victim"))
    server = Gmid(device.profile)
    yield device, Client(server.url)
    server.stop()


@pytest.fixture
def refused(victim, tmp_path: Path):
    """Offers bytes to gmid; returns the problem's type. gmi says the same of them as a file."""
    device, client = victim

    def offer(data: bytes) -> str:
        before = device.hash()
        kind = client.refusal(data)["type"]
        (tmp_path / "offered").write_bytes(data)
        gmi("restore", "--profile", device.profile, tmp_path / "offered", "--yes", expect=kind, build=RELEASE)
        assert device.hash() == before
        return kind

    return offer


@pytest.fixture
def craft(backup: bytes):
    return lambda: Crafted(backup)


def squeeze(data: bytes, *options: str) -> bytes:
    return subprocess.run(["zstd", "-qc", *options], input=data, capture_output=True, check=True).stdout


# ---- cut short, altered, something else ----

def test_a_file_cut_short_is_refused_wherever_it_was_cut(victim, backup: bytes, reader: GmiFile) -> None:
    device, client = victim
    before = device.hash()
    starts = [entry.header_offset for entry in reader.zip.infolist()]
    points = {0, 1, 4, 21, 22, 30, 98, 99, 4096, len(backup) // 3, len(backup) // 2, reader.zip.start_dir,
              len(backup) - 23, len(backup) - 22, len(backup) - 21, len(backup) - 1, starts[1], starts[-1],
              starts[-1] + 30, *random.Random(1).sample(range(len(backup)), 12)}
    for point in sorted(points):
        assert client.refusal(backup[:point])["type"] in ("damaged", "not-gmi"), point
    assert device.hash() == before


def test_a_flipped_bit_is_refused_or_does_not_matter(backup: bytes, used: Device, start, tmp_path: Path,
                                                     is_back) -> None:
    """A flip within a chunk that the device has already does not matter: it is not fetched."""
    device = used.copy(tmp_path / "device")
    client, chance = start(device).client, random.Random(2)
    before, outcomes = device.hash(), []
    tables = int(len(backup) * 0.99)
    for number in range(40):
        altered = bytearray(backup)
        at = chance.randrange(len(backup)) if number % 2 else chance.randrange(tables, len(backup))
        altered[at] ^= 1 << chance.randrange(8)
        job = client.restore(bytes(altered))
        outcomes.append(job["state"])
        if job["state"] == "failed":
            assert job["problem"]["type"].split(":")[-1] in ("damaged", "not-gmi"), (at, job["problem"])
            assert device.hash() == before, at
        else:
            assert is_back(device), at
            tool("cp", "--sparse=always", used.disk, used.flash, device.folder)
            assert client.post("/restart").status == 202
    assert outcomes.count("failed") >= 20


@pytest.mark.parametrize("kind", ["nothing", "text", "zeros", "noise", "another zip"])
def test_something_else_is_no_gmi_file(kind: str, refused, tmp_path: Path) -> None:
    other = {"nothing": b"", "text": b"hello\n" * 100, "zeros": bytes(70_000),
             "noise": random.Random(3).randbytes(70_000)}
    if kind == "another zip":
        (tmp_path / "hello").write_text("hello")
        tool("7z", "a", tmp_path / "a.zip", tmp_path / "hello")
        other[kind] = (tmp_path / "a.zip").read_bytes()
    assert refused(other[kind]) == "not-gmi"


# ---- of another device, of another time ----

def test_a_file_of_another_device_names_both(victim, craft) -> None:
    _, client = victim
    problem = client.refusal(craft().manifest(device={"id": "bb0101001", "model": "", "software": ""}).bytes())
    assert problem["type"] == "wrong-device"
    assert "bb0101001" in problem["detail"] and "bb2241039" in problem["detail"]


def test_a_newer_format_version_is_told_from_damage(refused, craft) -> None:
    assert refused(craft().manifest(version=2).bytes()) == "version"
    assert refused(craft().manifest(version=2, volumes="in a way not known yet").bytes()) == "version"


def test_members_of_the_manifest_that_are_not_known_are_no_harm(craft, tmp_path: Path) -> None:
    (tmp_path / "a.gmi").write_bytes(craft().manifest(hint="from a later gmi").bytes())
    gmi("verify", tmp_path / "a.gmi")


def test_a_disk_that_is_smaller_missing_or_of_another_kind_is_told(backup: bytes, device: Device, start,
                                                                   tmp_path: Path) -> None:
    client = start(device).client
    with open(device.disk, "r+b") as disk:
        disk.truncate(20 << 20)
    before = device.hash()
    problem = client.refusal(backup)
    assert problem["type"] == "layout" and "too small" in problem["detail"] and "emmc" in problem["detail"]
    assert device.hash() == before
    device.disk.rename(tmp_path / "elsewhere")
    problem = client.refusal(backup)
    assert problem["type"] == "layout" and "emmc is missing" in problem["detail"]


# ---- hostile ----

def test_the_crafting_writer_told_no_lie_makes_the_same_bytes(backup: bytes, craft) -> None:
    assert craft().bytes() == backup


CHUNK = "volumes/emmc-head/00000000.zst"

LIES = {
    "an entry twice": lambda craft: craft.insert(craft.first("config")),
    "two entries on the same bytes": lambda craft: craft.lie("index", offset=0),
    "an entry that lies outside": lambda craft: craft.lie("index", offset=0xFFFFFFF0),
    "an entry longer than the file": lambda craft: craft.lie(CHUNK, length=0xFFFFFFFE),
    "an entry of ZIP64 length without ZIP64": lambda craft: craft.lie(CHUNK, length=0xFFFFFFFF),
    "a wrong CRC-32": lambda craft: craft.lie("manifest.json", crc=1),
    "a compressed entry": lambda craft: craft.lie("manifest.json", method=8),
    "an encrypted entry": lambda craft: craft.lie("manifest.json", flags=1),
    "a data descriptor": lambda craft: craft.lie("manifest.json", flags=8),
    "a directory name that differs from the entry's": lambda craft: craft.lie("index", listed=b"other"),
    "a path upward": lambda craft: craft.insert(Entry(b"volumes/../../etc/passwd", b"x")),
    "an absolute path": lambda craft: craft.insert(Entry(b"/etc/passwd", b"x")),
    "a name with NUL": lambda craft: craft.insert(Entry(b"volumes/config\0/00000000.zst", b"x")),
    "a name of 60,000 bytes": lambda craft: craft.insert(Entry(b"v" * 60_000, b"x")),
    "an empty name": lambda craft: craft.insert(Entry(b"", b"x")),
    "an entry that nobody knows": lambda craft: craft.insert(Entry(b"autorun.inf", b"x")),
    "bytes between entries": lambda craft: setattr(craft.entry("index"), "gap", b"hidden"),
    "bytes before the first entry": lambda craft: setattr(craft.entries[0], "gap", b"#!/bin/sh\n"),
    "bytes behind the end": lambda craft: setattr(craft, "tail", b"x"),
    "a chunk missing": lambda craft: craft.entries.remove(craft.first("data")),
    "chunks out of order": lambda craft: craft.entries.insert(3, craft.entries.pop(5)),
    "no index": lambda craft: craft.entries.remove(craft.entry("index")),
    "no manifest": lambda craft: craft.entries.remove(craft.entry("manifest.json")),
    "one entry more than there is": lambda craft: craft.end(count=len(craft.entries) + 1),
    "one entry less than there is": lambda craft: craft.end(count=len(craft.entries) - 1),
    "65,535 entries": lambda craft: craft.end(count=0xFFFF),
    "a directory longer than the file": lambda craft: craft.end(length=0xFFFFFFF0),
    "a directory that lies outside": lambda craft: craft.end(offset=0xFFFFFFF0),
    "a ZIP64 directory that is not there": lambda craft: craft.end(offset=0xFFFFFFFF),
    "no entry at all": lambda craft: craft.entries.clear(),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_zip_directory_that_lies_is_refused(lie: str, refused, craft) -> None:
    crafted = craft()
    LIES[lie](crafted)
    assert refused(crafted.bytes()) in ("damaged", "not-gmi")


@pytest.mark.parametrize("changes", [
    {"format": "zip"}, {"version": 0}, {"version": "1"}, {"chunk_length": 0}, {"chunk_length": 262145},
    {"chunk_length": 1 << 31}, {"chunk_length": -1}, {"volumes": []}, {"disks": []}, {"volumes": {}},
    {"created": "yesterday"}, {"device": {}}, {"device": {"id": "", "model": "", "software": ""}},
    {"device": {"id": "a" * 5000, "model": "", "software": ""}}, {"tool": "x\u0007"}, {"all_blocks": 1},
    {"signature": "minisign"}, {"disks": [{}] * 5000},
], ids=lambda changes: next(iter(changes)) + "-" + str(next(iter(changes.values())))[:20])
def test_a_manifest_that_makes_no_sense_is_refused(changes: dict, refused, craft) -> None:
    assert refused(craft().manifest(**changes).bytes()) == "damaged"


@pytest.mark.parametrize("changes", [
    {"offset": 1}, {"length": 0}, {"length": 1 << 62}, {"length": 2**63 - 1}, {"used": 1 << 40}, {"used": 0},
    {"name": "../../etc"}, {"name": ""}, {"name": "data"}, {"name": "n" * 64}, {"disk": "nvme"},
    {"offset": -512}, {"length": "1"},
], ids=str)
def test_a_volume_that_makes_no_sense_is_refused(changes: dict, refused, craft) -> None:
    assert refused(craft().volume(1, **changes).bytes()) == "damaged"


@pytest.mark.parametrize("text", [
    b"", b"{", b"[]", b"null", b'{"format": "gmi", "format": "gmi"}', b"[" * 100_000, b"\xff\xfe{}",
    b'{"a": "' + b"x" * (2 << 20) + b'"}',
], ids=["empty", "cut", "list", "null", "twice", "deep", "no UTF-8", "huge"])
def test_a_manifest_that_is_no_json_object_is_refused(text: bytes, refused, craft) -> None:
    assert refused(craft().set_manifest(text).bytes()) == "damaged"


# The first volume's head in the index: count of extents, count of runs, its extents, its runs.
@pytest.mark.parametrize("at, value", [
    (0, 0), (8, 99 << 32), (16, 0), (48, 0), (48, 2**63), (48, 2**64 - 1), (56, 0), (56, 2**61), (56, 2**64 - 1),
    (64, 1), (64, 2**64 - 1), (72, 0), (72, 2**64 - 1), (80, 0), (80, DATA), (80, 1), (80, 2), (80, DATA | 2),
    (80, DATA - 1), (80, 2**64 - 1),
])
def test_an_index_that_makes_no_sense_is_refused(at: int, value: int, refused, craft) -> None:
    assert refused(craft().index_number(at, value).bytes()) == "damaged"


def test_an_index_with_something_behind_it_or_less_of_it_is_refused(refused, craft) -> None:
    for change in (lambda data: data + b"\0", lambda data: data[:-1], lambda data: data[:48], lambda data: b""):
        crafted = craft()
        crafted.entry("index").data = change(crafted.entry("index").data)
        assert refused(crafted.bytes()) == "damaged"


def frame_of(content: bytes) -> bytes:
    """One zstd frame that tells its content's length, as a chunk has to be."""
    return squeeze(content, f"--stream-size={len(content)}")


PATTERN = bytes(range(256)) * 2048  # of a chunk's length

# Put in the place of the first chunk of the flash, which the device has otherwise: so it is fetched.
FRAMES = {
    "a bomb": lambda: frame_of(bytes(64 << 20)),
    "no frame": lambda: PATTERN[:5000],
    "two frames": lambda: frame_of(PATTERN[:256 << 10]) * 2,
    "no content size": lambda: squeeze(PATTERN),
    "a shorter chunk": lambda: frame_of(PATTERN[:-1]),
    "a longer chunk": lambda: frame_of(PATTERN + b"x"),
    "other content": lambda: frame_of(PATTERN),
    "a skippable frame": lambda: b"\x50\x2a\x4d\x18\4\0\0\0skip" + frame_of(PATTERN),
    "an empty entry": lambda: b"",
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_chunk_that_is_no_such_chunk_is_refused(kind: str, refused, craft, reader: GmiFile) -> None:
    assert len(PATTERN) == reader.chunk_length
    assert refused(craft().frame("flash", FRAMES[kind]()).bytes()) == "damaged"
