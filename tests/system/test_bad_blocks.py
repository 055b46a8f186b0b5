"""A disk with bad blocks: a loop device whose backing file has lost its end, so that the kernel itself says EIO.

The end lies within the volume data, behind most of its files; what follows it, the second partition table, is
lost as well.
"""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import pytest

from client import PROBLEM, Client
from device import Device
from gmi_reader import GmiFile
from programs import gmi, tool
from second_reader import Reader

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("losetup", path=os.environ["PATH"] + ":/sbin"),
                                reason="only root can make a loop device, and its disk fail")
PIECE = 4096


@dataclass
class Failing:
    device: Device
    loop: str
    end: int  # of what can be read


@pytest.fixture(scope="module")
def disk_that_fails(pristine: Device, reader: GmiFile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failing]:
    device = pristine.copy(tmp_path_factory.mktemp("failing") / "device")
    data = reader.volumes["data"]
    offset, length = max(data.extents, key=lambda extent: extent[1])
    end = (data.offset + offset + length // 2) // PIECE * PIECE
    loop = tool("losetup", "-f", "--show", device.disk).stdout.decode().strip()
    try:
        os.truncate(device.disk, end)
        tool("blockdev", "--flushbufs", loop)
        device.configure("disk emmc", path=loop)
        yield Failing(device, loop, end)
    finally:
        tool("losetup", "-d", loop)


@pytest.fixture
def failing(disk_that_fails: Failing) -> Failing:
    """Nobody can write to it; only its log of hooks begins anew."""
    (disk_that_fails.device.folder / "device.log").unlink(missing_ok=True)
    return disk_that_fails


@pytest.fixture(scope="module")
def rescued(disk_that_fails: Failing, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("rescued") / "rescued.gmi"
    gmi("backup", "--profile", disk_that_fails.device.profile, "-o", file, "--keep-going", expect="unreadable")
    return file


def unreadable_bytes(file: Path) -> int:
    return sum(length for volume in GmiFile(file).volumes.values() for _, length in volume.unreadable)


def test_a_bad_place_ends_a_backup_with_its_name(failing: Failing, tmp_path: Path) -> None:
    before = failing.device.hash()
    failed = gmi("backup", "--profile", failing.device.profile, "-o", tmp_path / "a.gmi", expect="system")
    assert re.search(r"volume data.*disk emmc.*byte \d+.*Input/output error", failed.stderr), failed.stderr
    assert "--keep-going" in failed.stderr and "device is unchanged" in failed.stderr
    assert list(tmp_path.glob("a.gmi*")) == [] and failing.device.hash() == before
    assert failing.device.hooks() == ["quiesce", "release"]


def test_the_page_never_gets_a_file_with_holes(failing: Failing, start) -> None:
    client: Client = start(failing.device).client
    job = client.begin_backup()
    client.request_until_broken(job["download"])
    problem = client.ended(job["id"])["problem"]
    assert problem["type"] == PROBLEM + "system" and "olume data: disk emmc" in problem["detail"]
    assert failing.device.hooks() == ["quiesce", "release"]


def test_what_could_not_be_read_is_told_and_recorded(failing: Failing, rescued: Path, tmp_path: Path) -> None:
    told = gmi("backup", "--profile", failing.device.profile, "-o", tmp_path / "again.gmi", "--keep-going", "--json",
               expect="unreadable")
    lost = unreadable_bytes(rescued)
    assert json.loads(told.stdout)["unreadable_bytes"] == lost > 0
    assert re.search(r"Cannot be read: \d+ bytes of disk emmc at byte \d+ \(volume data\)", told.stderr)
    assert "Backup made, but not whole" in told.stderr and "Backup successful" not in told.stderr
    for name, volume in GmiFile(rescued).volumes.items():
        if volume.disk == "emmc":
            assert all(volume.offset + offset >= failing.end for offset, _ in volume.unreadable), name
            assert all(volume.offset + offset + length <= failing.end for offset, length in volume.extents), name


def test_such_a_file_is_open_to_everybody(failing: Failing, rescued: Path, pristine: Device) -> None:
    """Every tool is content; a reader made from the document finds what was readable, and where there are zeros."""
    assert "No errors detected" in tool("unzip", "-t", rescued).stdout.decode()
    reader = Reader(rescued.read_bytes())
    stored, then, at = reader.disk_content("emmc"), pristine.disk.read_bytes(), 0
    assert reader.disk_content("flash") == pristine.flash.read_bytes()
    assert len(stored) == len(then)
    for volume in reader.volumes[:-1]:
        for offset, length in volume.used:
            assert stored[at + offset:at + offset + length] == then[at + offset:at + offset + length], volume.name
        for offset, length in volume.unreadable:
            assert not any(stored[at + offset:at + offset + length]), volume.name
        at += volume.length
    assert sum(length for volume in reader.volumes for _, length in volume.unreadable) == unreadable_bytes(rescued)


def test_whoever_looks_into_such_a_file_is_told(rescued: Path, backup_file: Path, tmp_path: Path) -> None:
    verified = gmi("verify", rescued).stdout
    assert "is sound" in verified and "could not be read from the device when it was made" in verified
    assert "could not be read" not in gmi("verify", backup_file).stdout
    assert re.search(r"^  data .*, of which [\d.]+ \wB could not be read$", gmi("info", rescued).stdout, re.M)
    volumes = {volume["name"]: volume for volume in json.loads(gmi("info", "--json", rescued).stdout)["volumes"]}
    assert volumes["data"]["content"] == "ext4"  # though blkid cannot read its end
    assert volumes["data"]["unreadable"] > 0 == volumes["config"]["unreadable"]
    for command in (("ls", rescued, "data:/"), ("extract", rescued, "data", "-o", tmp_path / "data.img")):
        assert "of volume data could not be read" in gmi(*command).stderr
    assert gmi("cat", rescued, "config:/hw-ids.json").stderr == ""


def assert_restored_but_for_its_holes(file: Path, device: Device, pristine: Device, before: bytes) -> None:
    now, then = device.disk.read_bytes(), pristine.disk.read_bytes()
    for volume in GmiFile(file).volumes.values():
        if volume.disk != "emmc":
            continue
        for source, extents in ((then, volume.extents), (before, volume.unreadable)):
            for offset, length in extents:
                at = volume.offset + offset
                assert now[at:at + length] == source[at:at + length], volume.name


def test_a_restore_onto_a_sound_disk_leaves_those_places_untouched(rescued: Path, changed: Device,
                                                                  pristine: Device) -> None:
    before = changed.disk.read_bytes()
    rehearsed = gmi("restore", "--profile", changed.profile, rescued, "--dry-run", "--json")
    assert json.loads(rehearsed.stdout)["bytes_unreadable"] == unreadable_bytes(rescued)
    assert "would be left as they are" in rehearsed.stderr and changed.disk.read_bytes() == before
    said = gmi("restore", "--profile", changed.profile, rescued, "--yes").stderr
    assert "of volume data could not be read at the backup and are left as they are" in said
    assert "could not be read when the backup was made and were left as they are" in said
    assert_restored_but_for_its_holes(rescued, changed, pristine, before)


def test_a_restore_over_http_counts_those_places(rescued: Path, changed: Device, pristine: Device, start) -> None:
    before = changed.disk.read_bytes()
    job = start(changed).client.restore(rescued.read_bytes())
    assert job["state"] == "succeeded"
    assert job["summary"]["bytesUnreadable"] == unreadable_bytes(rescued)
    assert_restored_but_for_its_holes(rescued, changed, pristine, before)


def test_a_sound_disk_makes_the_same_file_with_keep_going(device: Device, backup_file: Path, tmp_path: Path) -> None:
    """Nothing but the time of the backup, which the manifest tells and the index binds."""
    gmi("backup", "--profile", device.profile, "-o", tmp_path / "a.gmi", "--keep-going")
    made, usual = GmiFile(tmp_path / "a.gmi"), GmiFile(backup_file)
    assert made.names == usual.names and made.index[48:] == usual.index[48:]
