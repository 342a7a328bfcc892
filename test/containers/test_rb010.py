"""RB-010 in real containers, line by line, with the names that it uses: what does not need
Kubernetes.

Where a line waits for something by sleeping, the story awaits it instead.
"""

import json

import boxes as vocabulary
from lab import wait_until

NAMES = ["erlmcp_node1", "erlmcp_node2", "erlmcp_node3"]
ERLMCP = "/opt/erlmcp/bin/erlmcp"
# The loops of the runbook.
MEMBERS = f"""for node in {" ".join(NAMES)}; do
  echo "=== $node ==="
  docker exec $node {ERLMCP} eval "erlmcp_cluster_membership:get_members()."
done"""
COUNTS = f"""for node in {" ".join(NAMES)}; do
  docker exec $node {ERLMCP} eval "length(nodes())."
done"""


def test_up(boxes):
    """three containers on erlmcp-net, as the runbook sets it up"""
    boxes.expect("docker compose up -d")
    boxes.wait_serving()
    boxes.expect("docker ps | grep erlmcp | wc -l", "3\n")
    said = boxes.expect("docker network inspect erlmcp-net", "172.28.0.0/16", "bridge")
    for name in NAMES:
        assert boxes.address(name).startswith("172.28."), boxes.address(name)
    if not boxes.engine.is_podman():  # podman does not tell them
        options = json.loads(said)[0]["Options"]
        assert options["com.docker.network.bridge.name"] == "br-erlmcp", options
    boxes.create_session("erlmcp_node1")


def test_diagnosis(boxes):
    """diagnosis: ping, EPMD, and the same view on every node"""
    boxes.expect(f"docker exec erlmcp_node1 {ERLMCP} eval "
                 "\"net_adm:ping('erlmcp@erlmcp_node2').\"", "pong")
    boxes.expect("docker exec erlmcp_node1 epmd -names", "name erlmcp at port 9100")
    boxes.await_name("erlmcp_node1", "erlmcp_node2", "")
    boxes.expect("docker exec erlmcp_node1 ping -c 3 -i 0.2 erlmcp_node2", "3 received")
    said = boxes.expect(MEMBERS).splitlines()
    assert said[::2] == [f"=== {name} ===" for name in NAMES], said
    views = set(said[1::2])
    assert views == {"{ok,[erlmcp@erlmcp_node1,erlmcp@erlmcp_node2,erlmcp@erlmcp_node3]}"}, views


def test_automatic_healing(boxes):
    """scenario 1: a container without network is missed, and comes back by itself"""
    boxes.expect(COUNTS, "2\n2\n2\n")
    boxes.expect("docker network disconnect erlmcp-net erlmcp_node3")
    boxes.await_line(f"docker exec erlmcp_node1 {ERLMCP} eval 'nodes().'", "[erlmcp@erlmcp_node2]")
    boxes.await_line(f"docker exec erlmcp_node3 {ERLMCP} eval 'nodes().'", "[]")
    for seconds in (2, 20):
        code, text = boxes.run(f"TERM=xterm timeout {seconds} watch -n 5 'docker exec erlmcp_node1 "
                               f"{ERLMCP} eval \"erlmcp_cluster_membership:get_members().\"'")
        if "erlmcp_node1" in text:
            break
    assert code == 124 and "erlmcp_node1" in text, (code, text)
    boxes.expect("docker network connect erlmcp-net erlmcp_node3")
    boxes.await_line(COUNTS, "2\n2\n2\n")
    boxes.expect(f'docker exec erlmcp_node1 {ERLMCP} eval "\n[net_adm:ping(N) || N <- nodes()].\n"',
                 "[pong,pong]")
    boxes.wait_in_sync()


def test_split_brain(boxes):
    """scenario 2: one side is stopped by hand, stays down, is started and converges"""
    for name in ("erlmcp_node2", "erlmcp_node3"):
        boxes.expect(f'docker exec {name} {ERLMCP} eval "init:stop()."', "ok")
    for name in ("erlmcp_node2", "erlmcp_node3"):
        wait_until(lambda name=name: boxes.down(name) == 0, 90, f"{name} is down, with code 0")
    wait_until(lambda: boxes.state("erlmcp_node1") == "fenced", 90, "a minority of one is fenced")
    code, text = boxes.run(f'docker exec erlmcp_node1 {ERLMCP} eval "\n'
                           'mnesia:clear_table(cluster_membership).\n'
                           'erlmcp_cluster_coordinator:reset_cluster_state().\n"')
    assert code in (0, 1) and text.strip(), (code, text)
    print(f"# reset on a minority of one: exit {code}: {text.strip()}")
    boxes.expect("docker ps | grep erlmcp | wc -l", "1\n")
    boxes.expect("docker start erlmcp_node2", "erlmcp_node2")
    boxes.expect("docker start erlmcp_node3", "erlmcp_node3")
    boxes.await_line(COUNTS, "2\n2\n2\n")
    boxes.wait_in_sync()
    boxes.expect_sessions()


