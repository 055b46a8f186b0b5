"""A real backup as Python's zipfile sees it; test_second_reader.py reads it byte by byte."""

import hashlib
import json
import re
import zipfile
from pathlib import Path

import pytest

from device import EXT4_VOLUMES, Device
from gmi_reader import MEDIA_TYPE, GmiFile
from programs import gmi, tool


def test_the_media_type_comes_first_and_is_found_at_its_place(backup: bytes) -> None:
    assert backup[30:38] == b"mimetype"
    assert backup[38:38 + len(MEDIA_TYPE)] == MEDIA_TYPE


def test_every_entry_is_stored_without_descriptor_comment_or_time(reader: GmiFile) -> None:
    for entry in reader.zip.infolist():
        assert (entry.compress_type, entry.flag_bits, entry.comment, entry.date_time) == \
            (zipfile.ZIP_STORED, 0, b"", (1980, 1, 1, 0, 0, 0)), entry.filename


def test_entries_are_those_that_follow_from_the_index_in_its_order(reader: GmiFile) -> None:
    assert reader.names == reader.expected_names()


def test_entries_follow_each_other_without_a_gap(reader: GmiFile) -> None:
    at = 0
    for entry in reader.zip.infolist():
        assert entry.header_offset == at
        at += 30 + len(entry.filename) + entry.file_size


def test_the_root_hash_is_the_one_that_gmi_tells(reader: GmiFile, backup_file: Path) -> None:
    told = json.loads(gmi("info", backup_file, "--json").stdout)
    assert told["root_hash"] == reader.root_hash
    assert [volume["name"] for volume in told["volumes"]] == list(reader.volumes)


def test_every_byte_of_every_disk_is_in_exactly_one_volume(reader: GmiFile, pristine: Device) -> None:
    for disk, path in (("emmc", pristine.disk), ("flash", pristine.flash)):
        at = 0
        for volume in reader.volumes.values():
            if volume.disk == disk:
                assert volume.offset == at
                at += volume.length
        assert at == path.stat().st_size


def test_every_chunk_hashes_to_what_the_index_says(reader: GmiFile) -> None:
    for volume in reader.volumes.values():
        content = reader.volume_bytes(volume.name)
        assert len(content) == volume.length
        assert len(volume.hashes) == -(-volume.length // reader.chunk_length)
        for number, digest in enumerate(volume.hashes):
            chunk = content[number * reader.chunk_length:(number + 1) * reader.chunk_length]
            if digest is None:
                assert not any(chunk), (volume.name, number)
            else:
                assert hashlib.sha256(chunk).digest() == digest, (volume.name, number)


def test_volumes_hold_what_the_disks_hold_where_it_is_used(reader: GmiFile, is_back, pristine: Device) -> None:
    assert is_back(pristine)
    for volume in reader.volumes.values():
        ends = [offset + length for offset, length in volume.extents]
        assert all(start > end for end, (start, _) in zip(ends, volume.extents[1:])), "sorted, none touching"
        assert not ends or ends[-1] <= volume.length
        assert sum(length for _, length in volume.extents) == volume.used_bytes


def test_outside_of_filesystems_everything_is_used(reader: GmiFile) -> None:
    whole = [volume for name, volume in reader.volumes.items() if name not in EXT4_VOLUMES]
    assert whole
    for volume in whole:
        assert volume.extents == [(0, volume.length)], volume.name


@pytest.mark.parametrize("name", EXT4_VOLUMES)
def test_used_maps_are_what_dumpe2fs_calls_used(name: str, reader: GmiFile, pristine: Device,
                                                tmp_path: Path) -> None:
    image = pristine.image_of(name, tmp_path)
    said = tool("dumpe2fs", image).stdout.decode()
    block = int(re.search(r"Block size:\s+(\d+)", said)[1])
    count = int(re.search(r"Block count:\s+(\d+)", said)[1])
    first = int(re.search(r"First block:\s+(\d+)", said)[1])
    free = set()
    for ranges in re.findall(r"^  Free blocks: (.*)$", said, re.M):
        for part in filter(None, ranges.split(", ")):
            low, _, high = part.partition("-")
            free.update(range(int(low), int(high or low) + 1))
    used = {number for number in range(count) if number not in free} | set(range(first))
    mapped = {number for offset, length in reader.volumes[name].extents
              for number in range(offset // block, (offset + length) // block)}
    beyond = {number for number in mapped if number >= count}  # what lies behind the filesystem is kept
    assert mapped - beyond == used


def test_free_space_with_stale_bytes_reads_as_zeros(reader: GmiFile, pristine: Device) -> None:
    """The deleted measurements lie on the disk, and in no backup."""
    offset, length = pristine.partition("data")
    with open(pristine.disk, "rb") as disk:
        disk.seek(offset)
        raw = disk.read(length)
    stored = reader.volume_bytes("data")
    stale = [at for at in range(0, length - 1024, 1024)
             if any(raw[at:at + 1024]) and not any(stored[at:at + 1024])]
    assert stale


def test_a_forensic_copy_holds_every_byte(pristine: Device, tmp_path: Path) -> None:
    gmi("backup", "--profile", pristine.profile, "--all-blocks", "-o", tmp_path / "all.gmi")
    copy = GmiFile(tmp_path / "all.gmi")
    disk = b"".join(copy.volume_bytes(name) for name, volume in copy.volumes.items() if volume.disk == "emmc")
    assert copy.manifest["all_blocks"] and disk == pristine.disk.read_bytes()
