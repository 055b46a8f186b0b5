"""The real programs: gmi as a command that runs and ends, gmid as a service that is started and stopped.

Whatever a test does to them, they may never print a report of a sanitizer.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GMI_BUILD", ROOT / "build-test"))
RELEASE = Path(os.environ.get("GMI_BUILD_RELEASE", ROOT / "build-release"))
PATIENCE = 120  # seconds until a program counts as hung; nothing here measures speed
SANITIZER_EXIT = 86

# docs/cli.md: the published exit codes.
EXIT = {"ok": 0, "system": 1, "usage": 2, "profile": 3, "not-gmi": 4, "damaged": 5, "version": 6,
        "wrong-device": 7, "layout": 8, "program-running": 9, "job-running": 10, "client": 11, "hook": 12,
        "verify": 13, "not-found": 14, "cancelled": 15, "conflict": 16, "needs-restart": 17, "incomplete": 18,
        "warnings": 20, "problems": 21, "unreadable": 22}


def environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C", "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
            "ASAN_OPTIONS": f"exitcode={SANITIZER_EXIT}:detect_leaks=1",
            "UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:exitcode={SANITIZER_EXIT}"}


def check_no_report(said: str, code: int) -> None:
    assert not re.search(r"Sanitizer|runtime error:|Assertion .* failed", said), said
    assert code not in (SANITIZER_EXIT, -signal.SIGABRT, -signal.SIGSEGV), said


def gmi(*arguments: object, expect: str | None = "ok", build: Path = BUILD, text: bool = True,
        **options: object) -> subprocess.CompletedProcess:
    """Runs gmi and holds its exit code against the published word for it; None: the caller does."""
    done = subprocess.run([str(build / "src/cli/gmi"), *map(str, arguments)], capture_output=True,
                          timeout=PATIENCE, env=environment(), **options)
    said = done.stderr.decode(errors="replace")
    check_no_report(said, done.returncode)
    assert expect is None or done.returncode == EXIT[expect], f"exit code {done.returncode}, not {expect}: {said}"
    if text:
        done.stdout, done.stderr = done.stdout.decode(), said
    return done


def start_gmi(*arguments: object, **options: object) -> subprocess.Popen:
    """For tests that interrupt it or hold it up; end it with end_of()."""
    return subprocess.Popen([str(BUILD / "src/cli/gmi"), *map(str, arguments)], env=environment(),
                            stderr=subprocess.PIPE, **options)


def end_of(process: subprocess.Popen, expect: str = "ok") -> str:
    """Waits for it; returns what it said."""
    said = process.stderr.read().decode(errors="replace")
    code = process.wait(PATIENCE)
    process.stderr.close()
    check_no_report(said, code)
    assert code == EXIT[expect], f"exit code {code}, not {expect}: {said}"
    return said


def tool(*arguments: object, **options: object) -> subprocess.CompletedProcess:
    """Other people's programs, which have to be content."""
    done = subprocess.run([str(word) for word in arguments], capture_output=True, timeout=PATIENCE,
                          env=environment(), **options)
    assert done.returncode == 0, f"{arguments[0]}: {done.stdout[-500:]!r} {done.stderr[-500:]!r}"
    return done


def wait_for(condition, what: str):
    """The first true answer of a condition that comes about by itself."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"waited in vain: {what}")


class Gmid:
    """A running gmid on a free port."""

    def __init__(self, profile: Path, build: Path = BUILD, **options: object) -> None:
        self.log = profile.parent / "gmid.log"
        with open(self.log, "ab") as log:
            self.start = log.tell()
            self.process = subprocess.Popen(
                [str(build / "src/gmid/gmid"), "--profile", str(profile), "--listen", "127.0.0.1:0"],
                stderr=log, stdout=log, env=environment(), **options)
        self.url = wait_for(self._address, "gmid listens")
        self.port = int(self.url.rsplit(":", 1)[1])

    def said(self) -> str:
        return self.log.read_bytes()[self.start:].decode(errors="replace")

    def _address(self) -> str | None:
        assert self.process.poll() is None, self.said()
        found = re.search(r"gmid: listening on (http://\S+)/\n", self.said())
        return found and found[1]

    def memory_peak(self) -> int:
        """Bytes: VmHWM of proc(5)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10

    def kill(self) -> None:
        """As a power cut would: nothing is tidied up."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> None:
        """Politely; afterwards nothing may have gone wrong inside."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"gmid did not stop: {self.said()}") from None
        check_no_report(self.said(), code)
        assert code in (0, -signal.SIGKILL), f"gmid ended with {code}: {self.said()}"
