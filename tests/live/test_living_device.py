"""virtual/live itself: it comes up whole, its services do what their ledgers say, and it goes down from anywhere."""

import os
import random
import subprocess
import time
from pathlib import Path

import paths  # noqa: F401
import kernel
from live_device import LiveDevice, until_it_has_written
from programs import ROOT, tool, wait_for
from services import ledger


def test_it_is_mounted_as_the_reference_device(device: LiveDevice) -> None:
    device.up()
    loop = device.loop().path
    seen = {mount.point.name: (mount.source, mount.type, mount.read_only) for mount in device.inside().mounts()}
    assert seen == {"system0": (f"{loop}p1", "ext4", True), "system1": (f"{loop}p2", "ext4", True),
                    "config": (f"{loop}p3", "ext4", False), "data": (f"{loop}p4", "ext4", False),
                    "etc": ("overlay", "overlay", False)}
    assert (device.root / "etc/hostname").read_text() == "bb2241039\n"  # from config, by the overlay
    assert (device.root / "etc/version").exists()  # from system0
    assert device.runs() and len(device.services()) == 8
    assert f"path = {loop}\n" in device.profile.read_text()


def test_every_service_writes_and_says_so(device: LiveDevice) -> None:
    device.up(pace=0.001)
    wait_for(lambda: sum(path.stat().st_size > 0 for path in device.ledgers.glob("*.ledger")) == 8, "each has noted")
    wait_for((device.root / "data/live/log/messages.3").exists, "the log was moved along")
    assert {"begin", "kept", "gone"} == {note["op"] for note in ledger.notes(device.ledgers)}
    assert (device.root / "config/overlay/etc/upper/live/live.conf").exists()


def test_up_twice_is_up_once(device: LiveDevice) -> None:
    device.up()
    before = device.loop(), device.started(), device.inside().mounts()
    device.up()
    assert (device.loop(), device.started(), device.inside().mounts()) == before


def test_down_leaves_nothing_and_down_again_is_content(device: LiveDevice) -> None:
    device.up()
    loop = device.loop().path
    device.must("down")
    assert not kernel.mounts_below(device.folder) and not device.services() and device.loop() is None
    assert not Path(f"{loop}p1").exists() and device.live("status").returncode == 1
    device.must("down")
    device.check_filesystems(device.folder)


def test_whenever_it_is_killed_it_comes_up_and_goes_down(device: LiveDevice) -> None:
    random.seed(7)
    for _ in range(3):
        for command in ("up", "down"):
            process = subprocess.Popen([ROOT / "virtual/live", device.folder, command], stderr=subprocess.DEVNULL)
            time.sleep(random.random() * 0.8)
            process.kill()
            process.wait()
        device.up()
        assert device.runs()
    device.must("down")
    assert not kernel.mounts_below(device.folder) and device.loop() is None


def test_what_keeps_it_from_going_down_is_named(device: LiveDevice) -> None:
    device.up()
    path = device.root / "data/held"
    holder = device.hold_open(path)
    said = device.live("down")
    assert said.returncode != 0
    assert f"process {holder.pid}" in said.stderr and str(path) in said.stderr and "data" in said.stderr
    holder.kill()
    holder.wait()
    device.must("down")


def test_a_frozen_device_goes_down(device: LiveDevice) -> None:
    device.up()
    tool("fsfreeze", "--freeze", device.root / "data")
    device.must("down")
    assert not kernel.mounts_below(device.folder)


def test_the_hooks_stop_polite_services_in_their_order_and_start_them_again(device: LiveDevice) -> None:
    device.up(stubborn="churn", pace=0.002)
    until_it_has_written(device)
    device.must("quiesce")
    assert list(device.services()) == ["data-churn"]
    before = device.notes()
    wait_for(lambda: device.notes() > before, "the stubborn one goes on")
    device.must("release")
    assert device.runs() and len(device.services()) == 8
    assert len(device.claims()) > 20


def test_releasing_what_was_never_quiesced_changes_nothing(device: LiveDevice) -> None:
    device.up()
    before = device.started()
    device.must("release")
    assert device.started() == before


def test_a_service_takes_errors_tries_on_and_does_not_spin(device: LiveDevice) -> None:
    device.up(pace=0)
    until_it_has_written(device)
    device.must("quiesce")
    tool("mount", "-o", "remount,ro", device.root / "data")
    device.inside().init().start()
    wait_for(lambda: any("Read-only" in trouble for trouble in device.troubles()), "they meet the error")

    def ticks() -> int:
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                  for name, pids in device.services().items() if name.startswith("data") for pid in pids]
        return sum(int(field[11]) + int(field[12]) for field in fields)

    before, began = ticks(), time.monotonic()
    time.sleep(1)
    spent = (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - began)
    assert spent < 0.5, f"seven services that cannot write use {spent:.0%} of a processor"
    tool("mount", "-o", "remount,rw", device.root / "data")
    until_it_has_written(device)


def test_a_restart_forgets_what_was_in_memory(device: LiveDevice) -> None:
    device.up(stubborn="all")
    (device.run / "left-by-gmi").write_text("a mark")
    (device.run / "folder").mkdir()
    (device.run / "folder/deep").write_text("too")
    before = device.services()
    device.must("restart")
    assert not (device.run / "left-by-gmi").exists() and not (device.run / "folder").exists()
    assert device.runs() and not set(sum(before.values(), [])) & set(sum(device.services().values(), []))
