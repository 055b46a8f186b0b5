"""A virtual device of its own for a test, with a real gmid on it; and what can be done to both."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GMI_BUILD", ROOT / "build-test"))
RELEASE = Path(os.environ.get("GMI_BUILD_RELEASE", ROOT / "build-release"))
DISKS = ("disk.img", "flash.img")
PATIENCE = 30  # seconds that a test waits for what has to happen

sys.path.insert(0, str(ROOT / "virtual"))

from filesystem import environment  # noqa: E402
from layout import GPT_TAIL_SECTORS, SECTOR, Layout  # noqa: E402


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> object:
    """Waits for what has to happen; fails with a sentence if it does not."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"waited {seconds:g} seconds in vain for this: {what}"
        time.sleep(0.05)
    return result


def gmi(*arguments: object) -> str:
    return subprocess.run([RELEASE / "src/cli/gmi", *map(str, arguments)], check=True, text=True,
                          capture_output=True).stdout


def virtual(tool: str, *arguments: object) -> None:
    subprocess.run([ROOT / "virtual" / tool, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


class Gmid:
    """One run of the service, from its start to its end."""

    def __init__(self, folder: Path, port: int = 0, build: Path = BUILD) -> None:
        self.errors = folder / "gmid.log"
        with open(self.errors, "ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [build / "src/gmid/gmid", "--profile", folder / "profile.ini", "--listen", f"127.0.0.1:{port}"],
                stderr=log, start_new_session=True)
        said = until(lambda: re.search(rb"gmid: listening on http://127\.0\.0\.1:(\d+)/",
                                       self.errors.read_bytes()[begin:]), "gmid listens")
        self.port = int(said[1])

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(PATIENCE) == 0, self.errors.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def check(self) -> None:
        """No sanitizer had anything to say."""
        said = self.errors.read_text(errors="replace")
        assert not re.search(r"Sanitizer|runtime error:", said), said


class Instrument:
    def __init__(self, folder: Path, changed: Path | None = None) -> None:
        self.folder = folder
        self.changed = changed  # the same device some months later
        self.layout = Layout.load(folder)
        self.gmid: Gmid | None = None

    @staticmethod
    def copy_of(original: Path, folder: Path, changed: Path | None = None) -> "Instrument":
        subprocess.run(["cp", "-r", "--sparse=always", original, folder], check=True)
        return Instrument(folder, changed)

    # ---- the service ----

    def start(self, port: int = 0, build: Path = BUILD) -> Gmid:
        self.gmid = Gmid(self.folder, port, build)
        return self.gmid

    def start_again(self) -> None:
        """On the port where it was."""
        assert self.gmid
        self.start(self.gmid.port)

    def ask(self, path: str) -> dict:
        assert self.gmid
        with urllib.request.urlopen(f"http://127.0.0.1:{self.gmid.port}/api/v1/{path}", timeout=PATIENCE) as answer:
            return json.load(answer)

    # ---- what happens to a device ----

    def set(self, section: str, key: str, value: str) -> None:
        """Changes one line of the profile."""
        profile = self.folder / "profile.ini"
        text = profile.read_text()
        head, tail = text.split(f"[{section}]\n", 1)
        line = f"{key} = {value}\n"
        changed, count = re.subn(rf"(?m)^{key} = .*\n", line.replace("\\", r"\\"), tail, count=1)
        profile.write_text(f"{head}[{section}]\n{changed if count else line + tail}")

    def change(self) -> None:
        """Months of use, on every volume: made once beside the original, taken over by its copies."""
        assert self.changed
        for name in DISKS:
            subprocess.run(["cp", "--sparse=always", self.changed / name, self.folder / name], check=True)

    def start_program(self, name: str) -> None:
        virtual("program", self.folder, "start", name)

    def stop_program(self) -> None:
        virtual("program", self.folder, "stop")

    def backup(self, file: Path) -> Path:
        gmi("backup", "--profile", self.folder / "profile.ini", "-o", file)
        return file

    # ---- what it holds ----

    def hash(self) -> str:
        """Of every byte of its disks."""
        both = hashlib.sha256()
        for name in DISKS:
            both.update((self.folder / name).read_bytes())
        return both.hexdigest()

    def content(self) -> dict[str, str]:
        """What a user would miss: every file by its hash, the flash, the partition table; read without gmi."""
        disk = (self.folder / "disk.img").read_bytes()
        found = {
            "flash": hashlib.sha256((self.folder / "flash.img").read_bytes()).hexdigest(),
            "table": hashlib.sha256(disk[:34 * SECTOR] + disk[-GPT_TAIL_SECTORS * SECTOR:]).hexdigest(),
        }
        for partition in self.layout.partitions:
            with tempfile.TemporaryDirectory(dir=self.folder) as out:
                subprocess.run(["debugfs", "-R", f"rdump / {out}",
                                f"{self.folder / 'disk.img'}?offset={partition.offset}"],
                               env=environment(), check=True, capture_output=True)
                for path in sorted(Path(out).rglob("*")):
                    found[f"{partition.name}:/{path.relative_to(out)}"] = describe(path)
        return found

    def hooks_run(self) -> list[str]:
        log = self.folder / "device.log"
        return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []


def describe(path: Path) -> str:
    if path.is_symlink():
        return f"-> {os.readlink(path)}"
    mode = f"{path.stat().st_mode:o}"
    return f"{mode} {hashlib.sha256(path.read_bytes()).hexdigest()}" if path.is_file() else mode
