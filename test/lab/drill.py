"""The partition drill: cuts a cluster under load, again and again, and measures what happens.

    client load on all nodes (load.py)            one clock for all: CLOCK_BOOTTIME
       |          |          |
     node 1     node 2     node 3       round 1: the leader is isolated, silently
       |__________|__________|          round 2: a follower
            bridge (fabric.py)          round 3: the leader ...

of one round, counted from the cut:
    detection    the first node notes a member as lost
    fence        the isolated node notes that it is fenced
    take-over    the majority acknowledges its next write (the leader was isolated)
    margin       from the fence to the election of the new leader: positive when the isolated
                 node stopped before anybody else could begin
    refusal      how long a client of the fenced node waits for its refusal
    in sync      from the heal to the isolated node's first confirmed read
and over all rounds what was promised to clients and not kept: load.py; and with --history whether
all that they were told can be explained at all: lincheck.

Ends with 1 only when a promise was broken, the history is not linearizable, a margin was not
positive, or the cluster did not come back; the times are printed, not judged. The same times are
written to a file as JSON. A margin is taken from when the isolated node noted that it is fenced, so
it says nothing when the machine stalled for as long (stalls.py): such a round is made again, a few
times at most.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import sys

from control import Control
from flight import Flight, earliest
from history import lincheck
from lab import Lab, boottime
from load import Load, events_since
from stalls import Stalls

POLL_S = 0.005
ROUND_MAX_S = 30.0  # what has not happened by then is reported as missing
HEAL_MAX_S = 120.0
REPEATS_MAX = 5
REFUSALS_MIN = 20
CUT_MIN_S = 1.0, 4.0  # what a cut does to TCP's timers depends on how long it lasts

FIGURES = {
    "detection": "ms from the cut until a member is noted as lost",
    "fence": "ms from the cut until the isolated node is fenced",
    "take_over": "ms from the cut to the majority's next write (leader isolated)",
    "margin": "ms from the fence to the new leader's election",
    "write_gap": "ms from the cut to the majority's next write (follower isolated)",
    "refusal": "ms a client of the fenced node waits for its refusal",
    "in_sync": "ms from the heal to the isolated node's first confirmed read",
}


def percentile(values, p):
    """Nearest-rank percentile of sorted values."""
    return values[max(0, -(-len(values) * p // 100) - 1)]


def summary(values):
    values = sorted(values)
    if not values:
        return {"n": 0, "min": None, "p50": None, "p99": None, "max": None}
    return {"n": len(values), "min": values[0], "p50": percentile(values, 50),
            "p99": percentile(values, 99), "max": values[-1]}


async def until(condition, timeout):
    """Await a condition; its last value, true or not."""
    end = boottime() + timeout
    while not (value := condition()) and boottime() < end:
        await asyncio.sleep(POLL_S)
    return value


def excused(margin, missing, stalls):
    """Stalls of the machine (seconds) can be why a round tells nothing: no margin is worse than they."""
    late = margin is not None and margin <= 0
    return bool(stalls) and bool(late or missing) and not (late and -margin > 1000 * sum(stalls))


class Drill:
    """Rounds of cuts on one lab, and what was measured."""

    def __init__(self, lab, load, seed):
        self.lab = lab
        self.load = load
        self.dice = random.Random(seed)
        self.samples = {name: [] for name in FIGURES}
        self.rounds = []
        self.problems = []
        self.controls = {node.host: Control(node.data) for node in lab.nodes}
        self.flights = {node.host: Flight(node.data) for node in lab.nodes}

    async def status(self, node):
        return await self.controls[node.host].status()

    async def settled(self, timeout):
        """Await that all nodes serve with all members and agree on a leader; the leader."""
        end = boottime() + timeout
        while boottime() < end:
            all_status = [await self.status(node) for node in self.lab.nodes]
            leaders = {status.get("leader") for status in all_status}
            if len(leaders) == 1 and all(s.get("state") == "serving" for s in all_status):
                name = leaders.pop()
                if name is not None:
                    return self.lab.node(name)
            await asyncio.sleep(0.02)
        return None

    async def run(self, cuts):
        for number in range(1, cuts + 1):
            leader = await self.settled(HEAL_MAX_S)
            if leader is None:
                self.problems.append(f"round {number}: the cluster did not come back together")
                return
            # Another phase of the heartbeats in each round.
            await asyncio.sleep(self.dice.uniform(0.1, 0.4))
            followers = self.lab.others(leader)
            victim = leader if number % 2 else followers[self.dice.randrange(len(followers))]
            measured = await self.round_again(leader, victim)
            measured["round"] = number
            self.rounds.append(measured)
            print(one_line(measured), flush=True)

    async def round_again(self, leader, victim):
        """A round, made again when the machine stalled and its times tell nothing."""
        for left in reversed(range(REPEATS_MAX)):
            with Stalls() as stalls:
                measured, missing = await self.round(leader, victim)
            margin = measured.get("margin")
            if left == 0 or not excused(margin, missing, stalls.seen):
                break
            print(f"a round is made again, margin {margin} ms, {missing}: {stalls}", flush=True)
            again = await self.settled(HEAL_MAX_S) or leader
            victim = again if victim is leader else self.lab.others(again)[0]
            leader = again
        self.problems += missing
        for name, value in measured.items():
            if value is not None and name in self.samples:
                self.samples[name].append(value)
        self.samples["refusal"] += measured.pop("refusals")
        measured.update(victim=victim.name, leader=victim is leader)
        return measured

    async def round(self, leader, victim):
        """What was measured, and what did not happen in time."""
        rest = self.lab.others(victim)
        await asyncio.to_thread(self.lab.isolate, victim)
        cut = boottime()
        marks = await self.watch_cut(cut, leader, victim, rest)
        await asyncio.to_thread(self.lab.heal)
        healed = boottime()
        back = await until(lambda: self.load.first("read", [victim], "ok", healed), HEAL_MAX_S)
        if back is None:
            self.problems.append(f"{victim} did not serve a read after the heal")
        marks["back"] = back.until if back else None
        missing = [f"no {name} within {ROUND_MAX_S} s of a cut of {victim}"
                   for name in ("fence", "write") if marks[name] is None]
        return self.measure(cut, healed, marks, leader is victim), missing

    async def watch_cut(self, cut, leader, victim, rest):
        """Keep the cut until all that is to be seen was seen, or it is too late for it."""
        marks = dict.fromkeys(("fence", "leader", "write"))
        least = cut + self.dice.uniform(*CUT_MIN_S)

        def seen():
            if marks["fence"] is None:
                marks["fence"] = self.flights[victim.host].first(cut, "state",
                                                                        to="fenced")
            if marks["leader"] is None and leader is victim:
                marks["leader"] = self.elected(rest, cut)
            since = marks["leader"] if leader is victim else cut
            if marks["write"] is None and since is not None:
                marks["write"] = self.written(rest, cut, since)
            refusals = self.refusals(victim, marks["fence"])
            return (marks["fence"] and marks["write"] and len(refusals) >= REFUSALS_MIN
                    and boottime() > least)

        await until(seen, ROUND_MAX_S)
        marks["lost"] = earliest(
            flight.first(cut, "member", up=0) for flight in self.flights.values())
        marks["refusals"] = self.refusals(victim, marks["fence"])
        return marks

    def elected(self, rest, cut):
        """When one of the majority first knew of a leader among them."""
        names = [node.name for node in rest]
        return earliest(self.flights[node.host].first(cut, "leader", peer=name)
                        for node in rest for name in names)

    def written(self, rest, cut, since):
        """When the majority first acknowledged a write that no leader before could have."""
        for event in events_since(self.load.events, since):
            if event.verb == "write" and event.outcome == "ok" and event.node in rest and (
                    event.since >= cut or event.until > since > cut):
                return event.until
        return None

    def refusals(self, victim, fence):
        """Seconds that clients of the fenced node waited for a refusal."""
        if fence is None:
            return []
        return [event.until - event.since for event in events_since(self.load.events, fence)
                if event.node is victim and event.outcome == "refused" and event.since >= fence]

    def measure(self, cut, healed, marks, is_leader):
        def ms(later, earlier):
            return None if None in (later, earlier) else round((later - earlier) * 1000, 1)

        measured = {
            "detection": ms(marks["lost"], cut),
            "fence": ms(marks["fence"], cut),
            "take_over" if is_leader else "write_gap": ms(marks["write"], cut),
            "in_sync": ms(marks["back"], healed),
            "cut": ms(healed, cut),
        }
        if is_leader:
            measured["margin"] = ms(marks["leader"], marks["fence"])
        measured["refusals"] = [round(s * 1000, 1) for s in marks["refusals"]]
        return measured


def one_line(measured):
    words = [f"{name} {value:.0f}" for name, value in measured.items()
             if name in FIGURES and value is not None]
    role = "leader  " if measured["leader"] else "follower"
    return (f"round {measured['round']:3}: {role} cut off for {measured['cut'] / 1000:.1f} s, ms: "
            + ", ".join(words))


def table(result):
    """The figures as lines for a person."""
    lines = [f"{'figure':<10} {'n':>5} {'min':>8} {'p50':>8} {'p99':>8} {'max':>8}   meaning"]
    for name, figures in result["figures"].items():
        numbers = " ".join("       -" if figures[column] is None else f"{figures[column]:8.1f}"
                           for column in ("min", "p50", "p99", "max"))
        lines.append(f"{name:<10} {figures['n']:>5} {numbers}   {FIGURES[name]}")
    lines.append(f"acknowledged writes {result['acknowledged']}, reads {result['reads']}; "
                 f"lost {result['lost']}, stale {result['stale']}, "
                 f"duplicates {result['duplicates']}")
    return "\n".join(lines)


async def drill(lab, options):
    """Start the cluster, the load, cut, and gather the result."""
    load = Load(lab)
    work = Drill(lab, load, options.seed)
    if await work.settled(HEAL_MAX_S) is None:
        raise AssertionError("the cluster did not start to serve")
    await load.begin()
    await work.run(options.cuts)
    back = await work.settled(HEAL_MAX_S)
    if back is not None:
        await load.end()
    oks = [event for event in load.events if event.outcome == "ok"]
    return {
        "cuts": len(work.rounds),
        "seed": options.seed,
        "machine": {"cpus": os.cpu_count(), "kernel": platform.release()},
        "figures": {name: summary(values) for name, values in work.samples.items()},
        "acknowledged": sum(1 for event in oks if event.verb != "read"),
        "reads": sum(1 for event in oks if event.verb == "read"),
        "lost": load.promises.count("lost"),
        "stale": load.promises.count("stale"),
        "duplicates": load.promises.count("duplicate"),
        "broken_promises": [f"{kind}: {what}" for kind, what in load.promises.broken[:100]],
        "problems": work.problems,
        "errors": load.errors,
        "rounds": work.rounds,
        "history": linearizable(lab, load, options),
    }


def linearizable(lab, load, options):
    """Keep the clients' history, and what lincheck says about it."""
    if not options.history:
        return None
    load.history.save(options.history)
    good, said = lincheck(lab.build, options.history)
    print(f"lincheck: {said}")
    return {"ok": good, "verdict": said}


