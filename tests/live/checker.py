"""Judges a GMI file of a living device: clean filesystems, and every claim of the services' ledgers holds.

It shares no code with gmi: the second reader takes volumes out of the file, e2fsck and dumpe2fs look at them,
and the kernel mounts them without touching a journal.
"""

import hashlib
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import paths  # noqa: F401
from gmi_reader import GmiFile
from programs import tool
from services.ledger import Claim

HOLE = 1 << 20  # bytes; stretches of zeros that are not written
MOUNT_OPTIONS = {"ext4": "ro,noload", "xfs": "ro,norecovery,nouuid"}


def contents(file: GmiFile) -> dict[str, str]:
    """Volume -> what its filesystem is."""
    return {volume["name"]: volume["content"] for volume in file.manifest["volumes"]}


def image_of(file: GmiFile, volume: str, folder: Path) -> Path:
    image = folder / f"{volume}.img"
    with open(image, "wb") as out:
        content = memoryview(file.volume_bytes(volume))
        for at in range(0, len(content), HOLE):
            if content[at:at + HOLE] != bytes(len(content[at:at + HOLE])):
                out.seek(at)
                out.write(content[at:at + HOLE])
        out.truncate(len(content))
    return image


def check_ext4(image: Path) -> None:
    """Clean, with nothing in the journal that a mount would have to bring back."""
    tool("e2fsck", "-fn", image)
    said = tool("dumpe2fs", "-h", image).stdout.decode()
    assert "needs_recovery" not in re.search(r"Filesystem features: (.*)", said)[1]
    assert re.search(r"Filesystem state: +clean\n", said), said


def check_xfs(image: Path) -> None:
    """Sound once the kernel has mounted it: a freeze leaves XFS's log dirty on purpose, with its counters in it."""
    with mounted(image, "xfs", "nouuid"):
        pass
    tool("xfs_repair", "-n", "-f", image)


@contextmanager
def mounted(image: Path, kind: str, options: str | None = None) -> Iterator[Path]:
    """As it lies there, without a look into its journal, unless told."""
    with tempfile.TemporaryDirectory(prefix="gmi-look-") as point:
        tool("mount", "-o", f"loop,{options or MOUNT_OPTIONS[kind]}", image, point)
        try:
            yield Path(point)
        finally:
            tool("umount", point)


def broken(claim: Claim, root: Path) -> str | None:
    """What the filesystem says against a claim."""
    path = root / claim.path.partition(":")[2].lstrip("/")
    if claim.sha256 is None:
        return f"{claim.path} was removed and is there" if path.exists() else None
    if not path.is_file():
        return f"{claim.path} was synced and is not there"
    with open(path, "rb") as file:
        file.seek(claim.offset or 0)
        data = file.read() if claim.offset is None else file.read(claim.length)
    if len(data) != claim.length or hashlib.sha256(data).hexdigest() != claim.sha256:
        where = "" if claim.offset is None else f" at {claim.offset}"
        return f"{claim.path}{where} is not what was synced"
    return None


def judge(path: Path, claims: list[Claim], folder: Path) -> dict[str, int]:
    """Asserts; returns how many claims each volume kept, so that a test can ask for enough of them."""
    file = GmiFile(path)
    held: dict[str, int] = {}
    for volume, kind in contents(file).items():
        if kind not in MOUNT_OPTIONS:
            continue
        image = image_of(file, volume, folder)
        if kind == "ext4":
            check_ext4(image)
        mine = [claim for claim in claims if claim.path.startswith(f"{volume}:")]
        with mounted(image, kind) as root:
            against = [said for claim in mine if (said := broken(claim, root))]
        assert not against, "\n".join(against)
        if kind == "xfs":
            check_xfs(image)
        held[volume] = len(mine)
        image.unlink()
    return held
