"""The HTTP interface itself: methods, types, foreign pages, bodies that lie, events, and the files of the page."""

import json
import socket
import subprocess
import threading

import pytest

from client import API, JSON, Client
from device import Device
from programs import BUILD, EXIT, PATIENCE, Gmid, environment


@pytest.fixture(scope="module")
def calm(pristine: Device, tmp_path_factory: pytest.TempPathFactory):
    """One gmid for all tests here whose requests must start nothing."""
    device = pristine.copy(tmp_path_factory.mktemp("calm"))
    server = Gmid(device.profile)
    yield Client(server.url)
    server.stop()
    assert device.hooks() == [], "something was started"


def raw(client: Client, request: bytes, ends: bool = False) -> bytes:
    """Sends bytes as they are, and nothing more if it ends; returns the answer until the other side closes."""
    connection = client.socket()
    connection.sendall(request)
    if ends:
        connection.shutdown(socket.SHUT_WR)
    answer = b""
    try:
        while part := connection.recv(65536):
            answer += part
    except ConnectionResetError:
        pass
    connection.close()
    return answer


def head(method: str, path: str, *headers: str) -> bytes:
    first = [f"{method} {API}{path} HTTP/1.1", "Host: device", "Connection: close"]
    return "\r\n".join([*first, *headers, "", ""]).encode()


# ---- methods and paths ----

@pytest.mark.parametrize("method, path, allow", [
    ("POST", "/device", "GET"), ("DELETE", "/jobs/1", "GET"), ("GET", "/backups", "POST"),
    ("PUT", "/restores", "POST"), ("PATCH", "/restart", "POST"), ("GET", "/jobs/current/bytes", "PUT"),
    ("POST", "/jobs/current/wanted", "GET"), ("OPTIONS", "/backups", "POST"),
])
def test_a_wrong_method_is_answered_with_the_right_one(method: str, path: str, allow: str, calm: Client) -> None:
    answer = calm.request(method, API + path, b"{}" if method in ("POST", "PUT", "PATCH") else None, JSON)
    assert answer.status == 405 and answer.problem() == "usage" and allow in answer.headers["Allow"]


@pytest.mark.parametrize("path", [
    "/api", "/api/v1", "/api/v1/", "/api/v2/device", "/api/v1/device/", "/api/v1/jobs", "/api/v1/jobs/",
    "/api/v1/jobs/0", "/api/v1/jobs/01", "/api/v1/jobs/-1", "/api/v1/jobs/1x", "/api/v1/jobs/99999999999999999999",
    "/api/v1/jobs/7", "/api/v1/jobs/current", "/api/v1/jobs/currently", "/nothing", "/index.htm",
])
def test_what_is_not_there_is_not_found(path: str, calm: Client) -> None:
    answer = calm.request("GET", path)
    assert answer.status == 404 and answer.problem() == "not-found"


@pytest.mark.parametrize("path", [
    "/../../../../etc/passwd", "/..%2f..%2f..%2fetc%2fpasswd", "/%2e%2e/profile.ini", "//etc/passwd",
    "/page/../../profile.ini", "/profile.ini", "/disk.img", "/index.html%00.js", "/\\..\\x",
])
def test_no_path_leads_out_of_the_page(path: str, calm: Client) -> None:
    answer = calm.request("GET", path)
    assert answer.status in (400, 404) and b"root:" not in answer.body


