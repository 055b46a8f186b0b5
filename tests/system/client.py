"""A small client of gmid's HTTP interface (docs/openapi.yaml): what a browser's page does, in Python."""

import http.client
import json
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from programs import PATIENCE, wait_for

API = "/api/v1"
JSON = {"Content-Type": "application/json"}
RAW = {"Content-Type": "application/octet-stream"}
PROBLEM = "urn:gmi:problem:"


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> dict:
        return json.loads(self.body)

    def problem(self) -> str:
        """The problem's short type; checks that it is a whole RFC 9457 problem."""
        assert self.headers["Content-Type"] == "application/problem+json", (self.status, self.body)
        problem = self.json()
        assert problem["status"] == self.status
        assert problem["type"].startswith(PROBLEM)
        assert problem["title"] and problem["detail"].endswith(".") and problem["next"]
        return problem["type"].removeprefix(PROBLEM)


class Client:
    def __init__(self, url: str) -> None:
        self.host, self.port = urlsplit(url).hostname, urlsplit(url).port

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)

    def socket(self) -> socket.socket:
        """For those who break the protocol."""
        return socket.create_connection((self.host, self.port), timeout=PATIENCE)

    def request(self, method: str, path: str, body: bytes | None = None,
                headers: dict[str, str] | None = None) -> Answer:
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", API + path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path: str, body: object = None) -> Answer:
        return self.request("POST", API + path, json.dumps(body if body is not None else {}).encode(), JSON)

    def put(self, job: str, offset: int, data: bytes) -> Answer:
        return self.request("PUT", f"{API}/jobs/{job}/bytes?offset={offset}", data, RAW)

    # ---- jobs ----

    def begin_backup(self, **options: object) -> dict:
        answer = self.post("/backups", options)
        assert answer.status == 201, answer.body
        assert answer.headers["Location"] == f"{API}/jobs/{answer.json()['id']}"
        return answer.json()

    def begin_restore(self, data: bytes, name: str = "backup.gmi") -> dict:
        answer = self.post("/restores", {"fileName": name, "fileLength": len(data)})
        assert answer.status == 201, answer.body
        return answer.json()

    def offer_again(self, job: str, data: bytes) -> Answer:
        """As a page that was reloaded."""
        return self.post(f"/jobs/{job}/source", {"fileName": "again.gmi", "fileLength": len(data)})

    def job(self, job: str = "current") -> dict:
        return self.get(f"/jobs/{job}").json()

    def ended(self, job: str = "current") -> dict:
        """Waits until the job has ended."""
        return wait_for(lambda: (now := self.job(job))["state"] != "running" and now, f"job {job} ends")

    def wanted(self, job: str, wait: int = 5) -> dict:
        answer = self.get(f"/jobs/{job}/wanted?wait={wait}")
        assert answer.status == 200, answer.body
        return answer.json()

    def backup(self, **options: object) -> bytes:
        """A whole backup."""
        job = self.begin_backup(**options)
        answer = self.request("GET", job["download"])
        assert answer.status == 200, answer.body
        assert self.ended(job["id"])["state"] == "succeeded"
        return answer.body

    def request_until_broken(self, path: str) -> None:
        """A download that the device cannot bring to its end."""
        connection = self.connect()
        try:
            connection.request("GET", path)
            connection.getresponse().read()
        except (http.client.HTTPException, ConnectionError):
            pass
        finally:
            connection.close()

    def first_range(self, job: str) -> dict:
        """Waits until the device wants something of the file."""
        return wait_for(lambda: self.wanted(job)["ranges"], "a range is wanted")[0]

    def serve(self, job: str, data: bytes, until=lambda: False) -> dict:
        """Sends what is wanted until the job has ended, or `until` says that this client goes away."""
        while not until():
            wanted = self.wanted(job)
            for part in wanted["ranges"]:
                if until():
                    break
                at = part["offset"]
                answer = self.put(job, at, data[at:at + part["length"]])
                assert answer.status == 204 or answer.problem() == "client", answer.body
            if wanted["state"] != "running":
                break
        return self.job(job)

    def restore(self, data: bytes, name: str = "backup.gmi") -> dict:
        """A whole restore; returns how the job ended."""
        job = self.begin_restore(data, name)["id"]
        self.serve(job, data)
        return self.ended(job)

    def refusal(self, data: bytes) -> dict:
        """The problem with which a restore fails before it touches the device."""
        job = self.restore(data)
        assert job["state"] == "failed", job
        assert job["device"] == "unchanged" and job["problem"]["device"] == "unchanged"
        return {**job["problem"], "type": job["problem"]["type"].removeprefix(PROBLEM)}
