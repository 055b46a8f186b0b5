"""A second writer of GMI files, written from docs/gmi-format.md alone. Content is given, not read from disks."""

import hashlib
import json
import struct
import subprocess
import zlib

from second_reader import MEDIA_TYPE, ZERO_RUN, central_record, end_records, entry_name, local_header, zero_frame


def encode(plain: bytes) -> bytes:
    return subprocess.run(["zstd", "-1cq", "--no-check", f"--stream-size={len(plain)}"], input=plain,
                          capture_output=True, check=True).stdout


class Archive:
    def __init__(self) -> None:
        self.data, self.directory, self.count = bytearray(), bytearray(), 0

    def add(self, name: str, content: bytes) -> None:
        crc = zlib.crc32(content)
        self.directory += central_record(name, len(content), crc, len(self.data))
        self.data += local_header(name, len(content), crc) + content
        self.count += 1

    def finish(self) -> bytes:
        return bytes(self.data + self.directory + end_records(self.count, len(self.directory), len(self.data)))


def runs_of(chunks: list[bytes]) -> list[tuple[bool, list[bytes]]]:
    runs: list[tuple[bool, list[bytes]]] = []
    for chunk in chunks:
        data = any(chunk)
        if not runs or runs[-1][0] != data:
            runs.append((data, []))
        runs[-1][1].append(chunk)
    return runs


def write(manifest: dict, content: dict[str, bytes], used: dict[str, list[tuple[int, int]]],
          unreadable: dict[str, list[tuple[int, int]]] | None = None) -> bytes:
    """The volumes' content as it is stored: what is not in use or unreadable has to be zero already."""
    raw = json.dumps(manifest, indent=2).encode() + b"\n"
    archive = Archive()
    archive.add("mimetype", MEDIA_TYPE)
    archive.add("manifest.json", raw)
    index = b"GMIINDEX" + struct.pack("<II", 1, len(manifest["volumes"])) + hashlib.sha256(raw).digest()
    step = manifest["chunk_length"]
    for volume in manifest["volumes"]:
        name = volume["name"]
        runs = runs_of([content[name][at:at + step] for at in range(0, volume["length"], step)])
        extents = used[name] + [(offset, length | 1 << 63) for offset, length in (unreadable or {}).get(name, [])]
        index += struct.pack("<QQ", len(extents), len(runs))
        index += b"".join(struct.pack("<QQ", *extent) for extent in sorted(extents))
        index += b"".join(struct.pack("<Q", len(chunks) | data << 63) for data, chunks in runs)
        at = 0
        for data, chunks in runs:
            if data:
                for i, chunk in enumerate(chunks):
                    archive.add(entry_name(name, at + i), encode(chunk))
                    index += hashlib.sha256(chunk).digest()
            else:
                for i in range(0, len(chunks), ZERO_RUN):
                    archive.add(entry_name(name, at + i), zero_frame(sum(map(len, chunks[i:i + ZERO_RUN]))))
            at += len(chunks)
    archive.add("index", index)
    return archive.finish()
