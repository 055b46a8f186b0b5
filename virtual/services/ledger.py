"""The ledger: what a service knows to be on the disk, kept where the disk cannot lose it.

A service notes two kinds of things, in order, each with the moment (CLOCK_MONOTONIC, nanoseconds):

    begin  written BEFORE an operation on paths begins. From here they may be as before, as after, or between.
    kept   written AFTER fsync of file and folder returned: the path holds exactly this (length and SHA-256).
           With an offset: that range of the file does.
    gone   written AFTER the removal and the fsync of the folder: the path is no more.

So, for an image that was taken while the disk stood still from moment Q on until moment R: look at a path's
last note that is not later than Q. If it is `kept` or `gone`, and no `begin` of that path lies between Q and
R, then the image must say the same. If it is `begin`, or one follows before R, the operation was in flight
and the image may hold either, so nothing is asked. (Between Q, when the hook had ended, and the freeze itself
a stubborn service may have done more; and while frozen it may have begun an operation that then had to wait.)

A ledger that has grown long begins a new generation with what it knows; the one before stays for whoever
reads just then.
"""

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

GENERATION = 4 << 20  # bytes
GONE_MAX = 64  # removals that a new generation remembers


class Ledger:
    """Of one service. `prefix` is where its folder lies: VOLUME:/PATH."""

    def __init__(self, path: Path, prefix: str) -> None:
        self.path = path
        self.prefix = prefix
        self.known: dict[str, str] = {}  # path and offset -> the last note of it
        if path.exists():
            for line in path.read_text().splitlines():
                self._remember(json.loads(line), line)
        self._open()

    def _open(self) -> None:
        self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.length = os.fstat(self.fd).st_size

    def _remember(self, note: dict, line: str) -> None:
        if note["op"] == "trouble":
            return
        key = key_of(note["path"], note.get("offset"))
        self.known.pop(key, None)
        self.known[key] = line

    def _note(self, op: str, **rest: object) -> None:
        note = {"t": time.monotonic_ns(), "op": op, **rest}
        line = json.dumps(note)
        os.write(self.fd, line.encode() + b"\n")
        self.length += len(line) + 1
        self._remember(note, line)
        if self.length > GENERATION:
            self._next_generation()

    def _next_generation(self) -> None:
        gone = [key for key, line in self.known.items() if '"op": "gone"' in line]
        for key in gone[:-GONE_MAX]:
            del self.known[key]
        fresh = self.path.with_suffix(".new")
        fresh.write_text("".join(line + "\n" for line in self.known.values()))
        os.replace(self.path, self.path.with_suffix(".before"))
        os.replace(fresh, self.path)
        os.close(self.fd)
        self._open()

    def begin(self, *names: str, offset: int | None = None) -> None:
        for name in names:
            self._note("begin", path=f"{self.prefix}/{name}", **_at(offset))

    def kept(self, name: str, data: bytes, offset: int | None = None) -> None:
        self.kept_hash(name, len(data), hashlib.sha256(data).hexdigest(), offset)

    def kept_hash(self, name: str, length: int, digest: str, offset: int | None = None) -> None:
        self._note("kept", path=f"{self.prefix}/{name}", length=length, sha256=digest, **_at(offset))

    def gone(self, name: str) -> None:
        self._note("gone", path=f"{self.prefix}/{name}")

    def trouble(self, what: str) -> None:
        """An error that the service took."""
        self._note("trouble", what=what)


def _at(offset: int | None) -> dict:
    return {} if offset is None else {"offset": offset}


def key_of(path: str, offset: int | None) -> str:
    return path if offset is None else f"{path}@{offset}"


# ---- the reader's side ----


@dataclass
class Claim:
    """What an image must hold."""
    path: str  # VOLUME:/PATH
    offset: int | None
    length: int | None  # None: the path is gone
    sha256: str | None


def notes(folder: Path) -> list[dict]:
    """Every note of every service, those of one service in order."""
    found = []
    for path in sorted(folder.glob("*.ledger")):
        found += [json.loads(line) for line in _lines(path)]
    return found


def _lines(path: Path) -> list[str]:
    """Both generations, without a gap: one that began between the two looks would leave out all of the one before,
    and what it had taken back would be claimed still."""
    before = path.with_suffix(".before")
    while True:
        try:
            generation = path.stat().st_ino
            lines = (before.read_text() if before.exists() else "").splitlines() + path.read_text().splitlines()
            if path.stat().st_ino == generation:
                return lines
        except FileNotFoundError:
            pass  # just between the two renames


def claims(folder: Path, quiet_from: int, quiet_until: int) -> list[Claim]:
    """The rule above: what an image must hold that was taken between these two moments."""
    last: dict[str, dict] = {}
    in_flight: set[str] = set()
    for note in notes(folder):
        if note["op"] == "trouble":
            continue
        key = key_of(note["path"], note.get("offset"))
        if note["t"] <= quiet_from:
            last[key] = note
        elif note["op"] == "begin" and note["t"] < quiet_until:
            in_flight.add(key)
    return [Claim(note["path"], note.get("offset"), note.get("length"), note.get("sha256"))
            for key, note in last.items() if key not in in_flight and note["op"] != "begin"]


def troubles(folder: Path) -> list[str]:
    return [note["what"] for note in notes(folder) if note["op"] == "trouble"]


# ---- moments: Q and R ----


def mark(folder: Path, what: str) -> None:
    with open(folder / "moments", "a") as file:
        file.write(f"{what} {time.monotonic_ns()}\n")


def moments(folder: Path) -> list[tuple[str, int]]:
    path = folder / "moments"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(line.split()[0], int(line.split()[1])) for line in lines]
