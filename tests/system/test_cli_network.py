"""gmi pull and gmi push: a computer's command line and a device's gmid."""

import http.server
import json
import os
import pty
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from device import Device
from programs import BUILD, PATIENCE, check_no_report, end_of, environment, gmi, start_gmi, wait_for


@pytest.fixture
def server(device: Device, start):
    return start(device)


def test_pull_makes_a_backup_under_the_name_that_the_device_proposes(server, device: Device, is_back,
                                                                     tmp_path: Path) -> None:
    done = gmi("pull", server.url, cwd=tmp_path)
    names = [path.name for path in tmp_path.glob("*.gmi*")]
    assert len(names) == 1 and re.fullmatch(r"backup-of-bb2241039-\d{4}-\d\d-\d\d\.gmi", names[0])
    assert "Backup successful" in done.stderr
    gmi("verify", tmp_path / names[0])
    assert server.client.job()["state"] == "succeeded" and device.hooks() == ["quiesce", "release"]


def test_pull_then_change_then_push_brings_the_device_back(server, device: Device, is_back,
                                                           tmp_path: Path) -> None:
    gmi("pull", server.url + "/", "-o", tmp_path / "a.gmi", "--level", 3)
    device.change("--percent", "20")
    assert not is_back(device)
    done = gmi("push", server.url, tmp_path / "a.gmi", "--yes")
    assert "Restore successful" in done.stderr and is_back(device)
    assert server.client.get("/device").json()["needsRestart"] is True


def test_pull_into_a_pipe(server, tmp_path: Path) -> None:
    (tmp_path / "a.gmi").write_bytes(gmi("pull", server.url, "-o", "-", "--quiet", text=False).stdout)
    gmi("verify", tmp_path / "a.gmi")


def test_pull_does_not_overwrite_and_does_not_begin(server, device: Device, tmp_path: Path) -> None:
    (tmp_path / "a.gmi").write_text("precious")
    assert "exists already" in gmi("pull", server.url, "-o", tmp_path / "a.gmi", expect="usage").stderr
    assert (tmp_path / "a.gmi").read_text() == "precious" and device.hooks() == []


def test_a_pull_that_is_interrupted_while_the_device_prepares_releases_it(device: Device, start,
                                                                         tmp_path: Path) -> None:
    device.configure("hooks", quiesce="echo now quiesce >>device.log; sleep 1")
    running = start_gmi("pull", start(device).url, "-o", tmp_path / "a.gmi")
    wait_for(device.hooks, "the backup has begun")
    running.send_signal(signal.SIGINT)
    end_of(running, "cancelled")
    assert list(tmp_path.glob("a.gmi*")) == []
    wait_for(lambda: device.hooks() == ["quiesce", "release"], "the device is released")


def test_a_pull_whose_proposed_name_is_taken_releases_the_device(server, device: Device, tmp_path: Path) -> None:
    gmi("pull", server.url, cwd=tmp_path)
    assert "exists already" in gmi("pull", server.url, cwd=tmp_path, expect="usage").stderr
    wait_for(lambda: device.hooks() == ["quiesce", "release"] * 2, "the device is released")


def test_push_of_another_devices_file_is_refused_and_both_are_named(device: Device, backup_file: Path,
                                                                    start) -> None:
    device.configure("device", id="bb9999999")
    before = device.hash()
    said = gmi("push", start(device).url, backup_file, "--yes", expect="wrong-device").stderr
    assert "bb2241039" in said and "bb9999999" in said and device.hash() == before


def test_push_of_a_damaged_file_is_refused_before_the_device_is_bothered(server, device: Device, backup: bytes,
                                                                         tmp_path: Path) -> None:
    (tmp_path / "cut.gmi").write_bytes(backup[:-100])
    said = gmi("push", server.url, tmp_path / "cut.gmi", "--yes", expect="damaged").stderr
    assert "unchanged" in said and device.hooks() == []
    assert server.client.get("/jobs/current").problem() == "not-found"


def test_push_asks_and_nobody_there_means_no(server, device: Device, backup_file: Path) -> None:
    gmi("push", server.url, backup_file, expect="cancelled")
    assert server.client.get("/jobs/current").problem() == "not-found"


def test_a_running_program_refuses_pull_and_push(server, device: Device, backup_file: Path,
                                                 tmp_path: Path) -> None:
    device.program("start", "Measure")
    try:
        assert "Measure" in gmi("pull", server.url, "-o", tmp_path / "a.gmi", expect="program-running").stderr
        assert "Measure" in gmi("push", server.url, backup_file, "--yes", expect="program-running").stderr
    finally:
        device.program("stop")
    assert not (tmp_path / "a.gmi").exists()


def test_nobody_at_the_address_is_told(tmp_path: Path, backup_file: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        gmi("pull", url, "-o", tmp_path / "a.gmi", expect="client")
        gmi("push", url, backup_file, "--yes", expect="client")
    assert "is no address" in gmi("pull", "10.20.30.40", expect="usage").stderr
    assert list(tmp_path.glob("a.gmi*")) == []


class Liar(http.server.BaseHTTPRequestHandler):
    """Calls itself a device: impossible figures, a log that steers a terminal, and no file."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({
            "id": "1", "download": "/file", "fileName": "x.gmi",
            "state": "failed" if self.command == "GET" else "running", "phase": "read", "done": 10 ** 15,
            "total": 1, "log": [{"text": "\x1b]0;steered\x07\x9b31m"}],
            "problem": {"type": "urn:gmi:problem:system", "detail": "No\x1b[2J.", "next": "Go\x1b[2J."}})
        self.send_response(500 if self.path == "/file" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = answer

    def log_message(self, *words: object) -> None:
        pass


def test_a_device_that_lies_neither_crashes_gmi_nor_steers_the_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar) as liar:
        threading.Thread(target=liar.serve_forever, daemon=True).start()
        running = subprocess.Popen([str(BUILD / "src/cli/gmi"), "pull", f"http://127.0.0.1:{liar.server_port}/",
                                    "-o", str(tmp_path / "a.gmi")], env=environment(), stderr=theirs)
        code = running.wait(PATIENCE)
        liar.shutdown()
    said = os.read(ours, 1 << 16).decode()
    os.close(theirs)
    os.close(ours)
    check_no_report(said, code)
    assert code == 1 and "100 %  1 B of 1 B" in said and "Go [2J." in said
    # Nothing but our own way to clear the line.
    assert not re.search(r"[\x1b\x07\x80-\x9f]", said.replace("\x1b[K", ""))
    assert list(tmp_path.iterdir()) == []