def verdict(result):
    """What was unsafe or did not come back."""
    found = result["broken_promises"] + result["problems"]
    margin = result["figures"]["margin"]["min"]
    if margin is not None and margin <= 0:
        found.append(f"a fence margin of {margin} ms: two sides could act at once")
    if result["history"] and not result["history"]["ok"]:
        found.append("the clients' history is not known to be linearizable")
    return found


def parse_options():
    parser = argparse.ArgumentParser(description="Cut a cluster under load and measure.")
    parser.add_argument("--build", help="build directory with the programs (build/release)")
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--history", help="file for the clients' history; lincheck judges it")
    parser.add_argument("--json", help="file for the result as JSON")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--mode", choices=("bridge", "wire"), default="bridge")
    parser.add_argument("--keep", action="store_true", help="keep the nodes' data and logs")
    return parser.parse_args()


def main():
    options = parse_options()
    with Lab(3, mode=options.mode, build=options.build, seed=options.seed,
             keep=options.keep) as lab:
        if not lab.fabric.can_cut:
            print("drill: this machine allows no network namespaces, so nothing can be cut",
                  file=sys.stderr)
            return 1
        print(f"drill: {options.cuts} cuts, seed {options.seed}"
              + (f", kept in {lab.directory}" if options.keep else ""), flush=True)
        lab.start()
        result = asyncio.run(drill(lab, options))
    print(table(result))
    if options.json:
        os.makedirs(os.path.dirname(os.path.abspath(options.json)), exist_ok=True)
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
    found = verdict(result)
    for line in found:
        print(f"UNSAFE OR STUCK: {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
