"""Disks that lost a part of what belongs together. Vocabulary: lab.py.

    node 1 ---- node 2        A data directory holds an identity and a log. One without the other
        \\      /              would vote or answer for what it has forgotten: such a node says so
         node 3               and does not start, whoever else is up.
"""

import os
import shutil

from lab import wait_until
from test_cluster import Cluster

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


if __name__ == "__main__":
    tap.main(globals())
