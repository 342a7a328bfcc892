"""Members that come and go, on real nodes: the committed configuration says who is one.

    founders 1 2 3 ---- newcomers 4 5 ...      All on one bridge; a newcomer knows nodes 1, 2, by
                                               ERLMCP_SEED_NODES, and has no data.
"""

import json
import re
import subprocess
import threading
import time

import fabric
import tap
from lab import PATIENCE_S, Lab, NoAnswer, wait_until
from stalls import premise, steady
from test_cluster import Sessions

# What an order is answered that came at a bad moment: nothing is wrong with it.
AGAIN = re.compile(r"ask a node that serves|leadership|try again|order it again")


class Members(Sessions, Lab):
    """The first nodes have founded a cluster; the others run only when a story starts them."""

    def __init__(self, founders=3, newcomers=0, **settings):
        if fabric.why_no_namespaces():
            raise tap.Skip("network namespaces are not allowed here")
        super().__init__(founders + newcomers, **settings)
        names = [node.name for node in self.nodes]
        for node in self.nodes:
            known = names[:founders] if node.host <= founders else names[:2]
            node.settings = {"ERLMCP_SEED_NODES": ",".join(known),
                             "ERLMCP_QUORUM_SIZE": str(founders)}
        self.founders = self.nodes[:founders]
        self.newcomers = self.nodes[founders:]

    def __enter__(self):
        try:
            for node in self.founders:
                node.start()
            self.wait_whole(*self.founders)
            self.make_session()
        except BaseException:
            self.show_logs()
            self.close()
            raise
        return self

    def wait_whole(self, *nodes):
        """Await that these nodes serve with every member in sight."""
        self.wait_states(nodes, ("serving",))

    def shows(self, node, value):
        return self.read(node) == value

    def order(self, node, *words):
        """erlmcp-admin cluster WORDS on that node: exit code, and what it said."""
        done = self.node(node).run("erlmcp-admin", "cluster", *words, timeout=2 * PATIENCE_S)
        return done.returncode, done.stdout + done.stderr

    def answered(self, node, *words):
        """The same, ordered again while it comes at a bad moment."""
        end = time.monotonic() + PATIENCE_S
        while True:
            code, said = self.order(node, *words)
            if code != 1 or not AGAIN.search(said) or time.monotonic() > end:
                return code, said
            print(f"# {' '.join(words)}: {said.strip()}", flush=True)

    def obeyed(self, node, *words):
        """The order is carried out to its end; what it said. It is ordered again when a member
        that it needs is out of sight for a moment."""
        end = time.monotonic() + PATIENCE_S
        while True:
            code, said = self.answered(node, *words)
            if code == 0:
                return said
            assert code == 1 and time.monotonic() < end, f"{words}: {code}: {said}"
            print(f"# {' '.join(words)}: {said.strip()}", flush=True)

    def refused(self, node, why, *words):
        """The order is refused, in the end for this reason; what it said."""
        end = time.monotonic() + PATIENCE_S
        while True:
            code, said = self.answered(node, *words)
            assert code == 1, f"{words}: {code}: {said}"
            if why in said:
                return said
            assert time.monotonic() < end, f"{words}: not {why}: {said}"

    def come(self, *nodes):
        """Start newcomers; they are seen, and are no members."""
        for node in nodes:
            node.start()
        for node in nodes:
            for member in self.founders:
                if member.running():
                    self.wait_sees(member, node)

    @staticmethod
    def sees(member, node):
        return any(m["name"] == node.name and m["hears_us"] for m in
                   member.status().get("members", []))

    def wait_sees(self, member, node):
        wait_until(lambda: self.sees(member, node), PATIENCE_S, f"{member} sees {node}")

    @staticmethod
    def wait_in_sight(node, others):
        """Await that it counts so many others."""
        wait_until(lambda: node.eval("length(nodes()).") == str(others), PATIENCE_S,
                   f"{node} has {others} others in sight")

    @staticmethod
    def wait_alarm(node, text, raised=True):
        def as_wanted():
            alarms = node.status().get("alarms")
            return alarms is not None and raised == any(text in a["text"] for a in alarms)
        wait_until(as_wanted, PATIENCE_S, f"{node}: alarm {text}: {raised}")

    @staticmethod
    def wait_no_change(node):
        """Await that no change of the members is under way."""
        wait_until(lambda: node.status().get("change", "?") is None, PATIENCE_S,
                   f"{node}: no change")

    def roles(self, node):
        """Short names of voters and standbys, as that node has them."""
        members = self.node(node).told().get("members", [])
        number = {n.name: n.host for n in self.nodes}
        return (sorted(number[m["name"]] for m in members if m["voter"]),
                sorted(number[m["name"]] for m in members if m["member"] and not m["voter"]))

    def wait_roles(self, voters, standbys=(), among=None):
        for node in among or [n for n in self.nodes if n.running()]:
            wait_until(lambda n=node: self.roles(n) == (list(voters), list(standbys)), PATIENCE_S,
                       f"{node} has voters {voters}, standbys {standbys}")


