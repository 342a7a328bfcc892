"""What happened while something was under way: answers and memory in the seconds of a snapshot, or
of a backup, beside those of all other seconds.

The load generator writes every answer's time (--trace), the nodes log how long each snapshot took,
and memory is looked at all the time. All are on the same clock: everything runs on one machine.
"""

import array
import datetime
import re
import threading
import time

LOOK_S = 0.02  # between two looks at the memory
BEFORE_S = 0.5  # memory before something began: the largest of so long

SNAPSHOT = re.compile(r"(\S+)Z \[info\] Snapshot: the state at index \d+ in ([\d.]+) s: "
                      r"(\d+) of (\d+) chunks new, ([\d.]+) of ([\d.]+) MiB; longest step "
                      r"([\d.]+) ms, at most ([\d.]+) MiB kept")


class Memory(threading.Thread):
    """Looks at the resident memory of nodes until it is told to stop."""

    def __init__(self, nodes):
        super().__init__(daemon=True)
        self.nodes = nodes
        self.looks = []  # time, KiB of each node
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(LOOK_S):
            try:
                self.looks.append((time.time(), [node.rss_kib() for node in self.nodes]))
            except (OSError, AttributeError):
                continue  # a node that is being restarted

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_what):
        self.ended.set()
        self.join()

    def largest(self, node, begin, end):
        """The largest value between two times, in MiB; 0: nobody looked."""
        at = self.nodes.index(node)
        return max((kib[at] for when, kib in self.looks if begin <= when <= end), default=0) / 1024


def snapshots(nodes, since):
    """Those that ended after a time: one dictionary each."""
    found = []
    for node in nodes:
        for match in map(SNAPSHOT.match, node.log.text().splitlines()):
            if not match:
                continue
            end = datetime.datetime.fromisoformat(match.group(1) + "+00:00").timestamp()
            if end > since:
                found.append({"node": node, "begin": end - float(match.group(2)), "end": end,
                              "chunks_new": int(match.group(3)), "chunks": int(match.group(4)),
                              "mib_new": float(match.group(5)), "mib": float(match.group(6)),
                              "step_ms": float(match.group(7)),
                              "kept_mib": float(match.group(8))})
    return found


def answers(path):
    """What --trace wrote: when each answer came, how long it took in ms. Refusals are left out:
    with --retry the answer that follows tells the whole time."""
    words = array.array("Q")
    with open(path, "rb") as file:
        words.frombytes(file.read())
    for at in range(0, len(words), 2):
        took_us, what = words[at + 1] & 0xffffffff, words[at + 1] >> 32
        if what < 256:
            yield words[at] / 1e9 + took_us / 1e6, took_us / 1e3


def union(windows):
    """Pairs of begin and end without overlaps, in order."""
    merged = []
    for begin, end in sorted(windows):
        if merged and begin <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([begin, end])
    return merged


def split(path, windows):
    """Times of the answers that waited within one of the windows at any moment, and of the others;
    each with its seconds."""
    windows = union(windows)
    inside, outside = [], []
    first, last = None, None
    for came, took_ms in answers(path):
        asked = came - took_ms / 1e3
        first = asked if first is None else min(first, asked)
        last = came if last is None else max(last, came)
        during = any(begin <= came and asked <= end for begin, end in windows)
        (inside if during else outside).append(took_ms)
    if first is None:
        return figures([], 0), figures([], 0)
    within = sum(max(0, min(end, last) - max(begin, first)) for begin, end in windows)
    return figures(inside, within), figures(outside, last - first - within)


def figures(times_ms, seconds):
    """Their distribution."""
    times_ms.sort()

    def point(share):
        return times_ms[min(len(times_ms) - 1, int(share * len(times_ms)))] if times_ms else 0
    return {"n": len(times_ms), "seconds": seconds,
            "per_s": len(times_ms) / seconds if seconds > 0 else 0, "p50_ms": point(0.5),
            "p99_ms": point(0.99), "p999_ms": point(0.999), "max_ms": point(1),
            "over_50ms": sum(ms > 50 for ms in times_ms)}


def row(name, f):
    """A line of a table of distributions."""
    return (f"| {name} | {f['seconds']:.1f} | {f['per_s']:,.0f} | {f['p50_ms']:.2f} | "
            f"{f['p99_ms']:.1f} | {f['p999_ms']:.1f} | {f['max_ms']:.1f} | {f['over_50ms']} |")


HEAD = ["| | seconds | answers per second | p50 ms | p99 ms | p99.9 ms | longest ms | "
        "above 50 ms |", "|---|---|---|---|---|---|---|---|"]
