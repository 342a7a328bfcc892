"""Puts a deployment in containers into the state that a block of a runbook is given.

Everything goes through docker, as an operator would do it; what is awaited is the nodes' own verdict.
"""

import json
import time

SETTLE_MAX_S = 90
NOTICE_MAX_S = 90


class NotReached(Exception):
    """A state that did not come about in time: says what was seen last."""


def await_true(question, seconds, what):
    """Ask until it says yes; the answer may be a text that tells why not."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer is True:
            return
        if time.monotonic() > end:
            raise NotReached(f"{what} not within {seconds} s: {answer}")
        time.sleep(0.2)


class States:
    """given=... of literate.py for the containers of one compose file."""

    def __init__(self, shell, containers, network):
        self.shell = shell
        self.containers = containers
        self.network = network

    def reach(self, given):
        """Make the deployment so."""
        kind, _, names = given.partition(":")
        chosen = [name for name in names.split(",") if name]
        unknown = [name for name in chosen if name not in self.containers]
        if unknown or kind not in ("healthy", "cut", "stopped", "as-left"):
            raise NotReached(f"given={given}: no such state, or no container {unknown}")
        if kind == "as-left":
            return
        self.healthy()
        if kind == "cut":
            self.cut(chosen)
        elif kind == "stopped":
            for name in chosen:
                self.must(f"docker stop {name}")

    def must(self, command):
        code, output = self.shell(command)
        if code != 0:
            raise NotReached(f"{command}: exit code {code}: {output.strip()}")

    def status(self, name):
        """The verdict of a node as a dictionary; empty when it does not answer."""
        _, output = self.shell(f"docker exec {name} erlmcp-admin cluster status --json")
        line = next((one for one in output.splitlines() if one.startswith("{")), "{}")
        try:
            return json.loads(line)
        except ValueError:
            return {}

    def attached(self, name):
        _, output = self.shell(f"docker inspect {name}")
        try:
            networks = json.loads(output)[0]["NetworkSettings"]["Networks"]
        except (ValueError, IndexError, KeyError, TypeError):
            return False
        return any(one == self.network for one in networks or {})

    def healthy(self):
        """All run, are connected, serve, see each other, and nobody is behind."""
        if self.all_well() is not True:
            self.must("docker compose up -d")
            for name in self.containers:
                if not self.attached(name):
                    self.must(f"docker network connect {self.network} {name}")
        await_true(self.all_well, SETTLE_MAX_S, "healthy")

    def all_well(self):
        for name in self.containers:
            status = self.status(name)
            if not status.get("serving") or status.get("reachable") != len(self.containers):
                return f"{name}: {status.get('why', 'no answer')}"
            behind = [one["name"] for one in status["members"] if (one.get("lag") or 0) > 256]
            if behind:
                return f"{name}: behind are {behind}"
        return True

    def cut(self, chosen):
        for name in chosen:
            self.must(f"docker network disconnect {self.network} {name}")
        others = [name for name in self.containers if name not in chosen]

        def noticed():
            for name in others:
                if self.status(name).get("reachable") != len(others):
                    return f"{name} still sees more than {len(others)}"
            return True
        await_true(noticed, NOTICE_MAX_S, f"{chosen} lost from sight")
