"""RB-008 in real containers, line by line, with the names that it uses.

Where a line waits for something by sleeping, the story awaits it instead.
"""

import os
import re
import tarfile

import boxes as vocabulary
from lab import wait_until

NAMES = ["erlmcp", "erlmcp-node2", "erlmcp-node3"]
DETECT = "./scripts/runbooks/detect-and-shutdown-minority.sh"
IMAGE_MAX = 40e6


def test_image(boxes):
    """the image is small, its user is not root, and what it needs more it has as file capabilities"""
    assert os.path.getsize(boxes.archive) < IMAGE_MAX
    size = int(boxes.expect("docker image inspect -f '{{.Size}}' erlmcp:test"))
    assert size < IMAGE_MAX, size
    with tarfile.open(boxes.archive) as archive:
        capable = {info.name for info in archive if "SCHILY.xattr.security.capability"
                   in info.pax_headers}
        assert not [info.name for info in archive if info.mode & 0o6000], "setuid programs"
    assert capable == {"usr/bin/ping", "usr/sbin/tc"}, capable
    inside = ("id -u; for tool in epmd netstat ping tc erl erlmcp erlmcp-admin sh tini; do "
              "command -v $tool || echo missing; done")
    said = boxes.expect(f"docker run --rm --entrypoint /bin/sh erlmcp:test -c '{inside}'").split()
    assert said[0] == "10001" and "missing" not in said and len(said) == 10, said


def test_up(boxes):
    """docker compose up -d: three containers that form a cluster, and nothing else is called so"""
    code, text = boxes.run("docker compose up -d", ERLANG_COOKIE="")
    assert code != 0 and "ERLANG_COOKIE" in text, text
    boxes.expect("docker compose up -d")
    boxes.wait_serving()
    boxes.expect("docker ps | grep erlmcp | wc -l", "3\n")
    for name in NAMES:
        boxes.create_session(name)


def test_detection(boxes):
    """manual detection: names, connections, a ping by erl, the status"""
    boxes.expect("docker exec erlmcp epmd -names", "name erlmcp at port 9100")
    boxes.await_line("docker exec erlmcp netstat -an | grep ESTABLISHED | grep -c :9100 | "
                     "grep '[2-9]'")
    boxes.expect('docker exec erlmcp netstat -an | grep -E "(4369|ESTABLISHED)"', ":4369")
    boxes.expect("docker exec erlmcp erl -noshell -name detector@127.0.0.1 -setcookie "
                 "\"$ERLANG_COOKIE\" \\\n  -eval \"net_adm:ping('erlmcp@127.0.0.1'), halt().\"")
    boxes.expect("docker exec erlmcp erl -noshell -name detector@127.0.0.1 -setcookie "
                 "\"$ERLANG_COOKIE\" -eval \"io:format('~p', "
                 "[net_adm:ping('erlmcp@127.0.0.1')]), halt().\"", "pong")
    boxes.expect("docker exec erlmcp erlmcp-admin cluster status", "serving", "3 in sight")
    boxes.expect('docker logs erlmcp | grep "Node.*connected"', "erlmcp-node2", "erlmcp-node3")
    boxes.expect("docker network inspect erlmcp-network", "erlmcp-network")
    boxes.expect("docker exec erlmcp wget -qO- http://127.0.0.1:8080/readyz")
    boxes.await_name("erlmcp", "erlmcp-node2", boxes.address("erlmcp-node2"))


def test_scripts(boxes):
    """the detection script asks the container, and is the same inside it"""
    boxes.expect(DETECT, "✅ MAJORITY PARTITION: Continue operations",
                 "This node is part of the majority partition (3 >= 2)")
    boxes.expect("ERLMCP_QUORUM_SIZE=3 \\\nSHUTDOWN_DELAY=1 \\\nFORCE_SHUTDOWN=false \\\n" + DETECT,
                 "MAJORITY PARTITION")
    boxes.expect("docker exec erlmcp /opt/erlmcp/scripts/runbooks/"
                 "detect-and-shutdown-minority.sh", "MAJORITY PARTITION")


