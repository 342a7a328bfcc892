"""What the replicated state does by itself, on real nodes: sessions end when they are not used,
tasks outlive their node or end as was said, and any node may answer.

    node 1 ---- node 2        All on one bridge; what one node is told, the others know.
        \\      /
         node 3
"""

import json
import os
import re
import time
import uuid

import tap
from lab import COOKIE, NOT_SERVED, wait_until
from test_cluster import NAME, Cluster

TASK = re.compile(r'{ok,(<<"[^"]+">>),(\d+)}')
# What takes a map of options, and whether a call has one.
WRITES = re.compile(r"erlmcp_session:(create|put|unset|claim|delete|append|ask|answer)\(|"
                    r"erlmcp_handle:(mint|put|drop)\(|erlmcp_task:(create|cancel)\(")
OPTIONS = re.compile(r", #\{([^{}]*)\}\)$")


def once(call):
    """A call of the state with a request id, so that it can be asked again."""
    if not WRITES.match(call):
        return call
    identity = f'request_id => <<"{uuid.uuid4().hex}">>'
    found = OPTIONS.search(call)
    if found is None:
        return f"{call[:-1]}, #{{{identity}}})"
    more = ", " + found.group(1) if found.group(1) else ""
    return f"{call[:found.start()]}, #{{{identity}{more}}})"


class State(Cluster):
    """A cluster whose members have agreed on the newest state version."""

    def __enter__(self):
        super().__enter__()
        try:
            wait_until(lambda: self.can("claim"), 60, "the state is upgraded")
        except BaseException:
            self.show_logs()
            self.close()
            raise
        return self

    def can(self, function):
        return self.ask(1, f"erlmcp_session:{function}({self.session})").startswith("{ok,")

    def ask(self, node, call):
        """The value of a call at that node, on one line, once it is served."""
        return " ".join(self.node(node).insist(once(call) + ".").split())

    def made(self, node, call):
        """The id that a call made."""
        return NAME.search(self.ask(node, call)).group(0)

    def task(self, node, options=""):
        """A task of that node: its id and epoch."""
        said = self.ask(node, f"erlmcp_task:create(work, [1], #{{{options}}})")
        return TASK.search(said).groups()

    def state_of(self, node, task):
        said = self.ask(node, f"erlmcp_task:get({task})")
        return re.search(r"state => (\w+)", said).group(1)

    def everywhere(self, call, what):
        """Await that the call says this at every running node."""
        for node in self.nodes:
            if node.running():
                wait_until(lambda n=node: what in self.ask(n, call), 60, f"{node}: {call}: {what}")


def test_expiry():
    """a session ends everywhere when it was not used for its time, and not while it is read"""
    with State() as c:
        used = c.made(1, "erlmcp_session:create(x, #{ttl_ms => 5000})")
        idle = c.made(2, "erlmcp_session:create(x, #{ttl_ms => 3000})")
        handle = c.made(3, "erlmcp_handle:mint(x, #{ttl_ms => 3000})")
        forever = c.made(3, "erlmcp_session:create(x)")
        end = time.monotonic() + 8
        while time.monotonic() < end:
            assert c.ask(3, f"erlmcp_session:get({used})").startswith("{ok,"), "read, yet gone"
        for gone in (f"erlmcp_session:get({idle})", f"erlmcp_handle:get({handle})"):
            c.everywhere(gone, "{error,not_found}")
        assert c.ask(1, f"erlmcp_session:put({idle}, k, 1)") == "{error,not_found}"
        # Asking for it would keep it alive.
        for node in c.nodes:
            wait_until(lambda n=node: used not in c.ask(n, "erlmcp_session:list()"), 60,
                       f"{node}: the one that was read is gone, too")
        assert c.ask(2, f"erlmcp_session:get({forever})").startswith("{ok,")


def test_reading_is_cheap():
    """a hundred reads of a session that may expire write the log only a few times"""
    with State() as c:
        session = c.made(1, "erlmcp_session:create(x, #{ttl_ms => 60000})")
        leader = c.leader()
        before = wait_until(lambda: leader.status().get("raft"), 60, f"{leader} tells its log")
        start = time.monotonic()
        for _ in range(50):
            assert c.ask(2, f"[erlmcp_session:get({session}), erlmcp_session:get({session})]")
        spent = time.monotonic() - start
        after = wait_until(lambda: leader.status().get("raft"), 60, f"{leader} tells its log")
        wrote = after["commit"] - before["commit"]
        # A new leader has entries of its own to write.
        most = spent + 3 + 3 * (after["term"] - before["term"])
        assert wrote <= most, f"{wrote} entries for 100 reads in {spent:.1f} s"


