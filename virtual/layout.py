"""Where everything lies on the virtual device: the reference device's layout, at full size or shrunk.

The numbers of the full layout are the reference device's (design, section 13): partitions start at
sector 0x22, so nothing is aligned to 4 KiB, which is just what a backup has to cope with.
"""

import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

SECTOR = 512
MIB = 1 << 20
GPT_TAIL_SECTORS = 33  # backup entries and header


@dataclass
class Partition:
    name: str
    start: int  # sectors
    sectors: int

    @property
    def offset(self) -> int:
        return self.start * SECTOR

    @property
    def length(self) -> int:
        return self.sectors * SECTOR


@dataclass
class Layout:
    seed: int
    disk_length: int
    flash_length: int
    env_length: int  # of each of the two U-Boot environments
    env_offset: int
    env_copy_offset: int
    block: int  # of the filesystems, bytes
    partitions: list[Partition]

    def partition(self, name: str) -> Partition:
        return next(p for p in self.partitions if p.name == name)

    def save(self, folder: Path) -> None:
        (folder / "layout.json").write_text(json.dumps(asdict(self), indent=2) + "\n")

    @staticmethod
    def load(folder: Path) -> "Layout":
        raw = json.loads((folder / "layout.json").read_text())
        raw["partitions"] = [Partition(**p) for p in raw["partitions"]]
        return Layout(**raw)

    def uuid(self, what: str) -> str:
        """The same identifier for the same seed: devices are reproducible."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"gmi-virtual-device/{self.seed}/{what}"))


def _stack(sizes: list[tuple[str, int]], first: int) -> list[Partition]:
    partitions, at = [], first
    for name, length in sizes:
        partitions.append(Partition(name, at, length // SECTOR))
        at += length // SECTOR
    return partitions


def full(disk_length: int, seed: int) -> Layout:
    """150 MiB, 150 MiB, 100 MiB, and data to the end: starts 0x22, 0x4B022, 0x96022, 0xC8022."""
    fixed = [("system0", 150 * MIB), ("system1", 150 * MIB), ("config", 100 * MIB)]
    data = disk_length - (0x22 + GPT_TAIL_SECTORS) * SECTOR - 400 * MIB
    data -= data % 4096
    if data < 16 * MIB:
        raise SystemExit("make-device: the disk needs at least 450M")
    return Layout(seed, disk_length, 16 * MIB, 0x10000, 0xF00000, 0xF10000, 4096,
                  _stack([*fixed, ("data", data)], 0x22))


def tiny(seed: int) -> Layout:
    """The same shape in 28 MiB, for tests that read every byte often."""
    sizes = [("system0", 4 * MIB), ("system1", 4 * MIB), ("config", 4 * MIB), ("data", 15 * MIB)]
    return Layout(seed, 28 * MIB, 256 << 10, 0x2000, 0x30000, 0x32000, 1024, _stack(sizes, 0x22))
