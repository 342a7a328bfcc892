"""The runbooks, command by command, in real containers, as doc/runbooks has them.

Writes what passed to RUNBOOK_RESULTS, from which coverage.py makes its table.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

import literate
import states

sys.path.insert(0, os.path.join(literate.TOP, "test", "containers"))
sys.path.insert(0, os.path.join(literate.TOP, "test", "lab"))

from boxes import Boxes  # noqa: E402 (the path comes first)
from engine import NoEngine  # noqa: E402

import tap  # noqa: E402

BLOCK_MAX_S = 150
CALM_MAX_S = 90  # on a busy machine a node is lost for a moment, or a leader: what was given is made anew
PASSED = []
OF_RB008 = "RB-008-minority-partition-handling.md"


class Deployment:
    """The containers of a compose file, and a shell with docker for an operator."""

    def __init__(self, which, containers, network):
        self.boxes = Boxes(which, containers, network)
        self.containers = containers
        self.network = network
        self.scratch = None

    def __enter__(self):
        try:
            self.boxes.__enter__()
        except NoEngine as why:
            raise tap.Skip(str(why)) from why
        self.scratch = tempfile.TemporaryDirectory(prefix="erlmcp-runbook-")
        self.environment = {**self.boxes.engine.environment, **self.boxes.settings,
                            "ERLMCP_QUORUM_SIZE": "3", "TERM": "xterm"}
        return self

    def __exit__(self, *_):
        self.scratch.cleanup()
        self.boxes.__exit__()


def bash(box, script, timeout=BLOCK_MAX_S):
    """Exit code and output of some lines of a runbook, each of which has to succeed."""
    done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=literate.TOP,
                          env=box.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=timeout, check=False)
    return done.returncode, done.stdout


def run_once(box, block):
    script = block.script
    if block.stop_after:
        path = os.path.join(box.scratch.name, "block")
        with open(path, "w", encoding="utf-8") as file:
            file.write(script)
        script = f"timeout {block.stop_after:g} bash -e -o pipefail {path}"
    return bash(box, script)


def reach(box, state, block):
    """What is given for a block; podman's name server knows the names that it asks for."""
    state.reach(block.given)
    if block.given == "healthy" and re.search("ping |doctor", block.script):
        for name in box.containers[1:]:
            box.boxes.await_name(box.containers[0], name, "")


def run_block(box, state, block):
    """Run a block in its state until it comes out right, as long as it may take."""
    seen = []

    def right():
        if not seen or block.given != "as-left":
            reach(box, state, block)
        code, output = run_once(box, block)
        seen[:] = [code, output]
        return block.misfit(code, output) or True
    try:
        patience = 0 if block.given == "as-left" and not block.within else CALM_MAX_S
        states.await_true(right, patience, block.name)
    except states.NotReached as why:
        raise AssertionError(f"{block.where}: {why}; it said:\n{seen[1]}") from why
    PASSED.append(block.name)


def run_books(box, names):
    """Tell each block of these runbooks; the first failure of a book ends it."""
    state = states.States(lambda command: bash(box, command), box.containers, box.network)
    failures = []
    for name in names:
        for block in literate.runbooks()[name]:
            if block.why_not:
                print(f"# {block.name} not run: {block.why_not}", flush=True)
                continue
            try:
                since = time.monotonic()
                run_block(box, state, block)
                print(f"# {block.name} passed ({time.monotonic() - since:.1f} s)", flush=True)
            except (AssertionError, states.NotReached, subprocess.TimeoutExpired) as why:
                failures.append(f"{block.where} {block.name}: {why}")
                break
    assert not failures, "\n".join(failures)


def test_rb008():
    """RB-008 from top to bottom, in its own containers"""
    names = ["erlmcp", "erlmcp-node2", "erlmcp-node3"]
    with Deployment("rb-008", names, "erlmcp-network") as box:
        run_books(box, [OF_RB008])


def test_others():
    """RB-010 and the other runbooks from top to bottom, in the containers of RB-010"""
    names = [f"erlmcp_node{number}" for number in (1, 2, 3)]
    with Deployment("rb-010", names, "erlmcp-net") as box:
        run_books(box, [name for name in literate.runbooks() if name != OF_RB008])


def test_table():
    """the table of commands is that of the runbooks, and every specified command is in it"""
    assert literate.runbooks(), "no runbooks found"
    done = subprocess.run([sys.executable, os.path.join(os.path.dirname(__file__), "coverage.py"),
                           "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_links():
    """every link in the documents resolves"""
    missing = literate.broken_links()
    assert not missing, missing


def test_sections():
    """every section of a runbook that the programs name is in that runbook"""
    assert len(literate.named_sections()) > 10, "the texts are not found"
    missing = literate.missing_sections()
    assert not missing, missing


if __name__ == "__main__":
    try:
        tap.main(globals())
    finally:
        with open(os.environ.get("RUNBOOK_RESULTS", os.devnull), "w", encoding="utf-8") as results:
            json.dump({"passed": PASSED}, results)
