"""The cable between browser and device: a relay that tests can hold, pull and plug in again.

With it a test is in the middle of a backup or restore because it has stopped the traffic there, not because
it was quick enough. Bytes pass unchanged. As browsers send one request at a time on a connection, the
latest request is what the answer belongs to.
"""

import re
import socket
import threading
from dataclasses import dataclass, field
from typing import Callable

CHUNK = 64 << 10
PATIENCE = 30  # seconds that a test waits for what has to happen


@dataclass
class Hold:
    """Traffic that stands still until it is released."""

    matches: Callable[[str], bool]
    after: int  # requests, or bytes of an answer, that still pass
    passed: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def lets_through(self, request: str) -> bool:
        with self.lock:
            if not self.matches(request):
                return True
            self.passed += 1
            return self.passed <= self.after

    def stop_here(self) -> None:
        self.reached.set()
        self.released.wait()

    def wait(self) -> "Hold":
        assert self.reached.wait(PATIENCE), "the traffic never came to the place where it is held"
        return self

    def release(self) -> None:
        self.released.set()


class Connection:
    def __init__(self, cable: "Cable", browser: socket.socket) -> None:
        self.cable = cable
        self.browser = browser
        self.device = socket.socket()
        # Small, so that what is held is held at the device and not in a buffer on its way.
        self.device.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)
        self.request = ""
        self.answered = 0
        self.alive = True
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        try:
            self.cable.plugged.wait()
            self.device.connect(self.cable.device)
            threading.Thread(target=self.guard, args=(self.carry_answers,), daemon=True).start()
            self.guard(self.carry_requests)
        except OSError:
            self.close()

    def guard(self, carry: Callable[[], None]) -> None:
        try:
            carry()
        except OSError:
            pass
        self.cable.plugged.wait()  # a pulled cable does not carry the end of a connection either
        self.close()

    def carry_requests(self) -> None:
        waiting = b""
        while True:
            while b"\r\n\r\n" not in waiting:
                received = self.browser.recv(CHUNK)
                if not received:
                    return
                waiting += received
            head, waiting = waiting.split(b"\r\n\r\n", 1)
            self.begin(head.split(b"\r\n", 1)[0].decode().rsplit(" ", 1)[0])
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            left = int(length[1]) if length else 0
            self.send(self.device, head + b"\r\n\r\n")
            while left > 0:
                part = waiting[:left] or self.browser.recv(min(left, CHUNK))
                if not part:
                    return
                waiting = waiting[len(part):]
                left -= len(part)
                self.send(self.device, part)

    def begin(self, request: str) -> None:
        self.request, self.answered = request, 0
        for hold in list(self.cable.request_holds):
            if not hold.lets_through(request):
                hold.stop_here()

    def carry_answers(self) -> None:
        while received := self.device.recv(CHUNK):
            self.answered += len(received)
            for hold in list(self.cable.answer_holds):
                if hold.matches(self.request) and self.answered > hold.after:
                    hold.stop_here()
            self.send(self.browser, received)

    def send(self, to: socket.socket, data: bytes) -> None:
        self.cable.plugged.wait()
        to.sendall(data)

    def close(self) -> None:
        self.alive = False
        for end in (self.browser, self.device):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


class Cable:
    def __init__(self, port: int) -> None:
        self.device = ("127.0.0.1", port)
        self.plugged = threading.Event()
        self.plugged.set()
        self.refusing = False
        self.request_holds: list[Hold] = []
        self.answer_holds: list[Hold] = []
        self.connections: list[Connection] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = "http://127.0.0.1:%d/" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                browser, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                browser.close()
                continue
            self.connections = [each for each in self.connections if each.alive]
            self.connections.append(Connection(self, browser))

    def hold_requests(self, wanted: str | Callable[[str], bool], after: int = 0) -> Hold:
        """The device hears of these requests ("PUT /api/...") only when they are released."""
        return self.add(self.request_holds, wanted, after)

    def hold_answers(self, wanted: str | Callable[[str], bool], after: int = 0) -> Hold:
        """Each answer to such a request stops after so many bytes."""
        return self.add(self.answer_holds, wanted, after)

    @staticmethod
    def add(holds: list[Hold], wanted: str | Callable[[str], bool], after: int) -> Hold:
        hold = Hold(wanted if callable(wanted) else lambda request: bool(re.search(wanted, request)), after)
        holds.append(hold)
        return hold

    def open_requests(self, pattern: str) -> int:
        """Connections whose latest request is such a one."""
        return sum(each.alive and bool(re.search(pattern, each.request)) for each in self.connections)

    def unplug(self) -> None:
        """Silence in both directions; nobody is told."""
        self.plugged.clear()

    def plug_in(self) -> None:
        self.plugged.set()

    def cut(self, pattern: str = "") -> None:
        """Breaks connections, which both ends notice."""
        for connection in self.connections:
            if re.search(pattern, connection.request):
                connection.close()

    def refuse(self) -> None:
        """As if there were no network: what is connected breaks, nothing new connects."""
        self.refusing = True
        self.cut()

    def accept_again(self) -> None:
        self.refusing = False

    def close(self) -> None:
        for hold in self.request_holds + self.answer_holds:
            hold.release()
        self.plug_in()
        self.listener.close()
        for connection in self.connections:
            connection.close()
