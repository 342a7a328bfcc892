"""What the operators' commands tell about real nodes: explain, whatif, timeline and
doctor."""

import json
import os
import re
import xml.dom.minidom

import tap
from lab import Lab, boottime, wait_until

WIDTH = 80
# A pause of a busy machine is no partition; a countdown does not end while it is looked at.
PATIENT = {"ERLMCP_DETECTION_MS": "1000", "ERLMCP_ELECTION_MS": "1000",
           "ERLMCP_MEMBER_SILENCE_MS": "2000", "SHUTDOWN_DELAY": "300"}
ERROR_MAX_US = 10000  # of a clock: less than what a leader takes off its lease


def admin(node, *arguments, code=0):
    """Output of erlmcp-admin there; its exit code must be this one."""
    done = node.run("erlmcp-admin", *arguments)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    for line in done.stdout.splitlines():
        assert "--json" in arguments or len(line) <= WIDTH, f"too wide: {line}"
    return done.stdout


def answer(node, *arguments):
    """The same as JSON."""
    return json.loads(admin(node, *arguments, "--json"))


def leader_that_explains(lab):
    """The leader of a whole cluster, and what it explains."""
    def explains():
        leader = lab.leader()
        told = answer(leader, "explain")
        near = all(clock["error_us"] < 100000 for clock in told["clock"]["others"])
        whole = told["rule"]["word"] == "all_here" and told["role"] == "leader"
        return whole and near and told["lease_left_ms"] > 0 and (leader, told)
    return lab.wait_until(explains, 60, "a leader has all members in sight")


def states(told):
    return {node["name"]: node["state"] for node in told["nodes"]}


def test_explain_a_fence():
    """a fenced node explains itself with its votes, lease, rule, runbook and remedy"""
    with Lab(3, **PATIENT) as lab:
        lab.start()
        lab.wait_all_see_all(timeout=60)
        leader, told = leader_that_explains(lab)
        assert told["counted"] == 3 and len(told["clock"]["others"]) == 2, told
        for clock in told["clock"]["others"]:
            # All hosts of the lab have one clock: the truth is zero.
            assert abs(clock["offset_us"]) <= clock["error_us"] < 100000, clock
        assert told["disk"]["free_bytes"] > 0 and not told["disk"]["full"], told
        lab.isolate(leader)
        lab.wait_until(lambda: answer(leader, "explain")["rule"]["word"] == "minority", 60,
                       f"{leader} knows that it is a minority")
        told = answer(leader, "explain")
        assert told["state"] == "fenced" and told["counted"] == 1 and told["needed"] == 2, told
        assert told["lease_left_ms"] < 0 and told["countdown_left_ms"] > 0, told
        assert told["decision"]["state"] == "fenced", told
        assert told["decision"]["from"] in ("degraded", "serving"), told
        assert True in [vote["in_sight"] for vote in told["decision"]["votes"]], told
        text = admin(leader, "explain")
        assert "RB-008, Step 1: Verify Partition Status" in text, text
        # Another node is asked over the distribution; one that is cut off is not there.
        other, third = lab.others(leader)
        lab.wait_serving(other, third, timeout=60)
        assert answer(other, "explain", third.name)["node"] == third.name
        assert answer(other, "explain", third.name.split("@")[1])["node"] == third.name
        admin(other, "explain", leader.name, code=2)
        lab.wait_until(lambda: "some_away" in other.eval("erlmcp_split_brain_detector:explain()."), 60,
                       f"{other} misses {leader}")


def test_whatif_foretells():
    """whatif foretells who leads, serves and is fenced, and the cut proves it right"""
    with Lab(3, **PATIENT) as lab:
        lab.start()
        lab.wait_all_see_all(timeout=60)
        leader, _ = leader_that_explains(lab)
        told = answer(leader, "whatif", f"{leader.name}|*")
        assert told["survives"] and told["live"], told
        foretold = states(told)
        assert foretold[leader.name] == "fenced", told
        assert sorted(foretold.values()) == ["degraded", "degraded", "fenced"], told
        lab.isolate(leader)
        for node in lab.nodes:
            lab.wait_until(lambda node=node: node.state() == foretold[node.name], 60,
                           f"{node} is {foretold[node.name]}")
        lab.heal()
        lab.wait_all_see_all(timeout=60)

        # One way from the leader to one follower: leadership moves to the third node.
        leader, _ = leader_that_explains(lab)
        deaf, third = lab.others(leader)
        told = answer(third, "whatif", f"{leader.name}>{deaf.name}")
        assert told["leader"] == third.name, told
        assert "fenced" not in states(told).values(), told
        lab.cut_oneway(leader, deaf)
        lab.wait_until(lambda: third.status().get("leader") == third.name, 60,
                       f"{third} leads, as foretold")
        lab.wait_serving(timeout=60)
        lab.heal()
        lab.wait_all_see_all(timeout=60)

        assert not answer(third, "whatif", f"-{deaf.name},-{leader.name}")["survives"]
        assert "two voters" in admin(third, "whatif", f"-{deaf.name}")
        done = third.run("erlmcp-admin", "whatif", "nobody|*")
        assert done.returncode == 64 and third.name in done.stderr, done.stderr


