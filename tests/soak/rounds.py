"""What the soaks share: a living device, rounds until a number or a failure, a line now and then, counts in the end.

They use the release build and other people's checkers, like tests/live.
"""

import argparse
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("GMI_BUILD", str(ROOT / "build-release"))
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests/live"))

import paths  # noqa: E402, F401
from device import Device  # noqa: E402
from live_device import LiveDevice, root_needed  # noqa: E402

EVERY = 100  # rounds, a line


def soak(name: str, what: str, rounds: int, begin: Callable[[LiveDevice, Path], Callable[[int], str]]) -> None:
    """`begin` prepares the device and returns one round, which returns a word to be counted."""
    parser = argparse.ArgumentParser(prog=f"tests/soak/{name}", description=what)
    parser.add_argument("rounds", nargs="?", type=int, default=rounds, help=f"{rounds} unless told")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of what is left to chance")
    arguments = parser.parse_args()
    if reason := root_needed():
        raise SystemExit(f"{name}: {reason}")
    random.seed(arguments.seed)
    print(f"{name}: {arguments.rounds} rounds, --seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="gmi-soak-") as scratch:
        device = LiveDevice.copy_of(Device.make(Path(scratch) / "original", "--tiny"))
        failed = run(name, arguments.rounds, begin, device, Path(scratch))
        if failed:
            print(f"{name}: the device stays up for a look: virtual/live {device.folder} down", flush=True)
        else:
            device.end()
    raise SystemExit(1 if failed else 0)


def run(name: str, rounds: int, begin: Callable[[LiveDevice, Path], Callable[[int], str]], device: LiveDevice,
        scratch: Path) -> bool:
    counts: Counter[str] = Counter()
    began, number = time.monotonic(), 0
    try:
        one = begin(device, scratch)
        for number in range(1, rounds + 1):
            counts[one(number)] += 1
            if number % EVERY == 0 and number < rounds:
                print(f"{name}: {told(number, counts, began)}", flush=True)
    except Exception:  # noqa: BLE001 - whatever it is, it is the result
        traceback.print_exc()
        print(f"{name}: FAILED in round {number}; before that {told(number - 1, counts, began)}", flush=True)
        return True
    except KeyboardInterrupt:
        number -= 1
    print(f"{name}: {told(number, counts, began)}, 0 failed", flush=True)
    return False


def told(number: int, counts: Counter, began: float) -> str:
    kinds = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    return f"{number} rounds in {time.monotonic() - began:.0f} s: {kinds}"
