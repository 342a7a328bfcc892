"""The Testing sections of RB-008 and RB-010, command by command, on real nodes.

The runbooks speak docker; a small docker of our own stands in, whose containers are the hosts of
the lab (fabric.py): exec, logs, ps, stop, start, and a network that can be taken away.
"""

import os
import subprocess

import fabric
import tap
from lab import Lab, wait_until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

DOCKER = r"""#!/bin/sh
# docker, as far as the runbooks use it: a container's name ends with its node's number.
number() { echo "$1" | sed 's/^[^0-9]*$/1/; s/.*[^0-9]//'; }
verb=$1
shift
case $verb in
exec)
	host=$(number "$1")
	program=$2
	shift 2
	case $program in
	/opt/erlmcp/bin/*) program=${program##*/} ;;
	/opt/erlmcp/*) program=@TOP@${program#/opt/erlmcp} ;;
	esac
	exec "@LAB@/node$host" "$program" "$@"
	;;
logs) cat "@LAB@/node$(number "$1").log" ;;
ps)
	for host in 1 2 3; do
		"@LAB@/node$host" erlmcp ping >/dev/null 2>&1 && echo "erlmcp-node$host Up"
	done
	;;
network)
	case $1 in
	disconnect) word=down ;;
	connect) word=up ;;
	esac
	exec "@LAB@/node$(number "$3")" ip link set eth0 $word
	;;
*) exit 1 ;;
esac
"""


class Dock(Lab):
    """Three serving nodes as containers; run() is a shell that has docker."""

    def __init__(self, **settings):
        if fabric.why_no_namespaces():
            raise tap.Skip("network namespaces are not allowed here")
        super().__init__(3, **settings)

    def __enter__(self):
        try:
            self.doors()
            os.mkdir(os.path.join(self.directory, "bin"))
            path = os.path.join(self.directory, "bin", "docker")
            with open(path, "w", encoding="utf-8") as file:
                file.write(DOCKER.replace("@LAB@", self.directory).replace("@TOP@", TOP))
            os.chmod(path, 0o755)
            self.start()
            self.wait_all_see_all(timeout=60)
        except BaseException:
            self.show_logs()
            self.close()
            raise
        return self

    def run(self, command, timeout=120, **settings):
        """Exit code and output of a line of a runbook."""
        path = os.path.join(self.directory, "bin") + ":/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False,
                              timeout=timeout, cwd=TOP, env={"PATH": path, "ERLANG_COOKIE":
                                                             "lab-cookie", **settings})
        return done.returncode, done.stdout + done.stderr

    def expect(self, command, *words, **settings):
        """A line of a runbook that succeeds and says these words, if not in a busy moment then soon."""
        last = []

        def said():
            last[:] = self.run(command, **settings)
            return last[0] == 0 and all(word in last[1] for word in words)
        try:
            wait_until(said, 60)
        except AssertionError:
            raise AssertionError(f"{command}: exit {last[0]}, not {words}: {last[1]}") from None


def test_rb008_detection():
    """RB-008, manual detection: names, connections, and a ping with bin/erl"""
    with Dock() as dock:
        dock.expect("docker exec erlmcp epmd -names", "name erlmcp at port 91")
        dock.expect("docker exec erlmcp netstat -an | grep ESTABLISHED", "tcp")
        dock.expect("docker exec erlmcp erl -noshell -name detector@127.0.0.1 -setcookie "
                    "\"$ERLANG_COOKIE\" -eval \"net_adm:ping('erlmcp@127.0.0.1'), halt().\"")
        dock.expect("docker exec erlmcp erlmcp-admin cluster status", "serving")


def test_rb008_partition():
    """RB-008, simulate a network partition: minority noticed, majority continues, rejoin"""
    with Dock() as dock:
        dock.expect("docker network disconnect erlmcp-network erlmcp-node2")
        line = 'docker logs erlmcp-node2 | grep "MINORITY PARTITION"'
        wait_until(lambda: dock.run(line)[0] == 0, 60, line)
        dock.expect("docker ps | grep erlmcp", "erlmcp-node1", "erlmcp-node3")
        wait_until(lambda: dock.nodes[1].state() == "fenced", 60, "node 2 is fenced")
        script = "./scripts/runbooks/detect-and-shutdown-minority.sh"
        code, text = dock.run(script, ERLMCP_CONTAINER="erlmcp-node2", ERLMCP_QUORUM_SIZE="3",
                              SHUTDOWN_DELAY="1", FORCE_SHUTDOWN="false")
        assert code == 1 and "MINORITY PARTITION DETECTED: Will shutdown" in text, text
        dock.expect(script, "✅ MAJORITY PARTITION: Continue operations",
                    "This node is part of the majority partition (2 >= 2)",
                    ERLMCP_CONTAINER="erlmcp-node1")
        code, text = dock.run("docker exec erlmcp-node2 /opt/erlmcp/scripts/check-partition.sh")
        assert code == 1 and text.startswith("unhealthy"), text
        mark = dock.nodes[1].log.mark()
        dock.expect("docker network connect erlmcp-network erlmcp-node2")
        wait_until(lambda: dock.nodes[1].log.grep("Node.*connected", since=mark), 60,
                   "node 2 reports its connections")
        dock.wait_all_see_all(timeout=60)
        dock.expect("docker exec erlmcp-node2 /opt/erlmcp/scripts/check-partition.sh", "healthy")


def test_rb010_diagnosis():
    """RB-010, diagnosis and validation: every node gives the same view"""
    with Dock() as dock:
        for number in (1, 2, 3):
            at = f"docker exec erlmcp_node{number} /opt/erlmcp/bin/erlmcp eval"
            dock.expect(f'{at} "length(nodes())."', "2")
            dock.expect(f'{at} "[net_adm:ping(N) || N <- nodes()].\n"', "[pong,pong]")
            dock.expect(f'{at} "erlmcp_cluster_membership:get_members()."', "{ok,[")


def test_rb010_script():
    """RB-010, automated test: the script passes"""
    with Dock() as dock:
        dock.expect("./scripts/test-network-partition.sh", "Starting network partition test...",
                    "Introducing partition...", "Restoring network...", "Test complete",
                    "Before partition: 2", "During partition: 1", "After partition: 2")


if __name__ == "__main__":
    tap.main(globals())
