"""A virtual device in a folder of its own, and what other people's tools say about its disks."""

import configparser
import hashlib
import json
import subprocess
from pathlib import Path

from programs import ROOT, tool

EXT4_VOLUMES = ("system0", "system1", "config", "data")


class Device:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk = folder / "disk.img"
        self.flash = folder / "flash.img"
        self.profile = folder / "profile.ini"

    @staticmethod
    def make(folder: Path, *options: str) -> "Device":
        tool(ROOT / "virtual/make-device", *options, folder)
        return Device(folder)

    def copy(self, folder: Path) -> "Device":
        folder.mkdir(parents=True, exist_ok=True)
        tool("cp", "--sparse=always", *(path for path in self.folder.iterdir() if path.is_file()), folder)
        (folder / "device.log").unlink(missing_ok=True)
        return Device(folder)

    def configure(self, section: str, **values: object) -> None:
        """Changes the profile; None takes a key away."""
        profile = configparser.ConfigParser(interpolation=None)
        profile.read(self.profile)
        if not profile.has_section(section):
            profile.add_section(section)
        for key, value in values.items():
            if value is None:
                profile.remove_option(section, key)
            else:
                profile.set(section, key, str(value))
        with open(self.profile, "w") as file:
            profile.write(file)

    def change(self, *options: str) -> None:
        """Some months of use."""
        tool(ROOT / "virtual/change-device", self.folder, *options)

    def program(self, *words: str) -> None:
        subprocess.run([str(ROOT / "virtual/program"), str(self.folder), *words], check=True,
                       stdout=subprocess.DEVNULL)

    def hooks(self) -> list[str]:
        """The hooks that were called, in order."""
        log = self.folder / "device.log"
        return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []

    def hash(self) -> str:
        """Of every byte of both disks."""
        hashes = []
        for path in (self.disk, self.flash):
            with open(path, "rb") as file:
                hashes.append(hashlib.file_digest(file, "sha1").hexdigest())
        return " ".join(hashes)

    def layout(self) -> dict:
        return json.loads((self.folder / "layout.json").read_text())

    def partition(self, name: str) -> tuple[int, int]:
        """Offset and length in bytes."""
        found = next(part for part in self.layout()["partitions"] if part["name"] == name)
        return found["start"] * 512, found["sectors"] * 512

    def debugfs(self, volume: str, request: str) -> bytes:
        offset, _ = self.partition(volume)
        return tool("debugfs", "-R", request, f"{self.disk}?offset={offset}").stdout

    def image_of(self, volume: str, folder: Path) -> Path:
        """A partition as an image, for tools that want one."""
        offset, length = self.partition(volume)
        image = folder / f"{volume}.partition"
        with open(self.disk, "rb") as disk, open(image, "wb") as file:
            disk.seek(offset)
            file.write(disk.read(length))
        return image

    def check_filesystems(self, folder: Path) -> None:
        for volume in (part["name"] for part in self.layout()["partitions"]):
            tool("e2fsck", "-fn", self.image_of(volume, folder))

    def files(self, volume: str, folder: Path) -> dict[str, str]:
        """What every file of a filesystem holds, by debugfs."""
        target = folder / f"{volume}.files"
        target.mkdir()
        self.debugfs(volume, f'rdump / "{target}"')
        return tree(target)

    def all_files(self, folder: Path) -> dict[str, dict[str, str]]:
        folder.mkdir()
        return {volume: self.files(volume, folder) for volume in EXT4_VOLUMES}


def tree(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = "folder"
    return found
