"""A second reader of GMI files, written from docs/gmi-format.md alone: what it cannot read, the document does
not explain. Strict and simple: the file is in memory, and zstd is the program of that name.
"""

import hashlib
import json
import re
import struct
import subprocess
import zlib

MEDIA_TYPE = b"application/vnd.sbt.gmi+zip"
FULL32, FULL16 = 0xFFFFFFFF, 0xFFFF
STORED_1980 = struct.pack("<HHHH", 0, 0, 0, 0x21)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
ZERO_RUN = 4096


class NotGmi(Exception):
    pass


class Newer(Exception):
    pass


class Damaged(Exception):
    pass


def require(condition: bool, what: str) -> None:
    if not condition:
        raise Damaged(what)


# ---- the container: every record follows from name, content and place ----


def shared(name: str, length: int, crc: int) -> bytes:
    """Bytes 6 to 27 of the local header."""
    return STORED_1980 + struct.pack("<IIIH", crc, length, length, len(name))


def local_header(name: str, length: int, crc: int) -> bytes:
    return b"PK\3\4" + struct.pack("<H", 20) + shared(name, length, crc) + bytes(2) + name.encode()


def central_record(name: str, length: int, crc: int, offset: int) -> bytes:
    far = offset >= FULL32
    extra = struct.pack("<HHQ", 1, 8, offset) if far else b""
    return (b"PK\1\2" + struct.pack("<HH", 0x032D, 45 if far else 20) + shared(name, length, crc)
            + struct.pack("<H", len(extra)) + bytes(6) + struct.pack("<II", 0x81A40000, min(offset, FULL32))
            + name.encode() + extra)


def end_records(entries: int, length: int, offset: int) -> bytes:
    zip64 = b""
    if entries >= FULL16 or length >= FULL32 or offset >= FULL32:
        zip64 = (b"PK\6\6" + struct.pack("<QHH", 44, 0x032D, 45) + bytes(8)
                 + struct.pack("<QQQQ", entries, entries, length, offset)
                 + b"PK\6\7" + struct.pack("<IQI", 0, offset + length, 1))
    count = min(entries, FULL16)
    return zip64 + b"PK\5\6" + struct.pack("<IHHIIH", 0, count, count, min(length, FULL32), min(offset, FULL32), 0)


def zero_frame(zeros: int) -> bytes:
    frame = b"\x28\xb5\x2f\xfd\xc0\x38" + struct.pack("<Q", zeros)
    while zeros > 0:
        size = min(zeros, 131072)
        zeros -= size
        frame += struct.pack("<I", size * 8 + 2 + (zeros == 0))
    return frame


def entry_name(volume: str, chunk: int) -> str:
    return f"volumes/{volume}/{chunk:08}.zst"


# ---- zstd: one frame, measured here, decoded by zstd ----


def frame_content_and_length(data: bytes) -> tuple[int, int]:
    """Content size and length of the frame at the start of data (RFC 8878, 3.1.1)."""
    require(data[:4] == b"\x28\xb5\x2f\xfd", "no zstd frame")
    descriptor = data[4]
    size_flag, single, checksum = descriptor >> 6, descriptor >> 5 & 1, descriptor >> 2 & 1
    require(descriptor & 3 == 0, "a frame with a dictionary")
    at = 5 if single else 6
    width = (1 if single else 0, 2, 4, 8)[size_flag]
    require(width > 0, "a frame without its content size")
    content = int.from_bytes(data[at:at + width], "little") + (256 if width == 2 else 0)
    at += width
    last = False
    while not last:
        require(at + 3 <= len(data), "a frame that is cut short")
        block = int.from_bytes(data[at:at + 3], "little")
        last, kind = block & 1, block >> 1 & 3
        at += 3 + (1 if kind == 1 else block >> 3)
    return content, at + 4 * checksum


def decode(frame: bytes) -> bytes:
    done = subprocess.run(["zstd", "-dcq"], input=frame, capture_output=True)
    require(done.returncode == 0, "a frame that does not decode")
    return done.stdout


# ---- the file ----


def text(value: object, most: int, least: int = 0) -> None:
    require(isinstance(value, str) and least <= len(value.encode()) <= most
            and not re.search(r"[\x00-\x1f\x7f]", value), "a text of the manifest")


def number(value: object, least: int, most: int = 2**63 - 1) -> None:
    require(type(value) is int and least <= value <= most, "a number of the manifest")


def no_duplicates(pairs: list) -> dict:
    require(len({key for key, _ in pairs}) == len(pairs), "a member of the manifest twice")
    return dict(pairs)


