"""A test file of the lab: functions test_*, whose first doc line is the name of the story.

Prints TAP for meson. A story that cannot be told here raises Skip. A failed one says why on the
line behind `not ok`, and once more at the end.
"""

import os
import sys
import time
import traceback

REASON_MAX = 600


class Skip(Exception):
    """The reason why a test cannot run on this machine."""


def reason_of(why):
    """Why a story failed, on one line: what it says, and where it was."""
    frames = traceback.extract_tb(why.__traceback__)
    place = next((f for f in reversed(frames) if "/test_" in f.filename), frames[-1])
    said = " ".join(str(why).split())[:REASON_MAX]
    return f"{type(why).__name__}: {said} ({os.path.basename(place.filename)}:{place.lineno})"


def main(names):
    """Run the test functions of a module: tap.main(globals()); arguments select by name."""
    tests = [value for name, value in names.items()
             if name.startswith("test_") and callable(value)]
    if len(sys.argv) > 1:
        tests = [test for test in tests if any(word in test.__name__ for word in sys.argv[1:])]
    print(f"1..{len(tests)}", flush=True)
    failed = []
    for number, test in enumerate(tests, 1):
        name = (test.__doc__ or test.__name__).strip().splitlines()[0].rstrip(".")
        since = time.monotonic()
        try:
            test()
            outcome, note = "ok", f" ({time.monotonic() - since:.1f} s)"
        except Skip as why:
            outcome, note = "ok", f" # SKIP {why}"
        except Exception as why:  # whatever it was, the other stories want to be told
            failed.append(f"{number} - {name}: {reason_of(why)}")
            print(f"not ok {number} - {name}\n# {reason_of(why)}", flush=True)
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            continue
        print(f"{outcome} {number} - {name}{note}", flush=True)
    for line in failed:
        print("# failed: " + line)
    sys.exit(1 if failed else 0)
