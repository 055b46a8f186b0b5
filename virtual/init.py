"""The living device's init: it starts the services and stops them in their order, and knows them by /proc alone.

So nothing has to be remembered: whoever was killed, the next command finds what runs.
"""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from kernel import Trouble, wait_for

PROGRAM = Path(__file__).resolve().parent / "services/service"
PATIENCE = 10  # seconds that a service may take to end


@dataclass(frozen=True)
class Service:
    role: str
    volume: str
    mount: Path  # without it there is nothing to work on
    folder: Path  # that it works in, as it sees it
    prefix: str  # where that lies: VOLUME:/PATH

    @property
    def name(self) -> str:
        return f"{self.volume}-{self.role}"


class Init:
    def __init__(self, ledgers: Path, services: list[Service], stubborn: set[str], pace: float) -> None:
        """In starting order. Services whose role is stubborn are not stopped for a backup or restore."""
        self.ledgers = ledgers
        self.services = services
        self.stubborn = stubborn
        self.pace = pace

    def _ledger(self, service: Service) -> Path:
        return self.ledgers / f"{service.name}.ledger"

    def running(self) -> dict[str, list[int]]:
        """Service's name -> its processes. The path of its ledger tells whose it is and which."""
        found: dict[str, list[int]] = {}
        for process in Path("/proc").iterdir():
            if not process.name.isdigit():
                continue
            try:
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            for word in words if str(PROGRAM) in words and is_alive(int(process.name)) else []:
                if word.endswith(".ledger") and Path(word).parent == self.ledgers:
                    found.setdefault(Path(word).stem, []).append(int(process.name))
        return found

    def start(self) -> None:
        running = self.running()
        self.ledgers.mkdir(parents=True, exist_ok=True)
        for service in self.services:
            if service.name not in running and service.mount.is_mount():
                subprocess.Popen(
                    [sys.executable, "-ISB", str(PROGRAM), service.role, str(service.folder),
                     str(self._ledger(service)), service.prefix, str(self.pace)],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    start_new_session=True, cwd="/")

    def stop(self, stubborn_too: bool = False) -> None:
        """In stopping order, each before the next: who writes last is stopped last."""
        stopped = [service.name for service in reversed(self.services)
                   if stubborn_too or service.role not in self.stubborn]
        # Twice: a service that was just forking may have missed the first signal.
        for _ in range(2):
            running = self.running()
            for name in stopped:
                end(running.get(name, []), signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut does."""
        while running := self.running():
            end(sum(running.values(), []), signal.SIGKILL)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def end(processes: list[int], number: int) -> None:
    """Until they are gone; with SIGKILL when they do not listen."""
    for attempt in (number, signal.SIGKILL):
        for process in processes:
            try:
                os.kill(process, attempt)
            except ProcessLookupError:
                pass
        if wait_for(lambda: not any(map(is_alive, processes)), PATIENCE):
            return
    raise Trouble(f"process {', '.join(map(str, filter(is_alive, processes)))} cannot even be killed")