def test_whatif_of_a_node_that_is_down():
    """whatif plays with the files' settings when the node does not run"""
    with Lab(3) as lab:
        first, second, third = lab.nodes
        told = answer(first, "whatif", f"{first.name},{second.name}|{third.name}")
        assert not told["live"] and told["survives"], told
        assert states(told)[third.name] == "fenced", told


def places(told, event, **fields):
    """Where such events stand in a story."""
    return [i for i, e in enumerate(told["events"]) if e["event"] == event
            and all(e["record"].get(key) == value for key, value in fields.items())]


def check_causes(told):
    """Nothing comes before what caused it, as far as the recorders tell."""
    events = told["events"]
    own = {}
    for i, e in enumerate(events):
        record = e["record"]
        if e["event"] == "leader" and record.get("peer") == e["node"]:
            own[record["peer"], record["term"]] = i
            votes = [j for j in places(told, "vote", peer=e["node"], term=record["term"])
                     if j < i and events[j]["node"] != e["node"]]
            assert votes, (f"nobody voted before {e}", told["nodes"], places(told, "vote"), i)
    for i, e in enumerate(events):
        record = e["record"]
        if e["event"] == "leader" and record.get("peer"):
            assert own.get((record["peer"], record["term"]), -1) <= i, e
        if e["event"] == "state" and record.get("leader"):
            assert own.get((record["leader"], record["leader_term"]), -1) <= i, e
        assert not e["contradicts_clocks"], e
    for name in {e["node"] for e in events}:
        boots = [e["record"]["boot_us"] for e in events if e["node"] == name]
        assert boots == sorted(boots), f"{name}'s events are out of their order"


def takeover(told, term):
    """The one of this term."""
    return next(one for one in told["takeovers"] if one["term"] == term)


def told_by_all(node, *arguments):
    """The timeline to which every node contributes, its clock well known."""
    def told():
        story = answer(node, "timeline", *arguments)
        near = all(e["error_us"] < ERROR_MAX_US for e in story["events"])
        return near and all(one["source"] == "live" for one in story["nodes"]) and story
    return wait_until(told, 60, f"all nodes answer {node}")


def test_timeline_of_a_partition():
    """the timeline of a cut shows the minority's fence before the take-over, at any node"""
    with Lab(3, **PATIENT) as lab:
        lab.start()
        lab.wait_all_see_all(timeout=60)
        leader, _ = leader_that_explains(lab)
        cut_us = boottime() * 1e6
        lab.isolate(leader)
        lab.wait_until(lambda: leader.state() == "fenced", 60, f"{leader} is fenced")
        others = lab.others(leader)
        lab.wait_serving(*others, timeout=60)
        # During the cut each side tells its own part, and who did not answer.
        alone = answer(leader, "timeline")
        assert {e["node"] for e in alone["events"]} == {leader.name}, alone
        assert sorted(node["source"] for node in alone["nodes"]) == ["live", "silent", "silent"]
        lab.heal()
        lab.wait_all_see_all(timeout=60)
        told = told_by_all(others[0], "--since", "10m")
        check_causes(told)
        # The hosts of the lab share a clock: what was measured must agree with it.
        for e in told["events"]:
            assert abs(e["at_us"] - e["record"]["boot_us"]) <= e["error_us"] + 1000, e
            assert e["error_us"] >= 0, e
        since = [e["record"]["boot_us"] >= cut_us for e in told["events"]]
        fence = [i for i in places(told, "state", to="fenced")
                 if since[i] and told["events"][i]["node"] == leader.name]
        taken = [i for i in places(told, "leader") if since[i] and
                 told["events"][i]["record"].get("peer") == told["events"][i]["node"] != leader.name]
        assert fence and taken and fence[0] < taken[0], (fence, taken)
        over = takeover(told, told["events"][taken[0]]["record"]["term"])
        assert over["before"] == leader.name and over["fence_margin_us"] > over["error_us"], over
        assert re.search(r"which was fenced [0-9.]+ ms \(\+-[0-9.]+\) before",
                         admin(others[0], "timeline"))

        # A restart forgets nothing, and stopped nodes' files tell the same story.
        others[1].restart()
        lab.wait_all_see_all(timeout=60)
        again = told_by_all(others[1])
        check_causes(again)
        assert takeover(again, over["term"])["before"] == leader.name
        assert len(places(again, "start")) == 4, places(again, "start")
        for node in lab.nodes:
            node.stop(timeout=60)
        offline = answer(leader, "timeline", *[node.data for node in lab.nodes])
        check_causes(offline)
        assert len(offline["events"]) >= len(again["events"])
        same = takeover(offline, over["term"])
        assert abs(same["fence_margin_us"] - over["fence_margin_us"]) <= \
            same["error_us"] + over["error_us"], (same, over)
        one = answer(leader, "timeline", "--node", others[0].name, *[n.data for n in lab.nodes])
        assert {e["node"] for e in one["events"]} == {others[0].name}, one
        assert answer(leader, "timeline")["nodes"][0]["source"] == "file"
        last = admin(leader, "explain", code=2)
        assert "SIGTERM" in last and "before it stopped" in last, last

        # The picture.
        page = os.path.join(lab.directory, "story.html")
        admin(leader, "timeline", "--html", page, *[node.data for node in lab.nodes])
        with open(page, encoding="utf-8") as file:
            html = file.read()
        picture = html[html.index("<svg"):html.index("</svg>") + len("</svg>")]
        bars = xml.dom.minidom.parseString(picture).getElementsByTagName("rect")
        assert {bar.getAttribute("class") for bar in bars} >= \
            {"serving", "degraded", "fenced", "syncing", "leads", "suspect", "cut", "down"}
        assert "http" not in html, "the page needs nothing else"