def test_partition(boxes):
    """simulate a network partition: minority noticed, majority continues, rejoin by name"""
    before = boxes.address("erlmcp-node2")
    boxes.expect("docker network disconnect erlmcp-network erlmcp-node2")
    boxes.await_line('docker logs erlmcp-node2 | grep "MINORITY PARTITION"',
                     "⚠️  MINORITY PARTITION DETECTED")
    boxes.expect("docker logs erlmcp-node2", "Reachable nodes: 1 (need 2 for majority)")
    boxes.expect("docker ps | grep erlmcp | wc -l", "3\n")
    wait_until(lambda: boxes.state("erlmcp-node2") == "fenced", 90, "node 2 is fenced")
    code, text = boxes.run(DETECT, ERLMCP_CONTAINER="erlmcp-node2", SHUTDOWN_DELAY="1",
                           FORCE_SHUTDOWN="false")
    assert code == 1 and "MINORITY PARTITION DETECTED: Will shutdown" in text, text
    boxes.await_line(DETECT, "This node is part of the majority partition (2 >= 2)")
    boxes.create_session("erlmcp-node3")
    assert not boxes.address("erlmcp-node2"), "a container without a network has no address"

    seen = len(boxes.lines("erlmcp-node2", "Node.*connected"))
    # Somebody takes the lowest free address, which is the old one, so that it changes; an engine that
    # gives addresses out in turn has another one anyway. Docker lets nobody choose it on this network.
    boxes.expect("docker run -d --rm --name bystander --network erlmcp-network "
                 "--entrypoint sleep erlmcp:test 60")
    boxes.expect("docker network connect erlmcp-network erlmcp-node2")
    wait_until(lambda: len(boxes.lines("erlmcp-node2", "Node.*connected")) >= seen + 2, 90,
               "node 2 reports both connections")
    boxes.expect('docker logs erlmcp-node2 | grep "Node.*connected"')
    boxes.wait_in_sync()
    after = boxes.address("erlmcp-node2")
    boxes.expect("docker rm -f bystander")
    assert after and after != before, (before, after)
    boxes.await_name("erlmcp", "erlmcp-node2", after)


def test_crash(boxes):
    """a node that is killed comes back by itself"""
    life = boxes.starts("erlmcp-node3")
    boxes.run("docker exec erlmcp-node3 sh -c 'kill -9 $(pidof erlmcp)'")
    wait_until(lambda: boxes.down("erlmcp-node3") is None and boxes.starts("erlmcp-node3") != life,
               120, "another life of the container")
    boxes.wait_in_sync()
    boxes.expect("docker ps | grep erlmcp | wc -l", "3\n")


def test_stop(boxes):
    """init:stop() and docker stop end in order, and stay down until docker start"""
    boxes.expect("docker exec erlmcp-node3 erlmcp eval 'init:stop().'")
    wait_until(lambda: boxes.down("erlmcp-node3") == 0, 90, "the container is down, with code 0")
    boxes.expect("docker ps -a | grep erlmcp-node3", "Exited (0)")
    boxes.expect("docker start erlmcp-node3")
    boxes.wait_serving()
    boxes.expect("docker stop erlmcp-node2")
    assert boxes.down("erlmcp-node2") == 0, "SIGTERM reaches the node, which stops in order"
    assert boxes.lines("erlmcp-node2", "Stopping: SIGTERM"), "the node says why"
    assert boxes.down("erlmcp-node3") is None
    boxes.expect("docker compose up -d")
    boxes.wait_in_sync()


def test_orphans(boxes):
    """what a command leaves behind in a container is reaped by its first process"""
    boxes.expect("docker exec erlmcp sh -c '(sleep 0.1 &) ; exit 0'")
    wait_until(lambda: "sleep" not in boxes.expect("docker exec erlmcp ps -o stat,comm"), 60,
               "the orphan is gone, and no zombie")
    first = boxes.expect("docker exec erlmcp ps -o pid,comm").splitlines()
    assert any(re.match(r" *1 tini", line) for line in first), first


