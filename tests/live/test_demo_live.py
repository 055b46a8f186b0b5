"""./demo --live, as somebody types it who wants to see a living device."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import paths  # noqa: F401
import kernel
from live_device import LiveDevice
from programs import ROOT, tool
from test_demo import Demo, tree  # noqa: F401 - a fixture


def test_it_brings_a_device_to_life_serves_it_and_takes_it_down(tree: Path) -> None:  # noqa: F811
    demo = Demo(tree, "--live", "--size", "450M")
    device = LiveDevice(tree / "demo-device")
    try:
        assert device.runs()
        assert demo.client.backup() and device.hooks() == ["quiesce", "release"]
        device.until_back_at_work()
    finally:
        said = demo.end()
    assert "virtual/live demo-device status" in said
    assert not kernel.mounts_below(device.folder) and not device.services() and device.loop() is None


def test_without_root_it_says_what_to_type() -> None:
    folder = Path(tempfile.mkdtemp(prefix="gmi-live-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        shutil.copy(ROOT / "demo", folder)
        refused = subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", folder / "demo",
                                  "--live"], capture_output=True, text=True)
        assert refused.returncode == 1 and "sudo ./demo --live" in refused.stderr
    finally:
        tool("rm", "-r", folder)