def test_timeline_words():
    """timeline refuses times and nodes that make no sense, and says which would"""
    with Lab(1) as lab:
        node = lab.nodes[0]
        done = node.run("erlmcp-admin", "timeline", "--since", "yesterday")
        assert done.returncode == 64 and "yesterday" in done.stderr and "5m" in done.stderr, done.stderr
        done = node.run("erlmcp-admin", "timeline")
        assert done.returncode == 2 and "no node answers" in done.stderr, done.stderr
        lab.start()
        lab.wait_serving()
        done = node.run("erlmcp-admin", "timeline", "--node", "nobody")
        assert done.returncode == 64 and node.name in done.stderr, done.stderr
        assert answer(node, "timeline", "--since", "2100-01-01T00:00:00")["events"] == []
        assert "starts" in admin(node, "timeline", "--since", "1h", "--node", node.name)


def examine(node, **settings):
    """What the doctor finds there: its exit code, levels by check, and all of it."""
    environment = {**node.environment(), **settings}
    words = [f"{key}={value}" for key, value in settings.items()]
    done = node.shell("env", *words, node.lab.program("erlmcp-admin"), "doctor", "--json",
                      timeout=60, **environment)
    told = json.loads(done.stdout)
    assert ["ok", "warning", "failure"][done.returncode] == told["verdict"], told
    for finding in told["findings"]:
        assert finding["level"] == "ok" or finding["remedy"], f"no remedy: {finding}"
    return done.returncode, {check: {f["level"] for f in told["findings"] if f["check"] == check}
                             for check in {f["check"] for f in told["findings"]}}, done.stdout


def doctor(asked, code, settings=None, **wanted):
    """Await a diagnosis with this exit code and these levels: a busy machine is no healthy one."""
    last = []

    def found():
        last[:] = examine(asked, **(settings or {}))
        return last[0] == code and all(last[1].get(check) == set(levels.split())
                                       for check, levels in wanted.items())
    try:
        wait_until(found, 60)
    except AssertionError:
        bad = [f["text"] for f in json.loads(last[2])["findings"] if f["level"] != "ok"]
        raise AssertionError(f"not {code}, {wanted} but {last[0]}: {bad}") from None
    return last[1], last[2]


