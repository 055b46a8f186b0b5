"""gmi doctor: what a profile lacks is said in plain words, before a backup has to say it."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from device import Device
from programs import BUILD, EXIT, gmi, tool

MEMORY = Path("/dev/shm")  # a tmpfs on every Linux
VERDICTS = {"ok": "ok", "note": "ok", "warning": "warnings", "problem": "problems"}


@pytest.fixture
def memory() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gmi-doctor-", dir=MEMORY))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def ready(device: Device, memory: Path) -> Device:
    """A device of which the doctor has nothing bad to say."""
    device.configure("device", runtime=memory / "gmi", lock=memory / "lock")
    device.configure("restore", journal=device.folder / "journal")
    return device


def examine(device: Device) -> dict:
    """What the doctor finds. Its exit code has to be that of the worst finding."""
    done = gmi("doctor", "--profile", device.profile, "--json", expect=None)
    told = json.loads(done.stdout)
    worst = max((finding["severity"] for finding in told["findings"]), key=list(VERDICTS).index)
    assert told["severity"] == worst and done.returncode == EXIT[VERDICTS[worst]]
    for severity in ("problem", "warning", "note"):
        assert told[severity + "s"] == sum(f["severity"] == severity for f in told["findings"])
    for finding in told["findings"]:
        assert bool(finding["next"]) == (finding["severity"] != "ok"), finding
    return told


def bad(told: dict) -> list[str]:
    """The findings that make the exit code, as "severity: what"."""
    return [f"{f['severity']}: {f['what']}" for f in told["findings"] if f["severity"] in ("problem", "warning")]


def only_finding(told: dict) -> str:
    """The one thing that is wrong."""
    assert len(bad(told)) == 1, bad(told)
    return bad(told)[0]


def notes(told: dict) -> list[str]:
    return [f["what"] for f in told["findings"] if f["severity"] == "note"]


def program(path: Path, text: str = "#!/bin/sh\n", mode: int = 0o755) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


# ---- a device that is ready ----


def test_a_device_that_is_ready_is_said_to_be(ready: Device) -> None:
    told = examine(ready)
    assert bad(told) == [] and notes(told) == ["all disks are image files: a trial, not a device"]
    assert told["summary"] == "1 note: ready for backup and restore"
    assert (told["device"], told["model"], told["software"]) == ("bb2241039", "BactoBox (virtual)", "v2026.02")
    assert told["profile"] == str(ready.profile)
    # Every question is answered.
    assert {finding["group"] for finding in told["findings"]} == {
        "device", "disks", "volumes", "mounts", "restore", "hooks", "places", "machine", "network"}


def test_the_layout_is_that_of_a_backup(ready: Device, backup_file: Path) -> None:
    kept = json.loads(gmi("info", backup_file, "--json").stdout)["volumes"]
    assert examine(ready)["volumes"] == [{key: value for key, value in volume.items() if key != "unreadable"}
                                         for volume in kept]


def test_nothing_is_changed_and_no_hook_but_busy_is_called(ready: Device) -> None:
    def everything() -> dict:
        return {path: path.lstat().st_mtime_ns for path in ready.folder.rglob("*")} | \
            {path: path.lstat().st_mtime_ns for path in MEMORY.glob("gmi-doctor-*/*")}

    # Each hook, busy too, leaves a trace.
    trace = ready.folder / "trace"
    for hook in ("busy", "quiesce", "release", "restart"):
        ready.configure("hooks", **{hook: f"echo {hook} >> {trace}"})
    before, content = everything(), ready.hash()
    examine(ready)
    assert trace.read_text() == "busy\n"
    trace.unlink()
    assert ready.hash() == content
    assert {path for path in everything() if path not in before} == set()
    assert {path: everything()[path] for path in before if path != ready.folder} == \
        {path: before[path] for path in before if path != ready.folder}


def test_people_read_it_group_by_group(ready: Device) -> None:
    ready.configure("service", listen="0.0.0.0:8420")
    told = gmi("doctor", "--profile", ready.profile, expect="warnings")
    assert told.stderr == ""
    lines = told.stdout.split("\n")
    assert lines[0] == f"Profile {ready.profile}"
    assert "Device" in lines and "Mounted filesystems" in lines and "Network" in lines
    at = next(i for i, line in enumerate(lines) if line.startswith("  warning   gmid is to listen on 0.0.0.0:8420"))
    assert lines[at + 1] == "            -> Let [service] listen name the address that only the cable reaches."
    table = next(i for i, line in enumerate(lines) if line.split() == ["volume", "offset", "length", "content", "in", "use"])
    assert lines[table + 1].split() == ["emmc-head", "0", "17408", "table", "17408"]
    assert lines[-2:] == ["1 warning, 1 note: a backup and a restore would work, but mind the warnings", ""]
    assert "\033" not in told.stdout


def test_a_terminal_gets_lines_that_fit_it(ready: Device) -> None:
    asked = f"stty cols 60; {BUILD}/src/cli/gmi doctor --profile {ready.profile}"
    lines = tool("script", "-qec", asked, "/dev/null").stdout.decode().split("\r\n")
    long = [line for line in lines if len(line) > 60 and not line.startswith(("Profile ", "  emmc-", "  system"))]
    # A path has no blank where it could be broken.
    assert all(" " not in line[12:] for line in long if not line[2:3].isalpha()), long
    assert "            O_DIRECT" not in lines and sum(line.startswith(" " * 12) for line in lines) > 5


# ---- the profile, the device ----


def test_a_profile_that_cannot_be_used_is_a_problem(ready: Device) -> None:
    ready.configure("hooks", quiese="x")
    assert "[hooks] quiese: is not known" in only_finding(examine(ready))
    ready.profile.unlink()
    assert "No such file" in only_finding(examine(ready))


def test_a_path_that_is_no_text_is_told_as_well_as_can_be(ready: Device) -> None:
    odd = os.fsencode(ready.folder) + b"/caf\xe9.ini"
    shutil.copy(ready.profile, odd)
    told = json.loads(gmi("doctor", "--profile", os.fsdecode(odd), "--json").stdout)
    assert told["profile"] == f"{ready.folder}/caf?.ini" and told["device"] == "bb2241039"


def test_an_id_that_cannot_be_read_is_a_problem(ready: Device) -> None:
    ready.configure("device", id="file:/no/such/file")
    assert only_finding(examine(ready)).startswith("problem: the device's id: /no/such/file")


def test_a_profile_that_everybody_may_change_is_a_warning(ready: Device) -> None:
    ready.profile.chmod(0o666)
    assert only_finding(examine(ready)).startswith("warning: everybody may change the profile")


# ---- disks and volumes ----


def test_a_missing_disk_does_not_hide_the_others(ready: Device) -> None:
    ready.configure("disk sd", path="sd.img")
    told = examine(ready)
    assert only_finding(told).startswith("problem: disk sd is missing")
    assert {volume["disk"] for volume in told["volumes"]} == {"emmc", "flash"}
    assert "what is mounted is only known of the disks that could be opened" in notes(told)


def test_one_disk_under_two_names_is_a_problem(ready: Device) -> None:
    (ready.folder / "again.img").symlink_to("disk.img")
    ready.configure("disk again", path="again.img")
    assert "are the same" in only_finding(examine(ready))


def test_a_disk_that_a_backup_has_for_itself_is_a_warning(ready: Device) -> None:
    with open(ready.disk, "rb") as disk:
        fcntl.flock(disk, fcntl.LOCK_EX)
        what = only_finding(examine(ready))
    assert what == f"warning: disk emmc ({ready.disk}) is in use by another gmi or by the system: it was not looked at"


def test_an_empty_disk_is_a_problem(ready: Device) -> None:
    os.truncate(ready.flash, 0)
    assert "is empty" in only_finding(examine(ready))


def test_a_filesystem_that_was_not_unmounted_is_a_note_with_its_reason(ready: Device) -> None:
    offset, _ = ready.partition("config")
    tool("debugfs", "-w", "-R", "feature needs_recovery", f"{ready.disk}?offset={offset}")
    told = examine(ready)
    assert bad(told) == []
    assert "volume config (ext4) is stored whole: its journal needs recovery" in notes(told)


def test_a_disk_of_unknown_content_is_covered_whole(ready: Device) -> None:
    ready.disk.write_bytes(b"\x5a" * (1 << 20))
    told = examine(ready)
    assert bad(told) == [] and "disk emmc has no space that is known to be free" in notes(told)
    emmc = [volume for volume in told["volumes"] if volume["disk"] == "emmc"]
    assert [(volume["offset"], volume["length"], volume["used"]) for volume in emmc] == [(0, 1 << 20, 1 << 20)]


# ---- hooks ----


@pytest.mark.parametrize("hook", ["busy", "quiesce", "release", "restart"])
def test_a_hook_whose_program_is_missing_is_a_problem(ready: Device, hook: str) -> None:
    ready.configure("hooks", **{hook: "/no/such/program --now"})
    assert only_finding(examine(ready)) == f"problem: hook {hook}: /no/such/program is not there"
    ready.configure("hooks", **{hook: "no-such-program-anywhere"})
    assert only_finding(examine(ready)) == f"problem: hook {hook}: no-such-program-anywhere is not there"


def test_a_hook_that_cannot_be_executed_is_a_problem(ready: Device) -> None:
    path = program(ready.folder / "quiesce", mode=0o644)
    ready.configure("hooks", quiesce="./quiesce")
    assert only_finding(examine(ready)) == f"problem: hook quiesce: {ready.folder}/./quiesce is not executable"
    path.chmod(0o755)
    assert bad(examine(ready)) == []
    ready.configure("hooks", quiesce=ready.folder)
    assert only_finding(examine(ready)) == f"problem: hook quiesce: {ready.folder} is not a program"


def test_a_hook_whose_interpreter_is_missing_is_a_problem(ready: Device) -> None:
    ready.configure("hooks", release=program(ready.folder / "release", "#! /usr/bin/python9 -B\n"))
    assert "wants to be run by /usr/bin/python9, which is not there" in only_finding(examine(ready))


def test_a_hook_that_everybody_may_change_is_a_warning(ready: Device) -> None:
    hooks = ready.folder / "hooks"
    hooks.mkdir()
    path = program(hooks / "restart", mode=0o757)
    ready.configure("hooks", restart=path)
    assert only_finding(examine(ready)) == f"warning: hook restart: everybody may change {path}, which gmid runs as root"
    path.chmod(0o755)
    hooks.chmod(0o777)
    assert only_finding(examine(ready)).startswith(f"warning: hook restart: everybody may replace what lies in {hooks}/")
    hooks.chmod(0o1777)  # as /tmp: others' files stay theirs
    assert bad(examine(ready)) == []


def test_commands_of_the_shell_are_taken_as_they_are(ready: Device) -> None:
    ready.configure("hooks", quiesce="if true; then sync; fi", release=": nothing", restart="exec /bin/true")
    assert bad(examine(ready)) == []


@pytest.mark.parametrize("hook, means", [
    ("busy", "the device always counts as idle"),
    ("quiesce", "the services go on during a backup"),
    ("release", "what quiesce stops stays so until the device restarts"),
    ("restart", "the page cannot restart the device after a restore")])
def test_a_hook_that_is_not_given_is_a_warning_that_says_what_that_means(ready: Device, hook: str,
                                                                         means: str) -> None:
    ready.configure("hooks", **{hook: None})
    assert only_finding(examine(ready)) == f"warning: no hook {hook}: {means}"


def test_a_program_that_runs_is_no_fault_of_the_profile(ready: Device) -> None:
    ready.program("start", "Measure")
    told = examine(ready)
    assert bad(told) == [] and "hook busy was asked: the device is running Measure" in notes(told)


def test_a_busy_hook_that_fails_is_a_problem(ready: Device) -> None:
    ready.configure("hooks", busy="echo no such service; exit 7")
    assert "hook busy failed with status 7" in only_finding(examine(ready))


# ---- files and folders of gmi, network ----


def test_a_lock_file_without_its_folder_is_a_problem(ready: Device) -> None:
    ready.configure("device", lock=ready.folder / "gone" / "lock")
    assert only_finding(examine(ready)) == f"problem: lock file: its folder {ready.folder}/gone is not there"
    ready.configure("device", lock=ready.folder)
    assert only_finding(examine(ready)) == f"problem: lock file: {ready.folder} is not a file"


def test_a_runtime_folder_belongs_into_memory(ready: Device, memory: Path) -> None:
    if os.statvfs(ready.folder).f_fsid == os.statvfs(memory).f_fsid:
        pytest.skip("the folder for tests lies in memory itself")
    ready.configure("device", runtime=ready.folder / "run" / "gmi")
    assert only_finding(examine(ready)).startswith(f"warning: runtime folder: {ready.folder}/run/gmi does not lie in")
    (memory / "gmi").write_text("")
    ready.configure("device", runtime=memory / "gmi")
    assert only_finding(examine(ready)) == f"problem: runtime folder: {memory}/gmi is not a folder"


def test_a_journal_outlives_a_power_cut(ready: Device, memory: Path) -> None:
    ready.configure("restore", journal=memory / "journal")
    assert only_finding(examine(ready)).startswith(f"problem: journal: {memory}/journal lies in memory")
    ready.configure("restore", journal=ready.folder / "gone" / "journal")
    assert only_finding(examine(ready)) == f"problem: journal: its folder {ready.folder}/gone is not there"


def test_mounts_of_the_profile_that_are_not_there_are_notes(ready: Device) -> None:
    ready.configure("mount /data", quiesce="freeze")
    ready.configure("mount *", quiesce="remount-ro")
    told = examine(ready)
    assert bad(told) == []
    assert "[mount /data]: no filesystem of the profile's disks is mounted there now" in notes(told)
    assert not any("[mount *]" in note for note in notes(told))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_is_told_what_was_not_looked_at(ready: Device, memory: Path) -> None:
    memory.chmod(0o755)  # the folder for tests is root's alone
    public = ready.copy(memory / "device")
    public.disk.chmod(0o600)
    try:
        done = gmi("doctor", "--profile", public.profile, "--json", expect="warnings", user="nobody")
    except PermissionError:
        pytest.skip("the build folder is not for others to see")
    told = json.loads(done.stdout)
    assert f"disk emmc ({public.disk}): cannot open: Permission denied" in notes(told)
    assert any(note.startswith("journal: ") for note in notes(told))
    assert only_finding(told).startswith("warning: gmi runs as an ordinary user: ")


def test_wrong_usage_is_told() -> None:
    assert "--profile is missing" in gmi("doctor", expect="usage").stderr
    assert "is one argument too many" in gmi("doctor", "--profile", "p", "x", expect="usage").stderr