def test_validation(boxes):
    """recovery validation: health, consistency, full sync and its progress"""
    boxes.expect(f"""docker exec erlmcp_node1 {ERLMCP} eval "
[
  {{ok, _}} = application:ensure_all_started(erlmcp),
  {{ok, Members}} = erlmcp_cluster_membership:get_members(),
  true = length(Members) >= 2,
  health_check_passed
].
\"""", "health_check_passed")
    boxes.expect(f'docker exec erlmcp_node1 {ERLMCP} eval "\n'
                 'erlmcp_session_ha:validate_consistency().\n"', "status => consistent")
    boxes.expect(f'docker exec erlmcp_node1 {ERLMCP} eval "\n'
                 'erlmcp_cluster_sync:trigger_full_sync().\n"', "ok")
    boxes.expect(f'docker exec erlmcp_node1 {ERLMCP} eval "\n'
                 'erlmcp_cluster_sync:get_sync_status().\n"', "ok")
    boxes.wait_in_sync()


def test_chaos(boxes):
    """chaos: tc takes away all that node 1 sends, the node is fenced, and comes back"""
    said = boxes.expect("docker exec erlmcp_node1 tc qdisc add dev eth0 root netem loss 100%")
    print(f"# {said.strip() or 'this kernel has netem'}")
    wait_until(lambda: boxes.state("erlmcp_node1") == "fenced", 90,
               "the node that nobody hears is fenced")
    boxes.await_line(f"docker exec erlmcp_node2 {ERLMCP} eval 'nodes().'", "[erlmcp@erlmcp_node3]")
    wait_until(lambda: boxes.state("erlmcp_node2") == "degraded", 90, "the others go on")
    boxes.create_session("erlmcp_node3")
    boxes.expect("docker exec erlmcp_node1 tc qdisc show dev eth0", "netem" if not said
                 else "blackhole")
    assert boxes.down("erlmcp_node1") is None
    boxes.expect("docker exec erlmcp_node1 tc qdisc del dev eth0 root")
    boxes.await_line(f'docker exec erlmcp_node1 {ERLMCP} eval "nodes()."',
                     "[erlmcp@erlmcp_node2,erlmcp@erlmcp_node3]")
    boxes.wait_in_sync()
    boxes.expect_sessions()


def test_tc_is_tc(boxes):
    """anything else that tc is told is tc's own business"""
    code, text = boxes.run("docker exec erlmcp_node1 tc qdisc add dev eth9 root netem loss 100%")
    assert code != 0 and "eth9" in text and "blackhole" not in text, text
    boxes.expect("docker exec erlmcp_node1 tc qdisc add dev eth0 root pfifo limit 100")
    boxes.expect("docker exec erlmcp_node1 tc qdisc show dev eth0", "pfifo", "limit 100p")
    boxes.expect("docker exec erlmcp_node1 tc qdisc del dev eth0 root")


def test_capabilities(boxes):
    """tc and ping work for a user without any capability, by those of their files; nothing else"""
    # Podman hands the container's capabilities down to every process: take them away first.
    bare = ("docker exec erlmcp_node1 setpriv --inh-caps=-cap_12,-cap_13 "
            "--ambient-caps=-cap_12,-cap_13 /usr/bin/dash -c")
    boxes.expect(f"{bare} 'grep CapEff /proc/self/status'", "0000000000000000")
    boxes.expect(f"{bare} 'tc qdisc add dev eth0 root pfifo limit 100'")
    boxes.expect(f"{bare} 'tc qdisc del dev eth0 root'")
    boxes.await_name("erlmcp_node1", "erlmcp_node2", "")
    boxes.expect(f"{bare} 'ping -c 1 erlmcp_node2'", "1 received")
    # Not in /tmp, from where Docker lets nobody run a program.
    copy = "/opt/erlmcp/data/tc"
    code, text = boxes.run(f"{bare} 'cp /usr/sbin/tc {copy} && {copy} qdisc add dev eth0 root pfifo'")
    boxes.expect(f"docker exec erlmcp_node1 rm {copy}")
    assert code != 0 and "not permitted" in text, text


def test_script(boxes):
    """the automated testing script passes, on the literal names"""
    boxes.expect("./scripts/test-network-partition.sh", "Starting network partition test...",
                 "Introducing partition...", "Restoring network...", "Test complete",
                 "Before partition: 2", "During partition: 1", "After partition: 2")
    boxes.wait_in_sync()
    boxes.expect_sessions()


if __name__ == "__main__":
    vocabulary.tell("rb-010", NAMES, "erlmcp-net", globals())
