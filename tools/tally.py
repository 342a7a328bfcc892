"""Counts what the parts of a test run left in a directory: `N passed, N failed`.

A test program that speaks TAP counts with each of its cases, any other as one. A program that
died, timed out or was cut short without a failed case of its own counts as one failure, and so
does a part that could not be built (NAME.broken). What was skipped is listed before, with its
reason, and so is each failure: whoever sees only the last lines of a run knows what to look at.
"""

import json
import pathlib
import re
import sys

SKIPPED = re.compile(r"^ok \d+ - (.*) # SKIP (.*)$", re.MULTILINE)
CASE = re.compile(r"^(not )?ok\b(?!.*# SKIP)(?: \d+)?(?: - )?(.*)$")
LONGEST_REASON = 400


def last_words(test):
    """The end of what a program without a failed case of its own had to say."""
    said = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"{test['result'].lower()}: " + " / ".join(lines[-2:])


def judge(test):
    """The number of passed cases, and name and reason of each failed one."""
    if test["result"] == "SKIP":
        return 0, []
    passed, failed, note, behind = 0, [], "", False
    for line in (test.get("stdout") or "").splitlines():
        case = CASE.match(line)
        if case is None:
            note = line[1:].strip() if line.startswith("#") else note
            if behind and line.startswith("#"):
                failed[-1][1] = note  # the line behind a failed case says more than those before
            behind = False
            continue
        if case[1]:
            failed.append([case[2], note])
        else:
            passed += 1
        note, behind = "", bool(case[1])
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        return passed if passed + len(failed) else 1, []
    return passed, failed or [["the program", last_words(test)]]


def main(directory):
    passed = 0
    skipped, failures = [], []
    for log in sorted(pathlib.Path(directory).glob("testlog-*.json")):
        part = log.stem.removeprefix("testlog-")
        for line in log.read_text().splitlines():
            test = json.loads(line)
            good, bad = judge(test)
            skipped += SKIPPED.findall(test.get("stdout") or "")
            passed += good
            failures += [f"{part}, {test['name']}: {name}: {reason or 'no reason given'}"
                         for name, reason in bad]
    failures += [f"{broken.stem}: could not be built or run, see its output above"
                 for broken in sorted(pathlib.Path(directory).glob("*.broken"))]
    if passed + len(failures) == 0:
        failures = ["nothing was run"]
    for name, why in skipped:
        print(f"skipped: {name}: {why}")
    for failure in failures:
        print("failed: " + failure[:LONGEST_REASON])
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
