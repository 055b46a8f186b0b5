"""What docs/profile.md says about the file's form is what gmi does, and its example is a profile."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GMI = Path(os.environ.get("GMI_BUILD", ROOT / "build-test")) / "src/cli/gmi"
TEXT = (ROOT / "docs/profile.md").read_text()
LEAST = "[device]\nid = x-1\n[disk card]\npath = card.img\n"


def judge(folder: Path, profile: str) -> subprocess.CompletedProcess:
    """Loads the profile and then fails with exit code 1, for there is no such file to restore; 3: it is refused."""
    (folder / "p.ini").write_text(profile)
    return subprocess.run([GMI, "restore", "--dry-run", "--profile", folder / "p.ini", folder / "no.gmi"],
                          capture_output=True, text=True)


def test_the_example_is_a_profile(tmp_path: Path) -> None:
    example = re.search(r"```ini\n(.*?)```", TEXT, re.S)[1]
    assert judge(tmp_path, example).returncode == 1
    assert judge(tmp_path, example.replace("quiesce", "quiece")).returncode == 3


def test_the_examples_hooks_are_scripts() -> None:
    scripts = re.findall(r"```sh\n(.*?)```", TEXT, re.S)
    assert len(scripts) == 4
    for script in scripts:
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize("addition, words", [
    ("[hooks]\nbussy = x\n", "p.ini:6: [hooks] bussy: is not known"),
    ("[servce]\nlisten = 127.0.0.1:0\n", "p.ini:6: [servce] listen: is not known"),
    ("type = block\ntype = flash\n", "p.ini:6: [disk card] type: is given twice"),
    ("[hooks]\nhook_timeout = 5\nhook_timeout = 6\n", "p.ini:7: [hooks] hook_timeout: is given twice"),
    ("[hooks]\nquiesce =\n", "p.ini:6: [hooks] quiesce: is empty"),
    ("[hooks]\nquiesce = " + "x" * 189 + "\n", "longer than 198 characters"),
    ("[service]\nclient_wait = 0\n", "takes seconds, from 1 to 86400"),
    ("[disk A]\npath = a.img\n", "the name of a disk"),
])
def test_what_cannot_be_used_is_refused_with_its_line(tmp_path: Path, addition: str, words: str) -> None:
    refused = judge(tmp_path, LEAST + addition)
    assert refused.returncode == 3 and words in refused.stderr


def test_a_line_of_198_characters_is_taken(tmp_path: Path) -> None:
    assert judge(tmp_path, LEAST + "[hooks]\nquiesce = " + "x" * 188 + "\n").returncode == 1


def test_a_semicolon_behind_a_blank_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card.img").write_bytes(bytes(4096))
    for command, code in (("echo Measure ; exit 1", 3), ("echo Measure; exit 1", 9)):
        (tmp_path / "p.ini").write_text(LEAST + f"[hooks]\nbusy = {command}\n")
        done = subprocess.run([GMI, "backup", "-q", "-f", "-o", tmp_path / "o.gmi", "--profile", tmp_path / "p.ini"])
        assert done.returncode == code
