"""GMI files that should not be trusted, made from a sound one."""

import struct
import zipfile
import zlib
from pathlib import Path

LOCAL_HEADER = 30
END_RECORD = 22
PROOF = 4096  # of a file's end, by which a device knows the file again


def content_of(file: Path, entry: str) -> tuple[int, int]:
    """Where an entry's bytes begin, and how many there are."""
    with zipfile.ZipFile(file) as archive:
        info = archive.getinfo(entry)
        archive.fp.seek(info.header_offset)
        name, extra = struct.unpack_from("<HH", archive.fp.read(LOCAL_HEADER), 26)
        return info.header_offset + LOCAL_HEADER + name + extra, info.file_size


def flipped(file: Path, to: Path, position: int) -> Path:
    data = bytearray(file.read_bytes())
    data[position] ^= 0x10
    to.write_bytes(data)
    return to


def damaged(file: Path, to: Path) -> Path:
    """A flipped bit in the flash, which every change of the virtual device touches."""
    begin, length = content_of(file, "volumes/flash/00000000.zst")
    return flipped(file, to, begin + length // 2)


def another_of_the_same_length(file: Path, to: Path) -> Path:
    return flipped(file, to, file.stat().st_size - END_RECORD - PROOF // 2)


def truncated(file: Path, to: Path) -> Path:
    data = file.read_bytes()
    to.write_bytes(data[:len(data) * 2 // 3])
    return to


def no_gmi(file: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        archive.writestr("holiday.txt", b"sun" * 5000)
    return to


def with_a_place_that_could_not_be_read(file: Path, to: Path) -> Path:
    """As --keep-going makes it: 4 KiB of the partition table's empty entries. The index grows by two extents."""
    begin, length = content_of(file, "index")
    data = bytearray(file.read_bytes())
    index = bytes(data[begin:begin + length])
    assert struct.unpack_from("<QQQQ", index, 48) == (1, 1, 0, 34 * 512)
    extents = ((0, 8192), (8192, 4096 | 1 << 63), (12288, 34 * 512 - 12288))
    index = index[:48] + struct.pack("<QQ", 3, 1) + b"".join(struct.pack("<QQ", *e) for e in extents) + index[80:]
    described = struct.pack("<III", zlib.crc32(index), len(index), len(index))
    record = len(data) - END_RECORD - 46 - len("index")  # the directory's last
    data[record + 16:record + 28] = described
    offset = struct.unpack_from("<I", data, len(data) - 6)[0] + len(index) - length
    struct.pack_into("<I", data, len(data) - 6, offset)
    header = begin - len("index") - LOCAL_HEADER
    data[header + 14:header + 26] = described
    data[begin:begin + length] = index
    to.write_bytes(data)
    return to


def newer(file: Path, to: Path) -> Path:
    """As if a later gmi had made it: sound by its checksums, of format version 2."""
    begin, length = content_of(file, "manifest.json")
    data = file.read_bytes()
    old = data[begin:begin + length]
    new = old.replace(b'"version": 1', b'"version": 2')
    assert len(new) == len(old) != 0 and new != old
    sums = [struct.pack("<I", zlib.crc32(text)) for text in (old, new)]
    to.write_bytes(data.replace(old, new).replace(*sums))
    return to
