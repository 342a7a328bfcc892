"""The scripts of the runbooks, word for word, with a pretended node and a pretended docker.

What they do with real nodes on real networks is told in test/lab.
"""

import json
import os
import subprocess
import tempfile

import tap

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DETECT = os.path.join(TOP, "scripts/runbooks/detect-and-shutdown-minority.sh")
CHECK = os.path.join(TOP, "scripts/check-partition.sh")
PARTITION = os.path.join(TOP, "scripts/test-network-partition.sh")

MINORITY = {"state": "fenced", "why": 'no "majority": {1 < 2}', "side": "minority",
            "reachable": 1, "needed": 2, "members": [{"name": "a", "state": "serving"}]}
MAJORITY = {"state": "degraded", "why": "one lost", "side": "majority", "reachable": 2,
            "needed": 2, "members": [{"name": "a", "state": "fenced", "side": "minority"}]}
FORMING = {"state": "forming", "side": "unknown", "reachable": 1, "needed": 2, "members": []}

DETECTED = ("⚠️  MINORITY PARTITION DETECTED\n"
            "Reachable nodes: 1 (need 2 for majority)\n"
            "MINORITY PARTITION DETECTED: Will shutdown\n")
CONTINUES = ("✅ MAJORITY PARTITION: Continue operations\n"
             "This node is part of the majority partition (2 >= 2)\n")


