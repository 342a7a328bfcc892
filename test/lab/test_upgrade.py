"""Rolling upgrades, and disks of earlier releases. Vocabulary: lab.py, state: test_state.py.

    node 1 ---- node 2        A node of the release before is one that takes the state only up to
        \\      /              its version: ERLMCP_STATE_VERSION_MAX. The disks are those that earlier
         node 3               releases wrote (test/fixtures, made by tools/fixture.py).
"""

import os
import re
import subprocess

import fabric
import tap
from lab import Lab, wait_until
from test_members import Members
from test_recover import files_of, joined
from test_state import State

NEWEST = 3
BEFORE = 2
HOLD = "ERLMCP_STATE_VERSION_MAX"


class Mixed(State):
    """All nodes take no more than the release before did."""

    def __init__(self, **options):
        super().__init__(**{HOLD: str(BEFORE)}, **options)

    def version(self, node):
        return int(re.search(r"state_version => (\d+)",
                             self.ask(node, "erlmcp_cluster_sync:get_sync_status()")).group(1))

    def raise_to(self, node):
        """Start a node again with the release of today."""
        node.stop(timeout=60)
        node.settings[HOLD] = str(NEWEST)
        node.start()
        self.wait_all_see_all(timeout=60)

    def reopened(self, node):
        """The number of the first event in a stream that was closed after one event."""
        session = self.made(node, "erlmcp_session:create(x)")
        assert self.ask(node, f"erlmcp_session:append({session}, 1, a)") == "{ok,1}"
        assert self.ask(node, f"erlmcp_session:close({session}, 1)") == "ok"
        said = self.ask(node, f"erlmcp_session:append({session}, 1, b)")
        return int(re.match(r"{ok,(\d+)}$", said).group(1))


def equal(c):
    """All members have the same state, by its digest."""
    wait_until(lambda: "consistent" in c.ask(1, "erlmcp_session_ha:validate_consistency()"), 60,
               "all members have one state")


def test_rolling_upgrade():
    """a mixed cluster serves and keeps the old format; the last new member brings the new one"""
    with Mixed() as c:
        c.wait_put(1, 1)
        for n, node in enumerate(c.nodes):
            assert c.version(node) == BEFORE
            c.raise_to(node)
            c.wait_put(node, n + 2)
            if n < 2:
                assert c.reopened(node) == 1, "members disagree on what closing does"
                c.pass_time(5)  # longer than the leader takes to know what each member takes
                assert {c.version(member) for member in c.nodes} == {BEFORE}
            c.all_show(n + 2)
        for node in c.nodes:
            wait_until(lambda n=node: c.version(n) == NEWEST, 60, f"{node} has the new format")
        assert c.reopened(1) == 2
        equal(c)


def test_way_back():
    """as long as one member holds the old format, the others can go back to the release before"""
    with Mixed() as c:
        first, second = c.others(c.leader())
        for node in (first, second):
            c.raise_to(node)
        c.wait_put(first, 2)
        for node in (first, second):
            node.stop(timeout=60)
            node.settings[HOLD] = str(BEFORE)
            node.start()
            c.all_show(2)
        c.wait_put(second, 3)
        c.all_show(3)
        equal(c)


def test_refused_by_name():
    """behind the upgrade a member of the release before stops, and says what to do; nothing is lost"""
    with Mixed() as c:
        leader = c.leader()
        old = c.others(leader)[0]
        # Another one takes its place in the upgrade: only the leader's word counts by then.
        for node in c.others(old):
            c.raise_to(node)
        c.raise_to(old)
        wait_until(lambda: c.version(old) == NEWEST, 60, "the state is upgraded")
        old.stop(timeout=60)
        c.wait_put(c.others(old)[0], 5)
        old.settings[HOLD] = str(BEFORE)
        old.start()
        assert old.wait_exit(90) == 77
        assert old.log.grep(rf"REFUSED: the state of this node's cluster has version {NEWEST}, "
                            rf"{old.name} takes up to {BEFORE}. Remove ERLMCP_STATE_VERSION_MAX")
        assert not files_of(old, prefix="raft.aside"), "its data was set aside"
        # Not even without its log.
        old.wipe()
        mark = old.log.mark()
        old.start()
        words = (rf"ALARM.*{old.name} takes the state up to version {BEFORE}, this cluster's has "
                 rf"version {NEWEST}: it is refused")
        for node in c.others(old):
            wait_until(lambda n=node: n.log.grep(words), 60, f"{node} names who is refused")
        wait_until(lambda: old.log.grep("this node takes up to 2 and is refused", since=mark), 60,
                   f"{old} says why it waits")
        assert wait_until(old.state, 60, f"{old} answers") == "forming"
        old.stop(timeout=60)
        del old.settings[HOLD]
        c.settings.pop(HOLD)
        old.start()
        c.all_show(5)
        equal(c)


