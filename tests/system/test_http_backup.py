"""A whole backup over HTTP, and everything that may go wrong on its way to the computer."""

import os
import resource
import socket
import subprocess
from pathlib import Path

import pytest

from client import API, JSON, Client
from device import Device
from gmi_reader import GmiFile
from programs import PATIENCE, environment, gmi, wait_for


def released(device: Device) -> bool:
    return device.hooks() == ["quiesce", "release"]


def ask_for(client: Client, path: str) -> socket.socket:
    """A request whose answer the test reads as slowly as it likes."""
    connection = client.socket()
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection


def test_the_device_says_what_it_is_and_what_a_backup_will_take(client: Client, device: Device) -> None:
    told = client.get("/device").json()
    assert (told["id"], told["model"], told["software"]) == ("bb2241039", "BactoBox (virtual)", "v2026.02")
    assert told["totalBytes"] == device.disk.stat().st_size + device.flash.stat().st_size
    assert 0 < told["usedBytes"] < told["totalBytes"] and told["estimate"]["fileBytes"] > 0
    assert told["program"] is None and told["job"] is None and told["needsRestart"] is False


def test_a_backup_is_downloaded_and_is_what_the_command_line_makes(client: Client, device: Device, is_back,
                                                                   tmp_path: Path, reader: GmiFile) -> None:
    (tmp_path / "a.gmi").write_bytes(client.backup())
    ours = GmiFile(tmp_path / "a.gmi")
    assert [v.hashes for v in ours.volumes.values()] == [v.hashes for v in reader.volumes.values()]
    gmi("verify", tmp_path / "a.gmi")
    assert released(device)


def test_the_download_has_the_files_name_and_type(client: Client) -> None:
    job = client.begin_backup()
    head = client.request("HEAD", job["download"])
    answer = client.request("GET", job["download"])
    for headers in (head.headers, answer.headers):
        assert headers["Content-Type"] == "application/vnd.sbt.gmi+zip"
        assert headers["Content-Disposition"] == f'attachment; filename="{job["fileName"]}"'
        assert headers["Cache-Control"] == "no-store"
    assert head.body == b"" and answer.body[30:38] == b"mimetype"


def test_the_job_tells_how_it_went(client: Client) -> None:
    length = len(client.backup(level=3))
    job = client.job()
    assert (job["kind"], job["state"], job["problem"], job["device"]) == ("backup", "succeeded", None, "unchanged")
    assert job["done"] == job["total"] > 0 and job["summary"]["fileBytes"] == length
    assert any("data" in line["text"] for line in job["log"])
    assert [line["n"] for line in job["log"]] == list(range(1, len(job["log"]) + 1))


def test_a_backup_can_be_sent_once(client: Client) -> None:
    job = client.begin_backup()
    first = ask_for(client, job["download"])
    first.recv(1000)
    assert client.request("GET", job["download"]).problem() == "conflict"
    first.close()
    client.ended()
    assert client.request("GET", job["download"]).problem() == "conflict"


def test_all_blocks_can_be_asked_for(client: Client, device: Device, tmp_path: Path) -> None:
    (tmp_path / "a.gmi").write_bytes(client.backup(allBlocks=True))
    assert GmiFile(tmp_path / "a.gmi").manifest["all_blocks"] is True


def test_while_a_backup_runs_nothing_else_starts(client: Client, device: Device, backup: bytes) -> None:
    job = client.begin_backup()
    for refused in (client.post("/backups"), client.post("/restart"),
                    client.post("/restores", {"fileName": "a.gmi", "fileLength": len(backup)})):
        assert refused.problem() == "job-running" and refused.status == 409
        assert refused.json().get("job") == job["id"]
    client.request("GET", job["download"])
    assert client.ended()["state"] == "succeeded" and released(device)


def test_a_running_program_refuses_both_jobs_and_is_named(client: Client, device: Device, backup: bytes) -> None:
    device.program("start", "Measure")
    before = device.hash()
    try:
        for refused in (client.post("/backups"),
                        client.post("/restores", {"fileName": "a.gmi", "fileLength": len(backup)})):
            assert refused.problem() == "program-running" and refused.status == 409
            assert refused.json()["program"] == "Measure" and "Measure" in refused.json()["detail"]
        wait_for(lambda: client.get("/device").json()["program"] == "Measure", "the page sees it")
    finally:
        device.program("stop")
    assert device.hooks() == [] and device.hash() == before
    client.backup()


