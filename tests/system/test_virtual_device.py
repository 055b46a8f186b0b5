"""The virtual device is what it says: the reference device's layout, with real filesystems, made by anybody."""

import gzip
import json
import os
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from device import Device
from programs import ROOT, environment, tool


def environments(device: Device) -> list[tuple[int, dict[str, str]]]:
    """Flag and variables of both U-Boot environments; env/common.c of U-Boot is the reference."""
    layout, raw, found = device.layout(), device.flash.read_bytes(), []
    for at in (layout["env_offset"], layout["env_copy_offset"]):
        crc, flag = struct.unpack_from("<IB", raw, at)
        data = raw[at + 5:at + layout["env_length"]]
        assert zlib.crc32(data) == crc
        text, _, filling = data.partition(b"\0\0")
        assert set(filling) <= {0xFF}
        found.append((flag, dict(item.decode().split("=", 1) for item in text.split(b"\0"))))
    return found


def test_the_same_seed_makes_the_same_bytes_and_another_seed_others(pristine: Device, tmp_path: Path) -> None:
    assert Device.make(tmp_path / "again", "--tiny").hash() == pristine.hash()
    assert Device.make(tmp_path / "other", "--tiny", "--seed", "2").hash() != pristine.hash()


def test_the_same_change_makes_the_same_device(device: Device, used: Device) -> None:
    device.change("--percent", "20")
    assert device.hash() == used.hash()


def test_its_full_size_is_laid_out_as_the_reference_device() -> None:
    """Without making 8 GB: the layout alone decides."""
    code = ("import json, sys; from dataclasses import asdict; sys.path.insert(0, sys.argv[1]);"
            "from layout import full; print(json.dumps(asdict(full(8 << 30, 1))))")
    layout = json.loads(tool("/usr/bin/python3", "-B", "-c", code, ROOT / "virtual").stdout)
    assert [(part["name"], part["start"]) for part in layout["partitions"]] == \
        [("system0", 0x22), ("system1", 0x4B022), ("config", 0x96022), ("data", 0xC8022)]
    assert (layout["flash_length"], layout["env_offset"], layout["env_copy_offset"], layout["env_length"]) == \
        (16 << 20, 0xF00000, 0xF10000, 0x10000)
    data = layout["partitions"][-1]
    assert (data["start"] + data["sectors"]) * 512 > (8 << 30) - (64 << 10)


def test_its_partition_table_says_what_its_layout_says(pristine: Device) -> None:
    table = json.loads(tool("sfdisk", "-J", pristine.disk).stdout)["partitiontable"]
    assert table["label"] == "gpt" and table["firstlba"] == 34
    assert [(part["name"], part["start"], part["size"]) for part in table["partitions"]] == \
        [(part["name"], part["start"], part["sectors"]) for part in pristine.layout()["partitions"]]
    assert table["partitions"][0]["start"] == 0x22
    said = tool("sfdisk", "--verify", pristine.disk).stdout.decode()
    assert "No errors detected" in said


@pytest.mark.parametrize("which", ["pristine", "used"])
def test_its_filesystems_are_clean_before_and_after_a_change(which: str, request, tmp_path: Path) -> None:
    request.getfixturevalue(which).check_filesystems(tmp_path)


def test_both_boot_environments_are_right_and_the_first_counts(pristine: Device) -> None:
    (flag, first), (older, second) = environments(pristine)
    assert flag > older and first == second and first["active_system"] == "0"
    assert first["serial#"] == "bb2241039"


def test_a_change_writes_the_older_environment_only(used: Device, pristine: Device) -> None:
    (flag, first), (newer, second) = environments(used)
    assert newer > flag and first["active_system"] == "0" and second["active_system"] == "1"
    assert environments(pristine)[0] == (flag, first)


