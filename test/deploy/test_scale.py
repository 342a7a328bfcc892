"""deploy/kubernetes/scale.sh with real nodes behind a pretended kubectl: pods are hosts of the lab."""

import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "test", "lab"))

import fabric  # noqa: E402 (the path comes first)
import tap  # noqa: E402
from lab import Lab  # noqa: E402

TRIES_MAX = 5
SCALE = os.path.join(TOP, "deploy", "kubernetes", "scale.sh")


def names_of_pods(lab):
    """erlmcp-admin's answers, with the hosts' addresses as names of pods."""
    return {node.name: f"erlmcp@erlmcp-{number}.x" for number, node in enumerate(lab.nodes)}


def kubectl(lab, directory):
    """A kubectl whose pods are the lab's nodes, three of which belong to the set at first."""
    there = " ".join(f"-e 's/{name}/{pod}/g'" for name, pod in names_of_pods(lab).items())
    back = " ".join(f"-e 's/{pod}/{name}/g'" for name, pod in names_of_pods(lab).items())
    script = f"""#!/bin/sh
shift 2 # -n NAMESPACE
echo "$*" >>{directory}/calls
case $1 in
get) cat {directory}/replicas ;;
scale) echo "${{4#--replicas=}}" >{directory}/replicas ;;
exec)
	shift 4 # exec POD -- PROGRAM
	words=$(echo "$*" | sed {back})
	# shellcheck disable=SC2086
	{lab.directory}/node1 erlmcp-admin $words >{directory}/out 2>&1
	code=$?
	sed {there} {directory}/out
	exit $code
	;;
esac
"""
    path = os.path.join(directory, "kubectl")
    with open(path, "w", encoding="utf-8") as file:
        file.write(script)
    os.chmod(path, 0o755)
    with open(os.path.join(directory, "replicas"), "w", encoding="utf-8") as file:
        file.write("3")


def scale(directory, wanted):
    done = subprocess.run(["sh", SCALE, wanted], capture_output=True, text=True, check=False,
                          timeout=240, env={"PATH": f"{directory}:/usr/bin:/bin"})
    with open(os.path.join(directory, "calls"), encoding="utf-8") as file:
        return done.returncode, done.stdout + done.stderr, file.read().splitlines()


def test_down():
    """a pod leaves the cluster before it is taken away, and what the cluster refuses is not scaled"""
    if fabric.why_no_namespaces():
        raise tap.Skip("network namespaces are not allowed here")
    with Lab(3) as lab:
        lab.doors()
        lab.start()
        lab.wait_all_see_all(timeout=60)
        directory = os.path.join(lab.directory, "pods")
        os.mkdir(directory)
        kubectl(lab, directory)
        for _ in range(TRIES_MAX):
            code, text, calls = scale(directory, "2")
            if code == 0:
                break
            lab.wait_all_see_all(timeout=60)  # leadership moved on a busy machine: order it again
            os.remove(os.path.join(directory, "calls"))
        assert code == 0 and "2 members" in text, text
        verbs = [call.split()[0] for call in calls if "status" not in call]
        assert verbs == ["get", "exec", "scale", "wait", "delete"], calls
        assert "--replicas=2" in calls[-3] and "data-erlmcp-2" in calls[-1], calls
        code, text, calls = scale(directory, "1")
        assert code == 1 and "still 2 members" in text, text
        assert not any("--replicas=1" in call for call in calls), calls


def test_up():
    """a new pod is awaited until it votes"""
    with tempfile.TemporaryDirectory(prefix="erlmcp-scale-") as directory:
        path = os.path.join(directory, "kubectl")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"""#!/bin/sh
shift 2
echo "$*" >>{directory}/calls
case $1 in
get) echo 3 ;;
exec)
	asked=$(grep -c status {directory}/calls)
	voter=false
	[ "$asked" -ge 3 ] && voter=true
	echo '{{"version": 1, "node": "erlmcp@erlmcp-0.x", "members": [{{"name": "erlmcp@erlmcp-0.x",' \
		'"voter": true}}, {{"name": "erlmcp@erlmcp-3.x", "voter": '$voter'}}]}}'
	;;
esac
""")
        os.chmod(path, 0o755)
        code, text, calls = scale(directory, "4")
        assert code == 0 and "erlmcp@erlmcp-3.x joins\n4 members\n" == text, text
        assert [call for call in calls if "scale" in call] == [
            "scale statefulset erlmcp --replicas=4"], calls
        assert len([call for call in calls if "status" in call]) == 3, calls


def test_usage():
    """a number that makes no sense is refused with the usage"""
    for wrong in ("", "0", "12", "many"):
        done = subprocess.run(["sh", SCALE, wrong], capture_output=True, text=True, check=False)
        assert done.returncode == 64 and "usage" in done.stderr, wrong


if __name__ == "__main__":
    tap.main(globals())
