"""Kills gmi and gmid in the middle of a backup, with -9; tests/soak does the same many times."""

import os
import signal
import subprocess
import time
from pathlib import Path

import paths  # noqa: F401
from init import is_alive
from live_device import LiveDevice
from programs import ROOT, Gmid, check_no_report, start_gmi, wait_for

QUIESCE = ROOT / "virtual/hooks-live/quiesce"


def children_of(process: int) -> list[int]:
    return [int(word) for task in Path(f"/proc/{process}/task").iterdir()
            for word in (task / "children").read_text().split()]


def kill_guard_of(process: subprocess.Popen) -> None:
    guards = children_of(process.pid)
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


def begin_and_hold_in_hook(device: LiveDevice, file: Path) -> tuple[subprocess.Popen, int]:
    """A gmi and its quiesce hook's process, which has stopped nothing yet; it goes on when it is let_hook_go()."""
    device.configure("hooks", quiesce=f"echo $$ >hook.pid; until [ -e hook.go ]; do sleep 0.05; done; {QUIESCE}")
    process = start_gmi("backup", "--profile", device.profile, "-o", file)
    noted = device.folder / "hook.pid"
    return process, int(wait_for(lambda: noted.exists() and noted.read_text(), "the hook runs"))


def let_hook_go(device: LiveDevice, process: int) -> None:
    (device.folder / "hook.go").touch()
    wait_for(lambda: not is_alive(process), "the hook ends")


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
