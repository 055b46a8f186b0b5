"""A whole restore over HTTP: the device pulls ranges, a client serves them; well, badly, twice, in parallel."""

import json
import threading
from pathlib import Path

import pytest

from client import API, JSON, RAW, Client
from device import Device
from programs import gmi, wait_for


@pytest.fixture
def server(changed: Device, start):
    """Of a device that has lived on since the backup."""
    return start(changed)


@pytest.fixture
def client(server) -> Client:
    return server.client


def test_the_old_device_comes_back(client: Client, changed: Device, pristine: Device, is_back, backup: bytes,
                                   tmp_path: Path) -> None:
    job = client.restore(backup)
    assert (job["state"], job["device"], job["problem"]) == ("succeeded", "restored", None)
    assert is_back(changed) and changed.flash.read_bytes() == pristine.flash.read_bytes()
    changed.check_filesystems(tmp_path)
    assert changed.all_files(tmp_path / "now") == pristine.all_files(tmp_path / "then")
    assert job["moved"] < len(backup) and job["summary"]["bytesVerified"] == job["summary"]["bytesChanged"]


def test_after_a_restore_the_restart_is_offered_and_done(client: Client, changed: Device, backup: bytes) -> None:
    client.restore(backup)
    assert client.get("/device").json()["needsRestart"] is True
    answer = client.post("/restart")
    assert answer.status == 202 and changed.hooks() == ["quiesce", "restart"]
    assert client.get("/device").json()["needsRestart"] is False


def test_a_second_restore_writes_nothing_and_needs_no_restart(client: Client, changed: Device,
                                                              backup: bytes) -> None:
    client.restore(backup)
    client.post("/restart")
    after = changed.hash()
    summary = client.restore(backup)["summary"]
    assert summary["bytesCompared"] > 0
    assert summary["bytesWritten"] == summary["bytesDiscarded"] == summary["bytesVerified"] == 0
    assert changed.hash() == after and client.get("/device").json()["needsRestart"] is False


def test_a_backup_made_over_http_comes_back_over_http(device: Device, start, is_back) -> None:
    client = start(device).client
    data = client.backup()
    device.change("--percent", "30")
    assert client.restore(data)["state"] == "succeeded" and is_back(device)


def test_the_job_shows_the_file_that_was_offered(client: Client, backup: bytes) -> None:
    job = client.begin_restore(backup, "Sicherung März <b>.gmi")
    assert (job["fileName"], job["fileLength"]) == ("Sicherung März <b>.gmi", len(backup))
    client.serve(job["id"], backup)


