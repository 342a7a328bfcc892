"""What the operators' commands tell about real nodes: explain and whatif."""

import json

import tap
from lab import Lab

WIDTH = 80


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


def states(told):
    return {node["name"]: node["state"] for node in told["nodes"]}


def test_explain_a_fence():
    """a fenced node explains itself with its votes, lease, rule, runbook and remedy"""
    with Lab(3) as lab:
        lab.start()
        lab.wait_all_see_all()
        leader = lab.leader()
        told = answer(leader, "explain")
        assert told["rule"]["word"] == "all_here" and told["counted"] == 3, told
        assert told["lease_left_ms"] > 0 and told["role"] == "leader", told
        assert len(told["clock"]["others"]) == 2, told
        for clock in told["clock"]["others"]:
            # All hosts of the lab have one clock: the truth is zero.
            assert abs(clock["offset_us"]) <= clock["error_us"] < 100000, clock
        assert told["disk"]["free_bytes"] > 0 and not told["disk"]["full"], told
        lab.isolate(leader)
        lab.wait_until(lambda: answer(leader, "explain")["rule"]["word"] == "minority", 5,
                       f"{leader} knows that it is a minority")
        told = answer(leader, "explain")
        assert told["state"] == "fenced" and told["counted"] == 1 and told["needed"] == 2, told
        assert told["lease_left_ms"] < 0 and told["countdown_left_ms"] > 0, told
        assert told["decision"]["state"] == "fenced" and told["decision"]["from"] == "degraded"
        assert [vote["in_sight"] for vote in told["decision"]["votes"]].count(True) == 1, told
        text = admin(leader, "explain")
        assert "RB-008, Step 1: Verify Partition Status" in text, text
        # Another node is asked over the distribution; one that is cut off is not there.
        other, third = lab.others(leader)
        lab.wait_serving(other, third)
        assert answer(other, "explain", third.name)["node"] == third.name
        assert answer(other, "explain", third.name.split("@")[1])["node"] == third.name
        admin(other, "explain", leader.name, code=2)
        assert "some_away" in other.eval("erlmcp_split_brain_detector:explain().")


def test_whatif_foretells():
    """whatif foretells who leads, serves and is fenced, and the cut proves it right"""
    with Lab(3) as lab:
        lab.start()
        lab.wait_all_see_all()
        leader = lab.leader()
        told = answer(leader, "whatif", f"{leader.name}|*")
        assert told["survives"] and told["live"], told
        foretold = states(told)
        assert foretold[leader.name] == "fenced", told
        assert sorted(foretold.values()) == ["degraded", "degraded", "fenced"], told
        lab.isolate(leader)
        for node in lab.nodes:
            lab.wait_until(lambda node=node: node.state() == foretold[node.name], 5,
                           f"{node} is {foretold[node.name]}")
        lab.heal()
        lab.wait_all_see_all()

        # One way from the leader to one follower: leadership moves to the third node.
        leader = lab.leader()
        deaf, third = lab.others(leader)
        told = answer(third, "whatif", f"{leader.name}>{deaf.name}")
        assert told["leader"] == third.name, told
        assert "fenced" not in states(told).values(), told
        lab.cut_oneway(leader, deaf)
        lab.wait_until(lambda: third.status().get("leader") == third.name, 20,
                       f"{third} leads, as foretold")
        lab.wait_serving()
        lab.heal()
        lab.wait_all_see_all()

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


if __name__ == "__main__":
    tap.main(globals())
