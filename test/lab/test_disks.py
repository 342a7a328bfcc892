"""Disks that lost a part of what belongs together. Vocabulary: lab.py.

    node 1 ---- node 2        A data directory holds an identity and a log. One without the other
        \\      /              would vote or answer for what it has forgotten: such a node says so
         node 3               and does not start, whoever else is up.
"""

import os
import re
import shutil
import time

from lab import wait_until
from test_cluster import Cluster
from test_files import SmallDisks

import tap


def log_of(node):
    return os.path.join(node.data, "raft")


def test_log_lost():
    """a member whose log is gone does not vote away what it has acknowledged"""
    with Cluster() as c:
        leader = c.leader()
        forgetful, behind = c.others(leader)
        behind.kill9()
        wait_until(lambda: c.put(leader, 7) == "ok", 15, "two of three accept a write")
        forgetful.kill9()
        leader.kill9()
        shutil.rmtree(log_of(forgetful))
        behind.start()
        forgetful.start()
        assert forgetful.wait_exit() == 74
        assert forgetful.log.grep("the log is empty, but this node has stored entries")
        leader.start()
        c.wait_serving(leader, behind)
        assert c.get(behind) == 7
        forgetful.wipe()
        forgetful.start()
        c.all_show(7)


def test_identity_lost():
    """a log without its identity takes part in nothing, least of all in a new founding"""
    with Cluster() as c:
        c.put(1, 7)
        for node in c.nodes:
            node.kill9()
        old, *rest = c.nodes
        os.remove(os.path.join(old.data, "identity"))
        for node in rest:
            node.wipe()
        c.start()
        assert old.wait_exit() == 70
        assert old.log.grep("raft holds a log, but .*identity, .*, is missing")
        old.wipe()
        old.start()
        c.wait_all_see_all()


THROTTLES = "/sys/fs/cgroup/blkio"


class SlowDisk:
    """While it lasts, a node's disk takes so many writes a second."""

    def __init__(self, node, writes):
        limit = "blkio.throttle.write_iops_device"
        if not os.path.exists(os.path.join(THROTTLES, limit)):
            raise tap.Skip("this machine cannot slow a disk down")
        self.group = os.path.join(THROTTLES, f"lab-{os.getpid()}-{node.host}")
        device = os.stat(node.data).st_dev
        os.makedirs(self.group, exist_ok=True)
        try:
            self.say(limit, f"{os.major(device)}:{os.minor(device)} {writes}")
        except OSError:
            os.rmdir(self.group)
            raise tap.Skip("this machine cannot slow this disk down") from None
        self.say("cgroup.procs", str(node.pid()))

    def say(self, file, text):
        with open(os.path.join(self.group, file), "w", encoding="ascii") as to:
            to.write(text)

    def end(self):
        with open(os.path.join(self.group, "cgroup.procs"), encoding="ascii") as file:
            pids = file.read().split()
        for pid in pids:
            with open(os.path.join(THROTTLES, "cgroup.procs"), "w", encoding="ascii") as to:
                to.write(pid)
        wait_until(lambda: not os.path.exists(self.group) or self.gone(), 10, "the group is empty")

    def gone(self):
        try:
            os.rmdir(self.group)
        except OSError:
            return False
        return True


def longest_write(c, node, seconds):
    """Write one after the other for a while; how long the slowest took, and how many there were."""
    end = time.monotonic() + seconds
    worst = 0.0
    n = 0
    while time.monotonic() < end:
        start = time.monotonic()
        assert c.put(node, n) == "ok"
        worst = max(worst, time.monotonic() - start)
        n += 1
    return worst, n


def test_slow_leader():
    """a leader whose disk takes a third of a second for each write hands leadership over"""
    with SmallDisks() as c:
        leader = c.leader()
        rest = c.others(leader)
        slow = SlowDisk(leader, 3)
        try:
            def moved():
                c.put(rest[0], 1)
                return rest[0].status().get("leader") not in (None, leader.name)
            wait_until(moved, 30, f"somebody else than {leader} leads")
            assert leader.log.grep("slow disk: a majority had entries on disk")
            assert any("slow disk" in alarm["text"] for alarm in leader.status()["alarms"])
            now = c.leader(among=rest)
            worst, n = longest_write(c, now, 4)
            print(f"# beside a slow follower: {n} writes, the slowest took {1000 * worst:.0f} ms")
            assert c.leader(among=rest) == now, "leadership does not come back to it"
            assert n > 8, "a slow follower holds up nobody"
        finally:
            slow.end()
        c.put(now, 9)
        for node in c.nodes:
            wait_until(lambda node=node: re.fullmatch("9", str(c.get(node))), 30, f"{node} has it")


if __name__ == "__main__":
    tap.main(globals())
