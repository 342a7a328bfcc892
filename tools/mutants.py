"""Plants each bug of test/mutants in a copy of the tree and looks whether it is caught.

  mutants.py check                     whether all patches still apply
  mutants.py run [--build DIR] [--jobs N] [--document FILE] [NAME...]

A patch begins with plain lines that say what the bug is, then `word: value` lines:
  rule       the rule or promise that it breaks
  caught-by  `sim CHECKER [or CHECKER]`, or the path of a test program, a colon and the case that fails
  sim        options of the simulator that bring the bug out sooner
  seeds      how many seeds are tried (200)
It counts as caught only by what it names, and only if the sound tree passes the same seed or test.
"""

import argparse
import filecmp
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PATCHES = ROOT / "test" / "mutants"
SEEDS = 200
TEST_SECONDS = 300
SIM_SECONDS = 1800
BEGIN = "<!-- mutants:begin -->"
END = "<!-- mutants:end -->"
WORDS = ("rule", "caught-by", "sim", "seeds")
FAILURE = re.compile(r"^seed (\d+)(?:, \d+ nodes)?: ([a-z-]+): ?(.*)")
FAILED_CASE = re.compile(r"^not ok \d+ - (\w+)", re.MULTILINE)


class Mutant:
    """A patch and what its head says."""

    def __init__(self, path):
        self.path = path
        self.name = path.stem
        head = path.read_text().split("\n--- ", 1)[0]
        words = dict.fromkeys(WORDS, "")
        text = []
        for line in head.splitlines():
            word, colon, value = line.partition(":")
            if colon and word in WORDS:
                words[word] = value.strip()
            elif line.strip():
                text.append(line.strip())
        self.bug = " ".join(text)
        self.rule = words["rule"]
        self.options = words["sim"].split()
        self.seeds = int(words["seeds"] or SEEDS)
        how, _, what = words["caught-by"].partition(" ")
        self.in_sim = how == "sim"
        self.checkers = what.split(" or ") if self.in_sim else []
        self.test = "" if self.in_sim else how.rstrip(":")
        self.case = "" if self.in_sim else what
        if not (self.bug and self.rule and how and what):
            sys.exit(f"{path.name}: its head needs a description, rule: and caught-by:")

    @property
    def target(self):
        return "sim/sim" if self.in_sim else self.test


class Failure(Exception):
    """Why a mutant does not count as caught."""


def git_apply(tree, mutant, *options):
    """Outside of any repository, so that paths are those of the copy."""
    return subprocess.run(
        ["git", "apply", *options, str(mutant.path)], cwd=tree, capture_output=True, text=True,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}, check=False)


def update_copy(tree):
    """Our files as they are now; what did not change keeps its time, so that little is built."""
    listed = subprocess.run([str(ROOT / "tools" / "files.sh")], capture_output=True, text=True,
                            check=True).stdout.split("\n")
    wanted = {name for name in listed if name and not name.startswith("test/fuzz/corpus/")}
    for name in wanted:
        source, copy = ROOT / name, tree / name
        if copy.exists() and filecmp.cmp(source, copy, shallow=False):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        shutil.copymode(source, copy)
    for path in tree.rglob("*"):
        if path.is_file() and str(path.relative_to(tree)) not in wanted:
            path.unlink()


