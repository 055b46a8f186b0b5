"""A backup of a device that writes: clean filesystems, and every file that was synced before; or a refusal."""

import sys
from pathlib import Path
from typing import Iterator

import pytest

import paths  # noqa: F401
import mixed
from checker import contents, judge
from gmi_reader import GmiFile
from live_device import LiveDevice, until_it_has_written
from programs import gmi, tool

# A file that was removed and is still open is an orphan on the disk: only a mount clears those away.
STUBBORN = "log,database,mapped,measurements,settings,churn"


@pytest.mark.parametrize("rest", ["none", "remount-ro", "freeze"])
def test_polite_services_and_any_way_of_rest(rest: str, device: LiveDevice, backup, tmp_path: Path) -> None:
    """`none`: the hook itself remounts."""
    device.up(rest=rest, pace=0.001)
    until_it_has_written(device, 200)
    file = backup(device)
    assert device.is_back_at_work() and not device.troubles()
    held = judge(file, device.claims(), tmp_path)
    assert held["config"] == 1 and held["data"] > 30


def test_one_backup_after_the_other_each_holds_what_was_synced_until_then(device: LiveDevice, backup,
                                                                        tmp_path: Path) -> None:
    """The second one fails where the kernel's cache of the first one's reading is taken for the disk."""
    device.up(pace=0.001)
    for _ in range(2):
        until_it_has_written(device)
        assert judge(backup(device), device.claims(), tmp_path)["data"] > 20


def test_services_that_go_on_are_frozen(device: LiveDevice, backup, tmp_path: Path) -> None:
    device.up(rest="freeze", pace=0, stubborn=STUBBORN)
    until_it_has_written(device, 300)
    file = backup(device)
    assert device.is_back_at_work() and not device.troubles()
    held = judge(file, device.claims(), tmp_path)
    assert held["data"] > 20
    until_it_has_written(device)


def test_services_that_go_on_cannot_be_remounted_and_are_named(device: LiveDevice, backup) -> None:
    device.up(rest="remount-ro", pace=0.001, stubborn="database")
    until_it_has_written(device)
    said = backup.refused(device, "system")
    database = device.services()["data-database"][0]
    assert f"live-database (pid {database}) holds {device.root}/data/live/database/live.db open for writing" in said
    assert device.is_back_at_work()


def test_a_service_that_goes_on_upon_an_overlay_is_named(device: LiveDevice, backup) -> None:
    """Its file lies on config, though the kernel says that it is on the overlay."""
    device.up(rest="remount-ro")
    holder = device.hold_open(device.root / "etc/held")
    said = backup.refused(device, "system")
    assert f"pid {holder.pid})" in said and f"{device.root}/config cannot be remounted" in said
    assert device.is_back_at_work()


def test_who_writes_to_the_disk_itself_is_found(device: LiveDevice, backup) -> None:
    """Past every filesystem, while the backup is under way."""
    device.up(rest="freeze")
    writer = device.hold(
        sys.executable, "-c",
        "import os, sys, time; fd = os.open(sys.argv[1], os.O_RDWR | os.O_SYNC)\n"
        "while True: os.pwrite(fd, os.pread(fd, 4096, 0), 0); time.sleep(0.01)", device.loop().partition(1))
    said = backup.refused(device, "system")
    assert "disk emmc" in said and "was written to while it was read" in said and f"(pid {writer.pid})" in said
    assert device.is_back_at_work()


@pytest.fixture
def mixed_device(tmp_path: Path) -> Iterator[LiveDevice]:
    living = LiveDevice.copy_of(mixed.make(tmp_path / "mixed", mixed.ALL))
    yield living
    living.end()


def test_small_blocks_and_xfs_and_fat(mixed_device: LiveDevice, backup, tmp_path: Path) -> None:
    """ext4 of 1 and 4 KiB blocks, XFS, and a FAT volume, which lies there unmounted where the kernel knows none."""
    (tmp_path / "uImage").write_bytes(b"kernel" * 1000)
    tool("mcopy", "-i", mixed.fat_of(mixed_device), tmp_path / "uImage", "::/uImage")
    mixed_device.up(rest="freeze", pace=0.005, roles="log,measurements,database,mapped", stubborn="log,measurements")
    until_it_has_written(mixed_device, 300)
    file = backup(mixed_device)
    assert mixed_device.is_back_at_work()
    held = judge(file, mixed_device.claims(), tmp_path)
    assert set(held) == {"small", "data", "xfs"} and all(count > 15 for count in held.values()), held
    assert contents(GmiFile(file))["boot"] == "vfat"
    gmi("extract", file, "boot", "-o", tmp_path / "boot.img")
    assert tool("mtype", "-i", tmp_path / "boot.img", "::/uImage").stdout == b"kernel" * 1000
