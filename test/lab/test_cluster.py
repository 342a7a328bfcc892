"""Three real nodes on a real network that breaks. Topology: fabric.py, vocabulary: lab.py.

    node 1 ---- node 2        Each story starts its own cluster and ends with the promise that
        \\      /              matters: the majority serves, the minority refuses, nothing that
         node 3               was acknowledged is lost.
"""

import re
import threading
import time

import fabric
import tap
from lab import PATIENCE_S, Lab, NoAnswer, wait_until
from stalls import premise, steady

NAME = re.compile(r'<<"[^"]+">>')
FENCED = "{error,{fenced,"


class Sessions:
    """What a lab does with its session, a register for each key."""

    session = ""
    writes = 0

    def make_session(self):
        self.session = NAME.search(self.nodes[0].insist(
            "erlmcp_session:create(#{request_id => lab}).")).group(0)

    def put(self, node, value, key="k"):
        """One attempt: "ok", or the refusal."""
        return self.node(node).eval(f"erlmcp_session:put({self.session}, {key}, {value}).")

    def get(self, node, key="k"):
        """One attempt: the value that a node shows, or its refusal."""
        return self.value(self.node(node).eval(self.question()), key)

    def wait_put(self, node, value, key="k"):
        """The value is acknowledged, in the end: at any time a node may lose its leader for a
        moment. All attempts are one request, so that it takes effect once."""
        self.writes += 1
        said = self.node(node).insist(f"erlmcp_session:put({self.session}, {key}, {value}, "
                                   f'#{{request_id => <<"lab-{self.writes}">>}}).')
        assert said == "ok", f"{node}: {said}"

    def read(self, node, key="k"):
        """The first value that a node shows: it may refuse before, but not be wrong."""
        return self.value(self.node(node).insist(self.question()), key)

    def question(self):
        return f"erlmcp_session:get({self.session})."

    @staticmethod
    def value(text, key):
        found = re.search(rf'<<"{key}">>\s*=>\s*(\w+)', text)
        return int(found.group(1)) if found else text

    def wait_fenced(self, node):
        wait_until(lambda: node.state() == "fenced", PATIENCE_S, f"{node} is fenced")

    def wait_refused(self, *nodes):
        """These nodes have no majority: they refuse, in the end saying that they are fenced."""
        for node in nodes:
            self.wait_fenced(node)
            for ask in (lambda n=node: self.put(n, 666), lambda n=node: str(self.get(n))):
                wait_until(lambda a=ask: self.is_fenced(a()), PATIENCE_S, f"{node} refuses")

    @staticmethod
    def is_fenced(answer):
        assert answer.startswith((FENCED, "{error,{no_leader,")), answer
        return answer.startswith(FENCED)


class Cluster(Sessions, Lab):
    """A lab whose nodes serve, and a session to write to."""

    def __init__(self, n_nodes=3, mode="bridge", **options):
        if mode != "loopback" and fabric.why_no_namespaces():
            raise tap.Skip("network namespaces are not allowed here")
        super().__init__(n_nodes, mode=mode, **options)

    def __enter__(self):
        try:
            self.start()
            self.wait_all_see_all()
            self.make_session()
        except BaseException:
            self.show_logs()
            self.close()
            raise
        return self

    def all_show(self, value):
        """Every node serves with all members, and shows this value."""
        self.wait_all_see_all()
        for node in self.nodes:
            shown = self.read(node)
            assert shown == value, f"{node} shows {shown}, not {value}"


def test_founding():
    """three empty nodes found one cluster; each sees the two others and one leader"""
    with Cluster() as c:
        for node in c.nodes:
            wait_until(lambda n=node: n.eval("length(nodes()).") == "2", PATIENCE_S,
                       f"{node} sees two others")
            assert node.eval("node().") in (node.name, f"'{node.name}'")
        assert c.leader() in c.nodes
        c.wait_put(1, 1)
        c.all_show(1)


def part_and_heal(c, victim):
    """Cut a node off and bring it back; both sides behave."""
    rest = c.others(victim)
    c.wait_put(victim, 1)
    c.isolate(victim)
    c.wait_refused(victim)
    wait_until(lambda: victim.eval("nodes().") == "[]", PATIENCE_S, f"{victim} sees nobody")
    c.wait_put(rest[0], 2)
    assert c.read(rest[1]) == 2
    for words in ("⚠️  MINORITY PARTITION DETECTED$",
                  r"Reachable nodes: 1 \(need 2 for majority\)$"):
        wait_until(lambda w=words: victim.log.grep(w), PATIENCE_S, f"{victim} says {words}")
    for node in rest:
        for words in ("✅ MAJORITY PARTITION: Continue operations$",
                      r"This node is part of the majority partition \(2 >= 2\)$"):
            wait_until(lambda n=node, w=words: n.log.grep(w), PATIENCE_S, f"{node} says {words}")
        assert not node.log.grep("Node.*disconnected")
    mark = victim.log.mark()
    c.heal()
    c.all_show(2)
    wait_until(lambda: victim.log.grep("Node '.*' connected", since=mark), PATIENCE_S,
               f"{victim} tells who is back")