def test_the_page_is_served_with_its_fences_and_is_cached_by_its_tag(calm: Client) -> None:
    answer = calm.request("GET", "/")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY" and answer.headers["X-Content-Type-Options"] == "nosniff"
    again = calm.request("GET", "/", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304 and again.body == b""
    assert calm.request("POST", "/", b"{}", JSON).status == 405


@pytest.mark.parametrize("path", ["/", API + "/device"])
def test_head_is_get_without_a_body(path: str, calm: Client) -> None:
    got, asked = calm.request("GET", path), calm.request("HEAD", path)
    assert asked.status == got.status == 200 and asked.body == b"" and got.body
    assert asked.headers["Content-Type"] == got.headers["Content-Type"]


# ---- who may ask ----

@pytest.mark.parametrize("path", ["/backups", "/restores", "/restart"])
def test_a_page_of_another_site_starts_nothing(path: str, calm: Client) -> None:
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{calm.port + 1}"):
        answer = calm.request("POST", API + path, b"{}", {**JSON, "Origin": origin})
        assert answer.problem() == "usage" and "another site" in answer.json()["detail"]


def test_the_page_itself_may(client: Client) -> None:
    own = {**JSON, "Origin": f"http://127.0.0.1:{client.port}"}
    assert client.request("POST", f"{API}/backups", b"{}", own).status == 201


@pytest.mark.parametrize("kind", [
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/octet-stream",
    None,
])
def test_a_form_of_another_site_starts_nothing(kind: str | None, calm: Client) -> None:
    answer = calm.request("POST", f"{API}/backups", b"{}", {"Content-Type": kind} if kind else {})
    assert answer.problem() == "usage"


def test_bytes_have_to_be_bytes(client: Client, backup: bytes) -> None:
    job = client.begin_restore(backup)["id"]
    assert client.request("PUT", f"{API}/jobs/{job}/bytes?offset=0", b"x", JSON).problem() == "usage"


# ---- bodies ----

@pytest.mark.parametrize("body", [b"{", b"[]", b"5", b"null", b'"x"', b'{"level": 1} x', b"\xff\xfe", b"\0",
                                  b'{"level": 1, "level": 2}', b"[" * 60_000], ids=lambda body: str(body[:12]))
def test_json_that_is_no_object_is_refused(body: bytes, calm: Client) -> None:
    answer = calm.request("POST", f"{API}/backups", body, JSON)
    assert answer.status == 400 and answer.problem() == "usage"


@pytest.mark.parametrize("length, sent", [((64 << 10) + 1, (64 << 10) + 1), (3 << 20, 3 << 20), (64 << 20, 0),
                                          (1 << 40, 0)])
def test_a_body_longer_than_makes_sense_is_refused(length: int, sent: int, calm: Client) -> None:
    """A long one is read and thrown away so that the answer is heard; a very long one is answered at once."""
    begun = head("POST", "/backups", "Content-Type: application/json", f"Content-Length: {length}")
    answer = raw(calm, begun + b" " * sent)
    assert answer.startswith(b"HTTP/1.1 400 ") and b"urn:gmi:problem:usage" in answer


def test_a_body_that_ends_before_its_length_starts_nothing(calm: Client) -> None:
    raw(calm, head("POST", "/backups", "Content-Type: application/json", "Content-Length: 20") + b"{}", ends=True)
    assert calm.get("/jobs/current").problem() == "not-found"


def test_a_body_in_chunks_is_read_like_another_and_has_the_same_limit(client: Client, device: Device) -> None:
    begun = head("POST", "/backups", "Content-Type: application/json", "Transfer-Encoding: chunked")
    assert raw(client, begun + b"2\r\n{}\r\n0\r\n\r\n").startswith(b"HTTP/1.1 201 ")
    client.request("GET", client.job()["download"])
    client.ended()
    assert raw(client, begun + b"20000\r\n" + b" " * 0x20000 + b"\r\n0\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert device.hooks() == ["quiesce", "release"]


def test_bytes_in_chunks_are_refused_because_their_length_is_not_known(client: Client, backup: bytes) -> None:
    job = client.begin_restore(backup)["id"]
    part = client.first_range(job)
    begun = head("PUT", f"/jobs/{job}/bytes?offset={part['offset']}", "Content-Type: application/octet-stream",
                 "Transfer-Encoding: chunked")
    assert raw(client, begun + b"1\r\nx\r\n0\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    client.offer_again(job, backup)
    client.serve(job, backup)
    assert client.ended(job)["state"] == "succeeded"


def test_more_bytes_than_announced_are_no_part_of_the_body(client: Client, backup: bytes) -> None:
    job = client.begin_restore(backup)["id"]
    part = client.first_range(job)
    at, length = part["offset"], part["length"]
    begun = head("PUT", f"/jobs/{job}/bytes?offset={at}", "Content-Type: application/octet-stream",
                 f"Content-Length: {length}")
    assert raw(client, begun + backup[at:at + length] + b"GARBAGE" * 100).startswith(b"HTTP/1.1 204 ")
    client.serve(job, backup)
    assert client.ended(job)["state"] == "succeeded"


@pytest.mark.parametrize("request_bytes", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"\r\n" * 50, b"GET / HTTP/9.9\r\n\r\n",
    b"POST /api/v1/backups HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}",
    b"POST /api/v1/backups HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: x\r\n\r\n{}",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
], ids=["TLS", "no path", "nothing", "HTTP of the future", "length -1", "length x", "long path", "many headers"])
def test_what_is_no_http_starts_nothing_and_ends_the_connection(request_bytes: bytes, calm: Client) -> None:
    raw(calm, request_bytes, ends=True)
    assert calm.get("/device").status == 200


# ---- events ----

def events(client: Client, job: str, last: str | None = None) -> list[tuple[str, str, dict]]:
    """All events of a job until its end: id, name, data."""
    answer = client.get(f"/jobs/{job}/events", **({"Last_Event_ID": last} if last is not None else {}))
    assert answer.headers["Content-Type"] == "text/event-stream"
    found = []
    for block in answer.body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


def test_events_tell_the_whole_log_and_the_end(client: Client) -> None:
    client.backup()
    job = client.job()
    told = events(client, job["id"])
    lines = [(number, data) for number, name, data in told if name == "log"]
    assert [data for _, data in lines] == job["log"]
    assert [number for number, _ in lines] == [str(line["n"]) for line in job["log"]]
    assert told[-1][1] == "end" and told[-1][2]["state"] == "succeeded"


@pytest.mark.parametrize("last, first", [("0", 1), ("2", 3), ("99999", None), ("x", 1), ("-1", 1),
                                         ("4294967296", 1), ("", 1)])
def test_events_go_on_behind_the_last_one_that_was_seen(last: str, first: int | None, client: Client) -> None:
    client.backup()
    lines = [data["n"] for _, name, data in events(client, "current", last) if name == "log"]
    assert lines[:1] == ([first] if first else [])


def test_events_that_are_listened_to_from_the_start_come_as_they_happen(client: Client, device: Device) -> None:
    job = client.begin_backup()
    heard: list = []
    listeners = [threading.Thread(target=lambda: heard.append(events(client, job["id"]))) for _ in range(3)]
    for listener in listeners:
        listener.start()
    client.request("GET", job["download"])
    for listener in listeners:
        listener.join()
    assert len(heard) == 3 and all(told[-1][2]["state"] == "succeeded" for told in heard)
    assert len({json.dumps([data for _, name, data in told if name == "log"]) for told in heard}) == 1


def test_events_end_when_gmid_does(device: Device, start) -> None:
    server = start(device)
    job = server.client.begin_backup()
    listener = server.client.socket()
    listener.sendall(head("GET", f"/jobs/{job['id']}/events"))
    assert listener.recv(65536).startswith(b"HTTP/1.1 200 ")
    server.stop()
    while listener.recv(65536):
        pass
    assert device.hooks() == ["quiesce", "release"]


@pytest.mark.parametrize("listen", ["127.0.0.1:65536", "127.0.0.1:99999", "127.0.0.1:", "127.0.0.1:-1", "127.0.0.1"])
def test_a_port_that_is_none_is_refused(listen: str, device: Device) -> None:
    done = subprocess.run([str(BUILD / "src/gmid/gmid"), "--profile", str(device.profile), "--listen", listen],
                          capture_output=True, timeout=PATIENCE, env=environment())
    assert done.returncode == EXIT["profile"] and b"ADDRESS:PORT is needed" in done.stderr