def test_measurements_are_framed_with_right_checksums(pristine: Device, tmp_path: Path) -> None:
    pristine.files("data", tmp_path)
    found = list((tmp_path / "data.files").rglob("*.bdr"))
    assert len(found) > 10
    for path in found:
        assert re.fullmatch(r"measure-bb2241039-\d{4}-\d\d-\d\dT\d{6}\+0100-R\d+\.bdr", path.name)
        raw = path.read_bytes()
        assert raw.startswith(b"\x89BDR\r\n\x1a\n")
        at, kinds = 8, []
        while at < len(raw):
            length = struct.unpack_from(">I", raw, at)[0]
            frame, crc = raw[at + 4:at + 8 + length], struct.unpack_from(">I", raw, at + 8 + length)[0]
            assert zlib.crc32(frame) == crc
            kinds.append(frame[:4])
            at += 12 + length
        assert kinds[0] == b"MHDR" and kinds[-1] == b"MEND" and b"SDAT" in kinds


def test_its_files_are_what_their_names_say(pristine: Device, tmp_path: Path) -> None:
    pristine.files("data", tmp_path)
    data = tmp_path / "data.files"
    assert (data / "srv/results.db").read_bytes().startswith(b"SQLite format 3\0")
    assert b"bb2241039" in gzip.decompress((data / "log/messages.2.gz").read_bytes())
    kernel = pristine.debugfs("system0", "cat /boot/uImage")
    magic, header_crc = struct.unpack_from(">II", kernel)
    assert magic == 0x27051956 and zlib.crc32(kernel[:4] + bytes(4) + kernel[8:64]) == header_crc
    assert zlib.crc32(kernel[64:]) == struct.unpack_from(">I", kernel, 24)[0]
    assert pristine.debugfs("config", "cat /overlay/etc/upper/hostname") == b"bb2241039\n"


def test_its_free_space_holds_what_was_deleted(pristine: Device) -> None:
    offset, length = pristine.partition("data")
    raw = pristine.disk.read_bytes()[offset:offset + length]
    block = pristine.layout()["block"]
    first = int(re.search(rb"First block:\s+(\d+)", pristine.debugfs("data", "stats"))[1])
    assert first == (block == 1024)
    asked = "\n".join(f"testb {match.start() // block}" for match in re.finditer(rb"\x89BDR\r\n\x1a\n", raw))
    answers = subprocess.run(["debugfs", "-f", "-", f"{pristine.disk}?offset={offset}"], input=asked, text=True,
                             capture_output=True, check=True, env=environment()).stdout
    assert "not in use" in answers and "marked in use" in answers


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_nobody_can_make_it(pristine: Device, tmp_path: Path) -> None:
    home = Path(tool("mktemp", "-d", "/tmp/nobody-XXXXXX").stdout.decode().strip())
    try:
        shutil.copytree(ROOT / "virtual", home / "virtual")
        shutil.copytree(ROOT / "profiles", home / "profiles")
        tool("chown", "-R", "nobody:nogroup", home)
        tool("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", home / "virtual/make-device", "--tiny",
             home / "device")
        assert Device(home / "device").hash() == pristine.hash()
    finally:
        shutil.rmtree(home)


def test_a_device_is_not_made_over_another(pristine: Device) -> None:
    before = pristine.hash()
    refused = subprocess.run([ROOT / "virtual/make-device", "--tiny", pristine.folder], capture_output=True, text=True)
    assert refused.returncode != 0 and "already holds a device" in refused.stderr and pristine.hash() == before


@pytest.mark.parametrize("size", ["1", "1T", "G", "-1G", "100M"])
def test_a_size_that_makes_no_sense_is_refused(size: str, tmp_path: Path) -> None:
    refused = subprocess.run([ROOT / "virtual/make-device", f"--size={size}", tmp_path / "device"], capture_output=True)
    assert refused.returncode != 0 and not (tmp_path / "device/profile.ini").exists()


def test_a_program_starts_once_tells_its_name_and_stops(device: Device) -> None:
    def program(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run([ROOT / "virtual/program", device.folder, *words], capture_output=True, text=True)

    assert program("status").stdout == "idle\n"
    program("start")
    try:
        assert program("status").stdout == "Measure\n" and program("start", "Clean").returncode == 1
    finally:
        program("stop")
    assert program("status").stdout == "idle\n" and program("dance").returncode == 2
