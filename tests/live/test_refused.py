"""What a living device must not be asked to do: refused with a sentence, and the device works on."""

import subprocess

import pytest

import paths  # noqa: F401
from live_device import LiveDevice
from programs import gmi, tool


def refuse(device: LiveDevice, *words: object, expect: str, told: str) -> None:
    before = device.started(), device.hooks()
    said = gmi(*words, expect=expect).stderr
    assert told in said, said
    assert (device.started(), device.hooks()) == before and device.is_writable()


def test_a_backup_onto_the_device_itself(device: LiveDevice) -> None:
    """It would wait for ever for a filesystem that it has frozen."""
    device.up(rest="freeze")
    refuse(device, "backup", "--profile", device.profile, "-o", device.root / "data/backup.gmi", expect="usage",
           told="has to stand still")
    assert not list((device.root / "data").glob("*.gmi*"))


def test_a_restore_from_a_file_on_the_device_itself(device: LiveDevice, backup) -> None:
    """It would overwrite what it reads."""
    device.up(rest="freeze")
    own = device.root / "data/own.gmi"
    own.write_bytes(backup(device).read_bytes())
    refuse(device, "restore", "--profile", device.profile, own, "--yes", expect="usage", told="own.gmi lies on disk emmc")


@pytest.mark.parametrize("first", [True, False])
def test_a_partition_beside_its_disk(first: bool, device: LiveDevice) -> None:
    device.up(rest="freeze")
    loop = str(device.loop().path)
    text = device.profile.read_text()
    part = f"[disk part]\npath = {loop}p4\n\n"
    device.profile.write_text(text.replace("[disk emmc]", part + "[disk emmc]") if first
                              else text.replace("[disk flash]", part + "[disk flash]"))
    refuse(device, "backup", "--profile", device.profile, "-o", "-", expect="profile",
           told=f"overlap: {loop}p4 lies on {loop}; name whole disks, each once")


def test_an_image_beside_its_loop_device(device: LiveDevice) -> None:
    device.up(rest="freeze")
    device.profile.write_text(device.profile.read_text().replace(
        "[disk flash]", f"[disk image]\npath = {device.disk}\n\n[disk flash]"))
    refuse(device, "backup", "--profile", device.profile, "-o", "-", expect="profile", told="overlap")


def test_a_runtime_folder_on_the_device_itself(device: LiveDevice) -> None:
    device.up(rest="freeze")
    device.configure("device", runtime=str(device.root / "data/run"))
    said = gmi("backup", "--profile", device.profile, "-o", "-", expect="profile").stderr
    assert "in memory (tmpfs), like /run/gmi" in said
    device.until_back_at_work()


def test_a_filesystem_that_only_another_mount_namespace_shows(device: LiveDevice, backup) -> None:
    """Nobody here can bring it to rest."""
    device.up(rest="freeze")
    file = backup(device)
    elsewhere = device.hold("unshare", "-m", "sh", "-c", "echo ready; exec sleep 1000", stdout=subprocess.PIPE)
    assert elsewhere.stdout.readline() == b"ready\n"
    device.configure("hooks", release="true", quiesce="true")
    device.kill_services()
    tool("umount", device.root / "data")
    part = f"{device.loop().path}p4 of disk emmc is in use"
    assert part in gmi("backup", "--profile", device.profile, "-o", "-", expect="system").stderr
    assert part in gmi("restore", "--profile", device.profile, file, "--yes", expect="system").stderr
    assert not (device.run / "restart").exists() and device.is_writable()


def test_a_disk_whose_writes_the_kernel_does_not_count(device: LiveDevice) -> None:
    device.up(rest="freeze")
    counts = device.loop().sysfs / "queue/iostats"
    counts.write_text("0")
    try:
        said = gmi("backup", "--profile", device.profile, "-o", "-", expect="system").stderr
    finally:
        counts.write_text("1")
    assert "does not count what is written to disk emmc" in said
    device.until_back_at_work()