def test_lost_owner():
    """tasks of a node that was killed fail or wait for another one, as was said when they began"""
    with State() as c:
        owner = c.follower()
        fails, _ = c.task(owner)
        goes_on, old = c.task(owner, "orphan => claim")
        mine, mine_epoch = c.task(c.leader())
        owner.restart()
        c.wait_serving(owner)
        c.everywhere(f"erlmcp_task:get({fails})", "state => failed")
        assert "is gone" in c.ask(c.leader(), f"erlmcp_task:get({fails})")
        c.everywhere(f"erlmcp_task:get({goes_on})", "owned => false")
        assert c.state_of(1, goes_on) == "working"
        epoch = int(re.search(r"epoch => (\d+)", c.ask(1, f"erlmcp_task:get({goes_on})")).group(1))
        assert epoch > int(old)
        claimed = c.ask(c.leader(), f"erlmcp_task:claim({goes_on}, {epoch})")
        new = int(re.match(r"{ok,(\d+)}$", claimed).group(1))
        # What the lost owner would still say comes too late.
        late = c.ask(owner, f"erlmcp_task:update({goes_on}, {old}, #{{state => completed}})")
        assert late == f"{{error,{{stale_epoch,{new}}}}}", late
        assert c.ask(1, f"erlmcp_task:update({goes_on}, {new}, #{{state => completed, "
                        "result => 42})") == "ok"
        c.everywhere(f"erlmcp_task:get({goes_on})", "result => 42")
        assert c.ask(2, f"erlmcp_task:cancel({goes_on})") == "{error,finished}"
        assert c.state_of(3, mine) == "working", "its owner lives"
        assert c.ask(3, f"erlmcp_task:update({mine}, {mine_epoch}, #{{state => failed}})") == "ok"


def test_killed_leader():
    """the tasks of a leader that is killed and stays away fail after the time that is given to it"""
    with State(ERLMCP_TASK_ORPHAN_TIME="10") as c:
        leader = c.leader()
        task, _ = c.task(leader)
        start = time.monotonic()
        leader.kill9()
        rest = c.others(leader)
        wait_until(lambda: c.state_of(rest[0], task) == "failed", 90, "its task fails")
        assert time.monotonic() - start > 9, "it might have come back"


def test_answer_elsewhere():
    """a question asked at one node is answered at another, once; its stream is replayed anywhere"""
    with State() as c:
        session = c.made(1, "erlmcp_session:create(x, #{principal => alice, ttl_ms => 60000})")
        for n in range(1, 6):
            said = c.ask(n % 3 + 1, f"erlmcp_session:append({session}, 7, {{event,{n}}})")
            assert said == f"{{ok,{n}}}", said
        said = c.ask(1, f"erlmcp_session:ask({session}, 7, {{roots,list}}, #{{token => t1}})")
        question = re.match(r"{ok,(\d+)}$", said).group(1)
        assert "answered => false" in c.ask(2, f"erlmcp_session:pending({session})")
        answer = f"erlmcp_session:answer({session}, {question}, yes, #{{principal => "
        assert c.ask(3, answer + "mallory})") == "{error,foreign}"
        asker = c.node(1)
        asker.kill9()
        assert c.ask(3, answer + "alice})") == "ok"
        assert c.ask(2, answer + "alice})") == "{error,answered}"
        asker.start()
        c.wait_serving(asker)
        said = c.ask(1, f"erlmcp_session:pending({session})")
        assert "answer => yes" in said and "token => t1" in said, said
        assert c.ask(1, f"erlmcp_session:dismiss({session}, {question})") == "ok"
        c.everywhere(f"erlmcp_session:replay({session}, 7, 3)", "{ok,[{4,{event,4}},{5,{event,5}}]}")
        assert c.ask(1, f"erlmcp_session:trim({session}, 7, 4)") == "ok"
        c.everywhere(f"erlmcp_session:replay({session}, 7, 3)", "{error,{gone,5}}")


