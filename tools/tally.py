"""Counts what the parts of a test run left in a directory: `N passed, N failed`.

A test program that speaks TAP counts with each of its cases, any other as one. A program that
died, timed out or was cut short without a failed case of its own counts as one failure, and so
does a part that could not be built (NAME.broken). What was skipped is listed before, with its reason.
"""

import json
import pathlib
import re
import sys

SKIPPED = re.compile(r"^ok \d+ - (.*) # SKIP (.*)$", re.MULTILINE)
CASE = re.compile(r"^(not )?ok\b(?!.*# SKIP)", re.MULTILINE)


def count(test):
    """Passed and failed cases of one line of meson's log."""
    if test["result"] == "SKIP":
        return 0, 0
    cases = [bool(negated) for negated in CASE.findall(test.get("stdout") or "")]
    failed = sum(cases)
    passed = len(cases) - failed
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        return (passed, 0) if cases else (1, 0)
    return passed, max(failed, 1)


def main(directory):
    passed = failed = 0
    skipped = []
    for log in sorted(pathlib.Path(directory).glob("testlog-*.json")):
        for line in log.read_text().splitlines():
            test = json.loads(line)
            good, bad = count(test)
            skipped += SKIPPED.findall(test.get("stdout") or "")
            passed += good
            failed += bad
    failed += len(list(pathlib.Path(directory).glob("*.broken")))
    if passed + failed == 0:
        failed = 1
    for name, why in skipped:
        print(f"skipped: {name}: {why}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
