"""Disks that lost a part of what belongs together. Vocabulary: lab.py.

    node 1 ---- node 2        A data directory holds an identity and a log. One without the other
        \\      /              would vote or answer for what it has forgotten: such a node says so
         node 3               and does not start, whoever else is up.
"""

import os
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
        c.wait_put(leader, 7)
        forgetful.kill9()
        leader.kill9()
        shutil.rmtree(log_of(forgetful))
        behind.start()
        forgetful.start()
        assert forgetful.wait_exit(60) == 74
        assert forgetful.log.grep("the log is empty, but this node has stored entries")
        leader.start()
        c.wait_serving(leader, behind)
        assert c.read(behind) == 7
        forgetful.wipe()
        forgetful.start()
        c.all_show(7)


def test_identity_lost():
    """a log without its identity takes part in nothing, least of all in a new founding"""
    with Cluster() as c:
        c.wait_put(1, 7)
        for node in c.nodes:
            node.kill9()
        old, *rest = c.nodes
        os.remove(os.path.join(old.data, "identity"))
        for node in rest:
            node.wipe()
        c.start()
        assert old.wait_exit(60) == 70
        assert old.log.grep("raft holds a log, but .*identity, .*, is missing")
        old.wipe()
        old.start()
        c.wait_all_see_all()


THROTTLES = "/sys/fs/cgroup/blkio"
TRIES_MAX = 6


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
        """At once, and harmless when it is over."""
        if not os.path.exists(self.group):
            return
        with open(os.path.join(self.group, "cgroup.procs"), encoding="ascii") as file:
            pids = file.read().split()
        for pid in pids:
            with open(os.path.join(THROTTLES, "cgroup.procs"), "w", encoding="ascii") as to:
                to.write(pid)
        wait_until(self.gone, 60, "the group is empty")

    def gone(self):
        try:
            os.rmdir(self.group)
        except OSError:
            return False
        return True


def middle(question, times):
    """How long an answer takes, half of so many times."""
    spent = []
    for _ in range(times):
        start = time.monotonic()
        question()
        spent.append(time.monotonic() - start)
    return sorted(spent)[times // 2]


def hands_over(c, leader):
    """Write until somebody else leads; did the leader go because its disk is slow?"""
    rest = c.others(leader)

    def moved():
        c.put(rest[0], 1)
        return rest[0].status().get("leader") not in (None, leader.name)
    wait_until(moved, 60, f"somebody else than {leader} leads")
    return bool(leader.log.grep("slow disk: a majority had entries on disk"))


def test_slow_leader():
    """a leader whose disk takes a third of a second for each write hands leadership over"""
    with SmallDisks() as c:
        leader = c.leader(timeout=60)
        slow = SlowDisk(leader, 3)
        try:
            for _ in range(TRIES_MAX):
                if hands_over(c, leader):
                    break
                slow.end()  # it lost the lead to a pause of this machine
                leader = c.leader(timeout=60)
                slow = SlowDisk(leader, 3)
            rest = c.others(leader)
            assert leader.log.grep("slow disk: a majority had entries on disk")
            wait_until(lambda: any("slow disk" in alarm["text"]
                                   for alarm in leader.status().get("alarms", [])), 60, "the alarm")
            now = c.leader(among=rest, timeout=60)
            write = middle(lambda: c.wait_put(now, 1), 21)
            ask = middle(lambda: now.eval("node()."), 21)
            print(f"# beside a slow follower a write takes {1000 * write:.0f} ms, "
                  f"{1000 * ask:.0f} ms of which for the program")
            assert c.leader(among=rest, timeout=60) != leader, "leadership does not come back to it"
            assert write - ask < 0.25, "a slow follower holds up nobody"
        finally:
            slow.end()
        c.wait_put(now, 9)
        c.all_show(9)


if __name__ == "__main__":
    tap.main(globals())
