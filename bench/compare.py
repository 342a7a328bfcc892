"""erlmcp beside etcd and Redis: the same hosts, disk, clients and durability, in one run.

    round 1            round 2            round 3 ...      each system is founded anew in each round,
    etcd redis erlmcp  redis erlmcp etcd  erlmcp ...       and alone on the machine while it is measured

Every figure is the median of the rounds. Writes the results as JSON; tables and plot are made of
that by report.py.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "test", "lab"))

import fabric
from lab import build_directory
from systems import Erlmcp, Etcd, Redis, load

import report

WORKLOADS = {"write": 0, "read": 100, "mix": 90}  # per cent of reads
ECHO_PORT = 5999


def machine():
    """What it was measured on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1])
    source = subprocess.run(["df", "--output=fstype", tempfile.gettempdir()], capture_output=True,
                            text=True, check=False).stdout.split()
    return {"cpus": len(models), "cpu": models[0], "memory_gib": round(memory / 2**20, 1),
            "kernel": platform.release(), "file_system": source[-1] if source else "?"}


def probe(program, seconds):
    """One round trip between two hosts of the lab, and one durable write on its disk."""
    net = fabric.Bridge(2)
    echo = subprocess.Popen(net.command(1, program, "--echo", net.address(1), str(ECHO_PORT)),
                            preexec_fn=fabric.die_with_parent)
    try:
        time.sleep(0.3)
        with tempfile.TemporaryDirectory(prefix="erlmcp-bench-") as directory:
            done = subprocess.run(
                net.command(0, program, "--seconds", str(seconds), "--probe", directory,
                            net.address(1), str(ECHO_PORT)),
                capture_output=True, text=True, check=True)
        return json.loads(done.stdout)
    finally:
        echo.kill()
        echo.wait()
        net.close()


class Shared(Erlmcp):
    """Ours with many clients on few connections, as etcd's clients have it."""

    name = "erlmcp, 16 connections"

    @staticmethod
    def shape(clients):
        return ["--connections", str(min(clients, 16))]


def measure(system, options, program, round_number):
    """All workloads and numbers of clients against one running system."""
    runs = []
    for workload in options.workloads:
        for clients in options.clients:
            if system.name == Shared.name and clients <= 16:
                continue
            run = load(system, program, clients, "--reads", str(WORKLOADS[workload]),
                       "--seconds", str(options.seconds), "--warm-up", str(options.warm_up),
                       "--prefix", f"r{round_number}")
            run.update(system=system.name, workload=workload, round=round_number)
            runs.append(run)
            print(f"round {round_number} {system.name:24} {workload:5} {clients:4} clients: "
                  f"{run['per_s']:9.0f}/s", file=sys.stderr, flush=True)
    return runs


def one_system(kind, options, program, number, result):
    if kind == Erlmcp.name:
        system = Erlmcp(build=options.build)
    else:
        system = {Etcd.name: Etcd, Redis.name: Redis}[kind]()
    with system:
        result["systems"][kind] = {"version": system.version(), "settings": system.settings}
        result["runs"] += measure(system, options, program, number)
        if kind == Erlmcp.name:
            system.name, system.shape = Shared.name, Shared.shape
            result["runs"] += measure(system, options, program, number)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--warm-up", type=float, default=2)
    parser.add_argument("--clients", type=lambda s: [int(n) for n in s.split(",")],
                        default=[1, 16, 64, 256])
    parser.add_argument("--workloads", type=lambda s: s.split(","), default=list(WORKLOADS))
    parser.add_argument("--systems", type=lambda s: s.split(","), default=["etcd", "redis", "erlmcp"])
    parser.add_argument("--out", default=None, help="directory of results.json and the plots")
    options = parser.parse_args()
    options.build = build_directory(options.build)
    why = fabric.why_no_namespaces()
    if why:
        sys.exit(f"bench: network namespaces are needed: {why}")
    program = os.path.join(options.build, "bench", "erlmcp-bench")
    result = {"machine": machine(), "seconds": options.seconds, "warm_up": options.warm_up,
              "rounds": options.rounds, "systems": {}, "probes": [], "runs": [],
              "load_average": os.getloadavg()[0]}
    for number in range(1, options.rounds + 1):
        result["probes"].append(probe(program, 1))
        shift = (number - 1) % len(options.systems)
        for kind in options.systems[shift:] + options.systems[:shift]:
            one_system(kind, options, program, number, result)
    text = report.table(result)
    print(text)
    if options.out:
        os.makedirs(options.out, exist_ok=True)
        with open(os.path.join(options.out, "results.json"), "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
        with open(os.path.join(options.out, "table.md"), "w", encoding="utf-8") as file:
            file.write(text)
        report.plot(result, os.path.join(options.out, "bench.svg"))


if __name__ == "__main__":
    main()
