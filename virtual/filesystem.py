"""ext4 in a region of an image file, made and changed without root: mke2fs and debugfs.

debugfs takes its commands in the order given and its clock from E2FSPROGS_FAKE_TIME, so the same commands
give the same bytes. Files belong to root inside, whoever runs this.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from layout import Layout, Partition

CLOCK = "1767960000"  # 2026-01-09, when the virtual device was last used
BATCH = 192 << 20  # bytes that wait in the staging folder at most


class Filesystem:
    """Gathers changes and hands them to debugfs batch by batch. Use as a context manager."""

    def __init__(self, image: Path, partition: Partition) -> None:
        self.image = image
        self.partition = partition
        self.commands: list[str] = []
        self.waiting = 0
        self.count = 0
        self.known = {"/"}

    def __enter__(self) -> "Filesystem":
        self.staging = tempfile.TemporaryDirectory(prefix="staging-", dir=self.image.parent)
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self.flush()
        self.staging.cleanup()

    def _folder_of(self, path: str) -> None:
        folder = os.path.dirname(path)
        if folder not in self.known:
            self._folder_of(folder)
            self.commands.append(f'mkdir "{folder}"')
            self.known.add(folder)

    def write(self, path: str, data: bytes, mode: int = 0o644, when: int | None = None) -> None:
        staged = Path(self.staging.name) / str(self.count)
        self.count += 1
        staged.write_bytes(data)
        self._folder_of(path)
        self.commands.append(f'write "{staged}" "{path}"')
        self.commands.append(f'sif "{path}" mode 0{0o100000 | mode:o}')
        if when is not None:
            self.commands.append(f'sif "{path}" mtime @{when}')
        self.waiting += len(data)
        if self.waiting > BATCH:
            self.flush()

    def sparse(self, path: str, length: int, tail: bytes) -> None:
        staged = Path(self.staging.name) / str(self.count)
        self.count += 1
        with open(staged, "wb") as file:
            file.truncate(length - len(tail))
            file.seek(0, os.SEEK_END)
            file.write(tail)
        self._folder_of(path)
        self.commands.append(f'write "{staged}" "{path}"')

    def symlink(self, path: str, target: str) -> None:
        self._folder_of(path)
        self.commands.append(f'symlink "{path}" "{target}"')

    def folder(self, path: str) -> None:
        self._folder_of(path + "/x")

    def remove(self, path: str) -> None:
        self.commands.append(f'rm "{path}"')

    def flush(self) -> None:
        if not self.commands:
            return
        script = Path(self.staging.name) / "commands"
        script.write_text("\n".join(self.commands) + "\n")
        done = subprocess.run(
            ["debugfs", "-w", "-f", str(script), f"{self.image}?offset={self.partition.offset}"],
            env=environment(), capture_output=True, text=True)
        # debugfs tells failures in words only; its first line is its version.
        trouble = [line for line in done.stderr.splitlines()[1:] if line.strip()]
        if done.returncode or trouble:
            raise SystemExit(f"debugfs: {trouble[0] if trouble else done.returncode}")
        for staged in Path(self.staging.name).iterdir():
            staged.unlink()
        self.commands.clear()
        self.waiting = 0


def environment() -> dict[str, str]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return {**os.environ, "PATH": path, "E2FSPROGS_FAKE_TIME": CLOCK, "TZ": "UTC", "LC_ALL": "C",
            "DEBUGFS_PAGER": "cat"}


def make(image: Path, layout: Layout, partition: Partition) -> None:
    options = f"offset={partition.offset},hash_seed={layout.uuid(partition.name + '-hash')},nodiscard"
    blocks = partition.length // layout.block
    subprocess.run(
        ["mke2fs", "-q", "-F", "-t", "ext4", "-b", str(layout.block), "-L", partition.name,
         "-U", layout.uuid(partition.name + "-fs"), "-E", options + ",lazy_itable_init=1,lazy_journal_init=1",
         str(image), str(blocks * layout.block // 1024) + "k"],
        check=True, env=environment(), stdout=subprocess.DEVNULL)


def list_folder(image: Path, partition: Partition, path: str) -> list[str]:
    """Names in a folder, sorted."""
    done = subprocess.run(
        ["debugfs", "-R", f'ls -p "{path}"', f"{image}?offset={partition.offset}"],
        env=environment(), capture_output=True, text=True, check=True)
    names = [line.split("/")[5] for line in done.stdout.splitlines() if line.startswith("/")]
    return sorted(name for name in names if name not in (".", ".."))
