"""Adds up what the parts of ./test left in a folder and prints the last line of a test run.

A unit test program counts as many tests as cmocka ran in it; a pytest case counts as one. A program that
died before cmocka could count is one failure.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def of_meson(log: Path) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for line in log.read_text().splitlines():
        test = json.loads(line)
        output = test.get("stdout", "") + test.get("stderr", "")
        counted = {
            word: sum(int(n) for n in re.findall(rf"\[  {word}  \] (\d+) test\(s\)[.,]", output))
            for word in ("PASSED", "FAILED", "SKIPPED")
        }
        if test["result"] == "SKIP":
            skipped += 1
        elif test["result"] == "OK":
            passed += counted["PASSED"] or 1
            skipped += counted["SKIPPED"]
        else:
            passed += counted["PASSED"]
            failed += counted["FAILED"] or 1
            print(f"failed: {test['name']} ({test['result']})")
    return passed, failed, skipped


def of_pytest(report: Path) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        tests, bad = int(suite.get("tests", 0)), int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        left_out = int(suite.get("skipped", 0))
        passed += tests - bad - left_out
        failed += bad
        skipped += left_out
        for case in suite.iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                print(f"failed: {case.get('classname')}.{case.get('name')}")
            reason = case.find("skipped")
            if reason is not None:
                print(f"skipped: {case.get('name')}: {reason.get('message')}")
    return passed, failed, skipped


def main() -> int:
    folder = Path(sys.argv[1])
    counts = [of_meson(log) for log in sorted(folder.glob("*.json"))]
    counts += [of_pytest(report) for report in sorted(folder.glob("*.xml"))]
    passed, failed, skipped = (sum(column) for column in zip(*counts)) if counts else (0, 1, 0)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
