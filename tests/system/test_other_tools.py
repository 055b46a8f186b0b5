"""Other people's programs open a GMI file: today those of Debian, in twenty years whatever opens ZIP and zstd."""

import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pytest

from device import EXT4_VOLUMES, Device
from gmi_reader import GmiFile
from programs import RELEASE, gmi, tool

MIB = 1 << 20


def entries_by_bsdtar(path: Path) -> list[str]:
    """From a pipe: it can neither seek nor ask for the directory first."""
    with open(path, "rb") as file:
        cat = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        names = tool("bsdtar", "-tf", "-", stdin=cat.stdout).stdout.decode().splitlines()
    assert cat.wait() == 0
    return names


def unzip_and_zstd(path: Path, volume: str, to: str) -> None:
    """The line that README.md promises."""
    tool("bash", "-c", 'set -o pipefail; unzip -p "$1" "volumes/$2/*" | zstd -dc >"$3"', "-", path, volume, to)


def test_file_knows_the_media_type(backup_file: Path) -> None:
    """file(1) finds it as it finds OpenDocument's: first entry, stored, without extra field."""
    assert 'MIME type "application/vnd.sbt.gmi+zip"' in tool("file", backup_file).stdout.decode()


def test_info_zip_is_content(backup_file: Path, reader: GmiFile) -> None:
    said = tool("unzip", "-t", backup_file).stdout.decode()
    assert "No errors detected" in said and "warning" not in said.lower()
    assert tool("unzip", "-Z1", backup_file).stdout.decode().splitlines() == reader.names


def test_7_zip_is_content(backup_file: Path) -> None:
    said = tool("7z", "t", backup_file).stdout.decode()
    assert "Everything is Ok" in said and "Warnings" not in said


def test_bsdtar_reads_it_from_a_pipe(backup_file: Path, reader: GmiFile) -> None:
    assert entries_by_bsdtar(backup_file) == reader.names


def test_python_is_content(backup_file: Path) -> None:
    with zipfile.ZipFile(backup_file) as file:
        assert file.testzip() is None


def test_unzip_and_zstd_give_what_gmi_extract_gives(backup_file: Path, reader: GmiFile, tmp_path: Path) -> None:
    for volume in reader.volumes:
        gmi("extract", backup_file, volume, "-o", tmp_path / "ours")
        unzip_and_zstd(backup_file, volume, tmp_path / "theirs")
        tool("cmp", tmp_path / "ours", tmp_path / "theirs")
        (tmp_path / "ours").unlink()


def test_e2fsck_and_debugfs_know_what_unzip_and_zstd_made(backup_file: Path, pristine: Device,
                                                          tmp_path: Path) -> None:
    for volume in EXT4_VOLUMES:
        unzip_and_zstd(backup_file, volume, tmp_path / volume)
        tool("e2fsck", "-fn", tmp_path / volume)
    read = tool("debugfs", "-R", "cat /srv/results.db", tmp_path / "data").stdout
    assert read == pristine.debugfs("data", "cat /srv/results.db")


# ---- beyond the limits of the old ZIP ----

@pytest.fixture
def many_disks(tmp_path: Path):
    """A device of 16 disks with the same content: large, and quickly made, in memory."""
    disks = Path(tempfile.mkdtemp(prefix="gmi-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))

    def make(write) -> Path:
        profile = "[device]\nid = large\n"
        for number in range(16):
            with open(disks / f"disk{number}", "wb") as file:
                write(file)
            profile += f"[disk d{number:02d}]\npath = {disks}/disk{number}\ntype = flash\n"
        (tmp_path / "profile.ini").write_text(profile)
        gmi("backup", "--profile", tmp_path / "profile.ini", "-o", tmp_path / "large.gmi", "--quiet",
            "--chunk-length", "256", build=RELEASE)
        return tmp_path / "large.gmi"

    yield make
    shutil.rmtree(disks)
    for path in tmp_path.iterdir():
        path.unlink()


def everybody_reads(path: Path, names: int) -> None:
    assert "No errors detected" in tool("unzip", "-qt", path).stdout.decode()
    assert "Everything is Ok" in tool("7z", "t", path).stdout.decode()
    listed = entries_by_bsdtar(path)
    assert len(listed) == names and listed[0] == "mimetype" and listed[-1] == "index"
    with zipfile.ZipFile(path) as file:
        assert len(file.namelist()) == names
        assert file.read("index").startswith(b"GMIINDEX")  # the last one: its offset is the largest


def test_a_file_of_more_than_4_gib(many_disks, tmp_path: Path) -> None:
    """ZIP64 by offset: noise does not compress."""
    noise = os.urandom(MIB)
    path = many_disks(lambda file: [file.write(noise) for _ in range(265)])
    assert path.stat().st_size > 4 << 30
    everybody_reads(path, 2 + 16 * 265 * 4 + 1)
    gmi("verify", path, "--quiet", build=RELEASE)
    unzip_and_zstd(path, "d15", tmp_path / "last")
    assert (tmp_path / "last").read_bytes() == noise * 265


def test_a_file_of_more_than_65535_entries(many_disks, tmp_path: Path) -> None:
    """ZIP64 by count: a byte in each chunk, and holes between."""

    def one_byte_per_chunk(file) -> None:
        for chunk in range(4096):
            file.seek(chunk * 256 * 1024 + chunk)
            file.write(b"x")
        file.truncate(1 << 30)

    path = many_disks(one_byte_per_chunk)
    assert path.stat().st_size < 64 * MIB
    everybody_reads(path, 2 + 65536 + 1)
    gmi("info", path, build=RELEASE)