def check_manifest(m: dict) -> None:
    text(m["created"], 23)
    require(bool(TIME.fullmatch(m["created"])), "created")
    text(m["tool"], 127)
    text(m["device"]["id"], 63, 1)
    text(m["device"]["model"], 127)
    text(m["device"]["software"], 127)
    require(m["signature"] in ("none", "minisign"), "signature")
    number(m["chunk_length"], 65536, 4194304)
    require(m["chunk_length"].bit_count() == 1, "chunk_length")
    require(type(m["all_blocks"]) is bool, "all_blocks")
    require(1 <= len(m["disks"]) <= 16 and 1 <= len(m["volumes"]) <= 512, "disks or volumes")
    for disk in m["disks"]:
        require(bool(NAME.fullmatch(disk["name"])) and disk["kind"] in ("block", "flash"), "a disk")
        number(disk["length"], 1)
        number(disk["sector_length"], 1, FULL32)
        text(disk["table"], 15)
    for volume in m["volumes"]:
        require(bool(NAME.fullmatch(volume["name"])), "a volume")
        number(volume["length"], 1)
        number(volume["used"], 0, volume["length"])
        for member, most in (("content", 15), ("label", 127), ("note", 127)):
            text(volume[member], most)
    for kind in ("disks", "volumes"):
        require(len({x["name"] for x in m[kind]}) == len(m[kind]), f"two {kind} of one name")
    expected = [(d["name"], 0) for d in m["disks"]]
    ends = {d["name"]: d["length"] for d in m["disks"]}
    for volume in m["volumes"]:
        while expected and expected[0][1] == ends[expected[0][0]]:
            expected.pop(0)
        require(bool(expected) and expected[0] == (volume["disk"], volume["offset"]), "volumes leave gaps or overlap")
        expected[0] = (volume["disk"], volume["offset"] + volume["length"])
        require(expected[0][1] <= ends[volume["disk"]], "a volume beyond its disk")
    require(len(expected) == 1 and expected[0][1] == ends[expected[0][0]], "volumes do not cover a disk")


