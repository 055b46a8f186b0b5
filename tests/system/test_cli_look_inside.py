"""info, verify, extract, ls and cat: what a service engineer sees of a file without the device."""

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from device import EXT4_VOLUMES, Device
from gmi_reader import GmiFile
from programs import end_of, gmi, start_gmi, tool


def listed(backup_file: Path, what: str) -> dict[str, list[str]]:
    """Name -> mode, uid, gid, size, target, as gmi ls prints them."""
    found = {}
    for line in gmi("ls", backup_file, what).stdout.splitlines():
        mode, uid, gid, size, rest = line.split(maxsplit=4)
        name, _, target = re.sub(r"^\S+ ", "", rest).partition(" -> ")
        found[name] = [mode, uid, gid, size, target]
    return found


def walk(backup_file: Path, volume: str, folder: str = ""):
    """Every path below a folder of a volume, with its line."""
    for name, line in listed(backup_file, f"{volume}:{folder or '/'}").items():
        if name in (".", "..", "lost+found"):
            continue
        yield f"{folder}/{name}", line
        if line[0].startswith("d"):
            yield from walk(backup_file, volume, f"{folder}/{name}")


def test_info_tells_a_person_what_the_file_is(backup_file: Path) -> None:
    said = gmi("info", backup_file).stdout
    for words in ("bb2241039", "BactoBox (virtual)", "v2026.02", "Disk emmc", "Disk flash", *EXT4_VOLUMES):
        assert words in said


def test_info_tells_a_program_the_same(backup_file: Path, reader: GmiFile) -> None:
    told = json.loads(gmi("info", backup_file, "--json").stdout)
    assert told["device"] == "bb2241039" and told["signed"] is False
    assert told["file_bytes"] == backup_file.stat().st_size
    assert [(v["name"], v["offset"], v["length"], v["used"]) for v in told["volumes"]] == \
        [(v.name, v.offset, v.length, v.used_bytes) for v in reader.volumes.values()]


def test_verify_reads_every_byte_and_is_content(backup_file: Path) -> None:
    gmi("verify", backup_file)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.6, 0.85, 0.999])
def test_verify_finds_one_flipped_bit(share: float, backup: bytes, tmp_path: Path) -> None:
    altered = bytearray(backup)
    altered[int(len(backup) * share)] ^= 0x10
    (tmp_path / "a.gmi").write_bytes(altered)
    said = gmi("verify", tmp_path / "a.gmi", expect="not-gmi" if share == 0 else "damaged").stderr
    assert "a.gmi: " in said


def test_extract_gives_the_volume_that_unzip_and_zstd_give(backup_file: Path, reader: GmiFile,
                                                          tmp_path: Path) -> None:
    for name in reader.volumes:
        gmi("extract", backup_file, name, "-o", tmp_path / name)
        image = (tmp_path / name).read_bytes()
        assert image == reader.volume_bytes(name), name
        assert gmi("extract", backup_file, name, "-o", "-", text=False).stdout == image, name


def test_an_extracted_volume_is_sparse_and_its_filesystem_clean(backup_file: Path, tmp_path: Path) -> None:
    gmi("extract", backup_file, "data", cwd=tmp_path)
    status = (tmp_path / "data.img").stat()
    assert status.st_blocks * 512 < status.st_size
    tool("e2fsck", "-fn", tmp_path / "data.img")


def test_extract_overwrites_only_by_force(backup_file: Path, tmp_path: Path) -> None:
    (tmp_path / "config.img").write_text("precious")
    gmi("extract", backup_file, "config", cwd=tmp_path, expect="usage")
    assert (tmp_path / "config.img").read_text() == "precious"
    gmi("extract", backup_file, "config", "--force", cwd=tmp_path)


def test_a_volume_that_is_not_there_is_answered_with_those_that_are(backup_file: Path, tmp_path: Path) -> None:
    said = gmi("extract", backup_file, "date", cwd=tmp_path, expect="not-found").stderr
    assert all(name in said for name in EXT4_VOLUMES)
    assert list(tmp_path.iterdir()) == []


def test_ls_without_a_volume_lists_the_volumes(backup_file: Path, reader: GmiFile) -> None:
    assert [line.split()[0] for line in gmi("ls", backup_file).stdout.splitlines()] == list(reader.volumes)