@steady
def test_three_become_five():
    """two nodes join, one after the other, through any member; then five vote and three suffice"""
    with Members(newcomers=2) as c:
        c.wait_put(1, 1)
        c.come(*c.newcomers)
        c.wait_in_sight(c.nodes[0], 2)  # no members yet
        said = c.obeyed(2, "join", c.nodes[3].name)
        premise("3 of 3 voters are up, 2 needed" in said and "4 of 4 up, 3 needed" in said, said)
        assert "4 voters survive no more failures than 3" in said, said
        said = c.obeyed(3, "join", c.nodes[4].name)
        premise("5 of 5 up, 3 needed" in said, said)
        assert "WARNING" not in said, said
        c.wait_roles([1, 2, 3, 4, 5])
        c.wait_whole(*c.nodes)
        for node in c.nodes:
            assert c.shows(node, 1)
        status = c.nodes[4].told()
        assert (status["quorum"]["configured"], status["needed"]) == (5, 3)
        c.wait_in_sight(c.nodes[4], 4)
        for node in c.nodes[:2]:
            node.kill9()
        c.wait_put(5, 2)  # three of five serve
        # A newcomer knows the others from its own log when it starts again.
        c.nodes[3].restart()
        c.wait_serving(4)
        assert c.shows(4, 2)


@steady
def test_leave():
    """a member that leaves stops by itself, stays away, and two voters are flagged"""
    with Members() as c:
        gone = c.follower()
        said = c.obeyed(c.leader(), "leave", gone.name)
        premise(f"after the removal of {gone.name}: 2 of 2 up, 2 needed" in said, said)
        assert "WARNING: two voters" in said, said
        assert gone.wait_exit() == 77
        assert gone.log.grep("removed from the cluster, as leader")
        rest = c.others(gone)
        wait_until(lambda: any(n.log.grep(f"Members: ordered .*: leave {gone.name} .*WARNING")
                               for n in rest), PATIENCE_S, "the order is in a log")
        c.wait_whole(*rest)
        for node in rest:
            c.wait_alarm(node, "two voters")
            assert node.log.grep("ALARM: two voters")
        c.wait_put(rest[0], 3)
        # Its old disk does not make it a member, nor does its name in everybody's configuration.
        gone.start()
        assert gone.wait_exit() == 77
        assert c.roles(rest[0])[0] == sorted(n.host for n in rest)
        c.refused(rest[0], "ERLMCP_QUORUM_SIZE=3 asks for more voters", "leave", rest[0].name)
        # With an empty disk it may ask again.
        gone.wipe()
        gone.start()
        wait_until(lambda: "belongs to a cluster" in (gone.status().get("why") or ""), PATIENCE_S,
                   "it knows that it has to be admitted")
        c.obeyed(rest[1], "join", gone.name)
        c.wait_whole(*c.nodes)
        assert c.shows(gone, 3)
        c.wait_alarm(rest[0], "two voters", raised=False)