def test_doctor():
    """doctor finds nothing in a whole cluster, and each fault with its remedy, up or down"""
    with Lab(3, ERLANG_COOKIE="ABCDEFGHIJKLMNOPQRST", **PATIENT) as lab:
        first, second, third = lab.nodes
        doctor(first, 2, node="warning", ports="ok", peers="failure", quorum="failure")
        lab.start()
        lab.wait_all_see_all(timeout=60)
        levels, _ = doctor(first, 0)
        assert all(level == {"ok"} for level in levels.values()), levels
        assert len(levels) == 10, levels
        wait_until(lambda: first.run("erlmcp-admin", "doctor").returncode == 0, 60, "without --json")
        # Another cookie: its own node answers over the control socket, the others do not.
        _, told = doctor(first, 2, {"ERLANG_COOKIE": "TSRQPONMLKJIHGFEDCBA"}, peers="failure")
        assert "compare the cookies" in told, told
        doctor(first, 2, {"ERLANG_COOKIE": "short"}, cookie="warning")
        # A dead member: a failure there, a warning about the quorum.
        second.kill9()
        lab.wait_until(lambda: first.state() == "degraded", 60, f"{first} misses {second}")
        doctor(first, 2, peers="ok failure", quorum="warning")
        # A minority.
        lab.isolate(third)
        lab.wait_until(lambda: third.state() == "fenced" and third.status().get("reachable") == 1, 60,
                       f"{third} is fenced and alone")
        doctor(third, 2, node="failure", quorum="failure")
        lab.heal()
        # A name that nobody knows, a directory that is a file.
        levels, told = doctor(third, 2, {"ERLMCP_SEED_NODES": "erlmcp@no-such-host.invalid"})
        assert "failure" in levels["names"], told
        levels, told = doctor(third, 2, {"ERLMCP_DATA_DIR": third.log.path})
        assert "failure" in levels["permissions"], told


def test_functions_of_the_cluster():
    """the functions that operators expect tell the partition, and help tells the functions"""
    with Lab(3, **PATIENT) as lab:
        lab.start()
        lab.wait_all_see_all(timeout=60)
        leader, _ = leader_that_explains(lab)
        other, third = lab.others(leader)
        names = sorted(node.name for node in lab.nodes)
        assert other.eval("erlmcp_cluster_coordinator:get_leader().") == f"{{ok,'{leader.name}'}}"
        assert leader.eval("erlmcp_cluster_coordinator:is_leader().") == "true"
        assert other.eval("erlmcp_cluster_coordinator:get_state().") == "{ok,serving}"
        assert other.eval("erlmcp_cluster_coordinator:has_quorum().") == "true"
        assert other.eval("erlmcp_split_brain_detector:is_split().") == "false"
        assert other.eval("erlmcp_split_brain_detector:get_side().") == "{ok,majority}"
        assert other.eval(f"erlmcp_cluster_membership:is_member('{third.name}').") == "true"
        assert other.eval("erlmcp_cluster_membership:is_member('erlmcp@nobody').") == "false"
        voters = other.eval("erlmcp_cluster_membership:get_voters().")
        assert sorted(re.findall(r"'([^']+)'", voters)) == names, voters
        assert other.eval("erlmcp_cluster_membership:get_standbys().") == "{ok,[]}"
        assert "reachable => 3" in other.eval("erlmcp_cluster_membership:get_status().")
        lab.wait_until(lambda: other.eval("erlmcp_cluster_sync:is_in_sync().") == "true", 60,
                       "all are in step")
        assert "digest =>" in other.eval("erlmcp_session_ha:get_digest().")
        done = other.eval("{ok, Id} = erlmcp_session_manager:create_session(#{}), "
                          "{ok, _} = erlmcp_session_manager:get_session(Id), "
                          "ok = erlmcp_session_manager:touch_session(Id), "
                          "{erlmcp_session_manager:count_sessions(), "
                          "length(erlmcp_session_manager:list_sessions()), "
                          "erlmcp_session_manager:delete_session(Id)}.")
        assert done == "{1,1,ok}", done
        text = other.eval("help(erlmcp_cluster_sync).")
        assert "erlmcp_cluster_sync:trigger_full_sync(Node)" in text and text.endswith("ok"), text
        assert "Runbook: RB-010" in other.eval("help(erlmcp_cluster_sync, get_sync_status).")
        assert "erlmcp_session_manager" in other.eval("help().")
        assert "nothing of this name" in other.eval("help(nobody).")
        lab.isolate(third)
        lab.wait_until(lambda: other.eval("erlmcp_split_brain_detector:is_split().") == "true", 60,
                       f"{other} sees the split")
        def parted():
            parts = other.eval("erlmcp_split_brain_detector:get_partitions().")
            return parts.count("[") == 3 and f"['{third.name}']" in parts
        lab.wait_until(parted, 60, f"{third} is a part of its own")
        lab.wait_until(lambda: third.eval("erlmcp_split_brain_detector:get_side().") ==
                       "{ok,minority}", 60, f"{third} knows that it is a minority")
        assert "is_in_sync" in other.run("erlmcp", "functions", "erlmcp_cluster_sync").stdout


if __name__ == "__main__":
    tap.main(globals())