class World:
    """A directory of programs that a script finds in place of the real ones.

    The n-th question about the status gets the n-th answer, the last one for ever.
    """

    def __init__(self, *answers, indent=None, local=True, docker=True):
        self.directory = tempfile.TemporaryDirectory(prefix="erlmcp-scripts-")
        self.path = self.directory.name
        os.mkdir(os.path.join(self.path, "bin"))
        os.mkdir(os.path.join(self.path, "path"))
        for number, answer in enumerate(answers):
            with open(os.path.join(self.path, f"answer{number}"), "w", encoding="utf-8") as file:
                file.write(json.dumps(answer, indent=indent))
        answer = ('n=$(cat "$0.n" 2>/dev/null || echo 0); echo $((n + 1)) >"$0.n"\n'
                  f'while [ ! -e {self.path}/answer$n ]; do n=$((n - 1)); done\n'
                  f'cat {self.path}/answer$n\n')
        if local:
            self.program("bin/erlmcp-admin", answer)
            self.program("bin/erlmcp", f'echo "erlmcp $*" >>{self.path}/calls\n')
        if docker:
            self.program("path/docker", f'echo "docker $*" >>{self.path}/calls\n'
                         f'case "$*" in *status*) {answer} ;; esac\n')

    def program(self, name, text):
        path = os.path.join(self.path, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)

    def run(self, *words, **environment):
        """Exit code and standard output of a script."""
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=60, check=False,
            env={"PATH": f"{self.path}/path:/usr/bin:/bin", "ERLMCP_ROOT": self.path,
                 "ERLMCP_CONTAINER": "none-of-yours", **environment})
        return done.returncode, done.stdout

    def calls(self):
        try:
            with open(os.path.join(self.path, "calls"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""


def equal(is_so, should_be):
    assert is_so == should_be, f"{is_so!r} is not {should_be!r}"


def test_detect_majority():
    """the detection script says that a majority continues"""
    for indent in (None, 2):
        equal(World(MAJORITY, indent=indent).run(DETECT), (0, CONTINUES))


def test_detect_minority_dry_run():
    """the detection script leaves a minority node running unless told to stop it"""
    world = World(MINORITY)
    code, text = world.run(DETECT, ERLMCP_QUORUM_SIZE="3", SHUTDOWN_DELAY="1",
                           FORCE_SHUTDOWN="false")
    equal(code, 1)
    assert text.startswith(DETECTED), text
    equal(world.calls(), "")


def test_detect_minority_stops():
    """with FORCE_SHUTDOWN=true the detection script stops a minority node"""
    world = World(MINORITY)
    code, text = world.run(DETECT, SHUTDOWN_DELAY="1", FORCE_SHUTDOWN="true")
    equal((code, text), (1, DETECTED + "Shutting down minority partition...\n"))
    equal(world.calls(), "erlmcp stop\n")


def test_detect_healing():
    """a partition that heals during the delay aborts the shutdown"""
    world = World(MINORITY, MAJORITY)
    code, text = world.run(DETECT, SHUTDOWN_DELAY="30", FORCE_SHUTDOWN="true")
    equal((code, text), (0, DETECTED + "The partition healed: shutdown aborted\n" + CONTINUES))
    equal(world.calls(), "")


def test_detect_unknown():
    """a node that is not part of a cluster, or does not answer, is unknown, not a minority"""
    equal(World(FORMING).run(DETECT), (2, ""))
    equal(World(local=False, docker=False).run(DETECT), (2, ""))
    equal(World(MINORITY).run(DETECT, SHUTDOWN_DELAY="soon")[0], 2)


def test_detect_container():
    """without a local node the container is asked, and stopped"""
    world = World(MINORITY, local=False)
    code, text = world.run(DETECT, ERLMCP_CONTAINER="box", SHUTDOWN_DELAY="0",
                           FORCE_SHUTDOWN="true")
    equal((code, text), (1, DETECTED + "Shutting down minority partition...\n"))
    equal(world.calls(), "docker exec box /opt/erlmcp/bin/erlmcp-admin cluster status --json\n"
          "docker stop box\n")


def test_quorum_size_is_only_stricter():
    """ERLMCP_QUORUM_SIZE can make the verdict stricter, never laxer"""
    equal(World(MAJORITY).run(DETECT, ERLMCP_QUORUM_SIZE="5")[0], 1)
    equal(World(MINORITY).run(DETECT, ERLMCP_QUORUM_SIZE="1")[0], 1)


def test_health_check():
    """the health check is one line and an exit code"""
    equal(World(MAJORITY).run(CHECK), (0, "healthy: degraded (2 members in sight, 2 needed)\n"))
    equal(World(MINORITY).run(CHECK),
          (1, "unhealthy: minority partition, fenced (1 members in sight, 2 needed)\n"))
    equal(World(FORMING).run(CHECK), (1, "unhealthy: forming (1 members in sight, 2 needed)\n"))
    code, text = World(local=False, docker=False).run(CHECK)
    equal((code, text.count("\n")), (1, 1))


def test_help():
    """each script explains itself"""
    for script in (DETECT, CHECK, PARTITION):
        code, text = World().run(script, "--help")
        equal(code, 0)
        assert text.startswith("usage: " + os.path.basename(script)), text


def test_partition_script():
    """RB-010's test sees a node vanish and return"""
    world = World(docker=False)
    world.program("path/docker", f"""
        echo "docker $1 $2" >>{world.path}/calls
        case "$1 $2" in
        'network disconnect') touch {world.path}/cut ;;
        'network connect') rm {world.path}/cut ;;
        *) [ -e {world.path}/cut ] && echo 1 || echo 2 ;;
        esac""")
    code, text = world.run(PARTITION)
    equal(code, 0)
    for line in ("Test complete", "Before partition: 2", "During partition: 1",
                 "After partition: 2"):
        assert line in text, text


def test_partition_script_failure():
    """RB-010's test fails when nobody notices, and puts the network back"""
    world = World(docker=False)
    world.program("path/docker", f"""
        echo "docker $1 $2" >>{world.path}/calls
        case "$1" in exec) echo 2 ;; esac""")
    code, text = world.run(PARTITION, DETECTION_MAX="1")
    equal(code, 1)
    assert "Test complete" not in text
    equal(world.calls().splitlines()[-1], "docker network connect")


if __name__ == "__main__":
    tap.main(globals())