class Place:
    """A copy of the tree and its build directory."""

    def __init__(self, directory):
        self.tree = directory / "tree"
        self.build = directory / "build"
        self.sound = directory / "sound"
        self.tested = set()
        self.tree.mkdir(parents=True, exist_ok=True)

    def prepare(self, targets):
        update_copy(self.tree)
        if not (self.build / "build.ninja").exists():
            subprocess.run(["meson", "setup", str(self.build), str(self.tree),
                            "--buildtype=release", "-Dwerror=false"], check=True, stdout=subprocess.DEVNULL)
        for target in targets:
            self.make(target)
        shutil.copy2(self.build / "sim" / "sim", self.sound)

    def make(self, target):
        done = subprocess.run(["nice", "ninja", "-C", str(self.build), "-j1", target],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure("does not compile:\n" + "\n".join(done.stdout.splitlines()[-15:]))

    def simulate(self, program, mutant, first, seeds):
        """The first seed that fails: (seed, checker, text); None: all hold."""
        command = ["nice", str(program), "--seed", str(first), "--seeds", str(seeds),
                   *mutant.options]
        with subprocess.Popen(command, cwd=self.tree, stdout=subprocess.PIPE,
                              text=True) as process:
            limit = threading.Timer(SIM_SECONDS, process.kill)
            limit.start()
            try:
                for line in process.stdout:
                    found = FAILURE.match(line)
                    if found:
                        return int(found[1]), found[2], found[3]
                if process.wait() != 0:
                    raise Failure("the simulator ends without naming a seed")
            finally:
                limit.cancel()
                process.kill()
        return None

    def run_simulator(self, mutant):
        found = self.simulate(self.build / "sim" / "sim", mutant, 1, mutant.seeds)
        if found is None:
            raise Failure(f"survives {mutant.seeds} seeds")
        seed, checker, text = found
        if checker not in mutant.checkers:
            raise Failure(f"caught by {checker} (seed {seed}), not {mutant.checkers}: {text}")
        if self.simulate(self.sound, mutant, seed, 1) is not None:
            raise Failure(f"seed {seed} fails without the bug, too")
        if "--plan" in mutant.options:
            plan = pathlib.Path(mutant.options[mutant.options.index("--plan") + 1])
            return f"`{checker}`", f"{seed} of `{plan.stem}`", text
        return f"`{checker}`", str(seed), text

    def run_test(self, test):
        """The names of the cases that fail, and whether anything did."""
        done = subprocess.run(["nice", str(self.build / test)], cwd=self.tree,
                              capture_output=True, text=True, timeout=TEST_SECONDS,
                              env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP"}, check=False)
        return FAILED_CASE.findall(done.stdout), done.returncode != 0

    def run_unit(self, mutant):
        cases, failed = self.run_test(mutant.test)
        if not failed:
            raise Failure(f"{mutant.test} passes")
        if mutant.case not in cases:
            raise Failure(f"{mutant.test} fails in {cases}, not in {mutant.case}")
        name = pathlib.Path(mutant.test).name
        return f"{name}: {mutant.case.replace('_', ' ')}", "", mutant.case

    def try_mutant(self, mutant):
        """How it was caught: (by what, seeds, text of the failure)."""
        if not mutant.in_sim and mutant.test not in self.tested:
            self.make(mutant.test)
            if self.run_test(mutant.test)[1]:
                raise Failure(f"{mutant.test} fails without the bug, too")
            self.tested.add(mutant.test)
        applied = git_apply(self.tree, mutant)
        if applied.returncode != 0:
            raise Failure("does not apply: " + applied.stderr.strip())
        try:
            self.make(mutant.target)
            return self.run_simulator(mutant) if mutant.in_sim else self.run_unit(mutant)
        finally:
            undone = git_apply(self.tree, mutant, "-R")
            assert undone.returncode == 0, undone.stderr


def work(place, waiting, results):
    while True:
        try:
            mutant = waiting.get_nowait()
        except queue.Empty:
            return
        begin = time.monotonic()
        try:
            by, seeds, text = place.try_mutant(mutant)
            row = (mutant, by, seeds, time.monotonic() - begin)
            print(f"{mutant.name}: {by}, {seeds or 'test'}, {row[3]:.0f} s: {text}", flush=True)
        except (Failure, subprocess.TimeoutExpired) as why:
            row = (mutant, None, str(why), time.monotonic() - begin)
            print(f"{mutant.name}: NOT CAUGHT: {why}", flush=True)
        results.append(row)


def table(results, seconds):
    lines = ["| planted bug | rule that it breaks | caught by | seeds needed | seconds |",
             "|---|---|---|---:|---:|"]
    for mutant, by, seeds, spent in sorted(results, key=lambda row: row[0].name):
        lines.append(f"| {mutant.name} | {mutant.rule} | {by or 'NOT CAUGHT'} | {seeds} | "
                     f"{spent:.0f} |")
    caught = sum(row[1] is not None for row in results)
    lines += ["", f"{caught} of {len(results)} caught, in {seconds / 60:.1f} minutes."]
    return "\n".join(lines)


def write_document(path, text):
    old = path.read_text()
    if BEGIN not in old or END not in old:
        sys.exit(f"{path}: no {BEGIN} and {END}")
    head, rest = old.split(BEGIN, 1)
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")


def run(options, mutants):
    begin = time.monotonic()
    waiting = queue.Queue()
    results = []
    threads = []
    for mutant in mutants:
        waiting.put(mutant)
    places = [Place(pathlib.Path(options.build).resolve() / str(i)) for i in range(options.jobs)]
    for place in places:
        place.prepare({"sim/sim"})
    for place in places:
        threads.append(threading.Thread(target=work, args=(place, waiting, results)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    text = table(results, time.monotonic() - begin)
    print(text)
    if options.document and not options.names:
        write_document(pathlib.Path(options.document), text)
    return 0 if all(row[1] for row in results) and len(results) == len(mutants) else 1


def check(mutants):
    bad = 0
    for mutant in mutants:
        done = git_apply(ROOT, mutant, "--check")
        if done.returncode != 0:
            print(f"{mutant.path.name} does not apply: {done.stderr.strip()}")
            bad = 1
    print(f"{len(mutants)} planted bugs")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "check"])
    parser.add_argument("--build", default=str(ROOT / "build" / "mutants"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--document")
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()
    mutants = [Mutant(path) for path in sorted(PATCHES.glob("*.patch"))]
    if options.names:
        mutants = [m for m in mutants if any(m.name.startswith(n) for n in options.names)]
    return check(mutants) if options.what == "check" else run(options, mutants)


if __name__ == "__main__":
    sys.exit(main())
