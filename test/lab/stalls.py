"""Did the machine stand still? For stories whose premise is one that does not.

    @steady
    def test_nobody_is_fenced():
        ...
        premise(not fenced, fenced)

A node that gets no processor for longer than a lease is fenced, and has to be: such a story is
told again, a few times at most, but only when a premise broke and a stall was seen, and it says
so. When long stalls broke it each time, it cannot be told on this machine, and counts as skipped.
What must hold on any machine is asserted and never told again.

A stall is a thread, one on each processor, that sleeps for a moment and wakes late (busy or stolen
processors, a paused machine), or a child of ours (a node, the wire) that waited for a processor.

    stalls.py PID        what watches, a process of its own: prints the seconds of each stall
"""

import functools
import os
import subprocess
import sys
import threading
import time

import fabric
import tap

ATTEMPTS = 5
NAP_S = 0.01
STALL_S = 0.04  # a fifth of an election timeout
LONG_S = 0.15  # no wonder that somebody was fenced
CHILDREN_S = 0.25
CALM_S = 2
CALM_MAX_S = 20


class Premise(AssertionError):
    """What holds unless the machine stalls."""


def premise(condition, why):
    if not condition:
        raise Premise(str(why))


def children(parent):
    """Process ids of the children of a process, but ourselves."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                its = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue  # it has ended meanwhile
        if its == parent and int(name) != os.getpid():
            found.append(int(name))
    return found


def waited(pid):
    """Seconds for which a process has waited for a processor so far; None: not known."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None


def stolen():
    """Seconds that a hypervisor took from all processors so far."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            return int(file.readline().split()[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0


def watch_processor(cpu):
    os.sched_setaffinity(threading.get_native_id(), {cpu})
    while True:
        since = time.monotonic()
        time.sleep(NAP_S)
        late = time.monotonic() - since - NAP_S
        if late > STALL_S:
            print(late, flush=True)


def watch_children(parent):
    before, looked = {}, 0.0
    while True:
        time.sleep(NAP_S)
        if time.monotonic() - looked > CHILDREN_S:
            looked = time.monotonic()
            before = {pid: before.get(pid) for pid in children(parent)}
        for pid, then in before.items():
            now = waited(pid)
            if None not in (now, then) and now - then > STALL_S:
                print(now - then, flush=True)
            before[pid] = now


def watch(parent):
    """Print stalls until we are ended."""
    fabric.die_with_parent()
    print("ready", flush=True)
    for cpu in os.sched_getaffinity(0):
        threading.Thread(target=watch_processor, args=(cpu,), daemon=True).start()
    watch_children(parent)


class Stalls:
    """Stalls while a block runs; known when it is over."""

    def __init__(self):
        self.seen = []
        self.watcher = None
        self.stolen = 0.0

    def __enter__(self):
        self.stolen = stolen()
        self.watcher = subprocess.Popen([sys.executable, os.path.abspath(__file__),
                                         str(os.getpid())], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.watcher.stdout.readline()  # it is ready
        return self

    def __exit__(self, *_what):
        self.watcher.terminate()
        lines = self.watcher.communicate()[0].splitlines()
        # The last line may have been cut short.
        self.seen = [float(line) for line in lines if line.count(".") == 1 and line[-1].isdigit()]
        self.stolen = stolen() - self.stolen

    def worst(self):
        return max(self.seen, default=0.0)

    def __str__(self):
        if not self.seen:
            return f"the machine did not stall, {self.stolen:.2f} s stolen"
        return (f"the machine stalled {len(self.seen)} times, for up to "
                f"{self.worst() * 1000:.0f} ms, {self.stolen:.2f} s stolen")


def await_calm():
    """Let a burst of work pass by, if it does."""
    end = time.monotonic() + CALM_MAX_S
    while time.monotonic() < end:
        with Stalls() as stalls:
            time.sleep(CALM_S)
        if stalls.worst() < LONG_S:
            return


def steady(test):
    """Tell a story again when one of its premises broke and the machine had stalled."""
    @functools.wraps(test)
    def told():
        always = True
        for left in reversed(range(ATTEMPTS)):
            stalls = Stalls()
            try:
                with stalls:
                    return test()
            except Premise as why:
                always = always and stalls.worst() >= LONG_S
                if not stalls.seen or not left and not always:
                    raise Premise(f"{why} ({stalls})") from why
                if not left:
                    raise tap.Skip(f"{stalls}, as {ATTEMPTS - 1} times before: {why}") from why
                print(f"# told again, {stalls}: {why}", flush=True)
                tap.forget()
                await_calm()
    return told


if __name__ == "__main__":
    watch(int(sys.argv[1]))