def test_leader_leaves():
    """the leader is ordered to leave, on itself: it hands over first, and the rest serves on"""
    with Members(newcomers=1) as c:
        c.come(*c.newcomers)
        c.obeyed(1, "join", c.nodes[3].name)
        leader = c.leader()
        c.obeyed(leader, "leave")
        assert leader.wait_exit() == 77
        rest = c.others(leader)
        c.wait_whole(*rest)
        assert c.leader(among=rest) in rest
        c.wait_put(rest[0], 4)


def test_replace_dead():
    """a dead member is replaced: one order, through a change of leader in its midst"""
    with Members(newcomers=1) as c:
        c.wait_put(1, 5)
        dead, new = c.follower(), c.newcomers[0]
        dead.kill9()
        dead.wipe()
        rest = c.others(dead, new)
        c.come(new)
        # It is known to all, then cut off: the change begins and has to wait for it.
        new.pause()
        code, said = c.answered(rest[0], "replace", dead.name, new.name, "--no-wait")
        if code == 0:
            wait_until(lambda: rest[1].status().get("change"), PATIENCE_S,
                       "the change is under way")
            c.refused(rest[1], "one change at a time", "demote", rest[0].name)
            leader = c.leader(among=rest)
            c.obeyed(leader, "transfer-leader", c.others(dead, new, leader)[0].name)
            new.cont()
        else:
            assert code == 1, said  # out of sight already, in other words from moment to moment
            new.cont()
            c.wait_sees(rest[0], new)
            c.obeyed(rest[0], "replace", dead.name, new.name)
        c.wait_roles(sorted(n.host for n in rest + [new]), among=rest + [new])
        c.wait_no_change(rest[0])
        c.wait_whole(*rest, new)
        assert c.shows(new, 5)
        c.wait_put(new, 6)


@steady
def test_standby_takes_over():
    """a standby votes instead of a voter that stays away, which is the standby when it returns"""
    with Members(newcomers=1, ERLMCP_STANDBY_AFTER="2") as c:
        spare = c.newcomers[0]
        c.come(spare)
        said = c.obeyed(2, "join", spare.name, "--standby")
        assert "does not count" in said, said
        c.wait_roles([1, 2, 3], [4])
        c.wait_whole(*c.nodes)
        c.wait_put(spare, 7)  # a standby serves clients
        away = c.follower()
        away = away if away is not spare else c.others(c.leader(), spare)[0]
        rest = c.others(away)
        killed = time.monotonic()
        away.kill9()
        c.wait_roles(sorted(n.host for n in rest), [away.host], among=rest)
        premise(time.monotonic() - killed >= 2, "not before its time")
        wait_until(lambda: any(n.log.grep("has been away for .*, standby .* is ready")
                               for n in rest), PATIENCE_S, "a log tells why")
        # What it was for: one more may go now.
        second = c.others(away, c.leader(among=rest))[0]
        second.kill9()
        left = c.others(away, second)
        c.wait_put(left[0], 8)  # two of three serve
        second.start()
        # It has been away for long: were the standby seen before it, that would vote instead.
        for node in left:
            c.wait_sees(node, second)
        c.wait_serving(second)
        away.start()
        c.wait_roles(sorted(n.host for n in rest), [away.host])
        c.wait_whole(*c.nodes)
        assert c.shows(away, 8)


def test_lost_leader_of_standbys():
    """the leader itself stays away: another leads, and a standby takes its vote"""
    with Members(newcomers=1, ERLMCP_STANDBY_AFTER="2") as c:
        spare = c.newcomers[0]
        c.come(spare)
        c.obeyed(1, "join", spare.name, "--standby")
        leader = c.leader()
        leader.kill9()
        rest = c.others(leader)
        c.wait_roles(sorted(n.host for n in rest), [leader.host], among=rest)
        c.wait_no_change(rest[0])
        c.obeyed(rest[0], "leave", leader.name)
        c.wait_roles(sorted(n.host for n in rest), [], among=rest)


