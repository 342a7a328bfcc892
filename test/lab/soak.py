"""A bad network for minutes: nobody may be fenced for nothing.

    load --> three nodes on the wire (fabric.py): 5 % of the frames of each direction vanish, the
             others are delayed by 5 ms and up to 20 ms more

Counts false fencing and changes of the leader from the flight recorders, failed requests from the
load, and broken promises (load.py). Ends with 1 when somebody was fenced or a promise broken.
"""

import argparse
import asyncio
import random
import sys

from control import Control
from flight import Flight
from lab import Lab, boottime
from load import Load

START_MAX_S = 60.0


async def serving(lab):
    """Await that every node serves."""
    controls = [Control(node.data) for node in lab.nodes]
    end = boottime() + START_MAX_S
    while boottime() < end:
        states = [(await control.status()).get("state") for control in controls]
        if all(state in ("serving", "degraded") for state in states):
            for control in controls:
                control.close()
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"not all nodes serve within {START_MAX_S} s: {states}")


def count(lab, since, event, **fields):
    """Records of a kind on all nodes from a time on."""
    total = 0
    for node in lab.nodes:
        flight = Flight(node.data)
        flight.refresh()
        total += sum(1 for record in flight.records
                     if record["at"] >= since and record["event"] == event
                     and all(record.get(k) == v for k, v in fields.items()))
    return total


async def soak(lab, options):
    """Load on a bad network; what came of it."""
    await serving(lab)
    load = Load(lab, writers=1, readers=1, pace_s=0.02)
    await load.begin()
    lab.shape(loss=options.loss, delay_ms=5, jitter_ms=options.jitter)
    since = boottime()
    while boottime() < since + options.minutes * 60:
        await asyncio.sleep(1)
    result = {
        "fenced": count(lab, since, "state", to="fenced"),
        "lost from sight": count(lab, since, "member", up=0),
        "leaders": count(lab, since, "leader"),
    }
    lab.shape()
    await serving(lab)
    await load.end()
    slow = sorted(event.until - event.since for event in load.events if event.outcome == "ok")
    result["answers"] = len(slow)
    result["failed"] = len(load.events) - len(slow)
    result["p50 ms"] = round(slow[len(slow) // 2] * 1000)
    result["p99 ms"] = round(slow[len(slow) * 99 // 100] * 1000)
    result["broken promises"] = len(load.promises.broken)
    for kind, what in load.promises.broken[:20]:
        print(f"UNSAFE: {kind}: {what}")
    return result


def main():
    parser = argparse.ArgumentParser(description="A bad network for minutes.")
    parser.add_argument("--build", help="build directory with the programs (build/release)")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--loss", type=float, default=0.05)
    parser.add_argument("--jitter", type=float, default=20, help="milliseconds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    with Lab(3, mode="wire", build=options.build, seed=options.seed) as lab:
        if not lab.fabric.can_cut:
            print("soak: this machine allows no network namespaces", file=sys.stderr)
            return 1
        print(f"soak: {options.minutes:g} minutes, {options.loss * 100:g} % loss, "
              f"{options.jitter:g} ms jitter, seed {options.seed}", flush=True)
        lab.start()
        result = asyncio.run(soak(lab, options))
    for name, value in result.items():
        print(f"{name:<16} {value}")
    return 1 if result["fenced"] or result["broken promises"] else 0


if __name__ == "__main__":
    sys.exit(main())
