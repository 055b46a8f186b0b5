"""Devices of other filesystems: ext4 with blocks of 1 and 4 KiB, XFS, and FAT, which this kernel may not know."""

import subprocess
from pathlib import Path

import paths  # noqa: F401
import filesystem
from device import Device
from layout import GPT_TAIL_SECTORS, MIB, Layout, Partition
from programs import ROOT, tool

XFS_LEAST = 300 * MIB  # mkfs.xfs makes none smaller; most of it stays a hole in the image
ALL = {"small": 24 * MIB, "data": 40 * MIB, "boot": 4 * MIB, "xfs": XFS_LEAST + 4 * MIB}
EXT4_BLOCK = {"small": 1024, "data": 4096}
MAKERS = {"boot": ("mkfs.fat", "-F", "16", "-s", "1"), "xfs": ("mkfs.xfs", "-q")}


def make(folder: Path, sizes: dict[str, int]) -> Device:
    """The names tell which filesystems."""
    partitions, at = [], 2048
    for name, length in sizes.items():
        partitions.append(Partition(name, at, length // 512))
        at += length // 512
    layout = Layout(1, (at + GPT_TAIL_SECTORS + 7) * 512, 0, 0, 0, 0, 4096, partitions)
    folder.mkdir(parents=True)
    disk = folder / "disk.img"
    with open(disk, "wb") as file:
        file.truncate(layout.disk_length)
    lines = ["label: gpt", *(f"start={p.start}, size={p.sectors}, name={p.name}, type=linux" for p in partitions)]
    subprocess.run(["/sbin/sfdisk", "--quiet", disk], input="\n".join(lines) + "\n", text=True, check=True)
    for name in sizes:
        if name in EXT4_BLOCK:
            layout.block = EXT4_BLOCK[name]
            filesystem.make(disk, layout, layout.partition(name))
        else:
            place(disk, layout.partition(name), MAKERS[name])
    layout.save(folder)
    (folder / "profile.ini").write_text(
        (ROOT / "profiles/virtual.ini").read_text().replace("@HOOKS@", str(ROOT / "virtual/hooks"))
        .replace("[disk flash]\npath = flash.img\ntype = flash\n", ""))
    return Device(folder)


def place(disk: Path, partition: Partition, words: tuple[str, ...]) -> None:
    """Made beside and copied in, holes left out."""
    image = disk.with_suffix(".part")
    with open(image, "wb") as file:
        file.truncate(partition.length)
    tool(*words, image)
    tool("dd", f"if={image}", f"of={disk}", "bs=512", f"seek={partition.start}", "conv=sparse,notrunc", "status=none")
    image.unlink()


def fat_of(device: Device) -> str:
    """The FAT volume for mtools, for the kernel may not know it."""
    return f"{device.disk}@@{device.partition('boot')[0]}"
