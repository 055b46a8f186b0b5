"""gmi restore: the old device is back, and whatever is refused leaves the device alone."""

import json
import signal
import subprocess
from pathlib import Path

from device import Device
from programs import BUILD, EXIT, PATIENCE, end_of, environment, gmi, start_gmi, wait_for


def restore(device: Device, path: Path, *options: object, **expected: object):
    return gmi("restore", "--profile", device.profile, path, "--yes", *options, **expected)


def figures(device: Device, path: Path, *options: object) -> dict:
    return json.loads(restore(device, path, "--json", *options).stdout)


def test_after_months_of_use_the_old_device_comes_back(pristine: Device, changed: Device, is_back,
                                                       backup_file: Path, tmp_path: Path) -> None:
    assert not is_back(changed)
    told = restore(changed, backup_file)
    assert "Restore successful" in told.stderr and "Restart the device" in told.stderr
    assert is_back(changed)
    assert changed.flash.read_bytes() == pristine.flash.read_bytes()
    changed.check_filesystems(tmp_path)
    assert changed.all_files(tmp_path / "now") == pristine.all_files(tmp_path / "then")
    # It was written to: only its restart brings its services and its disks together again.
    assert changed.hooks() == ["quiesce"]


def test_closed_standard_descriptors_do_not_become_disks(changed: Device, backup_file: Path) -> None:
    """Started so by a careless service manager, gmi wrote its log onto the flash."""
    restore(changed, backup_file)
    before = changed.hash()
    closed = subprocess.run(
        f"exec {BUILD}/src/cli/gmi restore --profile {changed.profile} {backup_file} --yes <&- >&- 2>&-",
        shell=True, timeout=PATIENCE, env=environment())
    assert closed.returncode == EXIT["ok"] and changed.hash() == before


def test_a_second_restore_writes_nothing(changed: Device, backup_file: Path) -> None:
    first = figures(changed, backup_file)
    assert first["bytes_written"] > 0 and first["bytes_verified"] == first["bytes_changed"]
    after, when = changed.hash(), changed.disk.stat().st_mtime_ns
    second = figures(changed, backup_file)
    assert second["bytes_compared"] == first["bytes_compared"] > 0
    assert {key: value for key, value in second.items() if key.startswith("bytes_")} == \
        {key: value for key, value in first.items() if key == "bytes_compared"} | dict.fromkeys(
            ("bytes_changed", "bytes_moved", "bytes_written", "bytes_zeroed", "bytes_discarded",
             "bytes_verified", "bytes_unreadable"), 0)
    assert changed.hash() == after and changed.disk.stat().st_mtime_ns == when


def test_a_restore_moves_only_what_differs(changed: Device, backup_file: Path) -> None:
    told = figures(changed, backup_file)
    assert 0 < told["bytes_moved"] < backup_file.stat().st_size
    assert {change["volume"] for change in told["volumes"] if change["bytes_changed"]} == \
        {"system1", "config", "data", "flash"}


def test_a_rehearsal_tells_the_same_and_writes_nothing(changed: Device, backup_file: Path) -> None:
    before = changed.hash()
    rehearsed = figures(changed, backup_file, "--dry-run")
    assert changed.hash() == before and changed.hooks() == []
    restored = figures(changed, backup_file)
    assert rehearsed.pop("dry_run") and not restored.pop("dry_run")
    for key in ("bytes_compared", "bytes_changed", "volumes"):
        assert rehearsed[key] == restored[key]


def test_a_blank_disk_becomes_the_device_again(pristine: Device, device: Device, is_back, backup_file: Path,
                                               tmp_path: Path) -> None:
    for path in (device.disk, device.flash):
        path.write_bytes(bytes(path.stat().st_size))
    restore(device, backup_file)
    assert is_back(device)
    device.check_filesystems(tmp_path)


def test_space_that_nobody_used_at_the_backup_is_given_back(changed: Device, backup_file: Path) -> None:
    told = figures(changed, backup_file)
    assert told["bytes_discarded"] > 0


def test_nobody_to_ask_means_no(changed: Device, backup_file: Path) -> None:
    before = changed.hash()
    said = gmi("restore", "--profile", changed.profile, backup_file, expect="cancelled").stderr
    assert "--yes" in said and "device is unchanged" in said
    assert changed.hash() == before


