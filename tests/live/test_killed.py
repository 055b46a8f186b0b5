"""gmi and gmid killed outright in the middle of a backup: the device works again by itself, and soon.

tests/soak/kill does it hundreds of times.
"""

import contextlib
import http.client
import random
import signal
from pathlib import Path

import pytest

import paths  # noqa: F401
from checker import judge
from init import is_alive
from killing import (begin_and_hold_at_rest, begin_and_hold_in_hook, begin_and_kill_gmi, begin_and_kill_gmid,
                     kill_guard_of, let_hook_go)
from live_device import LiveDevice, until_it_has_written
from programs import end_of, wait_for


def test_whenever_gmi_is_killed_the_device_works_again(device: LiveDevice, backup, tmp_path: Path) -> None:
    for rest in ("freeze", "remount-ro", "freeze", "remount-ro"):
        device.up(rest=rest, pace=0.005)
        begin_and_kill_gmi(device, tmp_path / "killed.gmi", random.uniform(0.05, 1.5))
        device.until_back_at_work()
    until_it_has_written(device)
    judge(backup(device), device.claims(), tmp_path)


def test_whenever_gmid_is_killed_the_device_works_again(device: LiveDevice, start, tmp_path: Path) -> None:
    device.up(rest="freeze", pace=0.005)
    for _ in range(2):
        begin_and_kill_gmid(device, start(device), random.uniform(0.05, 1.5))
        device.until_back_at_work()
    until_it_has_written(device)
    file = tmp_path / "after.gmi"
    file.write_bytes(start(device).client.backup())
    judge(file, device.claims(), tmp_path)


@pytest.mark.parametrize("rest", ["freeze", "remount-ro"])
def test_with_its_guard_killed_too_the_next_gmid_lets_the_device_go(rest: str, device: LiveDevice, start) -> None:
    device.up(rest=rest, pace=0.005)
    first = begin_and_hold_at_rest(device, start)
    kill_guard_of(first.process)
    first.kill()
    assert not device.is_writable(0.5), "nobody was left to release it"
    start(device)
    device.until_back_at_work()


def test_with_its_guard_killed_too_the_next_gmi_lets_the_device_go(device: LiveDevice, start, backup,
                                                                   tmp_path: Path) -> None:
    device.up(rest="freeze", pace=0.005)
    first = begin_and_hold_at_rest(device, start)
    kill_guard_of(first.process)
    first.kill()
    judge(backup(device), device.claims(), tmp_path)
    device.until_back_at_work()


def test_with_only_its_guard_killed_gmid_itself_lets_the_device_go(device: LiveDevice, start) -> None:
    device.up(rest="freeze", pace=0.005)
    server = begin_and_hold_at_rest(device, start)
    kill_guard_of(server.process)
    server.process.send_signal(signal.SIGCONT)
    job = server.client.job()
    server.client.request("GET", job["download"])
    server.client.ended(job["id"])
    device.until_back_at_work()


def test_a_hook_whose_guard_is_killed_is_ended_before_gmi_lets_the_device_go(device: LiveDevice, tmp_path: Path) -> None:
    """Else the hook, alone, would stop the services after the release has started them."""
    device.up(rest="freeze", pace=0.005)
    before = device.started()
    process, hook = begin_and_hold_in_hook(device, tmp_path / "killed.gmi")
    kill_guard_of(process)
    assert "the guard process is gone" in end_of(process, "system")
    check_hook_has_ended(device, hook, before)


def test_a_hook_whose_gmi_and_guard_are_killed_is_ended_by_the_next_gmid(device: LiveDevice, start,
                                                                         tmp_path: Path) -> None:
    device.up(rest="freeze", pace=0.005)
    before = device.started()
    process, hook = begin_and_hold_in_hook(device, tmp_path / "killed.gmi")
    process.send_signal(signal.SIGSTOP)
    kill_guard_of(process)
    process.kill()
    process.communicate()
    start(device)
    check_hook_has_ended(device, hook, before)


def check_hook_has_ended(device: LiveDevice, hook: int, services: dict[str, int]) -> None:
    goes_on = is_alive(hook)
    let_hook_go(device, hook)
    assert not goes_on and device.hooks() == ["release"] and device.started() == services
    device.until_back_at_work()


def test_a_gmid_that_hangs_has_its_guard_let_the_device_go(device: LiveDevice, start) -> None:
    device.up(rest="freeze", pace=0.005)
    device.configure("hooks", quiesce_limit=1)
    server = begin_and_hold_at_rest(device, start)
    wait_for(device.is_writable, "the guard's patience ends")
    wait_for(device.runs, "the services run")
    server.process.send_signal(signal.SIGCONT)
    job = server.client.job()
    with contextlib.suppress(http.client.IncompleteRead):  # what fails must not look complete
        server.client.request("GET", job["download"])
    assert "quiesce_limit" in server.client.ended(job["id"])["problem"]["detail"]


def test_a_second_gmid_does_not_let_go_what_the_first_holds_at_rest(device: LiveDevice, start) -> None:
    device.up(rest="freeze", pace=0.005)
    first = begin_and_hold_at_rest(device, start)
    second = start(device)
    assert not device.is_writable(0.5)
    assert second.client.post("/backups").problem() == "job-running"
    assert not device.is_writable(0.5)
    first.kill()
    device.until_back_at_work()