def test_minority_shutdown(boxes):
    """with FORCE_SHUTDOWN=true a minority stops, stays down, and is healed by starting it"""
    forced = {"FORCE_SHUTDOWN": "true", "SHUTDOWN_DELAY": "2"}
    boxes.expect("docker compose up -d erlmcp-node2", **forced)
    boxes.wait_in_sync()
    which = boxes.box("erlmcp-node2")["Id"]
    shut_down_minority(boxes)
    boxes.expect("sleep 3; docker ps | grep erlmcp | wc -l", "2\n")
    assert boxes.down("erlmcp-node2") == 0 and not boxes.box("erlmcp-node2")["RestartCount"]
    boxes.expect("docker ps -a | grep erlmcp", "Exited (0)")
    boxes.expect("docker exec erlmcp erlmcp-admin cluster status", "degraded", "2 in sight")
    boxes.expect("docker network connect erlmcp-network erlmcp-node2")
    boxes.expect("docker start erlmcp-node2")
    boxes.wait_in_sync()

    # Compose puts the container back on its network by itself.
    shut_down_minority(boxes)
    boxes.expect("docker compose up -d erlmcp-node2", **forced)
    boxes.wait_in_sync()
    assert boxes.box("erlmcp-node2")["Id"] == which, "the same container, started again"
    boxes.expect("docker exec erlmcp epmd -names", "name erlmcp")
    boxes.expect('docker logs erlmcp | grep "Node.*connected"', "erlmcp-node2")
    boxes.expect("docker exec erlmcp erlmcp-admin cluster status", "serving")
    boxes.expect("docker compose up -d")
    boxes.wait_in_sync()


def shut_down_minority(boxes):
    """Cut node 2 off and await that it has stopped itself, as RB-008 tells it."""
    before = len(boxes.lines("erlmcp-node2", "."))
    boxes.expect("docker network disconnect erlmcp-network erlmcp-node2")
    wait_until(lambda: boxes.down("erlmcp-node2") == 0, 90, "the minority's container is down")
    said = "\n".join(boxes.lines("erlmcp-node2", ".")[before:])
    for words in ("MINORITY PARTITION DETECTED", "Reachable nodes: 1 (need 2 for majority)",
                  "Shutting down minority partition..."):
        assert words in said, f"no {words!r} in {said}"


def test_no_loop(boxes):
    """a configuration that cannot work does not loop: the container stays down and says why"""
    code, text = boxes.run("docker run --name wrong --restart on-failure "
                           "-e ERLMCP_QUORUM_SIZE=many erlmcp:test")
    assert "ERLMCP_QUORUM_SIZE" in text, text
    assert code == 0 and boxes.down("wrong") == 0, code
    assert not boxes.box("wrong")["RestartCount"]
    boxes.expect("docker rm -f wrong")


def test_health(boxes):
    """the health check as RB-008 writes it: healthy, unhealthy when cut off, healthy again"""
    check = boxes.box("erlmcp")["Config"]["Healthcheck"]
    second = 10 ** 9
    assert check["Test"] == ["CMD", "/opt/erlmcp/scripts/check-partition.sh"], check
    assert (check["Interval"], check["Timeout"], check["Retries"], check["StartPeriod"]) == (
        30 * second, 10 * second, 3, 60 * second), check
    boxes.await_health("erlmcp", "healthy")
    if not boxes.engine.is_podman():  # podman's answer to `docker ps` leaves it out
        boxes.expect("docker ps | grep erlmcp", "(healthy)")
    boxes.expect("docker exec erlmcp /opt/erlmcp/scripts/check-partition.sh", "healthy: serving")
    boxes.expect("docker network disconnect erlmcp-network erlmcp")
    code = wait_until(lambda: boxes.run("docker exec erlmcp /opt/erlmcp/scripts/"
                                        "check-partition.sh")[0], 60, "the check fails")
    assert code == 1
    boxes.await_health("erlmcp", "unhealthy")
    assert boxes.down("erlmcp") is None, "an unhealthy container keeps running"
    boxes.expect("docker network connect erlmcp-network erlmcp")
    boxes.await_health("erlmcp", "healthy")
    boxes.wait_in_sync()


def test_whole(boxes):
    """in the end every node has all that was acknowledged on any of them"""
    assert len(boxes.sessions) == 4
    boxes.wait_in_sync()
    boxes.expect_sessions()


if __name__ == "__main__":
    vocabulary.tell("rb-008", NAMES, "erlmcp-network", globals())
