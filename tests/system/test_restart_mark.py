"""After a restore: a device with a real disk (a loop device stands for it) is marked until the system's restart."""

import os
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from client import Client
from device import Device
from programs import gmi, start_gmi, tool, wait_for

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a loop device")
RESTORED = "the device was restored and has to be restarted first"


@pytest.fixture
def real(changed: Device) -> Iterator[Device]:
    """The device after some months, its disk a block device."""
    loop = tool("losetup", "--find", "--show", changed.disk).stdout.decode().strip()
    changed.configure("disk emmc", path=loop)
    changed.configure("device", runtime="run", lock="instrument.lock")
    yield changed
    tool("losetup", "--detach", loop)


def mark(device: Device) -> dict[str, str]:
    path = device.folder / "run/restart"
    return dict(line.split("=") for line in path.read_text().splitlines()) if path.exists() else {}


def restart_system(device: Device) -> None:
    """What is in memory is gone; here the mark stays and is one of an earlier run."""
    path = device.folder / "run/restart"
    path.write_text(path.read_text().replace("boot=", "boot=0"))


def program_starts(device: Device) -> bool:
    return subprocess.run(["flock", "-s", "-n", device.folder / "instrument.lock", "true"]).returncode == 0


def leave_incomplete(client: Client, device: Device, backup: bytes) -> None:
    job = client.begin_restore(backup)["id"]
    client.serve(job, backup, until=lambda: client.job(job)["device"] == "incomplete")
    assert mark(device)["state"] == "incomplete"


@needs_root
def test_gmi_marks_a_restored_device_and_nothing_begins_before_its_restart(
        real: Device, backup_file: Path, start, tmp_path: Path, is_back) -> None:
    said = gmi("restore", "--profile", real.profile, backup_file, "--yes").stderr
    assert "Restart the device before further use" in said and "Start no program" in said
    assert mark(real)["state"] == "restored" and mark(real)["device"] == "bb2241039" and is_back(real)
    out = tmp_path / "b.gmi"
    for words in (("backup", "-o", out), ("restore", backup_file, "--yes")):
        refused = gmi(words[0], "--profile", real.profile, *words[1:], expect="needs-restart")
        assert RESTORED in refused.stderr
    assert not out.exists() and real.hooks() == ["quiesce"]
    # Looking is always allowed.
    gmi("restore", "--profile", real.profile, backup_file, "--dry-run")
    gmid = start(real)
    assert gmid.client.post("/backups").problem() == "needs-restart"

    # The restart ends gmid too, and with it the lock that kept programs out.
    gmid.kill()
    restart_system(real)
    gmi("backup", "--profile", real.profile, "-o", out)
    assert mark(real) == {} and start(real).client.get("/device").json()["needsRestart"] is False


@needs_root
def test_a_restored_device_is_known_to_gmid_after_its_restart_and_no_hook_ends_that(
        real: Device, backup: bytes, start) -> None:
    first = start(real)
    assert first.client.restore(backup)["state"] == "succeeded"
    first.kill()
    client = start(real).client
    told = client.get("/device").json()
    assert (told["needsRestart"], told["incomplete"], told["job"]) == (True, False, None)
    refused = client.post("/restores", {"fileName": "x", "fileLength": 1})
    assert refused.problem() == "needs-restart" and refused.json()["device"] == "restored"
    wait_for(lambda: not program_starts(real), "programs are kept out again")

    # It takes a while to go down: until then nothing may begin.
    assert client.post("/restart").status == 202 and real.hooks() == ["quiesce", "restart"]
    assert client.get("/device").json()["needsRestart"] is True
    assert client.post("/backups").problem() == "needs-restart"

    restart_system(real)
    assert client.get("/device").json()["needsRestart"] is False
    wait_for(lambda: program_starts(real), "programs may start again")
    client.backup()


@needs_root
def test_a_hook_that_only_plays_a_restart_removes_the_mark_itself(real: Device, backup: bytes, start) -> None:
    real.configure("hooks", restart="rm run/restart")
    client = start(real).client
    client.restore(backup)
    assert not program_starts(real)
    client.post("/restart")
    assert client.get("/device").json()["needsRestart"] is False and program_starts(real)
    assert client.restore(backup)["summary"]["bytesChanged"] == 0 and mark(real) == {}


@needs_root
def test_an_incomplete_device_is_known_to_gmid_after_its_restart_and_takes_only_a_restore(
        real: Device, backup: bytes, backup_file: Path, start, is_back, tmp_path: Path) -> None:
    first = start(real)
    leave_incomplete(first.client, real, backup)
    first.kill()
    client = start(real).client
    told = client.get("/device").json()
    assert (told["needsRestart"], told["incomplete"], told["id"]) == (True, True, "bb2241039")
    refused = client.post("/backups")
    assert refused.problem() == "incomplete" and refused.json()["device"] == "incomplete"
    wait_for(lambda: not program_starts(real), "programs are kept out again")
    said = gmi("backup", "--profile", real.profile, "-o", tmp_path / "b.gmi", expect="incomplete").stderr
    assert "a restore did not reach its end" in said and "unchanged" not in said

    # A file that does not fit mends nothing, and is told so.
    job = client.restore(b"x" * 5000)
    assert job["state"] == "failed" and job["device"] == "incomplete"
    assert mark(real)["state"] == "incomplete" and not program_starts(real)

    assert client.restore(backup)["state"] == "succeeded" and is_back(real)
    assert mark(real)["state"] == "restored"
    told = client.get("/device").json()
    assert (told["needsRestart"], told["incomplete"]) == (True, False)
    assert not program_starts(real) and "release" not in real.hooks()