def test_a_download_that_nobody_begins_ends_and_releases(device: Device, start) -> None:
    device.configure("service", client_wait=1)
    client = start(device).client
    client.begin_backup()
    job = client.ended()
    assert job["state"] == "failed" and job["problem"]["type"].endswith(":client")
    assert "did not begin" in job["problem"]["detail"] and released(device)


def big(device: Device) -> None:
    """More than all buffers between device and client hold."""
    image = device.folder / "more.img"
    image.write_bytes(os.urandom(1 << 20) * 24)
    device.configure("disk more", path=image)


def test_a_client_that_stalls_is_given_up_and_the_device_released(device: Device, start) -> None:
    big(device)
    device.configure("service", client_wait=2)
    client = start(device).client
    job = client.begin_backup()
    stalled = ask_for(client, job["download"])
    stalled.recv(1000)
    job = client.ended()
    assert job["state"] == "failed" and "has not moved" in job["problem"]["detail"]
    assert released(device)
    # It comes back too late: it gets what was on its way, and the end is no proper one.
    last = b""
    while part := stalled.recv(1 << 16):
        last = (last + part)[-5:]
    assert last != b"0\r\n\r\n"
    stalled.close()
    client.backup()


def test_a_client_that_vanishes_ends_the_job_and_releases_the_device(device: Device, start) -> None:
    big(device)
    client = start(device).client
    job = client.begin_backup()
    gone = ask_for(client, job["download"])
    gone.recv(1000)
    gone.close()
    job = client.ended()
    assert job["state"] == "failed" and "broke off" in job["problem"]["detail"]
    assert "Throw the unfinished file away" in job["problem"]["next"]
    assert released(device)


def test_a_full_disk_on_the_computer_ends_the_job_and_releases_the_device(device: Device, start) -> None:
    """curl as the browser; /dev/full as its disk, which refuses the first byte that is flushed."""
    big(device)
    client = start(device).client
    job = client.begin_backup()
    done = subprocess.run(["curl", "-sS", "-o", "/dev/full", f"http://127.0.0.1:{client.port}{job['download']}"],
                          capture_output=True, timeout=PATIENCE, env=environment())
    assert done.returncode == 23  # CURLE_WRITE_ERROR
    assert client.ended()["state"] == "failed" and released(device)


def test_a_download_cut_short_is_no_whole_answer(device: Device, start) -> None:
    """SIGTERM in its middle: the client must not take what it has for a file."""
    big(device)
    server = start(device)
    job = server.client.begin_backup()
    running = ask_for(server.client, job["download"])
    data = running.recv(1000)
    server.stop()
    assert released(device)
    try:
        while part := running.recv(1 << 20):
            data += part
    except ConnectionResetError:
        pass
    assert b"Transfer-Encoding: chunked" in data and not data.endswith(b"\r\n0\r\n\r\n")


def test_more_than_a_thousand_idle_connections_do_not_disturb_a_backup(device: Device, start) -> None:
    """Where a process has 1,024 descriptors unless it asks for more, as on most systems."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    server = start(device, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard)))
    idle = [server.client.socket() for _ in range(1100)]
    try:
        descriptors = Path(f"/proc/{server.process.pid}/fd")
        wait_for(lambda: len(list(descriptors.iterdir())) > 1100, "all are connected")
        assert len(server.client.backup()) > 1 << 20 and released(device)
    finally:
        for connection in idle:
            connection.close()


def test_idle_connections_are_closed_in_the_end(client: Client) -> None:
    idle = client.socket()
    assert idle.recv(1) == b""


@pytest.mark.parametrize("body", [{"level": 0}, {"level": 20}, {"level": "1"}, {"level": 1.5}, {"allBlocks": 1}])
def test_options_that_make_no_sense_are_refused(body: dict, client: Client, device: Device) -> None:
    assert client.post("/backups", body).problem() == "usage"
    assert device.hooks() == []


def test_a_body_is_not_needed(client: Client) -> None:
    assert client.request("POST", f"{API}/backups", b"", JSON).status == 201


def test_a_hook_that_fails_is_the_answer(device: Device, start) -> None:
    device.configure("hooks", quiesce="echo the pump is stuck; exit 7")
    refused = start(device).client.post("/backups")
    assert refused.problem() == "hook" and refused.status == 500
    assert "the pump is stuck" in refused.json()["detail"] and device.hooks() == ["release"]


def test_that_everything_has_been_read_is_said_after_every_volume(client: Client) -> None:
    """The device is so small that all is read before the first byte is taken."""
    client.backup()
    said = [line["text"] for line in client.job()["log"]]
    reading = [number for number, line in enumerate(said) if line.startswith("Reading ")]
    assert len(reading) == 7 and reading[-1] < said.index("Everything has been read; the device works again")
