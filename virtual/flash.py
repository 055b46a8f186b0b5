"""The raw flash: firmware, and the U-Boot environment with its redundant copy.

An environment is CRC-32, one byte of flags, then name=value strings each with its NUL, ended by an empty
one, filled with 0xFF (env/common.c and include/env_internal.h of U-Boot). Of two copies with right CRCs
the one with the higher flag counts.
"""

import struct
import zlib
from pathlib import Path

from layout import Layout


def encode(variables: dict[str, str], flag: int, length: int) -> bytes:
    text = b"".join(f"{name}={value}".encode() + b"\0" for name, value in variables.items()) + b"\0"
    data = text.ljust(length - 5, b"\xff")
    return struct.pack("<IB", zlib.crc32(data), flag) + data


def decode(raw: bytes) -> tuple[dict[str, str], int] | None:
    crc, flag = struct.unpack_from("<IB", raw)
    if zlib.crc32(raw[5:]) != crc:
        return None
    text = raw[5:raw.index(b"\0\0", 5)].decode()
    return dict(item.split("=", 1) for item in text.split("\0")), flag


def read(flash: Path, layout: Layout) -> tuple[dict[str, str], int]:
    """The environment that counts, and which of the two it is."""
    raw = flash.read_bytes()
    copies = [decode(raw[at:at + layout.env_length]) for at in (layout.env_offset, layout.env_copy_offset)]
    good = [(copy[1], number, copy[0]) for number, copy in enumerate(copies) if copy]
    flag, number, variables = max(good, key=lambda item: item[0])
    return variables, number


def update(flash: Path, layout: Layout, **changes: str) -> None:
    """As U-Boot's saveenv: the older copy is overwritten with a higher flag."""
    variables, number = read(flash, layout)
    raw = flash.read_bytes()
    offsets = (layout.env_offset, layout.env_copy_offset)
    flag = raw[offsets[number] + 4]
    with open(flash, "r+b") as file:
        file.seek(offsets[1 - number])
        file.write(encode({**variables, **changes}, (flag + 1) % 256, layout.env_length))


def make(flash: Path, layout: Layout, firmware: bytes) -> None:
    variables = {
        "active_system": "0", "bootdelay": "1", "baudrate": "115200", "ethaddr": "02:bb:22:41:03:90",
        "serial#": "bb2241039", "bootcmd": "run boot_system${active_system}",
        "boot_system0": "load mmc 0:1 ${loadaddr} boot/uImage; bootm",
        "boot_system1": "load mmc 0:2 ${loadaddr} boot/uImage; bootm",
    }
    with open(flash, "wb") as file:
        file.write(b"\xff" * layout.flash_length)
        file.seek(0)
        file.write(firmware)
        for offset, flag in ((layout.env_offset, 2), (layout.env_copy_offset, 1)):
            file.seek(offset)
            file.write(encode(variables, flag, layout.env_length))