def test_minority_orders_nothing():
    """on the minority's side every order is refused, with the numbers, and nothing comes of it"""
    with Members() as c:
        victim = c.leader()
        rest = c.others(victim)
        c.isolate(victim)
        c.wait_fenced(victim)
        for words in (("leave", rest[0].name), ("demote", rest[0].name), ("leave",),
                      ("transfer-leader", rest[0].name), ("cancel",)):
            end = time.monotonic() + PATIENCE_S
            code, said = c.order(victim, *words)
            while "1 in sight, 2 needed" not in said and time.monotonic() < end:
                assert code == 1, f"{words}: {said}"
                code, said = c.order(victim, *words)
            assert code == 1 and "1 in sight, 2 needed" in said, f"{words}: {said}"
        # The majority's side must not lose another one.
        c.wait_serving(*rest)
        said = c.refused(rest[0], f"after the removal of {rest[1].name}: 1 of 2 up, 2 needed",
                         "leave", rest[1].name)
        assert "the cluster would stop serving" in said, said
        assert "2 of 3 voters are up, 2 needed" in said, said
        # But it may part with the one that is cut off.
        c.obeyed(rest[0], "leave", victim.name)
        c.heal()
        assert victim.wait_exit() == 77
        c.wait_whole(*rest)


def test_bad_orders():
    """each bad order has its own outcome"""
    with Members(newcomers=1) as c:
        new = c.newcomers[0]
        c.refused(1, "is not connected to leader", "join", new.name)
        c.refused(1, "is no member of this cluster", "leave", "erlmcp@10.0.0.99")
        c.refused(1, "is no member of this cluster", "promote", new.name)
        c.refused(1, "is no member of this cluster", "replace", "erlmcp@10.0.0.99", new.name)
        c.refused(1, '"nobody" must be a node name such as', "leave", "nobody")
        c.refused(1, "no change of the members is under way", "cancel")
        code, said = c.order(2, "replace", c.nodes[0].name)
        assert code == 64 and "cluster replace OLD NEW" in said, said
        said = c.obeyed(1, "join", c.nodes[1].name, "--no-wait")
        assert "is a voter already" in said, said
        wait_until(lambda: "leads already" in c.obeyed(1, "transfer-leader", c.leader().name),
                   PATIENCE_S, "who leads takes over no more")
        c.come(new)
        c.refused(1, "is no member of this cluster", "transfer-leader", new.name)
        c.obeyed(1, "join", new.name, "--standby")
        c.refused(1, "is a standby: it cannot lead", "transfer-leader", new.name)
        # A node of another cluster.
        new.stop()
        c.obeyed(1, "leave", new.name)
        new.wipe()
        new.settings.update({"ERLMCP_SEED_NODES": "", "ERLMCP_QUORUM_SIZE": ""})
        new.start()
        wait_until(new.serving, PATIENCE_S, "it is a cluster of its own")
        new.stop()
        new.settings.update({"ERLMCP_SEED_NODES": c.nodes[0].name, "ERLMCP_QUORUM_SIZE": "3"})
        new.start()
        wait_until(lambda: c.nodes[0].log.grep("split brain: foreign cluster id"),
                   PATIENCE_S, "the alarm")
        leader = c.leader(among=c.founders)
        code, said = c.answered(leader, "join", new.name)
        assert code == 1 and ("another cluster" in said or "not connected" in said), said
        assert c.roles(1) == ([1, 2, 3], [])


def test_started_to_join():
    """a node that is started to join is admitted without an order, as what it asked to be"""
    with Members(newcomers=2) as c:
        voter, standby = c.newcomers
        voter.settings["ERLMCP_JOIN"] = "voter"
        standby.settings["ERLMCP_JOIN"] = "standby"
        voter.start()
        standby.start()
        c.wait_roles([1, 2, 3, 4], [5])
        c.wait_whole(*c.nodes)