@needs_root
def test_gmi_goes_on_where_gmid_was_killed(real: Device, backup: bytes, backup_file: Path, start, is_back) -> None:
    first = start(real)
    leave_incomplete(first.client, real, backup)
    first.kill()
    gmi("restore", "--profile", real.profile, backup_file, "--yes")
    assert is_back(real) and mark(real)["state"] == "restored"


@needs_root
def test_a_repetition_that_finds_all_in_place_still_needs_the_restart(real: Device, backup_file: Path) -> None:
    gmi("restore", "--profile", real.profile, backup_file, "--yes")
    path = real.folder / "run/restart"
    path.write_text(path.read_text().replace("state=restored", "state=incomplete"))
    said = gmi("restore", "--profile", real.profile, backup_file, "--yes").stderr
    assert "nothing was written" in said and "Restart the device before further use" in said
    assert mark(real)["state"] == "restored" and real.hooks() == ["quiesce", "quiesce"]


@needs_root
def test_a_restore_that_changes_nothing_leaves_no_mark(real: Device, backup_file: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.gmi"
    gmi("backup", "--profile", real.profile, "-o", own)
    gmi("restore", "--profile", real.profile, own, "--yes")
    assert not (real.folder / "run/restart").exists() and program_starts(real)


@needs_root
def test_where_no_mark_can_be_made_the_restore_goes_on_and_says_so(real: Device, backup: bytes, start,
                                                                  is_back) -> None:
    real.configure("device", runtime="/proc/gmi")
    client = start(real).client
    job = client.restore(backup)
    assert job["state"] == "succeeded" and is_back(real)
    said = [line["text"] for line in client.job(job["id"])["log"]]
    assert any("cannot be noted that the device has to be restarted: cannot make the folder /proc/gmi" in line
               for line in said)
    # This gmid knows it all the same.
    assert client.post("/backups").problem() == "needs-restart"
    client.post("/restart")
    client.backup()


# ---- image files: no running system, so nothing is written ----


def test_gmid_remembers_what_became_of_a_device_of_image_files(changed: Device, backup: bytes, start) -> None:
    changed.configure("device", runtime="run")
    client = start(changed).client
    client.restore(backup)
    for path, body in (("/backups", {}), ("/restores", {"fileName": "x", "fileLength": 1})):
        refused = client.post(path, body)
        assert refused.problem() == "needs-restart" and refused.json()["device"] == "restored"
    assert not (changed.folder / "run/restart").exists()
    client.post("/restart")
    client.backup()


def test_an_incomplete_device_of_image_files_takes_only_a_restore(changed: Device, backup: bytes, start,
                                                                 is_back) -> None:
    changed.configure("service", client_wait=4)  # long enough for the restore that has to succeed
    client = start(changed).client
    job = client.begin_restore(backup)["id"]
    client.serve(job, backup, until=lambda: client.job(job)["device"] == "incomplete")
    assert client.ended(job)["device"] == "incomplete" and client.get("/device").json()["incomplete"] is True
    assert client.post("/backups").problem() == "incomplete"
    assert client.restore(backup)["state"] == "succeeded" and is_back(changed)
    assert client.get("/device").json()["incomplete"] is False


# ---- the programs' lock file ----


@pytest.fixture
def locked(device: Device) -> Device:
    device.configure("device", lock="instrument.lock")
    return device


def test_while_a_program_holds_the_lock_file_nothing_begins(locked: Device, start, tmp_path: Path) -> None:
    client = start(locked).client
    program = subprocess.Popen(["flock", "-s", "-n", locked.folder / "instrument.lock", "sleep", "1000"],
                               start_new_session=True)
    try:
        wait_for(lambda: client.post("/backups").problem() == "program-running", "the program has begun")
        assert wait_for(lambda: client.get("/device").json()["program"], "the page knows it") == "sleep"
        said = gmi("backup", "--profile", locked.profile, "-o", tmp_path / "b.gmi", expect="program-running").stderr
        assert "the device is running sleep" in said
    finally:
        os.killpg(program.pid, 9)
        program.wait()
    client.backup()


def test_no_program_begins_during_a_backup_and_one_does_afterwards(locked: Device, start) -> None:
    client = start(locked).client
    assert program_starts(locked)
    job = client.begin_backup()
    assert not program_starts(locked)
    assert client.request("GET", job["download"]).status == 200
    wait_for(lambda: program_starts(locked), "programs may start")


def test_gmi_lets_programs_in_even_when_it_is_killed(locked: Device, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    backup = start_gmi("backup", "--profile", locked.profile, "-o", "-", stdout=os.open(pipe, os.O_RDWR))
    wait_for(lambda: "quiesce" in locked.hooks(), "the backup has begun")
    assert not program_starts(locked)
    backup.kill()
    end = backup.wait()
    backup.stderr.close()
    assert end == -9 and program_starts(locked)
