"""Hooks that fail, hang, talk without end, or mount something: the job is refused and the device works on."""

import contextlib
import shlex
import sys
from pathlib import Path
from typing import Iterator

import pytest

import paths  # noqa: F401
import kernel
from checker import judge
from killing import QUIESCE
from live_device import LiveDevice, until_it_has_written
from programs import EXIT, gmi, tool


def refused(device: LiveDevice, backup, why: str, **hooks: object) -> str:
    """What gmi says to these hooks; afterwards the device works as before."""
    device.configure("hooks", **hooks)
    said = backup.refused(device, why)
    device.until_back_at_work()
    return said


@pytest.mark.parametrize("hook, told", [
    (f"{QUIESCE} && echo pump does not stop && exit 3", "status 3: pump does not stop"),
    (f"{QUIESCE} && kill -9 $$", "quiesce failed"),
    ("/nowhere/quiesce", "quiesce failed with status 127"),
], ids=["and says why", "by a signal", "because it is not there"])
def test_a_quiesce_hook_that_fails(hook: str, told: str, device: LiveDevice, backup) -> None:
    device.up(rest="freeze")
    assert told in refused(device, backup, "hook", quiesce=hook)
    assert device.hooks()[-1] == "release"


def test_a_quiesce_hook_that_hangs_is_ended_with_all_that_it_started(device: LiveDevice, backup) -> None:
    device.up(rest="freeze")
    said = refused(device, backup, "hook", quiesce=f"{QUIESCE}; sleep 81234 & sleep 81234", hook_timeout=6)
    assert "quiesce took longer than 6 seconds" in said
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if reads(path) == b"sleep\00081234\0"]
    assert not left


def test_a_quiesce_hook_that_cannot_be_killed_does_not_keep_the_device_at_rest(device: LiveDevice, backup,
                                                                              tmp_path: Path) -> None:
    device.up(rest="freeze")
    with frozen_filesystem(tmp_path) as point:
        said = refused(device, backup, "hook", quiesce=f"{QUIESCE}; exec touch {point}/waits", hook_timeout=6)
    assert "quiesce took longer than 6 seconds and cannot be killed" in said


@contextlib.contextmanager
def frozen_filesystem(folder: Path) -> Iterator[Path]:
    """None of the device's. Who writes there waits in the kernel, whatever signal comes."""
    image, point = folder / "frozen.img", folder / "frozen"
    point.mkdir()
    tool("mke2fs", "-q", "-t", "ext4", image, "8M")
    tool("mount", "-o", "loop", image, point)
    tool("fsfreeze", "--freeze", point)
    try:
        yield point
    finally:
        tool("fsfreeze", "--unfreeze", point)
        kernel.unmount(point)


def reads(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_hook_that_prints_megabytes_costs_nothing(device: LiveDevice, backup, tmp_path: Path) -> None:
    device.up(rest="freeze", pace=0.005)
    until_it_has_written(device)
    device.configure("hooks", quiesce=f"{QUIESCE} && head -c 30000000 /dev/urandom")
    judge(backup(device), device.claims(), tmp_path)
    said = refused(device, backup, "hook", quiesce=f"{QUIESCE}; head -c 30000000 /dev/zero | tr '\\\\0' x; exit 1")
    assert len(said) < 2000


def test_a_release_hook_that_fails_is_told_and_the_filesystems_are_thawed(device: LiveDevice, backup) -> None:
    device.up(rest="freeze")
    device.configure("hooks", release="echo valve stuck; exit 4")
    said = backup.refused(device, "hook")
    assert "release failed with status 4: valve stuck" in said and device.is_writable()


def test_what_a_hook_mounts_comes_to_rest_as_well(device: LiveDevice, backup, tmp_path: Path) -> None:
    device.up(rest="remount-ro", pace=0.005)
    extra = mounting(device)
    device.configure("hooks", quiesce=f"{QUIESCE} && {extra}")
    held = judge(backup(device), device.claims(), tmp_path)
    assert held["data"] > 5
    device.until_back_at_work()


def test_what_a_hook_mounts_and_the_profile_does_not_know_is_refused_by_name(device: LiveDevice, backup) -> None:
    device.up(rest="remount-ro")
    extra = mounting(device)
    name_mounts_one_by_one(device)
    assert f"{device.root}/extra" in refused(device, backup, "profile", quiesce=f"{QUIESCE} && {extra}")


def test_what_is_mounted_and_unmounted_all_the_time_is_found_or_kept_out(
        device: LiveDevice, backup, tmp_path: Path) -> None:
    """A mount writes to its superblock. It is seen before, while or after gmi claims the partition: the backup is
    refused; or gmi claims it first, nobody can mount it meanwhile, and the backup is sound."""
    device.up(rest="remount-ro", pace=0.005)
    until_it_has_written(device)
    mounting(device)
    name_mounts_one_by_one(device)
    device.hold(sys.executable, "-c", "import ctypes, sys; libc = ctypes.CDLL(None)\n"
                "while True: libc.mount(*(word.encode() for word in sys.argv[1:]), b'ext4', 0, None);"
                "libc.umount2(sys.argv[2].encode(), 0)", device.loop().partition(2), device.root / "extra")
    file = tmp_path / "backup.gmi"
    done = gmi("backup", "--profile", device.profile, "-o", file, expect=None)
    if done.returncode == EXIT["ok"]:
        judge(file, device.claims(), tmp_path)
    else:
        assert done.returncode in (EXIT["system"], EXIT["profile"]) and not file.exists(), done.stderr
        assert any(reason in done.stderr for reason in (
            "was written to while it was read", f"{device.root}/extra", "in another mount namespace")), done.stderr
    device.until_back_at_work()


def name_mounts_one_by_one(device: LiveDevice) -> None:
    """A profile that knows no other filesystems."""
    device.configure("mount *", quiesce="none")
    for name in ("config", "data"):
        device.configure(f"mount {device.root / name}", quiesce="remount-ro")


def mounting(device: LiveDevice) -> str:
    """A command that mounts system1 a second time elsewhere, writable: it is not mounted any more."""
    point = device.root / "extra"
    point.mkdir()
    source = device.loop().partition(2)
    kernel.unmount(device.root / "system1")
    return f"mount {source} {shlex.quote(str(point))}"
