"""./demo, as a newcomer types it."""

import re
import subprocess
from pathlib import Path

import pytest

from client import Client
from device import Device
from programs import PATIENCE, RELEASE, ROOT, environment, wait_for


def demo(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([ROOT / "demo", *words], capture_output=True, text=True, timeout=PATIENCE)


def test_it_explains_itself() -> None:
    done = demo("--help")
    assert done.returncode == 0 and all(word in done.stdout for word in ("--size", "--port", "--reset"))


@pytest.mark.parametrize("words", [["--what"], ["--size"], ["--port"], ["extra"]])
def test_what_it_does_not_know_it_answers_with_its_usage(words: list[str]) -> None:
    done = demo(*words)
    assert done.returncode == 2 and "usage: ./demo" in done.stderr and done.stdout == ""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The repository as it would be elsewhere, with the release build as its own: that stands already."""
    for path in ROOT.iterdir():
        if path.name not in ("demo", "build-demo", "demo-device"):
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / "demo").write_bytes((ROOT / "demo").read_bytes())
    (tmp_path / "build-demo").symlink_to(RELEASE)
    return tmp_path


class Demo:
    """./demo until its gmid answers."""

    def __init__(self, tree: Path, *words: str) -> None:
        self.log = tree / "said"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["sh", tree / "demo", "--port", "0", *words], stdout=log, stderr=log,
                                            env=environment())
        wait_for(lambda: "listening on" in self.said() or self.process.poll() is not None, "the demo serves")
        self.client = Client(re.search(r"listening on (http://\S+)/", self.said())[1])

    def said(self) -> str:
        return self.log.read_text()

    def end(self) -> str:
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0
        return self.said()


def test_it_makes_a_device_serves_its_page_and_keeps_the_device(tree: Path) -> None:
    first = Demo(tree, "--size", "450M")
    try:
        page = first.client.request("GET", "/")
        told = first.client.get("/device").json()
    finally:
        said = first.end()
    assert page.status == 200 and b"Backup &" in page.body
    assert told["id"] == "bb2241039" and told["totalBytes"] == (450 << 20) + (16 << 20)
    assert "Making the virtual device" in said and "The page of the virtual BactoBox" in said

    device = Device(tree / "demo-device")
    mark = device.disk.stat().st_ino, device.disk.stat().st_mtime_ns
    second = Demo(tree, "--size", "1G")
    said = second.end()
    assert "together with --reset" in said and "Making" not in said
    assert (device.disk.stat().st_ino, device.disk.stat().st_mtime_ns) == mark
