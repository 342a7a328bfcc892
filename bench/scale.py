"""erlmcp alone, as it grows: scale.py sessions|nodes

sessions: for each number of sessions
    bytes a session    what the largest node's memory grew by, for sessions of 256 bytes and their keys
    restart            from the start of a killed follower until it serves again
    catch-up           the same with its disk emptied
    and with the largest number, while more are made: answers and memory in the seconds of snapshots
    and of a backup, beside the other seconds (watch.py)
nodes: writes and reads of 64 clients on clusters of 1, 3, 5 and 7 nodes.
"""

import argparse
import json
import os
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "test", "lab"))

import watch
from lab import build_directory, wait_until
from systems import Erlmcp, load

CLIENTS = 256  # that make sessions
CONNECTIONS = 16
WATCHED = 64  # clients that make sessions while snapshots and a backup are made
BEGIN_S = 3  # after which the backup begins


class Filler(Erlmcp):
    """Many clients on few connections."""

    @staticmethod
    def shape(clients):
        return ["--connections", str(min(clients, CONNECTIONS))]


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def memory(system):
    return max(node.rss_kib() for node in system.lab.nodes) * 1024


def until_serving(node, timeout=300):
    began = time.monotonic()
    node.start()
    wait_until(node.serving, timeout, f"{node} serves")
    return time.monotonic() - began


def watched(system, program, seconds, *words):
    """Make sessions while snapshots are taken as they come; with words, while one of the nodes'
    programs runs, begun after a while. What was measured, and what that program printed."""
    nodes = system.lab.nodes
    trace = os.path.join(system.lab.directory, "trace")
    command = {}

    def run_command():
        time.sleep(BEGIN_S)
        command["begin"] = time.time()
        command["done"] = system.leader.run(*words, timeout=300)
        command["end"] = time.time()
    thread = threading.Thread(target=run_command if words else lambda: None)
    since = time.time()
    with watch.Memory(nodes) as memory:
        thread.start()
        made = load(system, program, WATCHED, "--create", "--retry", "--trace", trace, "--seconds",
                    str(seconds), "--warm-up", "0", timeout=600)
        thread.join()
        time.sleep(watch.BEFORE_S)
    taken = watch.snapshots(nodes, since)
    for one in taken:
        one["before_mib"] = memory.largest(one["node"], one["begin"] - watch.BEFORE_S, one["begin"])
        one["during_mib"] = memory.largest(one["node"], one["begin"], one["end"])
    windows = [(one["begin"], one["end"]) for one in taken]
    if words:
        windows = [(command["begin"], command["end"])]
        begin, end = windows[0]
        command["before_mib"] = memory.largest(system.leader, begin - watch.BEFORE_S, begin)
        command["during_mib"] = memory.largest(system.leader, begin, end)
    during, without = watch.split(trace, windows)
    return {"made": made, "during": during, "without": without, "snapshots": taken,
            "command": command}


def snapshot_lines(seen):
    """Table of the answers, then one of the snapshots."""
    lines = watch.HEAD + [watch.row("while snapshots are taken", seen["during"]),
                          watch.row("otherwise", seen["without"]), "",
                          "| snapshot of | seconds | MiB written | of | longest step ms | "
                          "MiB kept | MiB resident before | at most | ratio |",
                          "|---|---|---|---|---|---|---|---|---|"]
    for one in seen["snapshots"]:
        ratio = one["during_mib"] / one["before_mib"] if one["before_mib"] else 0
        lines.append(f"| {one['node']} | {one['end'] - one['begin']:.1f} | {one['mib_new']:.0f} | "
                     f"{one['mib']:.0f} | {one['step_ms']:.1f} | {one['kept_mib']:.1f} | "
                     f"{one['before_mib']:.0f} | {one['during_mib']:.0f} | {ratio:.2f} |")
    return lines


def backup_lines(seen):
    command = seen["command"]
    return ["", f"`erlmcp-admin backup` took {command['end'] - command['begin']:.1f} s; resident "
            f"memory {command['before_mib']:.0f} MiB before, {command['during_mib']:.0f} MiB at "
            f"most: {command['done'].stdout.strip()}", "", *watch.HEAD,
            watch.row("while it is made", seen["during"]),
            watch.row("otherwise", seen["without"])]


