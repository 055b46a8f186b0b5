"""gmid stays below 64 MiB, whatever the device's size: the release build, by the kernel's own count (VmHWM)."""

import io
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import Client
from device import Device
from programs import RELEASE, Gmid, environment, tool

LIMIT = 64 << 20
SIZE = 8 << 30
CHUNK = 512 << 10


def profile(folder: Path) -> Device:
    (folder / "flash.img").write_bytes(b"\xff" * (1 << 20))
    (folder / "profile.ini").write_text("[device]\nid = large\n[disk emmc]\npath = disk.img\n"
                                        "[disk flash]\npath = flash.img\ntype = flash\n")
    return Device(folder)


def empty_filesystem(image: Path) -> None:
    with open(image, "wb") as file:
        file.truncate(SIZE)
    # Without checksums of groups there are no groups whose bitmap does not count: debugfs may set any bit.
    tool("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-O", "^metadata_csum,^uninit_bg",
         "-E", "lazy_itable_init=1,lazy_journal_init=1", image)


def debugfs(image: Path, commands: list[str]) -> None:
    subprocess.run(["debugfs", "-w", "-f", "-", image], input="\n".join(commands) + "\n", text=True, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())


def free_blocks(image: Path) -> Iterator[tuple[int, int]]:
    """Each group's number and how many of its bitmap's bits are free."""
    told = tool("dumpe2fs", image).stdout.decode()
    for group, ranges in re.findall(r"^Group (\d+):.*?\n  Free blocks: ([^\n]*)", told, re.S | re.M):
        ends = [(part.split("-")[0], part.split("-")[-1]) for part in ranges.split(", ") if part]
        yield int(group), sum(int(last) - int(first) + 1 for first, last in ends)


def a_filesystem_with_few_files(image: Path) -> None:
    empty_filesystem(image)
    some = image.parent / "some"
    some.write_bytes(os.urandom(64 << 20))
    tool("debugfs", "-w", "-R", f"write {some} some", image)
    some.unlink()


def a_filesystem_in_many_pieces(image: Path) -> None:
    """
    What years of small files leave: some block is in use in every chunk, and 160,000 stretches are in use
    altogether. Every chunk costs a hash and an entry, every stretch 16 bytes of the index.
    """
    empty_filesystem(image)
    debugfs(image, [f"setb {block}" for block in range(8, SIZE // 4096 - 8, 13)])
    # setb leaves the groups' own counts as they were, and a bitmap that contradicts them is not believed.
    debugfs(image, [f"set_bg {group} free_blocks_count {count}" for group, count in free_blocks(image)])
    with open(image, "r+b") as file:
        for chunk in range(SIZE // CHUNK):
            block = chunk * (CHUNK // 4096) + 21
            if block % (16 * 32768) < 12000:  # bitmaps and inode tables of the 16 groups that follow
                continue
            file.seek((block - (block - 8) % 13) * 4096)
            file.write(b"%d" % chunk)


def a_raw_disk_full_of_data(image: Path) -> None:
    with open(image, "wb") as file:
        for chunk in range(SIZE // CHUNK):
            file.seek(chunk * CHUNK)
            file.write(b"%d" % chunk)
        file.truncate(SIZE)


@pytest.mark.parametrize("make, index_length", [
    (a_filesystem_with_few_files, 0),
    (a_filesystem_in_many_pieces, 150_000 * 16 + SIZE // CHUNK * 30),
    (a_raw_disk_full_of_data, SIZE // CHUNK * 32),
])
def test_an_8_gib_device_is_backed_up_and_restored_in_little_memory(make, index_length: int, tmp_path: Path) -> None:
    device = profile(tmp_path)
    make(device.disk)
    server = Gmid(device.profile, build=RELEASE)
    try:
        client = Client(server.url)
        client.get("/device")  # the estimate reads the used maps
        data = client.backup()
        index = len(zipfile.ZipFile(io.BytesIO(data)).read("index"))
        after_backup = server.memory_peak()
        with open(device.disk, "r+b") as disk:
            disk.seek(SIZE // 2 // CHUNK * CHUNK)
            disk.write(os.urandom(40 * CHUNK))  # some chunks differ, in use or not
        job = client.restore(data)
        after_restore = server.memory_peak()
    finally:
        server.stop()
        device.disk.unlink()
    assert job["state"] == "succeeded", job["problem"]
    assert index >= index_length
    assert after_backup < LIMIT and after_restore < LIMIT, (after_backup >> 20, after_restore >> 20)
