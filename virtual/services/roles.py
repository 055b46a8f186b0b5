"""What the services of the living device do to their disk. Each role is one habit of real programs.

`step` does one thing and may raise OSError at any point; whoever runs it notes that and calls `open` again.
Every file of a role lies in its own folder.
"""

import mmap
import os
import random
import time
from pathlib import Path

from ledger import Ledger

PAGE = 4096


def sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Role:
    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder = folder
        self.ledger = ledger
        self.fd = -1

    def open(self) -> None:
        """At the beginning, and after an error: from what lies there."""
        self.close()
        self.folder.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def step(self) -> None:
        raise NotImplementedError

    def whole(self, name: str, data: bytes) -> None:
        """A new file that is complete, or not there: write, sync, rename, sync."""
        fd = os.open(self.folder / ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            os.write(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        self.ledger.begin(name)
        os.rename(self.folder / ".new", self.folder / name)
        sync_folder(self.folder)
        self.ledger.kept(name, data)

    def remove(self, name: str) -> None:
        self.ledger.begin(name)
        (self.folder / name).unlink(missing_ok=True)
        sync_folder(self.folder)
        self.ledger.gone(name)


class Log(Role):
    """Appends lines; what has grown is synced and moved along: messages, messages.1 ... and away."""
    LIMIT = 24 << 10
    KEEP = 3

    def open(self) -> None:
        super().open()
        self.fd = os.open(self.folder / "messages", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.length = os.fstat(self.fd).st_size

    def step(self) -> None:
        line = f"{time.time():.6f} bb2241039 maskin[{os.getpid()}]: {'flow within limits ' * 4}\n".encode()
        self.length += os.write(self.fd, line * 8)
        if self.length > self.LIMIT:
            self.rotate()

    def rotate(self) -> None:
        os.fsync(self.fd)
        self.close()
        kept = [name for name in (f"messages.{n}" for n in range(1, self.KEEP + 1)) if (self.folder / name).exists()]
        self.ledger.begin(*(f"messages.{n}" for n in range(1, self.KEEP + 1)))
        if len(kept) == self.KEEP:
            os.unlink(self.folder / kept.pop())
        for name in reversed(["messages", *kept]):
            number = int(name.partition(".")[2] or 0)
            os.rename(self.folder / name, self.folder / f"messages.{number + 1}")
        sync_folder(self.folder)
        for number in range(1, len(kept) + 2):
            self.ledger.kept(f"messages.{number}", (self.folder / f"messages.{number}").read_bytes())
        self.open()


class Database(Role):
    """Pages written at random places of one file, each transaction synced."""
    PAGES = 64

    def open(self) -> None:
        super().open()
        path = self.folder / "live.db"
        new = not path.exists()
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if new:
            sync_folder(self.folder)

    def step(self) -> None:
        pages = {random.randrange(self.PAGES) * PAGE: random.randbytes(PAGE) for _ in range(random.randint(1, 3))}
        for offset, data in pages.items():
            self.ledger.begin("live.db", offset=offset)
            os.pwrite(self.fd, data, offset)
        os.fsync(self.fd)
        for offset, data in pages.items():
            self.ledger.kept("live.db", data, offset)


class Mapped(Role):
    """Writes through a mapping; the kernel carries the pages to the disk, and msync now and then."""
    PAGES = 32

    def open(self) -> None:
        super().open()
        self.fd = os.open(self.folder / "live.map", os.O_RDWR | os.O_CREAT, 0o644)
        if os.fstat(self.fd).st_size < self.PAGES * PAGE:
            os.ftruncate(self.fd, self.PAGES * PAGE)
            os.fsync(self.fd)
            sync_folder(self.folder)
        self.map = mmap.mmap(self.fd, self.PAGES * PAGE)
        self.dirty: dict[int, bytes] = {}
        self.count = 0

    def close(self) -> None:
        if self.fd >= 0:
            self.map.close()
        super().close()

    def step(self) -> None:
        offset, data = random.randrange(self.PAGES) * PAGE, random.randbytes(PAGE)
        self.ledger.begin("live.map", offset=offset)
        self.map[offset:offset + PAGE] = data
        self.dirty[offset] = data
        self.count += 1
        if self.count % 8 == 0:
            self.map.flush()
            for at, synced in self.dirty.items():
                self.ledger.kept("live.map", synced, at)
            self.dirty = {}


class Measurements(Role):
    """New files that appear whole and synced; the oldest goes."""
    KEEP = 12

    def open(self) -> None:
        super().open()
        self.names = sorted(path.name for path in self.folder.glob("measure-*.bdr"))

    def step(self) -> None:
        name = f"measure-{time.time_ns()}.bdr"
        self.whole(name, b"\x89BDR\r\n\x1a\n" + random.randbytes(random.randrange(2 << 10, 32 << 10)))
        self.names.append(name)
        while len(self.names) > self.KEEP:
            self.remove(self.names.pop(0))


class Settings(Role):
    """One small file replaced again and again; on the reference device it lies on the overlay of /etc."""

    def step(self) -> None:
        self.whole("live.conf", f"threshold = {random.random()}\nsaved = {time.time()}\n".encode())


class Churn(Role):
    """Creates, cuts, links and removes without pause; only some of it is synced."""
    SLOTS = 24

    def step(self) -> None:
        name = f"slot-{random.randrange(self.SLOTS)}"
        random.choice((self.create, self.synced, self.cut, self.link, self.symlink, self.folders, self.remove))(name)

    def create(self, name: str) -> None:
        self.ledger.begin(name)
        (self.folder / name).write_bytes(random.randbytes(random.randrange(12 << 10)))

    def synced(self, name: str) -> None:
        self.whole(name, random.randbytes(random.randrange(12 << 10)))

    def cut(self, name: str) -> None:
        if (self.folder / name).exists():
            self.ledger.begin(name)
            os.truncate(self.folder / name, random.randrange(4 << 10))

    def link(self, name: str) -> None:
        """A second name; it is never noted, for it changes with the first."""
        second = self.folder / f"{name}.link"
        second.unlink(missing_ok=True)
        if (self.folder / name).exists():
            os.link(self.folder / name, second)

    def symlink(self, name: str) -> None:
        pointer = self.folder / f"{name}.pointer"
        pointer.unlink(missing_ok=True)
        pointer.symlink_to("to/" + "a-longer-target/" * random.randrange(1, 8))

    def folders(self, name: str) -> None:
        folder = self.folder / f"{name}.folder"
        try:
            folder.mkdir()
        except FileExistsError:
            folder.rmdir()


class Deleted(Role):
    """Writes to a file that has no name any more."""

    def step(self) -> None:
        if self.fd < 0 or os.fstat(self.fd).st_size > 64 << 10:
            self.close()
            self.ledger.begin("going")
            self.fd = os.open(self.folder / "going", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
            os.unlink(self.folder / "going")
            sync_folder(self.folder)
            self.ledger.gone("going")
        os.write(self.fd, random.randbytes(8 << 10))


ROLES: dict[str, type[Role]] = {
    "log": Log, "database": Database, "mapped": Mapped, "measurements": Measurements,
    "settings": Settings, "churn": Churn, "deleted": Deleted,
}
