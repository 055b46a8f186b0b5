"""gmi doctor on real block devices with mounted filesystems. Root only: loop devices, mount, swapon."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from programs import gmi, tool, wait_for  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make loop devices and mount them")

TABLE = "label: gpt\nstart=2048, size=32768, name=system\nstart=34816, size=65536, name=data\n"


class Machine:
    """A disk with a partition table on a loop device, and a profile that names it."""

    def __init__(self, folder: Path, exits: contextlib.ExitStack, length: int = 64 << 20) -> None:
        self.folder, self.exits = folder, exits
        self.image = folder / "disk.img"
        self.profile = folder / "profile.ini"
        with open(self.image, "wb") as file:
            file.truncate(length)
        tool("sfdisk", "-q", self.image, input=TABLE.encode())
        self.disk = self.attach(self.image)
        tool("partx", "-a", self.disk)
        exits.callback(tool, "partx", "-d", self.disk)
        self.system, self.data = f"{self.disk}p1", f"{self.disk}p2"
        self.write(self.disk)

    def attach(self, image: Path) -> str:
        device = tool("losetup", "-f", "--show", image).stdout.decode().strip()
        self.exits.callback(tool, "losetup", "-d", device)
        return device

    def write(self, disk: object, more: str = "", quiesce: str = "true") -> None:
        self.profile.write_text(
            f"[device]\nid = live-1\nsoftware = v1\nruntime = /dev/shm/gmi-doctor-live\n[disk emmc]\npath = {disk}\n"
            f"[hooks]\nbusy = true\nquiesce = {quiesce}\nrelease = true\nrestart = true\n{more}")

    def mount(self, device: str, kind: str, name: str, options: str = "rw") -> Path:
        wait_for(lambda: Path(device).exists(), f"{device} appears")
        tool(f"mkfs.{kind}", "-q", *([] if kind == "ext4" else ["-f"]), device)
        point = self.folder / name
        point.mkdir()
        tool("mount", "-o", options, device, point)
        self.exits.callback(tool, "umount", point)
        return point

    def examine(self) -> list[tuple[str, str, str]]:
        """What is found of this disk; what the machine itself has beside it is its own affair."""
        told = json.loads(gmi("doctor", "--profile", self.profile, "--json", expect=None).stdout)
        assert told["device"] == "live-1", told["summary"]
        return [(f["group"], f["severity"], f["what"]) for f in told["findings"]
                if "of this machine is not in the profile" not in f["what"]]

    def found(self, group: str) -> list[tuple[str, str]]:
        return [(severity, what) for of, severity, what in self.examine() if of == group]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short name: a profile's mount points have 63 bytes at most."""
    path = Path(tempfile.mkdtemp(prefix="gmi-doctor-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def machine(folder: Path) -> Iterator[Machine]:
    with contextlib.ExitStack() as exits:
        yield Machine(folder, exits)


def test_a_block_device_is_described(machine: Machine) -> None:
    queue = Path("/sys/block", Path(machine.disk).name, "queue")
    unit = max(int((queue / name).read_text()) for name in (
        "physical_block_size", "minimum_io_size", "optimal_io_size", "discard_granularity"))
    assert machine.found("disks") == [
        ("ok", f"disk emmc ({machine.disk}): block device, 67.1 MB, sectors of 512 bytes"),
        ("ok", f"disk emmc: direct reading (O_DIRECT), discard, write counters; written in multiples of {unit} bytes")]
    assert machine.found("mounts") == [("ok", "no filesystem of the profile's disks is mounted")]


def test_a_disk_that_counts_no_writes_is_a_warning(machine: Machine) -> None:
    switch = Path("/sys/block", Path(machine.disk).name, "queue/iostats")
    switch.write_text("0")
    machine.exits.callback(switch.write_text, "1")
    assert ("warning", "the kernel does not count the writes to disk emmc") in machine.found("disks")


def test_a_write_protected_disk_is_a_problem(machine: Machine) -> None:
    machine.exits.callback(tool, "blockdev", "--setrw", machine.disk)  # the loop device would stay so
    tool("blockdev", "--setro", machine.disk)
    assert ("problem", "disk emmc is write-protected: a restore would fail") in machine.found("disks")


def test_a_partition_is_no_whole_disk(machine: Machine) -> None:
    wait_for(lambda: Path(machine.data).exists(), "the partition appears")
    machine.write(machine.data)
    found = machine.found("disks")
    assert any(severity == "warning" and f"disk emmc ({machine.data}) is a partition" in what for severity, what in found)
    # Its disk's queue is asked, and its disk is not one that was forgotten.
    assert any("discard, write counters" in what for _, what in found)
    machine.write(machine.disk, f"[disk data]\npath = {machine.data}\n")
    assert any(severity == "problem" and "or one is a part of the other" in what
               for severity, what in machine.found("disks"))


def test_a_filesystem_at_work_needs_a_way_to_rest(machine: Machine) -> None:
    data = machine.mount(machine.data, "ext4", "data")
    system = machine.mount(machine.system, "ext4", "system", "ro")
    assert machine.found("mounts") == [
        ("problem", f"{data} (ext4 on {machine.data}) is mounted read-write, and the profile does not say how it "
                    "comes to rest"),
        ("ok", f"{system} (ext4) is mounted read-only: at rest")]
    machine.write(machine.disk, f"[mount {data}]\nquiesce = freeze\n")
    assert machine.found("mounts")[0] == ("ok", f"{data} (ext4) comes to rest by freezing")
    machine.write(machine.disk, "[mount *]\nquiesce = none\n")
    assert machine.found("mounts")[0] == \
        ("note", f"{data} (ext4) is mounted read-write, and the profile leaves its rest to the quiesce hook")


def test_what_a_mounted_filesystem_uses_is_no_alarm(machine: Machine) -> None:
    data = machine.mount(machine.data, "ext4", "data")
    found = machine.found("volumes")
    assert ("ok", f"volume data (ext4) is at work, mounted on {data}: a backup brings it to rest first") in found
    assert not any(severity in ("warning", "problem") for severity, _ in found)
    told = json.loads(gmi("doctor", "--profile", machine.profile, "--json", expect=None).stdout)
    volume = next(volume for volume in told["volumes"] if volume["name"] == "data")
    assert 0 < volume["used"] < volume["length"] and volume["note"] == ""


def test_who_holds_a_file_open_for_writing_is_named(machine: Machine) -> None:
    data = machine.mount(machine.data, "ext4", "data")
    machine.write(machine.disk, f"[mount {data}]\nquiesce = remount-ro\n")
    assert machine.found("mounts") == [("ok", f"{data} (ext4) comes to rest by remounting it read-only")]
    with open(data / "log", "wb") as log, subprocess.Popen(["sleep", "600"], stdout=log) as writer:
        log.close()
        wait_for(lambda: os.readlink(f"/proc/{writer.pid}/exe").endswith("sleep"), "the writer runs")
        try:
            assert machine.found("mounts")[1] == \
                ("note", f"sleep (pid {writer.pid}) holds {data}/log open for writing")
        finally:
            writer.kill()


def test_a_bind_mount_is_the_same_filesystem(machine: Machine) -> None:
    data = machine.mount(machine.data, "ext4", "data")
    other = machine.folder / "other"
    other.mkdir()
    tool("mount", "--bind", data, other)
    machine.exits.callback(tool, "umount", other)
    # The profile may speak of either place.
    machine.write(machine.disk, f"[mount {other}]\nquiesce = freeze\n")
    assert machine.found("mounts") == [("ok", f"{data} (ext4) comes to rest by freezing")]


def test_swap_on_the_disk_is_a_problem_unless_the_hook_ends_it(machine: Machine) -> None:
    wait_for(lambda: Path(machine.data).exists(), "the partition appears")
    tool("mkswap", machine.data)
    tool("swapon", machine.data)
    machine.exits.callback(tool, "swapoff", machine.data)
    told = f"the system swaps to {machine.data} on disk emmc: the kernel writes there whenever it likes"
    assert ("problem", told) in machine.found("mounts")
    hook = machine.folder / "quiesce"
    hook.write_text("#!/bin/sh\nswapoff -a\n")
    hook.chmod(0o755)
    machine.write(machine.disk, quiesce=str(hook))
    assert ("note", told) in machine.found("mounts")


def test_what_a_restore_overwrites_beneath_itself_is_told(machine: Machine) -> None:
    data = machine.mount(machine.data, "ext4", "data")
    restart = data / "restart"
    restart.write_text("#!/bin/sh\n")
    restart.chmod(0o755)
    machine.write(machine.disk, f"[mount {data}]\nquiesce = freeze\n[restore]\njournal = {data}/journal\n")
    text = machine.profile.read_text().replace("restart = true", f"restart = {restart}")
    machine.profile.write_text(text.replace("runtime = /dev/shm/gmi-doctor-live", f"runtime = {data}/run"))
    assert machine.found("restore") == [
        ("ok", "whatever is still mounted can be kept from writing"),
        ("warning", f"the restart hook ({restart}) lies on disk emmc, which a restore overwrites")]
    places = machine.found("places")
    assert ("problem", f"runtime folder: {data}/run lies on disk emmc, which is to stand still") in places
    assert ("problem", f"journal: {data}/journal lies on a disk that a restore overwrites") in places


def test_a_journal_on_the_disk_itself_is_a_problem(machine: Machine) -> None:
    machine.write(machine.disk, f"[restore]\njournal = {machine.data}\n")
    wait_for(lambda: Path(machine.data).exists(), "the partition appears")
    assert ("problem", f"journal: {machine.data} lies on a disk that a restore overwrites") in machine.found("places")


def test_an_image_file_is_followed_through_its_loop_device(machine: Machine) -> None:
    """The profile names the file; what is mounted from it is known all the same."""
    data = machine.mount(machine.data, "ext4", "data")
    machine.write(machine.image, "[mount *]\nquiesce = freeze\n")
    assert machine.found("mounts") == [("ok", f"{data} (ext4) comes to rest by freezing")]


@pytest.mark.parametrize("kind, points, severity, words", [
    ("btrfs", 1, "note", "cannot be shut down: a restore has to unmount it"),
    ("btrfs", 2, "problem", "can neither be unmounted nor shut down"),
    ("xfs", 2, "ok", "whatever is still mounted can be kept from writing")])
def test_what_a_restore_cannot_keep_from_writing_is_told(folder: Path, kind: str, points: int, severity: str,
                                                         words: str) -> None:
    with contextlib.ExitStack() as exits:
        machine = Machine(folder, exits, length=400 << 20)
        data = machine.mount(machine.disk, kind, "data")
        if points == 2:
            tool("mount", "--bind", data, data)
            exits.callback(tool, "umount", data)
        machine.write(machine.disk, f"[mount {data}]\nquiesce = freeze\n")
        told = machine.found("restore")[0]
        assert told[0] == severity and words in told[1]
        assert machine.found("mounts") == [("ok", f"{data} ({kind}) comes to rest by freezing")]
        if severity == "problem":
            told = gmi("doctor", "--profile", machine.profile, expect="problems").stdout
            assert told.endswith(": a restore would be refused or fail\n")  # and a backup would not


def test_nothing_is_written_to_a_mounted_disk(machine: Machine) -> None:
    data = machine.mount(machine.data, "ext4", "data")
    machine.write(machine.disk, f"[mount {data}]\nquiesce = freeze\n")
    tool("mount", "-o", "remount,ro", data)
    before = machine.image.read_bytes()
    machine.examine()
    os.sync()
    assert machine.image.read_bytes() == before
    tool("mount", "-o", "remount,rw", data)
