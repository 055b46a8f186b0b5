"""Where the modules lie that these tests share with the system tests and with the virtual device."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
for folder in ("tests/system", "virtual"):
    if str(ROOT / folder) not in sys.path:
        sys.path.append(str(ROOT / folder))

# The device's programs are many short runs of python3: Debian's, not one that a version manager stands before.
os.environ["PATH"] = f"/usr/bin:{os.environ['PATH']}"
