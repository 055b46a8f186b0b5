"""Sources are laid out as .clang-format says, so that a change shows only what it changes."""

import shutil
import subprocess

import pytest

from test_house import ROOT, tracked


@pytest.mark.skipif(not shutil.which("clang-format"), reason="clang-format is not installed")
def test_sources_are_laid_out() -> None:
    files = [str(path) for path in tracked("src/*.[ch]", "tests/*.[ch]")]
    result = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=ROOT,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[:2000]
