"""A backup of a device that was writing until a moment ago: clean filesystems, and everything that was synced."""

from pathlib import Path

import pytest

import paths  # noqa: F401
import mixed
from checker import contents, judge
from device import Device
from gmi_reader import GmiFile
from live_device import LiveDevice
from programs import gmi, tool, wait_for
from test_living_device import wait_until_it_writes


def test_hooks_that_remount_by_themselves_are_enough(device: LiveDevice, backup, tmp_path: Path) -> None:
    """The profile says `none`: the hook has seen to it."""
    device.up(rest="none", pace=0.001)
    wait_until_it_writes(device, 200)
    file = backup(device)
    assert device.runs() and device.is_writable()
    held = judge(file, device.claims(), tmp_path)
    assert held["config"] == 1 and held["data"] > 30


def test_after_a_backup_the_device_works_as_before_and_backs_up_again(device: LiveDevice, backup,
                                                                     tmp_path: Path) -> None:
    device.up(rest="none", pace=0.001)
    for _ in range(2):
        wait_until_it_writes(device)
        assert judge(backup(device), device.claims(), tmp_path)["data"] > 20
    assert not device.troubles()
