"""Fixtures: a living device of its own for each test, taken down whatever happens."""

from pathlib import Path
from typing import Iterator

import pytest

import paths  # noqa: F401
import mixed
from device import Device
from layout import MIB
from live_device import LiveDevice, root_needed
from programs import EXIT, gmi
from servers import started

WITHOUT_ROOT = ("test_ledger",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = root_needed()
    for item in items if reason else []:
        if item.module.__name__ not in WITHOUT_ROOT:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """1 KiB blocks, journals, a disk of 28 MiB. Nobody writes to it."""
    return Device.make(tmp_path_factory.mktemp("pristine") / "device", "--tiny")


@pytest.fixture
def device(pristine: Device) -> Iterator[LiveDevice]:
    """Not up yet."""
    living = LiveDevice.copy_of(pristine)
    yield living
    living.end()


class Backups:
    """Makes backups of a device by gmi."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def _next(self) -> Path:
        self.count += 1
        return self.folder / f"backup-{self.count}.gmi"

    def __call__(self, device: LiveDevice) -> Path:
        path = self._next()
        gmi("backup", "--profile", device.profile, "-o", path)
        return path

    def refused(self, device: LiveDevice, *why: str) -> str:
        """What gmi says, for one of these reasons; no file is left."""
        path = self._next()
        done = gmi("backup", "--profile", device.profile, "-o", path, expect=None)
        assert done.returncode in [EXIT[word] for word in why], done.stderr
        assert not path.exists()
        return done.stderr


@pytest.fixture
def backup(tmp_path: Path) -> Backups:
    return Backups(tmp_path)


@pytest.fixture
def start() -> Iterator:
    """Starts gmid on a device; all are stopped in the end, before their devices go down."""
    yield from started()


@pytest.fixture
def roomy(tmp_path: Path) -> Iterator[LiveDevice]:
    """With room for gmid and its libraries."""
    living = LiveDevice.copy_of(mixed.make(tmp_path / "roomy", {"small": 8 * MIB, "data": 64 * MIB}))
    yield living
    living.end()