def test_newcomer_refused():
    """a node of the release before is not admitted to an upgraded cluster, and the order says why"""
    with Members(3, 1) as c:
        new, = c.newcomers
        new.settings[HOLD] = str(BEFORE)
        wait_until(lambda: f"state_version => {NEWEST}" in
                   " ".join(c.nodes[0].eval("erlmcp_cluster_sync:get_sync_status().").split()), 60,
                   "the state is upgraded")
        c.come(new)
        said = c.refused(1, f"{new.name} takes the state up to version {BEFORE}, this cluster's has "
                         f"version {NEWEST}", "join", new.name)
        assert "install a release that takes it there, or remove ERLMCP_STATE_VERSION_MAX" in said
        new.stop()
        del new.settings[HOLD]
        c.come(new)
        c.obeyed(1, "join", new.name)


FIXTURES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures")


class Inherited(Lab):
    """The first node starts on the disk that another release wrote; the others are empty."""

    def __init__(self, version, newcomers=0):
        if fabric.why_no_namespaces():
            raise tap.Skip("network namespaces are not allowed here")
        super().__init__(1 + newcomers, ERLMCP_QUORUM_SIZE="1")
        name = os.path.join(FIXTURES, f"v{version}")
        for node in self.nodes:
            node.settings["ERLMCP_SEED_NODES"] = self.nodes[0].name
        os.mkdir(self.nodes[0].data)
        subprocess.run(["tar", "-xJf", name + ".tar.xz", "-C", self.nodes[0].data], check=True)
        with open(name + ".txt", encoding="utf-8") as file:
            self.known = [line.rstrip("\n").split("\t") for line in file]

    def all_known(self, node):
        """It answers every question as the release did that wrote the disk."""
        assert self.known
        for question, answer in self.known:
            said = " ".join(node.insist(question).split())
            assert said == answer, f"{node}: {question}\n  {said}\n  and not\n  {answer}"


def inherit(version):
    """Start on the fixture, compare, upgrade, compare, start again, and let two others join."""
    with Inherited(version, newcomers=2) as c:
        first, *others = c.nodes
        first.settings[HOLD] = str(version)
        first.start()
        c.wait_serving(first)
        c.all_known(first)
        # And as it becomes when nobody holds it.
        first.stop(timeout=60)
        del first.settings[HOLD]
        first.start()
        c.wait_serving(first)
        wait_until(lambda: f"state_version => {NEWEST}" in
                   " ".join(first.eval("erlmcp_cluster_sync:get_sync_status().").split()), 60,
                   f"version {version} becomes {NEWEST}")
        c.all_known(first)
        first.restart()
        c.wait_serving(first)
        for node in others:
            node.start()
            joined(first, node)
        first.stop(timeout=60)
        first.start()
        c.wait_all_see_all(timeout=60)
        for node in c.nodes:
            c.all_known(node)
        print(f"# {len(c.known)} answers on the disk of version {version}")


def test_disk_of_version_1():
    """a disk of state version 1 is read whole, also after the upgrade, and by those who join"""
    inherit(1)


def test_disk_of_version_2():
    """a disk of state version 2 is read whole"""
    inherit(2)


def test_disk_of_version_3():
    """a disk of state version 3 is read whole"""
    inherit(3)


def test_disk_of_the_next_release():
    """a disk whose snapshot is newer than what a node takes is refused by name and left as it is"""
    with Inherited(NEWEST) as c:
        node = c.nodes[0]
        node.settings[HOLD] = str(BEFORE)
        node.start()
        assert node.wait_exit(60) == 77
        assert node.log.grep(f"REFUSED: .* has version {NEWEST}, {node.name} takes up to {BEFORE}")
        assert not files_of(node, prefix="raft.aside")
        del node.settings[HOLD]
        node.start()
        c.wait_serving(node)
        c.all_known(node)


if __name__ == "__main__":
    tap.main(globals())
