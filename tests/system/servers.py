"""gmids for a test, each with its client; for the fixtures of this folder and of tests/live."""

from typing import Callable, Iterator

from client import Client
from device import Device
from programs import Gmid


def started() -> Iterator[Callable[..., Gmid]]:
    """Gives a function that starts gmid on a device; all are stopped in the end, and none may have reported anything."""
    running = []

    def start_gmid(device: Device, **options: object) -> Gmid:
        server = Gmid(device.profile, **options)
        server.client = Client(server.url)
        running.append(server)
        return server

    yield start_gmid
    for server in running:
        server.stop()