def test_cancel():
    """a change that waits for a node that is gone can be ended, undone, and ordered again"""
    with Members(newcomers=1) as c:
        new = c.newcomers[0]
        c.come(new)
        # It is in sight when the change begins, and gone before it can learn anything.

        def ordered():
            c.wait_sees(c.leader(among=c.founders), new)
            new.pause()
            if c.order(1, "join", new.name, "--no-wait")[0] == 0:
                return True
            new.cont()
            return False
        wait_until(ordered, PATIENCE_S, "the order comes before the leader misses it")
        wait_until(lambda: "waits for" in (c.nodes[1].status().get("change") or ""), PATIENCE_S,
                   "the change waits")
        said = c.obeyed(2, "cancel")
        assert "ended where it stood" in said, said
        for node in c.founders:
            c.wait_no_change(node)

        def undone():
            if any(c.roles(node) != ([1, 2, 3], []) for node in c.founders):
                c.order(3, "leave", new.name)
                return False
            return True
        wait_until(undone, PATIENCE_S, "it is no member anywhere")
        new.cont()
        new.kill9()
        new.wipe()
        c.come(new)
        c.obeyed(1, "join", new.name)
        c.wait_roles([1, 2, 3, 4])


def test_found_by_order():
    """two of three found by an operator's order; the third founds nothing, and is admitted"""
    with Members() as c:
        for node in c.nodes:
            node.kill9()
            node.wipe()
        for node in c.nodes[:2]:
            node.start()
        names = [node.name for node in c.nodes]
        c.wait_sees(c.nodes[0], c.nodes[1])
        c.refused(1, "is not in sight", "found", "--members", ",".join(names))
        c.refused(1, "cannot found, 2 needed", "found", "--members", names[0])
        c.refused(1, "must be among the founders", "found", "--members", names[1])
        c.refused(1, "is none of the expected members", "found", "--members",
                  names[0] + ",erlmcp@nowhere")
        said = c.obeyed(1, "found", "--members", ",".join(names[:2]))
        assert "2 of 3 expected members" in said and "WARNING: two voters" in said, said
        c.wait_whole(*c.nodes[:2])
        c.refused(1, "", "cancel")
        c.nodes[2].start()
        c.wait_sees(c.nodes[0], c.nodes[2])
        assert c.nodes[2].told()["state"] == "forming"
        c.obeyed(2, "join", names[2])
        c.wait_whole(*c.nodes)
        assert c.roles(3) == ([1, 2, 3], [])


@steady
def test_resets_are_harmless():
    """RB-010's resets of the live view, at any time: nobody is fenced, no session is lost"""
    with Members() as c:
        c.wait_put(1, 9)
        marks = {node: node.log.mark() for node in c.nodes}
        for node in c.nodes * 5:
            assert node.eval("mnesia:clear_table(cluster_membership).\n"
                             "erlmcp_cluster_coordinator:reset_cluster_state().") == "ok"
            premise(node.eval("length(nodes()).") == "2", f"{node} lost sight of others")
        assert c.nodes[0].eval("mnesia:clear_table(cluster_membership).") == "{atomic,ok}"
        assert c.nodes[0].eval("mnesia:clear_table(x).") == "{aborted,{no_exists,x}}"
        for node in c.nodes:
            assert c.shows(node, 9)
            said = node.log.grep("State .* -> ", since=marks[node])
            premise(not said, said)
        victim = c.follower()
        c.isolate(victim)
        c.wait_fenced(victim)
        assert victim.eval("erlmcp_cluster_coordinator:reset_cluster_state().") == "ok"
        assert not victim.serving()
        c.heal()
        c.wait_whole(*c.nodes)


