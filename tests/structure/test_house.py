"""The house stands as docs/architecture.md draws it: arrows only downward, libraries behind one door."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Room -> rooms whose headers it may include, besides its own. The same table is in docs/architecture.md.
MAY_USE = {
    "base": set(),
    "format": {"base"},
    "storage": {"base"},
    "device": {"base", "storage"},
    "doctor": {"base", "storage", "device"},
    "backup": {"base", "format", "storage", "device"},
    "restore": {"base", "format", "storage", "device"},
    "job": {"base", "device", "backup", "restore"},
    "http": {"base", "job"},
    "gmid": {"base", "device", "job", "http"},
    "cli": {"base", "format", "storage", "device", "doctor", "backup", "restore"},
}

# Library header -> the only files that may know it.
BEHIND_A_DOOR = {
    r"<ext2fs/|<et/com_err": r"src/storage/ext[a-z_]*\.[ch]",
    r"<libmtd\.h>|<mtd/": r"src/storage/disk_flash\.c",
    r"<blkid/": r"src/storage/.*",
    r"<microhttpd\.h>": r"src/http/.*",
    r"<jansson\.h>": r"src/(format|http|cli)/.*",
    r"<ini\.h>": r"src/device/profile[a-z_]*\.c",
    r"<curl/": r"src/cli/.*",
    r"<openssl/": r"src/base/sha256\.c",
}


def tracked(*patterns: str) -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    return [ROOT / name for name in names if name and (ROOT / name).exists()]


SOURCES = tracked("src/*.c", "src/*.h")


def test_there_are_sources() -> None:
    assert len(SOURCES) > 20


@pytest.mark.parametrize("room", sorted(MAY_USE))
def test_arrows_point_downward(room: str) -> None:
    wrong = []
    for path in SOURCES:
        if path.relative_to(ROOT).parts[1] != room:
            continue
        for used in re.findall(r'^#include "([a-z]+)/', path.read_text(), re.M):
            if used != room and used not in MAY_USE[room]:
                wrong.append(f"{path.relative_to(ROOT)} includes {used}/")
    assert not wrong


def test_every_room_is_in_the_table() -> None:
    assert {path.relative_to(ROOT).parts[1] for path in SOURCES} <= set(MAY_USE)


def test_the_documents_table_is_the_same() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    drawn = {
        room: {name.strip() for name in uses.split(",")} - {"nothing of ours"}
        for room, uses in re.findall(r"^\| \[`src/([a-z]+)/`\].*\|([^|]*)\|$", text, re.M)
    }
    assert drawn == MAY_USE


@pytest.mark.parametrize("header", sorted(BEHIND_A_DOOR))
def test_libraries_stay_behind_their_door(header: str) -> None:
    wrong = [
        str(path.relative_to(ROOT)) for path in SOURCES
        if re.search(rf"#include {header}", path.read_text())
        and not re.fullmatch(BEHIND_A_DOOR[header], str(path.relative_to(ROOT)))
    ]
    assert not wrong


def test_internal_headers_are_not_used_from_outside() -> None:
    internal = {
        f"{p.relative_to(ROOT / 'src')}" for p in SOURCES
        if p.suffix == ".h" and re.search(r"Internal\s+(?:\*\s+)?to\s+(?:\*\s+)?src/", p.read_text())
    }
    wrong = [
        f"{path.relative_to(ROOT)} includes {name}" for path in SOURCES
        for name in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M)
        if name in internal and name.split("/")[0] != path.relative_to(ROOT).parts[1]
    ]
    assert internal and not wrong


def test_files_answer_one_question() -> None:
    """About 500 lines; a longer file is asked what two things it is trying to be."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("src/*.c", "src/*.h", "page/*.js", "virtual/*.py")
        if (lines := len(path.read_text().splitlines())) > 560
    }
    assert not long


def test_headers_open_with_a_paragraph() -> None:
    bare = [str(p.relative_to(ROOT)) for p in SOURCES if p.suffix == ".h" and not p.read_text().startswith("/*")]
    assert not bare


def test_paths_named_in_documents_exist() -> None:
    """A document that names a file which is gone is a document that drifted."""
    gone = []
    for document in tracked("README.md", "docs/*.md"):
        text = document.read_text()
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            if not (document.parent / target).exists():
                gone.append(f"{document.relative_to(ROOT)}: {target}")
        for target in re.findall(r"`((?:src|page|profiles|docs|packaging|bench|tests|tools|virtual)/[\w./-]+)`", text):
            if not (ROOT / target).exists():
                gone.append(f"{document.relative_to(ROOT)}: {target}")
    assert not gone