def test_isolated_leader():
    """an isolated leader is fenced, the majority goes on, and the heal reconciles"""
    with Cluster() as c:
        part_and_heal(c, c.leader())


def test_isolated_follower():
    """an isolated follower is fenced, the majority does not notice much"""
    with Cluster() as c:
        part_and_heal(c, c.follower())


def test_all_apart():
    """with everybody alone nobody serves; the heal brings all back"""
    with Cluster() as c:
        c.wait_put(1, 1)
        c.isolate(1)
        c.isolate(2)
        c.wait_refused(*c.nodes)
        c.heal()
        c.all_show(1)


def test_one_way_cuts():
    """a leader that is not heard, or does not hear, loses the lead; the majority serves"""
    for deaf in (False, True):
        with Cluster() as c:
            leader = c.leader()
            rest = c.others(leader)
            c.wait_put(leader, 1)
            for node in rest:
                c.cut_oneway(*((node, leader) if deaf else (leader, node)))
            c.wait_put(rest[0], 2)
            assert c.read(rest[1]) == 2
            shown = c.get(leader)
            assert shown == 2 or str(shown).startswith("{error,"), f"stale: {shown}"
            c.heal()
            c.all_show(2)


@steady
def test_bridge_node():
    """when two nodes lose each other but both reach the third, the cluster serves"""
    with Cluster() as c:
        leader = c.leader()
        a, b = c.others(leader)[0], leader
        c.cut(a, b)
        third = c.others(a, b)[0]
        c.wait_put(third, 1)
        assert c.read(third) == 1
        # Who reaches a majority but not its leader is told so, or is led by the one between.
        wait_until(lambda: c.put(a, 1).startswith(("ok", FENCED)), PATIENCE_S,
                   f"{a} serves or refuses")
        since = time.monotonic()
        shown = c.get(a)
        took = time.monotonic() - since
        assert shown == 1 or str(shown).startswith("{error,"), f"stale: {shown}"
        premise(shown == 1 or shown.startswith(FENCED), shown)
        premise(took < 4, f"{took:.1f} s: the time of a request that nobody answers")
        c.heal()
        c.all_show(1)


def test_flapping():
    """a node that flaps does not shake what is acknowledged"""
    with Cluster() as c:
        victim = c.leader()
        rest = c.others(victim)
        for value in range(1, 4):
            c.flap(victim, 1, period_s=0.8)
            c.wait_put(rest[0], value)
        c.all_show(3)


def test_kill_leader():
    """a leader that is killed loses nothing that was acknowledged"""
    with Cluster() as c:
        leader = c.leader()
        c.wait_put(leader, 7)
        leader.kill9()
        rest = c.others(leader)
        assert c.read(rest[0]) == 7
        c.wait_put(rest[1], 8)
        leader.start()
        c.all_show(8)


def test_kill_all():
    """all killed at once and started again: nothing that was acknowledged is lost"""
    with Cluster() as c:
        c.wait_put(1, 7)
        for node in c.nodes:
            node.kill9()
        c.start()
        c.all_show(7)


def test_wiped():
    """a node that lost its disk comes back as a new member and learns everything"""
    with Cluster() as c:
        victim = c.follower()
        c.wait_put(victim, 7)
        victim.kill9()
        victim.wipe()
        victim.start()
        c.all_show(7)


def test_paused_leader():
    """a leader that was stopped for long does not answer from the past when it goes on"""
    with Cluster() as c:
        leader = c.leader()
        rest = c.others(leader)
        c.wait_put(leader, 1)
        leader.pause()
        answers = []

        def ask():
            try:
                answers.append(c.get(leader))
            except NoAnswer as why:  # it was stopped for longer than the program waits
                answers.append(str(why))
        asking = threading.Thread(target=ask)
        asking.start()
        c.wait_put(rest[0], 2)
        leader.cont()
        asking.join(PATIENCE_S)
        assert answers and answers[0] != 1, f"the old leader said {answers}"
        c.all_show(2)


def test_force_shutdown():
    """with FORCE_SHUTDOWN=true a minority node stops with its own exit code"""
    # The delay is longer than an election takes: the others are a minority each, meanwhile.
    with Cluster(FORCE_SHUTDOWN="true", SHUTDOWN_DELAY="5") as c:
        victim = c.leader()
        c.isolate(victim)
        assert victim.wait_exit() == 76
        assert victim.log.grep("Shutting down minority partition\\.\\.\\.$")
        assert all(node.running() for node in c.others(victim))
        c.heal()
        victim.start()
        c.wait_all_see_all()


def test_countdown_aborted():
    """a heal during the countdown aborts the shutdown"""
    with Cluster(FORCE_SHUTDOWN="true", SHUTDOWN_DELAY="30") as c:
        victim = c.leader()
        c.isolate(victim)
        wait_until(lambda: victim.log.grep("countdown"), PATIENCE_S, "the countdown began")
        c.heal()
        wait_until(lambda: victim.log.grep("countdown aborted"), PATIENCE_S,
                   "the countdown is aborted")
        c.wait_all_see_all()
        assert victim.running()


