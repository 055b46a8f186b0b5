"""Kills gmi and gmid in the middle of a backup, with -9; tests/soak does the same many times."""

import os
import signal
import time
from pathlib import Path

import paths  # noqa: F401
from live_device import LiveDevice
from programs import Gmid, check_no_report, start_gmi, wait_for


def children_of(process: int) -> list[int]:
    return [int(word) for task in Path(f"/proc/{process}/task").iterdir()
            for word in (task / "children").read_text().split()]


def kill_guard_of(server: Gmid) -> None:
    guards = children_of(server.process.pid)
    assert len(guards) == 1
    os.kill(guards[0], signal.SIGKILL)


def begin_and_hold_at_rest(device: LiveDevice, start) -> Gmid:
    """A gmid that is stopped just when its guard brings the device to rest, so that nothing goes on."""
    server = start(device)
    server.client.begin_backup()
    wait_for(lambda: any(word == "quiet" for word, _ in device.moments()), "the hook has run")
    server.process.send_signal(signal.SIGSTOP)
    wait_for(device.at_rest, "the device comes to rest")
    return server


def begin_and_kill_gmi(device: LiveDevice, file: Path, after: float) -> None:
    process = start_gmi("backup", "--profile", device.profile, "-o", file)
    time.sleep(after)
    process.kill()
    check_no_report(process.stderr.read().decode(errors="replace"), process.wait())
    process.stderr.close()


def begin_and_kill_gmid(device: LiveDevice, server: Gmid, after: float) -> None:
    """Nobody downloads: the backup goes as far as gmid's memory lets it."""
    server.client.begin_backup()
    time.sleep(after)
    server.kill()
