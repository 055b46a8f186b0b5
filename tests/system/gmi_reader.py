"""A second reader of GMI files, written from the format's description alone (docs/gmi-format.md).

It shares no code with gmi: zipfile for the container, the zstd command for the frames, hashlib for the
hashes. What both readers find in a file is therefore in the file.
"""

import hashlib
import json
import struct
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

MEDIA_TYPE = b"application/vnd.sbt.gmi+zip"
HEADER = struct.Struct("<8sII32s")  # magic, version, volumes, SHA-256 of manifest.json
DATA = 1 << 63
UNREADABLE = 1 << 63
ZERO_RUN = 4096  # chunks that one entry of zeros stands for at most


@dataclass
class Volume:
    name: str
    disk: str
    offset: int
    length: int
    used_bytes: int
    extents: list[tuple[int, int]]  # used: offset, length
    unreadable: list[tuple[int, int]]  # in use, and the disk did not give it
    hashes: list[bytes | None]  # of each chunk; None where it is all zeros


class GmiFile:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.zip = zipfile.ZipFile(path)
        self.names = self.zip.namelist()
        self.manifest_bytes = self.zip.read("manifest.json")
        self.manifest = json.loads(self.manifest_bytes)
        self.chunk_length = self.manifest["chunk_length"]
        self.index = self.zip.read("index")
        self.root_hash = hashlib.sha256(self.index).hexdigest()
        self.volumes = {volume.name: volume for volume in self._parse_index()}

    def _parse_index(self) -> list[Volume]:
        magic, version, count, manifest_hash = HEADER.unpack_from(self.index)
        assert magic == b"GMIINDEX" and version == self.manifest["version"] == 1
        assert count == len(self.manifest["volumes"])
        assert manifest_hash == hashlib.sha256(self.manifest_bytes).digest()
        at, volumes = HEADER.size, []
        for described in self.manifest["volumes"]:
            extent_count, run_count = struct.unpack_from("<QQ", self.index, at)
            at += 16
            numbers = struct.unpack_from(f"<{2 * extent_count + run_count}Q", self.index, at)
            at += 8 * len(numbers)
            extents = list(zip(numbers[:2 * extent_count:2], numbers[1:2 * extent_count:2]))
            read = [(offset, length) for offset, length in extents if not length & UNREADABLE]
            unreadable = [(offset, length & ~UNREADABLE) for offset, length in extents if length & UNREADABLE]
            hashes: list[bytes | None] = []
            for run in numbers[2 * extent_count:]:
                if run & DATA:
                    hashes += [self.index[at + 32 * i:at + 32 * i + 32] for i in range(run & ~DATA)]
                    at += 32 * (run & ~DATA)
                else:
                    hashes += [None] * run
            volumes.append(Volume(described["name"], described["disk"], described["offset"],
                                  described["length"], described["used"], read, unreadable, hashes))
        assert at == len(self.index), "something follows the index"
        return volumes

    def entry_name(self, volume: str, chunk: int) -> str:
        return f"volumes/{volume}/{chunk:08d}.zst"

    def expected_names(self) -> list[str]:
        """Every entry that the file has to have, in order, as it follows from the index."""
        names = ["mimetype", "manifest.json"]
        for volume in self.volumes.values():
            zeros = 0
            for chunk, digest in enumerate(volume.hashes):
                if digest is not None or zeros % ZERO_RUN == 0:
                    names.append(self.entry_name(volume.name, chunk))
                zeros = 0 if digest else zeros + 1
        return [*names, "index"]

    def volume_bytes(self, name: str) -> bytes:
        """A whole volume: its frames, in order, through zstd."""
        prefix = f"volumes/{name}/"
        frames = b"".join(self.zip.read(entry) for entry in self.names if entry.startswith(prefix))
        return subprocess.run(["zstd", "-dc"], input=frames, capture_output=True, check=True).stdout

    def masked(self, name: str, disks: dict[str, Path]) -> bytes:
        """A volume as it lies on the disks, with zeros where the backup says that it is unused."""
        volume = self.volumes[name]
        content = bytearray(volume.length)
        with open(disks[volume.disk], "rb") as disk:
            for offset, length in volume.extents:
                disk.seek(volume.offset + offset)
                content[offset:offset + length] = disk.read(length)
        return bytes(content)
