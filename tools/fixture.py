#!/usr/bin/env python3
"""The disk of a node and what is on it, kept for ever: one for each version of the state.

    tools/fixture.py VERSION [BUILD]

A node of that build (default build/release) becomes a cluster of its own, is filled, killed, and
asked after a restart; its data directory goes to test/fixtures/vVERSION.tar.xz, questions and
answers to vVERSION.txt. For a new state version: add what it can say to FILL, raise NEWEST in
test/lab/test_upgrade.py, run this once, and commit both files. A fixture is never made anew: what
it holds is what its release wrote. test/lab/test_upgrade.py starts every later release on each.

Nothing in it may have a time to live: its time would be over one day.
"""

import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "test", "lab"))

from lab import Lab, wait_until  # noqa: E402

SETTINGS = {"ERLMCP_QUORUM_SIZE": "1", "ERLMCP_SNAPSHOT_THRESHOLD": "16",
            "ERLMCP_SNAPSHOT_TRAILING": "4"}

SESSIONS = "S = fun(I) -> lists:nth(I, erlmcp_session:list()) end, "
MADE = "{ok, X} = "

# What a state version can say, in the words of the API; each line acknowledged before the next.
FILL = {
    1: [
        "[erlmcp_session:create(#{client => <<\"c\">>, n => I}) || I <- lists:seq(1, 30)].",
        SESSIONS + "[erlmcp_session:put(S(I), k, {value, I, 1.5, \"text\"}) || I <- lists:seq(1, 20)].",
        SESSIONS + "[erlmcp_session:put(S(I), <<\"another key\">>, binary:copy(<<I>>, 700)) || "
                   "I <- lists:seq(1, 9)].",
        SESSIONS + "[erlmcp_session:delete(S(I)) || I <- [27, 24, 21]].",
        SESSIONS + "[erlmcp_session:put(S(I), k, again) || I <- [2, 3, 5, 7]].",
    ],
    2: [
        SESSIONS + "[erlmcp_session:claim(S(I)) || I <- [1, 2, 2]].",
        MADE + "erlmcp_session:create(owned, #{principal => <<\"alice\">>, owner => 77, "
               "protocol_version => <<\"2025-06-18\">>, capabilities => #{roots => true}}), "
               "erlmcp_session:put(X, k, v, #{principal => <<\"alice\">>, expected => 0}).",
        SESSIONS + "[erlmcp_session:append(S(I), T, {event, N}) || I <- [1, 4], T <- [1, 9], "
                   "N <- lists:seq(1, 6)].",
        SESSIONS + "[erlmcp_session:trim(S(1), 1, 2), erlmcp_session:unset(S(3), k)].",
        SESSIONS + "{ok, Q} = erlmcp_session:ask(S(5), 0, #{q => 1}, #{token => <<\"t\">>}), "
                   "erlmcp_session:answer(S(5), Q, yes), erlmcp_session:ask(S(5), 3, open).",
        "[erlmcp_handle:mint({handle, I}, #{principal => <<\"bob\">>}) || I <- lists:seq(1, 3)].",
        "{ok, T, E} = erlmcp_task:create(done, [1]), "
        "erlmcp_task:update(T, E, #{state => completed, message => m, result => 42}), "
        "{ok, C, _} = erlmcp_task:create(<<\"stopped\">>, [], #{principal => <<\"eve\">>}), "
        "erlmcp_task:cancel(C, #{principal => <<\"eve\">>}).",
    ],
    3: [
        SESSIONS + "[erlmcp_session:close(S(4), 9), erlmcp_session:append(S(4), 9, anew), "
                   "erlmcp_session:append(S(6), 2, gone), erlmcp_session:close(S(6), 2)].",
    ],
}

# What to ask: an expression that gives a list of ids, and calls for each of them.
ASK = {
    1: [("erlmcp_session:list()", "erlmcp_session:get({})")],
    2: [("erlmcp_session:list()", "erlmcp_session:pending({})"),
        ("erlmcp_session:list()", "erlmcp_session:replay({}, 1, 2)"),
        ("erlmcp_session:list()", "erlmcp_session:replay({}, 9, 0)"),
        ("[I || {I, _} <- erlmcp_task:list()]", "erlmcp_task:get({}, #{{principal => <<\"eve\">>}})"),
        ("[I || {I, _} <- erlmcp_task:list()]", "erlmcp_task:get({})")],
    3: [("erlmcp_session:list()", "erlmcp_session:replay({}, 9, 6)")],
}


def say(node, expression):
    return " ".join(node.eval(expression, timeout=60).split())


def is_upgraded(node, version):
    """True when the node is asked for a state version that its release agreed on."""
    return version == 1 or f"state_version => {version}," in \
        say(node, "erlmcp_cluster_sync:get_sync_status().") + ","


def restricted(node, call):
    """The call, restricted to the fields that this release has: later ones may have more."""
    said = say(node, call + ".")
    if said.startswith("{ok,#{"):
        keys = say(node, f"lists:sort(maps:keys(element(2, {call}))).")
        return f"maps:with({keys}, element(2, {call}))."
    if said.startswith("{ok,[#{"):
        keys = say(node, f"lists:sort(maps:keys(hd(element(2, {call})))).")
        return f"[maps:with({keys}, M) || M <- element(2, {call})]."
    return call + "."


def questions(node, version):
    yield "erlmcp_session:count()."
    for known in range(1, version + 1):
        for ids, call in ASK[known]:
            yield ids + "."
            for place in range(1, int(say(node, f"length({ids}).")) + 1):
                one = say(node, f"lists:nth({place}, {ids}).")
                yield restricted(node, call.format(one))


def fill(node, version):
    wait_until(lambda: is_upgraded(node, version), 20, f"state version {version}")
    for known in range(1, version + 1):
        for expression in FILL[known]:
            said = say(node, expression)
            assert "error" not in said, f"{expression}: {said}"


def make(version, build):
    target = os.path.join(TOP, "test", "fixtures", f"v{version}")
    with Lab(1, build=build, **SETTINGS) as lab:
        node = lab.nodes[0]
        lab.start()
        lab.wait_serving()
        fill(node, version)
        node.restart()
        lab.wait_serving()
        with open(target + ".txt", "w", encoding="utf-8") as file:
            for question in dict.fromkeys(questions(node, version)):
                file.write(f"{question}\t{say(node, question)}\n")
        node.kill9()
        names = [name for name in sorted(os.listdir(node.data)) if name in ("identity", "raft")]
        subprocess.run(["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0",
                        "--numeric-owner", "-cJf", target + ".tar.xz", "-C", node.data, *names],
                       check=True)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or not sys.argv[1].isdigit():
        sys.exit(__doc__)
    make(int(sys.argv[1]), sys.argv[2] if len(sys.argv) == 3 else None)
