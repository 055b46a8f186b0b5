"""Fixtures: a living device of its own for each test, taken down whatever happens."""

from pathlib import Path
from typing import Iterator

import pytest

import paths  # noqa: F401
from client import Client
from device import Device
from live_device import LiveDevice, root_needed
from programs import Gmid, gmi

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


@pytest.fixture
def backup(tmp_path: Path):
    """Makes a backup of a device by gmi; returns the file."""
    made = []

    def make(device: LiveDevice, *options: object, **more: object) -> Path:
        path = tmp_path / f"backup-{len(made)}.gmi"
        made.append(path)
        gmi("backup", "--profile", device.profile, "-o", path, *options, **more)
        return path

    return make


@pytest.fixture
def start() -> Iterator:
    """Starts gmid on a device; all are stopped in the end, before their devices go down."""
    running = []

    def start_gmid(device: LiveDevice, **options: object) -> Gmid:
        server = Gmid(device.profile, **options)
        server.client = Client(server.url)
        running.append(server)
        return server

    yield start_gmid
    for server in running:
        server.stop()
