"""The few things that the living device wants of the kernel: loop devices, partitions, mounts, who holds what."""

import ctypes
import errno
import fcntl
import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

FIFREEZE, FITHAW = 0xC0045877, 0xC0045878


class Trouble(Exception):
    """A sentence for people."""


def run(*words: object, expect: bool = True) -> str:
    environment = {**os.environ, "LC_ALL": "C", "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=environment,
                          stdin=subprocess.DEVNULL)
    if expect and done.returncode:
        raise Trouble(f"{words[0]} failed: {done.stderr.strip() or done.returncode}")
    return done.stdout if done.returncode == 0 else ""


def wait_for(condition, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


# ---- mounts ----


@dataclass
class Mount:
    point: Path
    device: str  # MAJOR:MINOR
    source: str
    type: str
    read_only: bool


def mounts_below(folder: Path) -> list[Mount]:
    """In mount order. proc(5) writes blanks and the like as octal numbers."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, rest = (part.split() for part in line.split(" - ", 1))
        point = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4]))
        if point.is_relative_to(folder):
            options = set(rest[2].split(",")) | set(fields[5].split(","))
            found.append(Mount(point, fields[2], rest[1], rest[0], "ro" in options))
    return found


def thaw(point: Path) -> bool:
    """Whether it was frozen."""
    fd = os.open(point, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(fd, FITHAW, 0)
        return True
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTTY, errno.EIO):
            raise
        return False
    finally:
        os.close(fd)


def unmount(point: Path) -> None:
    """For a moment somebody may hold it who only looks."""
    if not wait_for(lambda: _unmounted(point), 5):
        raise Trouble(f"{point} cannot be unmounted: {holders_of_mount(point) or 'it is busy'}")


def _unmounted(point: Path) -> bool:
    """Tries; EINVAL says that nothing is mounted there."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.umount2(os.fsencode(point), 0) == 0 or ctypes.get_errno() == errno.EINVAL


# ---- loop devices ----


@dataclass
class Loop:
    path: Path  # /dev/loopN

    @property
    def sysfs(self) -> Path:
        return Path("/sys/class/block") / self.path.name

    def partition(self, number: int) -> Path:
        return Path(f"{self.path}p{number}")

    def partitions(self) -> list[Path]:
        return sorted(Path("/dev") / entry.name for entry in self.sysfs.glob(f"{self.path.name}p*"))


def loop_of(image: Path) -> Loop | None:
    listed = json.loads(run("losetup", "--json", "--list", "--associated", image) or '{"loopdevices": []}')
    paths = sorted(device["name"] for device in listed["loopdevices"])
    return Loop(Path(paths[0])) if paths else None


def attach(image: Path) -> Loop:
    return Loop(Path(run("losetup", "--find", "--show", image).strip()))


def add_partitions(loop: Loop, count: int) -> None:
    """`losetup --partscan` needs a kernel that reads the table by itself; partx does the reading.

    Where the kernel or udev was quicker, the partitions that are there already make partx fail.
    """
    run("partx", "--add", loop.path, expect=False)
    wanted = [loop.partition(number) for number in range(1, count + 1)]
    if not wait_for(lambda: all(path.is_block_device() for path in wanted), 5):
        missing = ", ".join(str(path) for path in wanted if not path.exists())
        raise Trouble(f"the partitions of {loop.path} do not appear: {missing}")


def remove_partitions(loop: Loop) -> None:
    """The kernel lets go of a filesystem a little after it was unmounted."""
    def gone() -> bool:
        run("partx", "--delete", loop.path, expect=False)
        return not loop.partitions()

    if loop.partitions() and not wait_for(gone, 10):
        left = loop.partitions()
        who = "; ".join(filter(None, (holders_of_device(path) for path in left)))
        raise Trouble(f"{', '.join(map(str, left))} cannot be removed: {who or 'still in use'}")


def detach(loop: Loop, image: Path) -> None:
    run("losetup", "--detach", loop.path)
    # The kernel detaches a device that is still open when its last holder closes it.
    if not wait_for(lambda: loop_of(image) is None, 10):
        raise Trouble(f"{loop.path} is not detached yet: {holders_of_device(loop.path) or 'it is open'}")


# ---- who holds what ----


def _people(match) -> str:
    """The processes of which `match(stat)` is true for an open file, a mapping or a folder; with one such file."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and (held := _held(process, match)):
            name = (process / "comm").read_text().strip() if process.exists() else "?"
            found.append(f"{name} (process {process.name}) holds {held}")
    return "; ".join(found)


def _held(process: Path, match) -> str | None:
    try:
        links = [process / "cwd", process / "root", *(process / "fd").iterdir(), *(process / "map_files").iterdir()]
    except OSError:
        return None
    for link in links:
        try:
            if match(os.stat(link)):
                return os.readlink(link)
        except OSError:
            continue
    return None


def holders_of_mount(point: Path) -> str:
    device = os.stat(point).st_dev
    return _people(lambda status: status.st_dev == device)


def holders_of_device(path: Path) -> str:
    device = os.stat(path).st_rdev
    return _people(lambda status: status.st_rdev == device)