def test_early_riser():
    """the first node up after a total outage does not shut itself down for being early"""
    with Cluster(FORCE_SHUTDOWN="true", SHUTDOWN_DELAY="3") as c:
        c.wait_put(1, 5)
        for node in c.nodes:
            node.kill9()
        first = c.nodes[0]
        first.start()
        wait_until(lambda: first.state() in ("syncing", "fenced"), PATIENCE_S, f"{first} is up")
        c.pass_time(6)  # twice the delay
        assert first.running() and not first.serving()
        for node in c.others(first):
            node.start()
        c.all_show(5)


def test_interface_returns():
    """a node whose interface vanishes and returns comes back by itself"""
    with Cluster() as c:
        victim = c.leader()
        c.fabric.interface(victim.host, up=False)
        c.wait_fenced(victim)
        c.wait_put(c.others(victim)[0], 3)
        c.fabric.interface(victim.host, up=True)
        c.all_show(3)


def test_noisy_cut():
    """a noisy cut (resets) is as harmless as a silent one"""
    with Cluster() as c:
        victim = c.leader()
        for other in c.others(victim):
            c.refuse(victim, other)
        c.wait_fenced(victim)
        c.wait_put(c.others(victim)[0], 4)
        c.accept()
        c.all_show(4)


def test_wrong_cookie():
    """a node with another cookie is refused, and the others do not mind"""
    with Cluster() as c:
        stranger = c.follower()
        assert stranger.stop() == 0
        stranger.settings["ERLANG_COOKIE"] = "wrong"
        stranger.start()
        rest = c.others(stranger)
        wait_until(lambda: rest[0].log.grep("[Rr]efused") or rest[1].log.grep("[Rr]efused"),
                   PATIENCE_S, "the refusal is logged")
        assert not stranger.serving()
        c.wait_put(rest[0], 5)
        stranger.stop()
        del stranger.settings["ERLANG_COOKIE"]
        stranger.start()
        c.all_show(5)


@steady
def test_bad_network():
    """5 % loss, 20 ms jitter, duplicates: nobody is fenced for nothing"""
    with Cluster(mode="wire", seed=3) as c:
        marks = {node: node.log.mark() for node in c.nodes}
        c.shape(loss=0.05, delay_ms=5, jitter_ms=20, duplicate=0.01)
        for value in range(1, 40):
            c.wait_put(1 + value % 3, value)
        fenced = {node.name: node.log.grep("MINORITY", since=mark) for node, mark in marks.items()}
        premise(not any(fenced.values()), fenced)
        c.shape()
        c.all_show(39)


def test_one_host():
    """three nodes on loopback addresses of one host are a cluster; two that stop are missed"""
    with Cluster(mode="loopback") as c:
        leader = c.leader()
        rest = c.others(leader)
        c.wait_put(leader, 1)
        for node in rest:
            node.pause()
        c.wait_refused(leader)
        for node in rest:
            node.cont()
        c.all_show(1)


@steady
def test_runbook_commands():
    """the runbooks' checks answer on a serving node"""
    with Cluster() as c:
        node = c.nodes[0]
        wait_until(lambda: node.eval("[net_adm:ping(N) || N <- nodes()].") == "[pong,pong]",
                   PATIENCE_S, "both others answer")
        health = node.eval("[{ok, _} = application:ensure_all_started(erlmcp),"
                           " {ok, Members} = erlmcp_cluster_membership:get_members(),"
                           " true = length(Members) >= 2, health_check_passed].")
        assert health.endswith("true,health_check_passed]"), health
        assert re.search(r"^name erlmcp at port 910\d$", node.run("epmd", "-names").stdout, re.M)
        script = fabric.__file__.replace("test/lab/fabric.py", "scripts/check-partition.sh")
        wait_until(lambda: node.shell("sh", script).stdout.startswith("healthy:"), PATIENCE_S,
                   "the script says healthy")
        healthy = node.shell("sh", script)
        premise((healthy.returncode, healthy.stdout.split(":")[0]) == (0, "healthy"), healthy)
        netstat = node.shell("netstat", "-an").stdout
        premise(len(re.findall(r":(?:4369|910\d)\b.*ESTABLISHED", netstat)) >= 2, netstat)


def test_memory_comes_back():
    """what big evaluations needed is given back"""
    with Cluster() as c:
        node = c.nodes[0]
        before = node.rss_kib()
        for _ in range(8):
            assert node.eval("length(lists:duplicate(1000000, 1)).") == "1000000"
            assert len(node.eval("lists:duplicate(200000, abcdefgh).")) > 200000
        # The programs of a sanitizer build keep freed memory for their reports.
        if before < 20480:
            wait_until(lambda: node.rss_kib() < before + 10240, PATIENCE_S, "the memory is back")


if __name__ == "__main__":
    tap.main(globals())
