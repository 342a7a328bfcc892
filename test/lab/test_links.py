"""Slow lines with large buffers between members. Topology: fabric.py (a wire), vocabulary: lab.py.

    node 1 ---- node 2        All lines of one follower carry 24 Mbit/s, behind a buffer that holds
        \\      /              a third of a second: more than an election timeout. What a transfer
         node 3               puts into it, every heartbeat behind it waits for.
"""

import json
import os
import time

import tap
from lab import PATIENCE_S, wait_until
from stalls import premise, steady
from test_cluster import Cluster

KBIT = 24000
QUEUE = 1000000
VALUE = 60000
TROUBLE = r"-> fenced|' lost: |MINORITY"


class Line(Cluster):
    """A cluster of which one follower can be put behind slow lines."""

    def __init__(self, **settings):
        if not os.path.exists("/dev/net/tun"):
            raise tap.Skip("this machine has no TAP devices")
        super().__init__(mode="wire", **settings)
        for host in self.fabric.hosts():
            # Fills every buffer that it finds, as most senders do; some kernels do not by default.
            self.fabric.on(host, "sysctl", "-qw", "net.ipv4.tcp_congestion_control=reno",
                           check=False)

    def fill(self, node, sessions):
        """Four values of 60 kB in each of so many sessions more."""
        said = node.eval(
            "length([ok || {ok, S} <- [erlmcp_session:create(x) || _ <- lists:seq(1, "
            f"{sessions})], ok <- [erlmcp_session:put(S, <<K>>, binary:copy(<<0>>, {VALUE})) "
            "|| K <- lists:seq(1, 4)]]).")
        premise(said == str(4 * sessions), f"{said} of {4 * sessions} writes")

    def sent(self, node):
        """Bytes that lines brought to a node."""
        return sum(self.fabric.count(other.host, node.host)["bytes"] for other in self.others(node))

    def lag(self, at, of):
        """What a node tells of a member that is behind and moves, or None."""
        done = at.run("erlmcp-admin", "cluster", "sync", "--json")
        premise(done.stdout.startswith("{"), done.stdout + done.stderr)
        report = json.loads(done.stdout)
        told = next(node for node in report["nodes"] if node["node"] == of.name)
        # A leader that is not confirmed for a moment tells no figures.
        known = (told["lag_bytes"] or 0) > VALUE and (told["rate"] or 0) > KBIT * 1000 / 8 / 20
        return told if known and (told["lag_s"] or told["state"] == "fetching") else None

    def in_step(self, node, leader):
        there, here = leader.status().get("store"), node.status().get("store")
        return there and there == here

    def comes_back(self, slow, leader, expected):
        """The follower comes back behind its slow lines while its leader is written to; nobody
        takes notice but by the log, and the lines carry little more than what is missing."""
        rest = self.others(slow)
        for other in rest:
            self.narrow(slow, other, KBIT, QUEUE)
        term = leader.told()["raft"]["term"]
        marks = {node: node.log.mark() for node in self.nodes}
        before = self.sent(slow)
        slow.start()
        wait_until(lambda: slow.state() in ("syncing", "serving"), PATIENCE_S,
                   f"{slow} is being served")
        for _ in range(4):
            self.fill(leader, 2)
        lag = wait_until(lambda: self.lag(leader, slow) or self.in_step(slow, leader), PATIENCE_S,
                         f"{leader} tells how far {slow} is")
        premise(lag is not True, f"{slow} was in step before it was asked for")
        premise(lag["left_s"] is None or 0 < lag["left_s"] < 60, lag)
        wait_until(lambda: self.in_step(slow, leader), 2 * PATIENCE_S, f"{slow} is in step")
        self.wait_serving()
        end = time.monotonic() + 2
        while time.monotonic() < end:
            premise(slow.serving(), f"{slow} does not serve")
        for node in self.nodes:
            said = node.log.grep(TROUBLE, since=marks[node])
            premise(not said, said)
        raft = leader.told()["raft"]
        premise((raft["role"], raft["term"]) == ("leader", term), raft)
        carried = self.sent(slow) - before
        assert expected / 3 < carried, f"{carried} bytes for {expected}"
        premise(carried < 2 * expected, f"{carried} bytes for {expected}")


@steady
def test_log_behind_a_slow_line():
    """a follower catches up by the log over a slow line: nobody is fenced, nothing is sent twice"""
    with Line() as c:
        leader = c.leader()
        slow = c.others(leader)[0]
        slow.kill9()
        c.fill(leader, 12)
        c.comes_back(slow, leader, (12 + 8) * 4 * VALUE)


@steady
def test_state_behind_a_slow_line():
    """an empty follower fetches the whole state over a slow line: nobody is fenced by it"""
    with Line(ERLMCP_SNAPSHOT_THRESHOLD="100", ERLMCP_SNAPSHOT_TRAILING="10") as c:
        leader = c.leader()
        slow = c.others(leader)[0]
        slow.kill9()
        for _ in range(3):
            c.fill(leader, 14)
        slow.wipe()
        c.comes_back(slow, leader, (3 * 14 + 8) * 4 * VALUE)
        wait_until(lambda: slow.log.grep("the state at index .* is here and checked"), PATIENCE_S,
                   "it tells that it has the state")


if __name__ == "__main__":
    tap.main(globals())
