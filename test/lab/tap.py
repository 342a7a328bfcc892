"""A test file of the lab: functions test_*, whose first doc line is the name of the story.

Prints TAP for meson. A story that cannot be told here raises Skip. Behind a `not ok` stand its
reason, where it was noticed, and what the story noted; the same goes to standard error, which
meson shows when a file fails. At the end of the file all reasons are repeated.
"""

import os
import sys
import time
import traceback

LINE_MAX = 400
_notes = []
_running = []


class Skip(Exception):
    """The reason why a test cannot run on this machine."""


def note(text):
    """Lines that tell why, for the case that the story that is being told fails."""
    if _running:
        _notes.extend(text.splitlines())
    else:
        print(text, flush=True)


def forget():
    """The story is told from its beginning."""
    _notes.clear()


def reason(why):
    """One line."""
    return " ".join(f"{type(why).__name__}: {why}".split())


def places(why):
    """Where it was noticed: the lines of our files that led there."""
    here = os.path.dirname(os.path.abspath(__file__))
    frames = [frame for frame in traceback.extract_tb((why.__cause__ or why).__traceback__)
              if os.path.dirname(frame.filename) == here and frame.filename != __file__]
    return [f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}: {frame.line}"
            for frame in frames or traceback.extract_tb(why.__traceback__)]


def say(line):
    """On standard output, and on standard error when that is read apart."""
    print(line, flush=True)
    if not os.path.sameopenfile(1, 2):
        print(line, file=sys.stderr, flush=True)


def tell(lines):
    """Print comments where meson keeps them, and where it shows them."""
    for line in lines:
        say("# " + line)


def run(number, name, test):
    """One story; why it failed, or None."""
    since = time.monotonic()
    _notes.clear()
    _running.append(name)
    try:
        test()
        print(f"ok {number} - {name} ({time.monotonic() - since:.1f} s)", flush=True)
    except Skip as why:
        print(f"ok {number} - {name} # SKIP {' '.join(str(why).split())[:LINE_MAX]}", flush=True)
    except Exception as why:  # whatever it was, the other stories want to be told
        say(f"not ok {number} - {name}")
        tell([line[:LINE_MAX] for line in
              [reason(why)[:4 * LINE_MAX], *places(why), *str(why).splitlines()[1:20], *_notes]])
        return why
    finally:
        _running.clear()
    return None


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
        why = run(number, name, test)
        if why is not None:
            failed.append(f"failed: {test.__name__} ({name}): {reason(why)[:LINE_MAX]}")
    tell(failed)
    sys.exit(1 if failed else 0)
