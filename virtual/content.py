"""What the files on the virtual device hold: shaped like the reference device's, all from one seed.

Speed matters more than randomness here: bulk content is cut out of one pool of samples per seed.
"""

import gzip
import random
import struct
import zlib
from datetime import datetime, timedelta

DEVICE_ID = "bb2241039"
BDR_SIGNATURE = b"\x89BDR\r\n\x1a\n"  # PNG's idea: catches text-mode transfers and truncation
FIRST_DAY = datetime(2024, 3, 4, 8, 0, 0)


class Content:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pool = self._samples(8 << 20)
        self.noise = self.random.randbytes(8 << 20)

    def _samples(self, length: int) -> bytes:
        """16-bit samples of an impedance signal: a noisy low byte, a high byte that rarely moves."""
        pool = bytearray(length)
        pool[0::2] = self.random.randbytes(length // 2)
        steps = bytes([0x10] * 150 + [0x11] * 60 + [0x0F] * 40 + [0x12, 0x13, 0x20, 0x2F, 0x0E, 0x0D])
        pool[1::2] = self.random.randbytes(length // 2).translate(steps)
        return bytes(pool)

    def _cut(self, pool: bytes, length: int) -> bytes:
        parts = []
        while length > 0:
            at = self.random.randrange(len(pool) - 4096)
            part = pool[at:at + length]
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def samples(self, length: int) -> bytes:
        return self._cut(self.pool, length)

    def incompressible(self, length: int) -> bytes:
        return self._cut(self.noise, length)

    # ---- measurements ----

    @staticmethod
    def frame(kind: bytes, data: bytes) -> bytes:
        """Length, type, data, CRC-32 over type and data, as in PNG."""
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))

    def measurement(self, number: int, length: int) -> tuple[str, bytes, int]:
        """Name, content and Unix time of one measurement."""
        when = FIRST_DAY + timedelta(minutes=37 * number + self.random.randrange(30))
        name = f"measure-{DEVICE_ID}-{when:%Y-%m-%dT%H%M%S}+0100-R{self.random.randrange(1, 100)}.bdr"
        head = struct.pack(">HHIQ", 1, 16, number, int(when.timestamp()))
        text = f"id={DEVICE_ID};operator=lab{number % 7};sample=S{number:05d}".encode()
        frames = [BDR_SIGNATURE, self.frame(b"MHDR", head), self.frame(b"mTXt", text)]
        left = length
        while left > 0:
            part = min(left, 256 << 10)
            frames.append(self.frame(b"SDAT", self.samples(part)))
            left -= part
        frames.append(self.frame(b"MEND", b""))
        return name, b"".join(frames), int(when.timestamp())

    # ---- software ----

    def uimage(self, name: str, payload: bytes) -> bytes:
        """Legacy U-Boot image header (include/image.h of U-Boot), both CRCs right."""
        fields = (0x27051956, 0, 1700000000, len(payload), 0x8000, 0x8000, zlib.crc32(payload),
                  5, 2, 2, 0, name.encode()[:32])  # Linux, ARM, kernel, uncompressed
        packed = ">7I4B32s"
        header = struct.pack(packed, *fields)
        fields = (fields[0], zlib.crc32(header), *fields[2:])
        return struct.pack(packed, *fields) + payload

    def ramdisk(self, length: int) -> bytes:
        text = b"".join(self.log_line(i).encode() for i in range(2000))
        inner = gzip.compress(text, mtime=0) + self.incompressible(length)
        return self.uimage("uramdisk", inner)

    # ---- everyday files ----

    def log_line(self, number: int) -> str:
        services = ["monit", "dash", "mester", "baxter", "maskin", "telegraf", "nginx", "swupdate"]
        words = ["started", "measurement stored", "flow within limits", "valve closed", "request served",
                 "temperature 37.1", "self test passed", "upload queued"]
        when = FIRST_DAY + timedelta(seconds=53 * number)
        service, word = self.random.choice(services), self.random.choice(words)
        return f"{when:%b %d %H:%M:%S} {DEVICE_ID} {service}[{300 + number % 97}]: {word} ({number})\n"

    def log(self, first: int, lines: int) -> bytes:
        return "".join(self.log_line(first + i) for i in range(lines)).encode()

    def time_series(self, length: int) -> bytes:
        """Like an InfluxDB TSM file: magic, version, blocks with CRC-32, an index, its offset at the end."""
        blocks = [struct.pack(">IB", 0x16D116D1, 1)]
        size = 0
        while size < length:
            block = self.samples(4096)
            blocks.append(struct.pack(">I", zlib.crc32(block)) + block)
            size += len(block) + 4
        return b"".join(blocks) + struct.pack(">Q", size + 5)

    def database(self, pages: int) -> bytes:
        """SQLite's header (sqlite.org/fileformat.html, 1.3) and pages that look like table leaves."""
        header = bytearray(4096)
        header[0:16] = b"SQLite format 3\0"
        struct.pack_into(">HBBBBBBIII", header, 16, 4096, 1, 1, 0, 64, 32, 32, 7, pages, 0)
        leaves = []
        for page in range(1, pages):
            rows = self.log(page * 20, 20)
            leaf = bytearray(4096)
            struct.pack_into(">BHHHB", leaf, 0, 13, 0, 20, 4096 - len(rows) if len(rows) < 4096 else 8, 0)
            leaf[-min(len(rows), 4000):] = rows[:4000]
            leaves.append(bytes(leaf[:4096]))
        return bytes(header) + b"".join(leaves)

    def private_key(self, kind: str) -> bytes:
        """Shaped like a key, plainly none: a backup holds secrets, the project does not."""
        lines = [f"-----BEGIN {kind} PRIVATE KEY-----", "this+is+no+key+it+belongs+to+a+virtual+device"]
        lines += [self.random.randbytes(24).hex() for _ in range(8)]
        return "\n".join([*lines, f"-----END {kind} PRIVATE KEY-----", ""]).encode()