def grow(system, program, wanted, have, options):
    """Make sessions up to a number, then restart a follower and empty it: one row."""
    empty = system.empty_bytes
    follower = system.lab.others(system.leader)[0]
    made = load(system, program, CLIENTS, "--create", "--retry", "--requests", str(wanted - have),
                "--warm-up", "0", timeout=3600)
    have += made["write"]["n"]
    used = memory(system)
    stalls = load(system, program, 16, "--seconds", str(options.seconds), "--warm-up", "0")
    have += 16
    follower.kill9()
    restart = until_serving(follower)
    follower.kill9()
    follower.wipe()
    fresh = until_serving(follower)
    return {"sessions": have, "errors": made["errors"], "reasons": made["reasons"],
            "made_per_s": made["per_s"], "bytes": (used - empty) / have, "rss": used,
            "longest_create_ms": made["write"]["max_us"] / 1000,
            "longest_write_ms": stalls["write"]["max_us"] / 1000,
            "restart_s": restart, "catch_up_s": fresh, "load": os.getloadavg()[0]}


def sessions(options, program):
    rows = []
    with Filler(3, build=options.build) as system:
        system.empty_bytes = memory(system)
        have = 0
        for wanted in options.counts:
            rows.append(grow(system, program, wanted, have, options))
            have = rows[-1]["sessions"]
            say(rows[-1])
        taken = watched(system, program, options.watch)
        say(taken)
        backup = watched(system, program, options.watch, "erlmcp-admin", "backup",
                         os.path.join(system.lab.directory, "backup"))
        say(backup)
    lines = ["| sessions | made per second | memory of a session | longest answer while they are made | "
             "longest write after it | restart | empty node caught up | refused, asked again | load |",
             "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        lines.append(f"| {row['sessions']:,} | {row['made_per_s']:,.0f} | {row['bytes']:.0f} B | "
                     f"{row['longest_create_ms']:.0f} ms | {row['longest_write_ms']:.0f} ms | "
                     f"{row['restart_s']:.2f} s | {row['catch_up_s']:.2f} s | {row['errors']} | "
                     f"{row['load']:.1f} |")
    return rows, lines + [""] + snapshot_lines(taken) + backup_lines(backup)


def nodes(options, program):
    rows = []
    for n in options.nodes:
        with Erlmcp(n, build=options.build) as system:
            write = load(system, program, 64, "--seconds", str(options.seconds))
            read = load(system, program, 64, "--seconds", str(options.seconds), "--reads", "100")
        rows.append({"nodes": n, "write": write, "read": read})
        say(n, write["per_s"], read["per_s"])
    lines = ["| nodes | writes per second | p50 ms | p99 ms | CPU µs, all nodes | reads per second | "
             "p50 ms | p99 ms |", "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        w, r = row["write"], row["read"]
        lines.append(f"| {row['nodes']} | {w['per_s']:,.0f} | {w['write']['p50_us'] / 1000:.2f} | "
                     f"{w['write']['p99_us'] / 1000:.2f} | {w['cpu_us']:.1f} | {r['per_s']:,.0f} | "
                     f"{r['read']['p50_us'] / 1000:.2f} | {r['read']['p99_us'] / 1000:.2f} |")
    return rows, lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=["sessions", "nodes"])
    parser.add_argument("--build", default=None)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--watch", type=float, default=30,
                        help="seconds of load while snapshots, and a backup, are made")
    parser.add_argument("--counts", type=lambda s: [int(n) for n in s.split(",")],
                        default=[1000, 10000, 100000, 1000000])
    parser.add_argument("--nodes", type=lambda s: [int(n) for n in s.split(",")],
                        default=[1, 3, 5, 7])
    parser.add_argument("--out", default=None)
    options = parser.parse_args()
    options.build = build_directory(options.build)
    program = os.path.join(options.build, "bench", "erlmcp-bench")
    rows, lines = {"sessions": sessions, "nodes": nodes}[options.what](options, program)
    text = "\n".join(lines + [""])
    print(text)
    if options.out:
        os.makedirs(options.out, exist_ok=True)
        for name, content in ((f"{options.what}.json", json.dumps(rows, indent=1)),
                              (f"{options.what}.md", text)):
            with open(os.path.join(options.out, name), "w", encoding="utf-8") as file:
                file.write(content)


if __name__ == "__main__":
    main()
