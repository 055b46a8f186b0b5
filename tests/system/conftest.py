"""Fixtures: a device of its own for each test, and a gmid whose end is looked at."""

import hashlib
from pathlib import Path

import pytest

from client import Client
from device import Device
from gmi_reader import GmiFile
from programs import gmi
from servers import started


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """The device of which `backup_file` is the backup. Nobody writes to it."""
    return Device.make(tmp_path_factory.mktemp("pristine"), "--tiny")


@pytest.fixture(scope="session")
def used(pristine: Device, tmp_path_factory: pytest.TempPathFactory) -> Device:
    """The same device after some months. Nobody writes to it."""
    device = pristine.copy(tmp_path_factory.mktemp("used"))
    device.change("--percent", "20")
    return device


@pytest.fixture
def device(pristine: Device, tmp_path: Path) -> Device:
    return pristine.copy(tmp_path / "device")


@pytest.fixture
def changed(used: Device, tmp_path: Path) -> Device:
    return used.copy(tmp_path / "changed")


@pytest.fixture(scope="session")
def backup_file(pristine: Device, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backup") / "backup.gmi"
    gmi("backup", "--profile", pristine.profile, "-o", path)
    return path


@pytest.fixture(scope="session")
def backup(backup_file: Path) -> bytes:
    return backup_file.read_bytes()


@pytest.fixture(scope="session")
def reader(backup_file: Path) -> GmiFile:
    return GmiFile(backup_file)


@pytest.fixture
def is_back(reader: GmiFile):
    """Whether a device holds, under the backup's used maps, what the backup holds."""
    wanted = {name: hashlib.sha256(reader.volume_bytes(name)).digest() for name in reader.volumes}

    def check(device: Device) -> bool:
        disks = {"emmc": device.disk, "flash": device.flash}
        return all(hashlib.sha256(reader.masked(name, disks)).digest() == wanted[name]
                   for name in reader.volumes)

    return check


@pytest.fixture
def start():
    """Starts gmid on a device; all are stopped in the end, and none may have reported anything."""
    yield from started()


@pytest.fixture
def client(device: Device, start) -> Client:
    """Of a gmid on `device`."""
    return start(device).client
