"""Proof that all members have the same state, on real nodes. Vocabulary: lab.py.

A bit of one node's memory is flipped from outside, as broken memory does; it is found, named, and the
node starts over with the others' state.
"""

import json
import re

import tap
from lab import PATIENCE_S, wait_until
from stalls import premise, steady
from test_cluster import NAME, Cluster

VALUE = "a-value-that-is-nowhere-else-"
SESSIONS = 6


def stored(text):
    """A value as it stands in the store: behind its key, in external term format. Other copies, in
    the log or in messages, have its length in between."""
    return b"k\x83m" + len(text).to_bytes(4, "big") + text.encode()


def flip(pid, needle):
    """Flip the last bit of these bytes on the process's heap; returns how many copies there are."""
    copies = 0
    with open(f"/proc/{pid}/maps", encoding="ascii") as file:
        heaps = [line.split()[0] for line in file if "[heap]" in line]
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        for heap in heaps:
            begin, end = (int(part, 16) for part in heap.split("-"))
            memory.seek(begin)
            for hit in re.finditer(re.escape(needle), memory.read(end - begin)):
                memory.seek(begin + hit.end() - 1)
                memory.write(bytes([needle[-1] ^ 1]))
                copies += 1
    return copies


class Audited(Cluster):
    """A cluster with a few sessions, whose values are easily found in memory."""

    def __enter__(self):
        super().__enter__()
        self.ids = []
        for number in range(SESSIONS):
            said = self.nodes[0].insist(
                f'erlmcp_session:create(#{{request_id => <<"audit-{number}">>}}).')
            self.ids.append(NAME.search(said).group(0)[3:-3])
            said = self.nodes[0].insist(f'erlmcp_session:put(<<"{self.ids[-1]}">>, k, '
                                        f'<<"{VALUE}{number}">>).')
            assert said == "ok", said
        self.compared(1)
        return self

    def validate(self, node):
        return self.node(node).eval("erlmcp_session_ha:validate_consistency().")

    def compared(self, node, but=()):
        """Await a comparison of all members but these, which must find no difference."""
        def whole():
            said = self.validate(node)
            assert "damaged" not in said and "memory_changed" not in said, said
            missing = [f"{{'{name}',unreachable}}" for name in but]
            return "status => consistent" in said and (
                f"not_compared => [{','.join(missing)}]" in said) and said
        return wait_until(whole, PATIENCE_S, f"{node}: all but {list(but)} are compared and equal")

    def damage(self, node, number):
        """Flip a bit of that session's value in that node's memory."""
        assert flip(node.pid(), stored(f"{VALUE}{number}")) == 1, "its value is not in memory"

    @staticmethod
    def started_over(node, since):
        return node.log.grep("rejoins as a new incarnation", since)

    def wait_replaced(self, node, since):
        wait_until(lambda: self.started_over(node, since), PATIENCE_S, f"{node} starts over")
        self.wait_all_see_all()

    def shows(self, node, number):
        return f"{VALUE}{number}" in self.node(node).insist(
            f'erlmcp_session:get(<<"{self.ids[number]}">>).')


def nothing_found(said):
    """Were all compared, and equal?"""
    return "status => consistent" in said and "not_compared => []" in said


@steady
def test_consistent():
    """all doors tell that three nodes are equal at one index; without one of them it is named"""
    with Audited(3) as c:
        said = c.compared(2)
        assert f"sessions => {SESSIONS + 1}" in said, said
        assert all(node.name in said for node in c.nodes), said
        rpc = c.nodes[2].run("erlmcp", "rpc", "erlmcp_session_ha", "validate_consistency")
        premise("status => consistent" in rpc.stdout, rpc.stdout + rpc.stderr)
        said = c.nodes[0].eval("erlmcp_cluster_sync:trigger_full_sync().")
        premise(said.count("action => verified") == 3, said)
        gone = c.follower()
        left = c.others(gone)[0]
        gone.kill9()
        wait_until(lambda: left.state() == "degraded", PATIENCE_S, "it is lost")
        c.compared(left, but=[gone.name])


@steady
def test_flipped_bit_is_named():
    """a comparison finds a flipped bit: node and session are named, the node starts over and is whole"""
    with Audited(3, ERLMCP_SCRUB_INTERVAL="0") as c:
        victim = c.follower()
        other = c.others(victim)[0]
        since = victim.log.mark()
        c.damage(victim, 3)
        said = c.validate(other)
        assert not nothing_found(said) or c.started_over(victim, since), said
        premise(said.startswith("{error") and "what => memory_changed" in said, said)
        assert c.ids[3] in said and f"node => '{victim.name}'" in said, said
        c.wait_replaced(victim, since)
        assert victim.log.grep("ALARM: memory changed by itself.*" + c.ids[3], since)
        with open(victim.data + "/flight.log", encoding="utf-8") as file:
            kept = [json.loads(line) for line in file if "memory changed by itself" in line]
        assert kept and c.ids[3] in kept[0]["why"]
        c.compared(victim)
        for number in range(SESSIONS):
            assert c.shows(victim, number)


