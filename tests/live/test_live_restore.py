"""A restore beneath mounted filesystems: services that go on get errors and never hang; the disk becomes the file's."""

import shutil
import time
from pathlib import Path

import pytest

import paths  # noqa: F401
from client import Client
from gmi_reader import GmiFile
from live_device import NEVER_BLOCKED_FOR, LiveDevice, until_it_has_written
from programs import RELEASE, gmi, start_gmi, tool, wait_for

STUBBORN = "all"


def restore(device: LiveDevice, file: Path, **options: object) -> str:
    return gmi("restore", "--profile", device.profile, file, "--yes", **options).stderr


def damage(file: Path, volume: str) -> None:
    """One byte of each of its chunks."""
    reader, content = GmiFile(file), bytearray(file.read_bytes())
    for entry in reader.zip.infolist():
        if entry.filename.startswith(f"volumes/{volume}/") and entry.file_size > 100:
            content[entry.header_offset + 30 + len(entry.filename) + entry.file_size // 2] ^= 1
    file.write_bytes(content)


def until_changed(device: LiveDevice) -> None:
    until_it_has_written(device, 150)
    (device.root / "data/made-since").write_bytes(b"x" * 100000)


def check_restarts_well(device: LiveDevice, folder: Path) -> None:
    device.must("restart")
    assert device.runs() and device.is_writable() and not device.troubles()
    assert not (device.root / "data/made-since").exists()
    until_it_has_written(device)
    device.must("down")
    device.check_filesystems(folder)


def test_of_a_device_whose_services_stop(device: LiveDevice, backup, tmp_path: Path) -> None:
    """The overlay keeps config in use, though nobody writes there."""
    device.up(rest="freeze", pace=0.002)
    file = backup(device)
    until_changed(device)
    restore(device, file)
    assert not device.differs_from(GmiFile(file))
    check_restarts_well(device, tmp_path)


def test_of_a_device_whose_services_go_on(device: LiveDevice, backup, tmp_path: Path) -> None:
    device.up(rest="freeze", pace=0)
    file = backup(device)
    device.up(rest="freeze", pace=0, stubborn=STUBBORN)
    until_changed(device)
    device.must("quiesce")
    device.inside().init().start()
    restore(device, file)
    reader = GmiFile(file)
    assert not device.differs_from(reader)
    wait_for(lambda: all(any(role in trouble for trouble in device.troubles())
                         for role in ("Log", "Database", "Mapped", "Measurements", "Settings", "Churn", "Deleted")),
             "each service has met its error")
    until = time.monotonic() + NEVER_BLOCKED_FOR
    while blocked := device.blocked():
        assert time.monotonic() < until, f"blocked: {blocked}"
    assert len(device.services()) == 8 and not device.differs_from(reader)
    for mount in reversed(device.inside().mounts()):
        tool("umount", "-l", mount.point)
    assert not device.differs_from(reader)
    device.kill_services()
    wait_for(lambda: not device.differs_from(reader), "still the same")
    check_restarts_well(device, tmp_path)


def test_a_refused_file_leaves_the_device_at_work(device: LiveDevice, backup) -> None:
    device.up(rest="freeze", pace=0.002)
    file = backup(device)
    damage(file, "config")
    until_changed(device)
    restore(device, file, expect="damaged")
    device.until_back_at_work()
    assert (device.root / "data/made-since").exists()


def kill_while_it_writes(device: LiveDevice, file: Path) -> None:
    """The kernel shows that a filesystem was cut off; a restore that is over by then is done once more."""
    for _ in range(10):
        until_changed(device)
        cut = device.loop().partition(4).name
        process = start_gmi("restore", "--profile", device.profile, file, "--yes", "--workers", "1")
        while Path(f"/sys/class/block/{cut}/size").read_text() != "1\n":
            assert process.poll() is None, process.stderr.read()
        process.kill()
        process.communicate()
        if device.mark() == "incomplete":
            return
        device.must("restart")
    raise AssertionError("it was always over")


def test_one_that_was_killed_while_it_wrote_is_repeated(device: LiveDevice, backup) -> None:
    """What is mounted was shut down by the first one; nobody can freeze it again, and nobody needs to."""
    device.up(rest="freeze", pace=0.002, stubborn=STUBBORN)
    file = backup(device)
    kill_while_it_writes(device, file)
    assert device.mark() == "incomplete"
    assert "there is nothing to back up" in gmi("backup", "--profile", device.profile, "-o", "-",
                                                expect="incomplete").stderr
    restore(device, file)
    assert not device.differs_from(GmiFile(file)) and device.mark() == "restored"
    assert "restarted first" in gmi("backup", "--profile", device.profile, "-o", "-", expect="needs-restart").stderr
    device.kill_services()
    assert not device.differs_from(GmiFile(file))


def test_a_rehearsal_does_not_disturb_the_device(device: LiveDevice, backup) -> None:
    device.up(rest="freeze", pace=0.002)
    file = backup(device)
    before = device.started(), device.hooks()
    gmi("restore", "--profile", device.profile, file, "--dry-run")
    assert (device.started(), device.hooks()) == before and not device.troubles()


def copy_of_gmid(folder: Path) -> Path:
    """gmid with every library that it needs, and a program in its place that starts it from there."""
    program = RELEASE / "src/gmid/gmid"
    said = tool("ldd", program).stdout.decode()
    libraries = [Path(word) for line in said.splitlines() for word in line.split() if word.startswith("/")]
    folder.mkdir()
    for path in [program, *libraries]:
        shutil.copy(path, folder)
    loader = next(path.name for path in libraries if path.name.startswith("ld-linux"))
    return folder / loader


def test_gmid_may_lie_on_the_filesystem_that_it_overwrites(roomy: LiveDevice, start, tmp_path: Path) -> None:
    """With its libraries: it has everything in memory, and serves its page on when its own files are gone."""
    roomy.up(rest="freeze", pace=0.005, stubborn="log,database")
    file = tmp_path / "backup.gmi"
    gmi("backup", "--profile", roomy.profile, "-o", file)
    until_changed(roomy)
    home = roomy.root / "data/gmid"
    loader = copy_of_gmid(home)
    build = tmp_path / "build"
    (build / "src/gmid").mkdir(parents=True)
    (build / "src/gmid/gmid").write_text(f'#!/bin/sh\nexec {loader} --library-path {home} {home}/gmid "$@"\n')
    (build / "src/gmid/gmid").chmod(0o755)
    server = start(roomy, build=build)
    assert str(home) in Path(f"/proc/{server.process.pid}/maps").read_text()
    client: Client = server.client
    job = client.restore(file.read_bytes())
    assert job["state"] == "succeeded", job
    assert not roomy.differs_from(GmiFile(file))
    with pytest.raises(OSError):
        (home / "gmid").read_bytes()
    page = client.request("GET", "/")
    assert page.status == 200 and b"Backup &" in page.body
    for _ in range(20):
        assert client.job(job["id"])["state"] == "succeeded"
    assert not roomy.differs_from(GmiFile(file))
    server.kill()
    check_restarts_well(roomy, tmp_path)