def test_another_devices_file_is_refused_and_both_are_named(device: Device, backup_file: Path) -> None:
    device.configure("device", id="bb9999999")
    before = device.hash()
    said = restore(device, backup_file, expect="wrong-device").stderr
    assert "bb2241039" in said and "bb9999999" in said and "unchanged" in said
    assert device.hash() == before and device.hooks() == []


def test_a_disk_that_became_smaller_is_refused(device: Device, backup_file: Path) -> None:
    with open(device.disk, "r+b") as disk:
        disk.truncate(27 << 20)
    before = device.hash()
    assert "too small" in restore(device, backup_file, expect="layout").stderr
    assert device.hash() == before


def test_a_disk_that_became_larger_keeps_its_new_part(device: Device, backup_file: Path) -> None:
    length = device.disk.stat().st_size
    with open(device.disk, "ab") as disk:
        disk.write(b"new" * 1000)
    asked = gmi("restore", "--profile", device.profile, backup_file, expect="cancelled").stderr
    assert "Disk emmc is larger than the backup's by 3.00 kB. Is this the right file?" in asked
    assert "left alone" in restore(device, backup_file).stderr
    assert device.disk.read_bytes()[length:] == b"new" * 1000


def test_a_missing_disk_is_refused(device: Device, backup_file: Path) -> None:
    device.flash.unlink()
    assert "flash is missing" in restore(device, backup_file, expect="layout").stderr


def test_a_disk_that_the_backup_lacks_is_refused(device: Device, backup_file: Path, tmp_path: Path) -> None:
    (tmp_path / "extra.img").write_bytes(bytes(4096))
    device.configure("disk extra", path=tmp_path / "extra.img")
    assert "disk extra" in restore(device, backup_file, expect="layout").stderr


def test_a_running_program_refuses_a_restore(changed: Device, backup_file: Path) -> None:
    before = changed.hash()
    changed.program("start", "Clean")
    try:
        assert "Clean" in restore(changed, backup_file, expect="program-running").stderr
    finally:
        changed.program("stop")
    assert changed.hash() == before


def test_two_at_once_on_one_device_is_refused(device: Device, backup_file: Path, tmp_path: Path) -> None:
    device.configure("hooks", quiesce="echo now quiesce >>device.log; sleep 10")
    first = start_gmi("backup", "--profile", device.profile, "-o", tmp_path / "a.gmi")
    wait_for(device.hooks, "the first holds the device")
    assert "in use" in restore(device, backup_file, expect="job-running").stderr
    # A second backup, too: what it lets go at its end would still be read by the first.
    assert "in use" in gmi("backup", "--profile", device.profile, "-o", tmp_path / "b.gmi",
                           expect="job-running").stderr
    end_of(first)
    assert device.hooks() == ["quiesce", "release"]


def test_an_interrupted_restore_says_that_nothing_was_written(changed: Device, backup_file: Path) -> None:
    changed.configure("hooks", quiesce="echo now quiesce >>device.log; sleep 1")
    before = changed.hash()
    running = start_gmi("restore", "--profile", changed.profile, backup_file, "--yes")
    wait_for(changed.hooks, "the device is quiesced")
    running.send_signal(signal.SIGINT)
    assert "device is unchanged" in end_of(running, "cancelled")
    assert changed.hash() == before and changed.hooks() == ["quiesce", "release"]


def test_something_else_is_no_gmi_file(device: Device, tmp_path: Path) -> None:
    before = device.hash()
    for content in (b"", b"hello", bytes(100_000)):
        (tmp_path / "other").write_bytes(content)
        for words in (["verify"], ["info"], ["restore", "--profile", device.profile, "--yes"]):
            gmi(*words, tmp_path / "other", expect="not-gmi")
    assert device.hash() == before


def test_a_file_that_is_not_there_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    assert "No such file" in gmi("info", tmp_path / "none.gmi", expect="system").stderr
    assert "is a directory" in gmi("info", tmp_path, expect="usage").stderr


def test_exit_codes_are_different_from_each_other() -> None:
    assert len(set(EXIT.values())) == len(EXIT)
