"""A test file of the lab: functions test_*, whose first doc line is the name of the story.

Prints TAP for meson. A story that cannot be told here raises Skip.
"""

import sys
import time
import traceback


class Skip(Exception):
    """The reason why a test cannot run on this machine."""


def main(names):
    """Run the test functions of a module: tap.main(globals()); arguments select by name."""
    tests = [value for name, value in names.items()
             if name.startswith("test_") and callable(value)]
    if len(sys.argv) > 1:
        tests = [test for test in tests if any(word in test.__name__ for word in sys.argv[1:])]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        name = (test.__doc__ or test.__name__).strip().splitlines()[0].rstrip(".")
        since = time.monotonic()
        try:
            test()
            outcome, note = "ok", f" ({time.monotonic() - since:.1f} s)"
        except Skip as why:
            outcome, note = "ok", f" # SKIP {why}"
        except Exception:  # whatever it was, the other stories want to be told
            outcome, note = "not ok", ""
            failed += 1
            for line in traceback.format_exc().splitlines():
                print("# " + line)
        print(f"{outcome} {number} - {name}{note}", flush=True)
    sys.exit(1 if failed else 0)
