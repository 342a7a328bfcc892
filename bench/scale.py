"""erlmcp alone, as it grows: scale.py sessions|nodes

sessions: for each number of sessions
    bytes a session    what the largest node's memory grew by, for sessions of 256 bytes and their keys
    stall              the longest answer that any of 16 writing clients waited for while the leader
                       took pictures of the state: sessions are made all the time
    restart            from the start of a killed follower until it serves again
    catch-up           the same with its disk emptied
nodes: writes and reads of 64 clients on clusters of 1, 3, 5 and 7 nodes.
"""

import argparse
import json
import os
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "test", "lab"))

from lab import build_directory, wait_until
from systems import Erlmcp, load

CLIENTS = 256  # that make sessions
CONNECTIONS = 16


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


def sessions(options, program):
    rows = []
    with Filler(3, build=options.build) as system:
        empty = memory(system)
        have = 0
        follower = system.lab.others(system.leader)[0]
        for wanted in options.counts:
            began = time.monotonic()
            made = load(system, program, CLIENTS, "--create", "--requests", str(wanted - have),
                        "--warm-up", "0", timeout=3600)
            have += made["write"]["n"]
            seconds = time.monotonic() - began
            used = memory(system)
            stalls = load(system, program, 16, "--seconds", str(options.seconds), "--warm-up", "0")
            have += 16
            follower.kill9()
            restart = until_serving(follower)
            follower.kill9()
            follower.wipe()
            fresh = until_serving(follower)
            rows.append({"sessions": have, "errors": made["errors"], "made_per_s": made["per_s"],
                         "bytes": (used - empty) / have, "rss": used, "seconds": seconds,
                         "longest_create_ms": made["write"]["max_us"] / 1000,
                         "longest_write_ms": stalls["write"]["max_us"] / 1000,
                         "restart_s": restart, "catch_up_s": fresh})
            say(rows[-1])
    lines = ["| sessions | made per second | memory of a session | longest answer while they are made | "
             "longest write after it | restart | empty node caught up |",
             "|---|---|---|---|---|---|---|"]
    for row in rows:
        lines.append(f"| {row['sessions']:,} | {row['made_per_s']:,.0f} | {row['bytes']:.0f} B | "
                     f"{row['longest_create_ms']:.0f} ms | {row['longest_write_ms']:.0f} ms | "
                     f"{row['restart_s']:.2f} s | {row['catch_up_s']:.2f} s |")
    return rows, lines


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
