"""A living device for a test: virtual/live around a folder of its own, and what can be seen and done there."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import paths  # noqa: F401 - makes the next ones known
import kernel
from device import Device
from gmi_reader import GmiFile
from living import LivingDevice
from programs import PATIENCE, ROOT, tool, wait_for
from services import ledger

THAWED_WITHIN = 2  # seconds, whatever happened to gmi
NEVER_BLOCKED_FOR = 5  # seconds that a service may wait for its disk


class LiveDevice(Device):
    """Its folder lies directly below /tmp: a mount point in a profile may not be long."""

    @staticmethod
    def copy_of(device: Device) -> "LiveDevice":
        folder = Path(tempfile.mkdtemp(prefix="gmi-live-", dir="/tmp"))
        device.copy(folder)
        return LiveDevice(folder)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.profile = folder / "live.ini"
        self.root = folder / "root"
        self.run = folder / "run"
        self.ledgers = self.run / "ledger"
        self.stray: list[subprocess.Popen] = []
        self.waited = 0.0  # seconds, for the last answer of is_writable()

    # ---- virtual/live ----

    def live(self, *words: object) -> subprocess.CompletedProcess:
        return subprocess.run([ROOT / "virtual/live", self.folder, *map(str, words)], capture_output=True, text=True,
                              timeout=PATIENCE)

    def must(self, *words: object) -> None:
        done = self.live(*words)
        assert done.returncode == 0, done.stderr

    def up(self, **options: object) -> "LiveDevice":
        self.must("up", *(f"--{name}={value}" for name, value in options.items()))
        return self

    def end(self) -> None:
        """Whatever a test left."""
        for process in self.stray:
            process.kill()
            process.wait(PATIENCE)
        self.must("down")
        shutil.rmtree(self.folder)

    # ---- what is there ----

    def inside(self) -> LivingDevice:
        return LivingDevice(self.folder)

    def services(self) -> dict[str, list[int]]:
        return self.inside().init().running()

    def started(self) -> dict[str, int]:
        """Each service's first process: another one if it was started again."""
        return {name: min(processes) for name, processes in self.services().items()}

    def runs(self) -> bool:
        return self.live("status").returncode == 0

    def loop(self) -> kernel.Loop:
        return kernel.loop_of(self.disk)

    def writable(self) -> list[Path]:
        return [mount.point for mount in self.inside().writable()]

    def is_writable(self, seconds: float = THAWED_WITHIN) -> bool:
        """Whether every filesystem that ought to be can be written to by then, and none stays frozen."""
        points = [self.root / part["name"] for part in self.layout()["partitions"]
                  if not part["name"].startswith("system") and (self.root / part["name"]).is_mount()]
        script = 'until echo tried >"$1/.tried" && sync "$1/.tried" && rm "$1/.tried"; do sleep 0.02; done'
        tries = [subprocess.Popen(["sh", "-c", script, "sh", point], stderr=subprocess.DEVNULL) for point in points]
        began = time.monotonic()
        result = True
        for process in tries:
            try:
                result &= process.wait(max(0, began + seconds - time.monotonic())) == 0
            except subprocess.TimeoutExpired:
                process.kill()
                result = False
        self.waited = time.monotonic() - began
        return result

    def troubles(self) -> list[str]:
        return ledger.troubles(self.ledgers)

    def notes(self) -> int:
        """Of all services: it grows as long as they work."""
        return len(ledger.notes(self.ledgers))

    def blocked(self) -> list[str]:
        """Services that wait for their disk and do not listen."""
        found = []
        for name, processes in self.services().items():
            for process in processes:
                try:
                    state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
                except OSError:
                    continue
                if state == "D":
                    found.append(f"{name} ({process})")
        return found

    def is_back_at_work(self) -> bool:
        """Whatever happened to gmi: no filesystem at rest, all services running."""
        return self.runs() and self.is_writable()

    def until_back_at_work(self) -> None:
        """Writable at once; the services as soon as they have started. A guard may still be about to bring it to
        rest when its gmi is killed, so both are asked again when all is quiet."""
        assert self.is_writable(), "not writable in time"
        waited = self.waited
        wait_for(lambda: not self.guards(), "the guard has ended")
        assert self.is_writable(), "not writable in time"
        wait_for(self.runs, "the services run")
        self.waited = max(self.waited, waited)

    def guards(self) -> list[int]:
        """Of any gmi on this device, whose command line a guard keeps."""
        found = []
        for process in Path("/proc").iterdir():
            try:
                if process.name.isdigit() and (process / "comm").read_text() == "gmi-guard\n" \
                        and str(self.profile) in (process / "cmdline").read_text().split("\0"):
                    found.append(int(process.name))
            except OSError:
                continue
        return found

    def at_rest(self) -> bool:
        """Nobody can write."""
        return not self.is_writable(0.2)

    def differs_from(self, file: GmiFile) -> list[str]:
        """The volumes whose used bytes are not the file's."""
        disks = {"emmc": self.disk, "flash": self.flash}
        return [name for name in file.volumes if file.masked(name, disks) != file.volume_bytes(name)]

    # ---- what is done ----

    def hold(self, *words: object, **options: object) -> subprocess.Popen:
        """A process of the test's own, killed in the end."""
        process = subprocess.Popen([str(word) for word in words], **options)
        self.stray.append(process)
        return process

    def hold_open(self, path: Path) -> subprocess.Popen:
        """Somebody who writes to a file and does not close it."""
        process = self.hold("sh", "-c", 'exec >>"$1"; echo ready >&2; exec sleep 1000', "sh", path,
                           stderr=subprocess.PIPE)
        assert process.stderr.readline() == b"ready\n"
        return process

    def kill_services(self) -> None:
        self.inside().init().kill()

    def mark(self) -> str:
        """What the last restore has left until the restart."""
        return dict(line.split("=", 1) for line in (self.run / "restart").read_text().splitlines())["state"]

    def moments(self) -> list[tuple[str, int]]:
        return ledger.moments(self.ledgers)

    def quiet(self) -> tuple[int, int]:
        """The last quiesce and the release after it."""
        moments = self.moments()
        (first, quiet), (second, until) = moments[-2:]
        assert (first, second) == ("quiet", "release"), moments
        return quiet, until

    def claims(self) -> list[ledger.Claim]:
        return ledger.claims(self.ledgers, *self.quiet())


def until_it_has_written(device: LiveDevice, more: int = 60) -> None:
    """A while of the services' work, counted in their notes."""
    before = device.notes()
    wait_for(lambda: device.notes() > before + more, "the services write")


def root_needed() -> str | None:
    """Why these tests cannot run here."""
    if os.geteuid() != 0:
        return "mounting filesystems needs root"
    try:
        tool("losetup", "--find")
    except AssertionError:
        return "this system has no loop devices"
    return None