def test_leader_killed_in_a_replacement():
    """the leader is killed right after it took the order: the next one carries it out"""
    with Members(newcomers=1) as c:
        c.wait_put(1, 11)
        new, leader = c.newcomers[0], c.leader()
        old, asked = c.others(leader, c.newcomers[0])
        c.come(new)
        c.obeyed(asked, "replace", old.name, new.name, "--no-wait")
        leader.kill9()
        # Two of the founders, and the newcomer as far as it came: the old one waits to be removed.
        c.wait_serving(asked)
        leader.start()
        c.wait_roles(sorted(n.host for n in (leader, asked, new)), among=(leader, asked, new))
        assert old.wait_exit() == 77
        c.wait_whole(leader, asked, new)
        c.wait_no_change(asked)
        assert c.shows(new, 11)


def test_manual_recovery():
    """RB-010, scenario 2, step by step: two nodes are stopped, the live view is reset, they return"""
    with Members() as c:
        c.wait_put(1, 12)
        one, *rest = c.nodes
        for node in rest:
            assert node.eval("init:stop().") == "ok"
            assert node.wait_exit() == 0
        c.wait_fenced(one)
        assert one.eval("mnesia:clear_table(cluster_membership).\n"
                        "erlmcp_cluster_coordinator:reset_cluster_state().\n") == "ok"
        # Who was heard within the detection time is in sight still.
        c.wait_in_sight(one, 0)
        assert not one.serving(), "a reset makes no majority"
        for node in rest:
            node.start()
        c.wait_whole(*c.nodes)
        for node in c.nodes:
            c.wait_in_sight(node, 2)
            assert c.shows(node, 12)


def test_changes_under_load():
    """three become five, all founders but one are replaced or leave: no write is lost meanwhile"""
    with Members(newcomers=2) as c:
        keeper = c.nodes[0]
        acknowledged, refused, stop = [0], [], threading.Event()

        def write():
            value = 0
            while not stop.is_set():
                value += 1
                try:
                    said = c.put(keeper, value)
                except (NoAnswer, subprocess.TimeoutExpired) as why:
                    said = str(why)
                if said == "ok":
                    acknowledged.append(value)
                else:
                    refused.append(said)
        writer = threading.Thread(target=write)
        writer.start()
        try:
            c.come(*c.newcomers)
            c.obeyed(2, "join", c.nodes[3].name)
            c.obeyed(1, "transfer-leader", c.nodes[1].name)
            c.obeyed(3, "replace", c.nodes[1].name, c.nodes[4].name)
            c.obeyed(4, "leave", c.nodes[2].name)
            c.obeyed(5, "demote", c.nodes[3].name)
            c.obeyed(5, "promote", c.nodes[3].name)
        finally:
            stop.set()
            writer.join(PATIENCE_S)
        assert c.nodes[1].wait_exit() == 77 and c.nodes[2].wait_exit() == 77
        left = [c.nodes[0], c.nodes[3], c.nodes[4]]
        c.wait_whole(*left)
        c.wait_roles([1, 4, 5], among=left)
        assert len(acknowledged) > 5, f"{acknowledged}, {sorted(set(refused))}"
        for node in left:
            shown = c.read(node)
            assert shown >= acknowledged[-1], f"{node} shows {shown}, not {acknowledged[-1]}"
        print(f"# {len(acknowledged) - 1} writes acknowledged, {len(refused)} refused: "
              f"{sorted(set(refused))}")


def test_wiped_in_five():
    """two of five lose their disks at once: each is replaced by itself, whoever leads"""
    with Members(founders=5) as c:
        c.wait_put(1, 10)
        lost = c.others(c.leader())[:2]
        for node in lost:
            node.kill9()
            node.wipe()
        for node in lost:
            node.start()
        c.wait_whole(*c.nodes)
        c.wait_roles([1, 2, 3, 4, 5])
        for node in c.nodes:
            assert c.shows(node, 10)
        ids = {json.dumps(m["raft_id"]) for m in c.nodes[0].told()["members"]}
        assert len(ids) == 5


if __name__ == "__main__":
    tap.main(globals())