def test_bad_input():
    """each kind of bad input has an answer of its own, whichever node is asked"""
    with State() as c:
        s = c.made(1, "erlmcp_session:create(x, #{principal => alice})")
        h = c.made(1, "erlmcp_handle:mint(1, #{principal => alice})")
        said = c.ask(2, f"erlmcp_session:put({s}, k, 1, #{{expected => 0}})")
        revision = re.match(r"{ok,(\d+)}$", said).group(1)
        none = '<<"' + "0" * 32 + '">>'
        big = "binary:copy(<<0>>, 70000)"
        for call, wanted in (
                (f"erlmcp_session:put({s}, k, 2, #{{expected => 0}})",
                 f"{{error,{{conflict,{revision}}}}}"),
                (f"erlmcp_session:put({s}, k, 2, #{{epoch => 7}})", "{error,{stale_epoch,"),
                (f"erlmcp_session:put({s}, k, 2, #{{principal => bob}})", "{error,foreign}"),
                (f"erlmcp_session:put({s}, k, {big})", "{error,{limit,"),
                (f"erlmcp_session:unset({s}, other)", "{error,no_key}"),
                (f"erlmcp_session:get({none})", "{error,not_found}"),
                (f"erlmcp_session:put({none}, k, 1)", "{error,not_found}"),
                (f"erlmcp_session:get({s}, other)", "{error,no_key}"),
                (f"erlmcp_session:append({s}, 1, {big})", "{error,{limit,"),
                (f"erlmcp_session:replay({s}, 1, 0)", "{error,no_stream}"),
                (f"erlmcp_session:answer({s}, 5, x)", "{error,no_question}"),
                (f"erlmcp_session:create(x, #{{ttl_ms => {10**15}}})", "{error,{limit,"),
                (f"erlmcp_handle:get({h}, #{{principal => bob}})", "{error,foreign}"),
                (f"erlmcp_handle:put({h}, 2, #{{principal => bob}})", "{error,foreign}"),
                (f"erlmcp_handle:put({h}, 2, #{{expected => 1}})", "{error,{conflict,"),
                (f"erlmcp_handle:get({none})", "{error,not_found}"),
                (f"erlmcp_handle:get({s})", "{error,not_found}"),
                (f"erlmcp_task:get({none})", "{error,not_found}"),
                (f"erlmcp_task:cancel({h})", "{error,not_found}")):
            said = c.ask(3, call)
            assert said.startswith(wanted), f"{call}: {said}"
        assert c.ask(1, f"erlmcp_session:get({s}, k)") == f"{{ok,1,{revision}}}"
        # What was too large to become a command counts as well, where it was refused.
        done = c.node(3).run("erlmcp-admin", "cluster", "status", "--json")
        refused = {limit["name"]: limit["refused"] for limit in json.loads(done.stdout)["limits"]}
        assert refused["value_bytes"] == 1 and refused["event_bytes"] == 1, refused
        done = c.node(3).run("erlmcp-admin", "cluster", "status")
        assert re.search("Limits\n +value_bytes +at most 65536; refused .*: 1\n", done.stdout), \
            done.stdout


def test_real_erlang():
    """a real Erlang node creates, claims, compares and finishes by rpc, as eval does here"""
    erl = "/usr/bin/erl"
    if not os.path.exists(erl):
        raise tap.Skip("Erlang is not here")
    code = """R = fun(M, F, A) -> rpc:call('%s', M, F, A) end,
        {ok, S} = R(erlmcp_session, create, [#{client => x}, #{ttl_ms => 60000,
                    principal => alice, capabilities => #{roots => true}}]),
        {ok, R1} = R(erlmcp_session, put, [S, k, {a, 1}, #{expected => 0}]),
        {error, {conflict, R1}} = R(erlmcp_session, put, [S, k, 2, #{expected => R1 + 1}]),
        {ok, {a, 1}, R1} = R(erlmcp_session, get, [S, k]),
        {ok, E} = R(erlmcp_session, claim, [S]),
        {error, {stale_epoch, E}} = R(erlmcp_session, put, [S, k, 3, #{epoch => E - 1}]),
        {ok, #{capabilities := #{roots := true}}} = R(erlmcp_session, get, [S]),
        {ok, T, TE} = R(erlmcp_task, create, [tool, [1, 2]]),
        ok = R(erlmcp_task, update, [T, TE, #{state => completed, result => fine}]),
        {ok, #{result := fine}} = R(erlmcp_task, get, [T]),
        io:put_chars("all matched"), halt()."""
    with State() as c:
        said = []

        def served():
            done = c.nodes[0].shell(erl, "-noshell", "-hidden", "-name",
                                    f"probe@{c.fabric.address(1)}", "-setcookie", COOKIE,
                                    "-eval", " ".join((code % c.nodes[1].name).split()))
            said[:] = [done.stdout + done.stderr]
            return not NOT_SERVED.search(said[0])
        wait_until(served, 60, "the state is served throughout")
        assert said == ["all matched"], said[0]


if __name__ == "__main__":
    tap.main(globals())