@pytest.mark.parametrize("volume", ["config", "system0"])
def test_ls_finds_the_files_that_debugfs_finds(volume: str, backup_file: Path, pristine: Device,
                                               tmp_path: Path) -> None:
    theirs = pristine.files(volume, tmp_path)
    theirs.pop("lost+found", None)
    ours = dict(walk(backup_file, volume))
    assert sorted(path.lstrip("/") for path in ours) == sorted(theirs)
    for path, (mode, uid, gid, _, target) in ours.items():
        kind = {"-": None, "d": "folder", "l": f"-> {target}"}[mode[0]]
        assert kind in (None, theirs[path.lstrip("/")]), path
        assert (uid, gid) == ("0", "0")


def test_ls_shows_modes_and_sizes_as_debugfs_does(backup_file: Path, pristine: Device) -> None:
    folder = "/overlay/etc/upper/ssh"
    theirs = {}
    for line in pristine.debugfs("config", f"ls -p {folder}").decode().split():
        _, _, mode, _, _, name, size, _ = line.split("/")
        if name not in (".", ".."):
            theirs[name] = (int(mode, 8) & 0o777, size)
    ours = {name: line for name, line in listed(backup_file, f"config:{folder}").items() if name[0] != "."}
    assert ours.keys() == theirs.keys() and ours["ssh_host_rsa_key"][0] == "-rw-------"
    for name, (mode, size) in theirs.items():
        letters = "".join("rwx"[i % 3] if mode >> (8 - i) & 1 else "-" for i in range(9))
        assert ours[name][0] == "-" + letters and ours[name][3] == size


def test_cat_gives_the_bytes_that_debugfs_gives(backup_file: Path, pristine: Device, tmp_path: Path) -> None:
    """Files of every kind: text, empty, sparse, large; names that are long or lie deep."""
    files = {path: digest for path, digest in pristine.files("data", tmp_path).items() if len(digest) == 64}
    chosen = {"srv/cache.bin", "srv/results.db", "log/messages"}
    chosen |= set(sorted(path for path in files if path.endswith(".bdr"))[:3])
    assert chosen <= files.keys()
    for path in chosen:
        data = gmi("cat", backup_file, f"data:/{path}", text=False).stdout
        assert hashlib.sha256(data).hexdigest() == files[path], path
    assert gmi("cat", backup_file, "config:/settings/empty").stdout == ""
    assert gmi("cat", backup_file, "config:/overlay/etc/upper/hostname").stdout == "bb2241039\n"


@pytest.mark.parametrize("what, expect", [
    ("config:/nothing", "not-found"), ("config:/settings", "usage"), ("nowhere:/x", "not-found"),
    ("config:/../../etc/passwd", "not-found"), ("table:/x", "not-found"),
])
def test_cat_of_what_is_no_file_is_refused(what: str, expect: str, backup_file: Path) -> None:
    assert gmi("cat", backup_file, what, expect=expect).stdout == ""


@pytest.mark.parametrize("what, expect, words", [
    ("config", "usage", "VOLUME:PATH has no path"),
    ("config:/settings", "usage", "/settings is a folder, not a file"),
    ("config:/overlay/etc/upper/localtime", "not-found",
     "localtime is a symbolic link to /usr/share/zoneinfo/Europe/Copenhagen, and this volume has no such file"),
], ids=["no path", "folder", "link"])
def test_cat_says_what_it_was_given_instead_of_a_file(what: str, expect: str, words: str, backup_file: Path) -> None:
    assert words in gmi("cat", backup_file, what, expect=expect).stderr


@pytest.mark.parametrize("words", [["info"], ["info", "--json"], ["verify"], ["ls"]])
def test_an_answer_that_could_not_be_written_is_no_success(words: list[str], backup_file: Path) -> None:
    with open("/dev/full", "wb") as full:
        running = start_gmi(*words, backup_file, stdout=full)
        assert "standard output: cannot write: No space left" in end_of(running, "system")


def test_a_reader_that_has_seen_enough_may_go(backup_file: Path) -> None:
    """As in `gmi cat ... | head -1`."""
    running = start_gmi("cat", backup_file, "data:/srv/cache.bin", stdout=subprocess.PIPE)
    running.stdout.read(10)
    running.stdout.close()
    assert "Broken pipe" in end_of(running, "system")