def test_ranges_may_come_in_any_order_and_in_parallel(client: Client, changed: Device, is_back,
                                                      backup: bytes) -> None:
    job = client.begin_restore(backup)["id"]
    clients = [threading.Thread(target=client.serve, args=(job, backup)) for _ in range(4)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert client.ended(job)["state"] == "succeeded" and is_back(changed)


def test_a_range_that_comes_twice_is_refused_the_second_time(client: Client, changed: Device, is_back,
                                                             backup: bytes) -> None:
    job = client.begin_restore(backup)["id"]
    part = client.first_range(job)
    at, data = part["offset"], backup[part["offset"]:part["offset"] + part["length"]]
    assert client.put(job, at, data).status == 204
    assert client.put(job, at, data).problem() == "client"
    client.serve(job, backup)
    assert client.ended(job)["state"] == "succeeded" and is_back(changed)


def test_what_is_not_wanted_is_refused_and_does_no_harm(client: Client, changed: Device, is_back,
                                                        backup: bytes) -> None:
    job = client.begin_restore(backup)["id"]
    part = client.first_range(job)
    at, length = part["offset"], part["length"]
    for offset, data in ((at, b"x" * (length - 1)), (at, b"x" * (length + 1)), (at + 1, b"x" * length),
                         (0, b"x"), (len(backup), b"x"), (10**18 - 1, b"x")):
        assert client.put(job, offset, data).problem() == "client", offset
    for query in ("", "?offset=", "?offset=-1", "?offset=1e3", f"?offset={2**64}", "?offset=0x10"):
        answer = client.request("PUT", f"{API}/jobs/{job}/bytes{query}", b"x", RAW)
        assert answer.problem() == "usage", query
    client.put(job, at, backup[at:at + length])
    client.serve(job, backup)
    assert client.ended(job)["state"] == "succeeded" and is_back(changed)


def test_a_body_that_breaks_off_is_wanted_again(client: Client, changed: Device, is_back,
                                                backup: bytes) -> None:
    job = client.begin_restore(backup)["id"]
    part = client.first_range(job)
    broken = client.socket()
    broken.sendall(f"PUT {API}/jobs/{job}/bytes?offset={part['offset']} HTTP/1.1\r\nHost: x\r\n"
                   f"Content-Type: application/octet-stream\r\nContent-Length: {part['length']}\r\n\r\n"
                   .encode() + b"x" * (part["length"] // 2))
    broken.close()
    assert client.first_range(job) == part
    client.put(job, part["offset"], backup[part["offset"]:part["offset"] + part["length"]])
    client.serve(job, backup)
    assert client.ended(job)["state"] == "succeeded" and is_back(changed)


def test_wrong_bytes_of_a_right_length_are_found_before_anything_is_written(client: Client, changed: Device,
                                                                            backup: bytes) -> None:
    before = changed.hash()
    altered = bytearray(backup)
    for at in range(len(backup) // 10, len(backup) * 9 // 10, 4096):
        altered[at] ^= 1
    job = client.restore(bytes(altered))
    assert job["state"] == "failed" and job["problem"]["type"].endswith(":damaged")
    assert job["device"] == "unchanged" and changed.hash() == before
    assert changed.hooks() == ["quiesce", "release"]


def test_a_reloaded_page_offers_the_same_file_and_goes_on(client: Client, changed: Device, is_back,
                                                          backup: bytes) -> None:
    job = client.begin_restore(backup)["id"]
    client.serve(job, backup, until=lambda: client.job(job)["phase"] == "compare")
    client.wanted(job)  # handed out to a page that is gone
    offered = client.offer_again(job, backup)
    assert offered.status == 200 and offered.json()["id"] == job
    client.serve(job, backup)
    assert client.ended(job)["state"] == "succeeded" and is_back(changed)


def test_another_file_is_not_taken_for_the_one_that_was_begun(client: Client, changed: Device, is_back,
                                                              backup: bytes) -> None:
    job = client.begin_restore(backup)["id"]
    client.serve(job, backup, until=lambda: client.job(job)["phase"] == "compare")
    shorter = client.offer_again(job, backup[:-1])
    assert shorter.problem() == "conflict" and "not the file" in shorter.json()["detail"]
    client.offer_again(job, backup)
    part = client.first_range(job)
    client.put(job, part["offset"], b"x" * part["length"])
    assert client.get(f"/jobs/{job}/wanted").problem() == "conflict"
    assert client.job(job)["waitingForClient"] is True
    client.offer_again(job, backup)
    client.serve(job, backup)
    assert client.ended(job)["state"] == "succeeded" and is_back(changed)


def test_a_client_that_never_comes_is_given_up(changed: Device, start, backup: bytes) -> None:
    changed.configure("service", client_wait=1)
    before, client = changed.hash(), start(changed).client
    client.begin_restore(backup)
    job = client.ended()
    assert job["state"] == "failed" and job["problem"]["type"].endswith(":client")
    assert job["device"] == "unchanged" and changed.hash() == before and changed.hooks() == []


def test_a_client_that_goes_while_it_is_compared_leaves_the_device_unchanged(changed: Device, start,
                                                                             backup: bytes) -> None:
    changed.configure("service", client_wait=1)
    before, client = changed.hash(), start(changed).client
    job = client.begin_restore(backup)["id"]
    client.serve(job, backup, until=lambda: client.job(job)["phase"] == "compare")
    ended = client.ended(job)
    assert ended["state"] == "failed" and ended["device"] == "unchanged" and changed.hash() == before
    wait_for(lambda: changed.hooks() == ["quiesce", "release"], "the device is released")


def test_a_client_that_goes_while_it_is_written_leaves_it_incomplete_and_can_repeat(
        changed: Device, start, is_back, backup: bytes) -> None:
    changed.configure("service", client_wait=4)  # long enough for the restore that has to succeed
    client = start(changed).client
    job = client.begin_restore(backup)["id"]
    client.serve(job, backup, until=lambda: client.job(job)["device"] == "incomplete")
    ended = client.ended(job)
    assert ended["state"] == "failed" and ended["device"] == "incomplete"
    assert "Repeat the restore" in ended["problem"]["next"]
    assert client.get("/device").json()["needsRestart"] is True
    # Its services stay stopped: what they hold in memory belongs to disks that are no more.
    assert changed.hooks() == ["quiesce"]
    assert client.restore(backup)["state"] == "succeeded" and is_back(changed)


def test_killed_in_the_middle_of_a_restore_the_device_comes_back_by_another(server, changed: Device, start,
                                                                           is_back, backup: bytes) -> None:
    job = server.client.begin_restore(backup)["id"]
    server.client.serve(job, backup, until=lambda: server.client.job(job)["device"] == "incomplete")
    server.kill()
    assert not is_back(changed)
    assert start(changed).client.restore(backup)["state"] == "succeeded" and is_back(changed)


@pytest.mark.parametrize("phase, hooks", [("prepare", []), ("compare", ["quiesce", "release"])])
def test_told_to_stop_before_anything_is_written_it_releases_the_device(
        phase: str, hooks: list[str], server, changed: Device, backup: bytes) -> None:
    before, client = changed.hash(), server.client
    job = client.begin_restore(backup)["id"]
    client.serve(job, backup, until=lambda: client.job(job)["phase"] == phase)
    server.stop()
    assert changed.hash() == before and changed.hooks() == hooks


def test_told_to_stop_while_it_writes_it_ends_and_another_goes_on(server, changed: Device, start, is_back,
                                                                  backup: bytes) -> None:
    client = server.client
    job = client.begin_restore(backup)["id"]
    client.serve(job, backup, until=lambda: client.job(job)["device"] == "incomplete")
    server.stop()
    assert start(changed).client.restore(backup)["state"] == "succeeded" and is_back(changed)


def test_while_a_restore_runs_nothing_else_starts(client: Client, changed: Device, backup: bytes,
                                                  backup_file: Path) -> None:
    job = client.begin_restore(backup)
    for path, body in (("/backups", {}), ("/restart", {}), ("/restores", {"fileName": "x", "fileLength": 1})):
        assert client.post(path, body).problem() == "job-running"
    client.serve(job["id"], backup, until=lambda: client.job()["phase"] == "compare")
    gmi("restore", "--profile", changed.profile, backup_file, "--yes", expect="job-running")
    client.offer_again(job["id"], backup)
    client.serve(job["id"], backup)
    assert client.ended()["state"] == "succeeded"


def test_bytes_for_a_job_that_has_ended_or_is_a_backup_are_refused(client: Client, backup: bytes) -> None:
    assert client.put("1", 0, b"x").problem() == "not-found"
    job = client.restore(backup)["id"]
    assert client.put(job, 0, b"x").problem() == "client"
    assert client.wanted(job)["ranges"] == []
    client.post("/restart")
    running = client.begin_backup()
    for path in ("wanted", "bytes?offset=0"):
        answer = client.put(running["id"], 0, b"x") if path[0] == "b" else \
            client.get(f"/jobs/{running['id']}/{path}")
        assert answer.problem() == "conflict"
    offer = {"fileName": "x", "fileLength": 1}
    assert client.post(f"/jobs/{running['id']}/source", offer).problem() == "conflict"


def test_a_long_name_of_a_file_is_cut_between_its_characters(client: Client) -> None:
    job = client.post("/restores", {"fileName": "\u8a66" * 100, "fileLength": 5}).json()
    assert job["fileName"] == "\u8a66" * 85
    client.put(job["id"], 0, b"hello")
    assert client.ended()["problem"]["type"].endswith(":not-gmi")


@pytest.mark.parametrize("body", [
    {}, {"fileName": "a.gmi"}, {"fileLength": 5}, {"fileName": "", "fileLength": 5},
    {"fileName": 5, "fileLength": 5}, {"fileName": "a", "fileLength": -1}, {"fileName": "a", "fileLength": "5"},
    {"fileName": "a", "fileLength": 1.5}, {"fileName": "a", "fileLength": 2**64}, [], "text", 5, None,
])
def test_an_offer_that_makes_no_sense_is_refused(body: object, client: Client) -> None:
    answer = client.request("POST", f"{API}/restores", json.dumps(body).encode(), JSON)
    assert answer.problem() == "usage" and answer.status == 400
