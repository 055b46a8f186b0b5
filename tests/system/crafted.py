"""Makes GMI files that no gmi would make: a writer of the ZIP form with a lie for every field.

Told no lie it gives the very bytes that gmi gives.
"""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass, field

DATE = 0x0021  # 1980-01-01


@dataclass
class Entry:
    name: bytes
    data: bytes
    lies: dict = field(default_factory=dict)  # of the directory: flags, method, length, offset, crc, listed
    gap: bytes = b""  # lies before the entry, in no directory


class Crafted:
    def __init__(self, backup: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(backup)) as original:
            self.entries = [Entry(name.encode(), original.read(name)) for name in original.namelist()]
        self.end_lies: dict[str, int] = {}  # count, length, offset
        self.tail = b""

    def entry(self, name: str) -> Entry:
        return next(entry for entry in self.entries if entry.name == name.encode())

    def first(self, volume: str) -> Entry:
        return next(entry for entry in self.entries if entry.name.startswith(f"volumes/{volume}/".encode()))

    # ---- changes that keep the rest consistent ----

    def set_manifest(self, text: bytes) -> "Crafted":
        self.entry("manifest.json").data = text
        index = bytearray(self.entry("index").data)
        index[16:48] = hashlib.sha256(text).digest()
        self.entry("index").data = bytes(index)
        return self

    def manifest(self, **changes: object) -> "Crafted":
        return self.set_manifest(json.dumps({**json.loads(self.entry("manifest.json").data), **changes}).encode())

    def volume(self, number: int, **changes: object) -> "Crafted":
        volumes = json.loads(self.entry("manifest.json").data)["volumes"]
        volumes[number].update(changes)
        return self.manifest(volumes=volumes)

    def index_number(self, at: int, value: int) -> "Crafted":
        """The 64-bit number that many bytes into the index."""
        index = bytearray(self.entry("index").data)
        struct.pack_into("<Q", index, at, value)
        self.entry("index").data = bytes(index)
        return self

    def frame(self, volume: str, data: bytes) -> "Crafted":
        self.first(volume).data = data
        return self

    def lie(self, name: str, **lies: object) -> "Crafted":
        self.entry(name).lies.update(lies)
        return self

    def insert(self, entry: Entry) -> "Crafted":
        """Among the chunks."""
        self.entries.insert(4, entry)
        return self

    def end(self, **lies: int) -> "Crafted":
        self.end_lies.update(lies)
        return self

    # ---- into bytes (APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16) ----

    def bytes(self) -> bytes:
        body, directory = bytearray(), bytearray()
        for entry in self.entries:
            body += entry.gap
            told = {"flags": 0, "method": 0, "crc": zlib.crc32(entry.data), "length": len(entry.data),
                    "offset": len(body), "listed": entry.name, **entry.lies}
            common = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, DATE, zlib.crc32(entry.data), len(entry.data),
                                 len(entry.data), len(entry.name), 0)
            body += b"PK\3\4" + common + entry.name + entry.data
            directory += b"PK\1\2" + struct.pack(
                "<HHHHHHIIIHHHHHII", 3 << 8 | 45, 20, told["flags"], told["method"], 0, DATE, told["crc"],
                told["length"], told["length"], len(told["listed"]), 0, 0, 0, 0, 0o100644 << 16,
                told["offset"]) + told["listed"]
        end = {"count": len(self.entries), "length": len(directory), "offset": len(body), **self.end_lies}
        return bytes(body + directory) + struct.pack(
            "<4sHHHHIIH", b"PK\5\6", 0, 0, end["count"], end["count"], end["length"], end["offset"], 0) + self.tail