@steady
def test_full_sync_sees_the_end():
    """a full synchronisation waits for the member that it had replaced, and proves its new state"""
    with Audited(3, ERLMCP_SCRUB_INTERVAL="0") as c:
        victim = c.follower()
        since = victim.log.mark()
        c.damage(victim, 3)
        done = c.others(victim)[0].run("erlmcp-admin", "cluster", "sync", "--full",
                                      timeout=2 * PATIENCE_S)
        said = done.stdout
        assert said.count("action => verified") < 3 or c.started_over(victim, since), said
        premise(done.returncode == 0 and said.startswith("{ok"), said + done.stderr)
        premise(said.count("action => verified") == 2 and "action => replaced" in said, said)
        assert victim.log.grep("rejoins as a new incarnation", since), "it was not replaced"
        premise(victim.state() == "serving", f"{victim} does not serve")
        assert c.shows(victim, 3)
        assert len(set(re.findall(r'digest => <<"(\w+)">>', said))) == 1, said
        assert len(set(re.findall(r"index => (\d+)", said))) == 1, said
        # Damaged itself, a node says so before it starts over.
        c.wait_all_see_all()
        leader = c.leader()
        victim = next(node for node in c.others(victim) if node != leader)
        since = victim.log.mark()
        c.damage(victim, 2)
        done = victim.run("erlmcp-admin", "cluster", "sync", "--full",
                          timeout=2 * PATIENCE_S)
        premise("{error,{starts_over" in done.stdout, done.stdout + done.stderr)
        assert done.returncode != 0, done.returncode
        c.wait_replaced(victim, since)


def test_scrub_finds_the_leaders_damage():
    """nobody asks: the leader finds its own damage, hands over, starts over, and nothing is lost"""
    with Audited(3, ERLMCP_SCRUB_INTERVAL="2") as c:
        leader = c.leader()
        since = leader.log.mark()
        c.damage(leader, 1)
        c.wait_replaced(leader, since)
        c.compared(leader)
        assert c.shows(leader, 1)


@steady
def test_no_majority_no_reset():
    """two of three are damaged: both are fenced, nobody starts over, the third one's state is kept"""
    with Audited(3, ERLMCP_SCRUB_INTERVAL="0") as c:
        victims = c.others(c.leader())
        for victim in victims:
            c.damage(victim, 2)
        said = c.validate(c.leader())
        assert not nothing_found(said), said
        premise("majority => false" in said and said.count("outcome => damaged") == 2, said)
        for victim in victims:
            c.wait_fenced(victim)
        c.pass_time(4)  # they call for a comparison again
        for victim in victims:
            assert not victim.log.grep("rejoins as a new incarnation")
        # Their disks are sound: a restart loads the state from there.
        for victim in victims:
            victim.restart()
            c.wait_serving(victim)
        c.compared(1)


@steady
def test_sync_status():
    """how far each member is, for operators: a table, JSON, lines, and a node that comes back"""
    with Audited(3) as c:
        done = c.nodes[0].run("erlmcp-admin", "cluster", "sync", "--full")
        premise(done.returncode == 0 and "verified" in done.stdout, done.stdout + done.stderr)
        done = c.nodes[1].run("erlmcp-admin", "cluster", "sync", "--json")
        premise(done.stdout.startswith("{"), done.stdout + done.stderr)
        report = json.loads(done.stdout)
        premise([n["state"] for n in report["nodes"]].count("in_sync") == 2, report)
        assert len({n["verified_digest"] for n in report["nodes"]}) == 1, report
        # Index and digest name one state, wherever they are told.
        before = c.nodes[0].told()["store"]
        said = c.compared(1)
        status = c.nodes[0].told()
        told = re.search(r"index => (\d+)", said).group(1), re.search(r'(\w{16})">>', said).group(1)
        # A new leader writes an entry of its own.
        premise(told[0] == str(before["index"]), f"{told} {before}")
        assert told[1] == before["digest"], f"{told} {before}"
        assert (status["audit"]["index"], status["audit"]["digest"]) == (int(told[0]), told[1])

        def verified():
            audit = c.nodes[0].told()["audit"]
            return audit["verified_index"] == int(told[0]) and audit
        audit = wait_until(verified, PATIENCE_S, f"index {told[0]} is told as verified")
        assert audit["verified_digest"] == told[1]
        gone = c.follower()
        left = c.others(gone)[0]
        gone.kill9()
        wait_until(lambda: left.state() == "degraded", PATIENCE_S, "it is lost")
        wait_until(lambda: re.search(gone.name + r" +unreachable",
                                     left.run("erlmcp-admin", "cluster", "sync").stdout),
                   PATIENCE_S, f"{left} tells that {gone} is unreachable")
        gone.start()
        wait_until(lambda: left.state() == "serving", PATIENCE_S, "it is back")
        done = left.run("erlmcp-admin", "cluster", "sync", "--watch", timeout=2 * PATIENCE_S)
        premise("all 3 members are in step" in done.stdout, done.stdout + done.stderr)


if __name__ == "__main__":
    tap.main(globals())
