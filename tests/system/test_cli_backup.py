"""gmi backup, as a service engineer uses it."""

import json
import os
import pty
import re
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from device import Device
from programs import end_of, gmi, start_gmi, wait_for


def backup(device: Device, path: object, *options: object, **expected: object):
    return gmi("backup", "--profile", device.profile, "-o", path, *options, **expected)


def test_a_backup_gets_the_devices_name_and_the_date(device: Device, tmp_path: Path) -> None:
    done = gmi("backup", "--profile", device.profile, cwd=tmp_path)
    names = [path.name for path in tmp_path.glob("*.gmi*")]
    assert len(names) == 1 and re.fullmatch(r"backup-of-bb2241039-\d{4}-\d\d-\d\d\.gmi", names[0])
    assert "Backup successful" in done.stderr
    assert device.hooks() == ["quiesce", "release"]


def test_a_backup_leaves_the_device_as_it_was(device: Device, tmp_path: Path) -> None:
    before = device.hash()
    backup(device, tmp_path / "a.gmi")
    assert device.hash() == before


def test_a_backup_is_for_its_owner_only(backup_file: Path) -> None:
    """It holds the device's keys."""
    assert backup_file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_exists_is_overwritten_only_by_force(device: Device, tmp_path: Path) -> None:
    path = tmp_path / "precious.gmi"
    path.write_text("precious")
    refused = backup(device, path, expect="usage")
    assert "exists already" in refused.stderr and path.read_text() == "precious"
    assert device.hooks() == []  # refused before the device is disturbed
    backup(device, path, "--force")
    gmi("verify", path)


def test_a_backup_flows_through_a_pipe(device: Device, tmp_path: Path) -> None:
    piped = tmp_path / "piped.gmi"
    piped.write_bytes(backup(device, "-", "--quiet", text=False).stdout)
    gmi("verify", piped)


def test_a_backup_whose_pipe_breaks_ends_and_releases(device: Device) -> None:
    writer = start_gmi("backup", "--profile", device.profile, "-o", "-", stdout=subprocess.PIPE)
    writer.stdout.read(4096)
    writer.stdout.close()
    assert "Broken pipe" in end_of(writer, "system")
    assert device.hooks() == ["quiesce", "release"]


def test_a_terminal_is_not_filled_with_bytes(device: Device) -> None:
    ours, theirs = pty.openpty()
    refused = start_gmi("backup", "--profile", device.profile, "-o", "-", stdout=theirs)
    assert "terminal" in end_of(refused, "usage")
    os.close(theirs)
    os.close(ours)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_backup_leaves_no_file_and_a_released_device(number: int, device: Device,
                                                                   tmp_path: Path) -> None:
    device.configure("hooks", quiesce="echo now quiesce >>device.log; sleep 1")
    running = start_gmi("backup", "--profile", device.profile, "-o", tmp_path / "a.gmi")
    wait_for(device.hooks, "the device is quiesced")
    running.send_signal(number)
    assert "device is unchanged" in end_of(running, "cancelled")
    assert list(tmp_path.glob("a.gmi*")) == []
    assert device.hooks() == ["quiesce", "release"]


def test_a_backup_that_finds_no_room_leaves_no_half_file(device: Device, tmp_path: Path) -> None:
    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    running = start_gmi("backup", "--profile", device.profile, "-o", tmp_path / "a.gmi",
                        preexec_fn=little_room)
    assert "File too large" in end_of(running, "system")
    assert list(tmp_path.glob("a.gmi*")) == []
    assert device.hooks() == ["quiesce", "release"]


def test_the_summary_is_json_on_request(device: Device, tmp_path: Path) -> None:
    told = json.loads(backup(device, tmp_path / "a.gmi", "--json", "--quiet").stdout)
    assert told["file_bytes"] == (tmp_path / "a.gmi").stat().st_size
    assert told["used_bytes"] < told["total_bytes"] == device.disk.stat().st_size + device.flash.stat().st_size


def test_a_higher_level_makes_a_smaller_file_of_the_same_content(device: Device, backup_file: Path,
                                                                 tmp_path: Path) -> None:
    backup(device, tmp_path / "small.gmi", "--level", 12)
    assert (tmp_path / "small.gmi").stat().st_size < backup_file.stat().st_size
    told = gmi("restore", "--profile", device.profile, tmp_path / "small.gmi", "--dry-run", "--json").stdout
    assert json.loads(told)["bytes_changed"] == 0


def test_a_running_program_refuses_a_backup_and_is_named(device: Device, tmp_path: Path) -> None:
    device.program("start", "Measure")
    try:
        refused = backup(device, tmp_path / "a.gmi", expect="program-running")
    finally:
        device.program("stop")
    assert "Measure" in refused.stderr and device.hooks() == []
    assert list(tmp_path.glob("a.gmi*")) == []


@pytest.mark.parametrize("hook, why", [("exit 3", "status 3"), ("sleep 60", "took longer")])
def test_a_hook_that_fails_stops_the_backup_and_is_undone(hook: str, why: str, device: Device,
                                                         tmp_path: Path) -> None:
    device.configure("hooks", quiesce=hook, hook_timeout=1)
    refused = backup(device, tmp_path / "a.gmi", expect="hook")
    assert why in refused.stderr and list(tmp_path.glob("a.gmi*")) == []
    assert device.hooks() == ["release"]


@pytest.mark.parametrize("section, key, value, says", [
    ("disk emmc", "path", "gone.img", "emmc is missing"),
    ("disk emmc", "path", "/dev/null", "emmc"),
])
def test_a_disk_that_is_missing_is_named(section: str, key: str, value: str, says: str, device: Device,
                                         tmp_path: Path) -> None:
    device.configure(section, **{key: value})
    assert says in backup(device, tmp_path / "a.gmi", expect="layout").stderr
    assert list(tmp_path.glob("a.gmi*")) == []


@pytest.mark.parametrize("section, key, value", [
    ("hooks", "quiece", "true"), ("servise", "listen", "x"), ("hooks", "hook_timeout", "soon"),
    ("device", "id", "../escape"), ("disk flash", "type", "nor"),
])
def test_a_profile_that_makes_no_sense_is_refused_with_its_place(section: str, key: str, value: str,
                                                                device: Device, tmp_path: Path) -> None:
    device.configure(section, **{key: value})
    said = backup(device, tmp_path / "a.gmi", expect="profile").stderr
    assert value in said or f"[{section}] {key}" in said


@pytest.mark.parametrize("words", [
    [], ["bake"], ["backup"], ["backup", "--profile"], ["backup", "--profile", "p", "more"],
    ["backup", "--profile", "p", "--level", "0"], ["backup", "--profile", "p", "--level", "20"],
    ["backup", "--profile", "p", "--workers", "x"], ["backup", "--dry-run"], ["verify"], ["ls"],
    ["cat", "file"], ["extract", "file"], ["push", "http://x/"], ["pull"], ["info", "a", "b"],
    ["backup", "--profile", "p", "-o", "-", "--json"],
])
def test_wrong_usage_is_told_with_the_usage(words: list[str]) -> None:
    done = gmi(*words, expect="usage")
    assert "usage: gmi" in done.stderr or "gmi COMMAND --help" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["backup", "restore", "info", "verify", "extract", "ls", "cat", "pull", "push"])
def test_every_command_explains_itself(command: str) -> None:
    assert f"usage: gmi {command}" in gmi(command, "--help").stdout
    assert f"gmi {command}" in gmi("--help").stdout