class Volume:
    def __init__(self, described: dict, chunk_length: int) -> None:
        self.name: str = described["name"]
        self.length: int = described["length"]
        self.used_bytes: int = described["used"]
        self.chunk_length = chunk_length
        self.chunks = -(-self.length // chunk_length)
        self.used: list[tuple[int, int]] = []
        self.unreadable: list[tuple[int, int]] = []
        self.runs: list[tuple[bool, int]] = []
        self.hashes: dict[int, bytes] = {}  # of the chunks with data

    def length_of(self, first: int, count: int = 1) -> int:
        return min(count * self.chunk_length, self.length - first * self.chunk_length)

    def entries(self) -> list[tuple[int, int | None]]:
        """What follows from the runs: the chunk that names the entry; bytes of zeros, or None for data."""
        wanted, at = [], 0
        for data, count in self.runs:
            if data:
                wanted += [(chunk, None) for chunk in range(at, at + count)]
            else:
                wanted += [(at + i, self.length_of(at + i, min(ZERO_RUN, count - i)))
                           for i in range(0, count, ZERO_RUN)]
            at += count
        return wanted

    def without_unused(self, chunk: int, content: bytes) -> bytes:
        start = chunk * self.chunk_length
        kept = bytearray(len(content))
        for offset, length in self.used:
            a, b = max(offset - start, 0), min(offset + length - start, len(content))
            if a < b:
                kept[a:b] = content[a:b]
        return bytes(kept)


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        try:
            self.read_manifest()
            self.read_directory()
            self.read_index()
            self.check_entries()
        except (KeyError, TypeError, AttributeError, struct.error) as error:
            raise Damaged(str(error)) from error

    def entry(self, name: str) -> bytes:
        offset, length, crc = self.places[name]
        header = local_header(name, length, crc)
        content = self.data[offset + len(header):offset + len(header) + length]
        require(self.data[offset:offset + len(header)] == header, f"local header of {name}")
        require(zlib.crc32(content) == crc, f"CRC-32 of {name}")
        return content

    def read_manifest(self) -> None:
        first = local_header("mimetype", len(MEDIA_TYPE), zlib.crc32(MEDIA_TYPE)) + MEDIA_TYPE
        if self.data[:len(first)] != first:
            raise NotGmi
        crc, length = struct.unpack_from("<II", self.data, len(first) + 14)
        require(length <= 512 << 10, "length of the manifest")
        self.places = {"mimetype": (0, len(MEDIA_TYPE), zlib.crc32(MEDIA_TYPE)),
                       "manifest.json": (len(first), length, crc)}
        raw = self.entry("manifest.json")
        try:
            self.manifest = json.loads(raw, object_pairs_hook=no_duplicates)
        except ValueError as error:
            raise Damaged("the manifest is not JSON") from error
        require(self.manifest["format"] == "gmi", "format")
        number(self.manifest["version"], 1, FULL32)
        if self.manifest["version"] > 1:
            raise Newer
        check_manifest(self.manifest)
        self.manifest_hash = hashlib.sha256(raw).digest()
        self.volumes = [Volume(v, self.manifest["chunk_length"]) for v in self.manifest["volumes"]]

    def read_directory(self) -> None:
        require(len(self.data) >= 22, "the end")
        entries, _, length, offset = struct.unpack_from("<HHII", self.data, len(self.data) - 14)
        if FULL16 == entries or FULL32 in (length, offset):
            require(len(self.data) >= 98, "the end")
            entries, _, length, offset = struct.unpack_from("<QQQQ", self.data, len(self.data) - 98 + 24)
        end = end_records(entries, length, offset)
        require(offset + length + len(end) == len(self.data) and self.data.endswith(end), "the end")
        at, place, self.names = offset, 0, []
        for _ in range(entries):
            crc, size, _, name_length, extra = struct.unpack_from("<IIIHH", self.data, at + 16)
            name = self.data[at + 46:at + 46 + name_length].decode("ascii", "replace")
            record = central_record(name, size, crc, place)
            require(self.data[at:at + len(record)] == record, f"directory record of {name}")
            require(self.places.setdefault(name, (place, size, crc)) == (place, size, crc), f"{name} twice")
            self.names.append(name)
            at += len(record)
            place += len(local_header(name, size, crc)) + size
        require(at == offset + length and place == offset, "something between the entries")

    def read_index(self) -> None:
        raw = self.entry("index")
        require(len(raw) <= 256 << 20, "length of the index")
        magic, version, count, manifest_hash = struct.unpack_from("<8sII32s", raw)
        require((magic, version, count) == (b"GMIINDEX", 1, len(self.volumes)), "head of the index")
        require(manifest_hash == self.manifest_hash, "the index belongs to another manifest")
        at = 48
        for volume in self.volumes:
            extents, runs = struct.unpack_from("<QQ", raw, at)
            at += 16
            require(at + 16 * extents + 8 * runs <= len(raw) and runs > 0, "the index ends too early")
            self.read_extents(volume, [struct.unpack_from("<QQ", raw, at + 16 * i) for i in range(extents)])
            at += 16 * extents
            numbers = [struct.unpack_from("<Q", raw, at + 8 * i)[0] for i in range(runs)]
            volume.runs = [(bool(n >> 63), n & (2**63 - 1)) for n in numbers]
            at += 8 * runs
            self.check_volume(volume)
            for chunk in [chunk for chunk, zeros in volume.entries() if zeros is None]:
                require(at + 32 <= len(raw), "the index ends too early")
                volume.hashes[chunk] = raw[at:at + 32]
                at += 32
        require(at == len(raw), "something follows the index")
        self.root_hash = hashlib.sha256(raw).hexdigest()

    @staticmethod
    def read_extents(volume: Volume, extents: list[tuple[int, int]]) -> None:
        end, before = 0, None
        for offset, word in extents:
            unreadable, length = word >> 63, word & (2**63 - 1)
            least = end + (unreadable == before)
            require(offset >= least and length > 0 and offset + length <= volume.length, "used map")
            (volume.unreadable if unreadable else volume.used).append((offset, length))
            end, before = offset + length, unreadable
        require(sum(length for _, length in volume.used + volume.unreadable) == volume.used_bytes, "used bytes")

    @staticmethod
    def check_volume(volume: Volume) -> None:
        require(all(count > 0 for _, count in volume.runs), "an empty run")
        require(all(a[0] != b[0] for a, b in zip(volume.runs, volume.runs[1:])), "runs do not alternate")
        require(sum(count for _, count in volume.runs) == volume.chunks, "number of chunks")

    def check_entries(self) -> None:
        wanted = ["mimetype", "manifest.json"]
        chunk_length = self.manifest["chunk_length"]
        bound = chunk_length + chunk_length // 256 + (32 if chunk_length == 65536 else 0)
        for volume in self.volumes:
            for chunk, zeros in volume.entries():
                name = entry_name(volume.name, chunk)
                wanted.append(name)
                _, length, crc = self.places[name]
                if zeros is None:
                    require(length <= bound, f"length of {name}")
                else:
                    frame = zero_frame(zeros)
                    require((length, crc) == (len(frame), zlib.crc32(frame)), f"zeros of {name}")
        wanted.append("index")
        if self.manifest["signature"] == "minisign":
            wanted.append("index.minisig")
            require(self.places["index.minisig"][1] <= 4096, "length of the signature")
        require(self.names == wanted, "names or order of the entries")

    def volume_content(self, volume: Volume) -> bytes:
        """Frames concatenate: each is looked at by itself, and all of a volume are decoded at once."""
        frames = []
        for chunk, zeros in volume.entries():
            frame = self.entry(entry_name(volume.name, chunk))
            if zeros is None:
                expected = (volume.length_of(chunk), len(frame))
                require(frame_content_and_length(frame) == expected, "a frame's length")
            else:
                require(frame == zero_frame(zeros), "zeros")
            frames.append(frame)
        content = decode(b"".join(frames))
        require(len(content) == volume.length, "a frame's content size")
        for chunk, expected in volume.hashes.items():
            start = chunk * volume.chunk_length
            plain = content[start:start + volume.length_of(chunk)]
            require(hashlib.sha256(plain).digest() == expected, "a chunk's hash")
            require(volume.without_unused(chunk, plain) == plain, "a chunk holds bytes that are not in use")
        return content

    def disk_content(self, name: str) -> bytes:
        """A disk, whole; what the used maps leave out is zero."""
        return b"".join(self.volume_content(volume) for volume, described
                        in zip(self.volumes, self.manifest["volumes"]) if described["disk"] == name)
