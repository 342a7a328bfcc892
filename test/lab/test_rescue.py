"""What changes a data directory as a whole, killed at each of its system calls. Vocabulary: lab.py.

    erlmcp-admin cluster recover --yes      a new cluster out of what one node stored
    erlmcp-admin restore FILE               a new cluster out of a backup
    a node that is given up (resolve)       its data is set aside

One rename decides. A kill before it leaves what was there; behind it the same command, or the node's
start, does the rest. Never is some of both there, and never does a node start as nobody.

    --thorough      every place to die at; minutes
"""

import os
import re
import shutil
import subprocess
import sys

import tap
from lab import PATIENCE_S, wait_until
from test_cluster import Cluster
from test_files import needs_strace
from test_recover import done, fill, sessions

THOROUGH = "--thorough" in sys.argv
# Where to die: what decides happens in the first few of the first four. strace counts the calls of
# each thread, so the state is small: no other thread comes to as many.
PLACES = {"rename": range(1, 30), "fsync": range(1, 30), "mkdir": range(1, 30), "rmdir": range(1, 30),
          "fdatasync": (1,), "unlink": (1, 4, 16), "openat": (20, 60, 120, 180), "pwrite64": (1, 3),
          "write": (1, 3), "io_submit": (1,), "link": (1,)}


def copy(source, target):
    """The same directory, holes included."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", "--sparse=always", source, target], check=True)


def cluster_of(directory):
    """The cluster id in an identity file; None: there is no file."""
    try:
        with open(os.path.join(directory, "identity"), "rb") as file:
            return file.read()[18:26].hex()
    except FileNotFoundError:
        return None


def has_log(directory):
    return os.path.exists(os.path.join(directory, "raft", "metadata1"))


def killed(node, call, place, *words):
    """Run the command, and kill it at its place-th call: whether it came to that."""
    command = node.lab.fabric.command(
        node.host, "strace", "-f", "-qqq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
        "signal=none", "-e", f"inject={call}:signal=KILL:when={place}",
        node.lab.program("erlmcp-admin"), *words)
    code = subprocess.run(command, capture_output=True, timeout=180, check=False,
                          env=node.environment()).returncode
    assert code in (0, -9, 137), code
    return code != 0


def is_decided(node):
    return any(name.startswith("rescue.ready-") for name in os.listdir(node.data))


def sweep(node, words, before, finished, in_place):
    """Kill the command everywhere; what is there then is old or new, and it can be finished.

    before: the directory as it was. finished: the outcome counts. in_place: the old node can start."""
    old = cluster_of(before)
    kills = decided = starts = 0
    for call, some in PLACES.items():
        for place in range(1, 400) if THOROUGH else some:
            copy(before, node.data)
            if not killed(node, call, place, *words):
                break
            kills += 1
            now = cluster_of(node.data)
            if is_decided(node):
                decided += 1
            elif now != old:
                assert now is not None and has_log(node.data), f"{call} {place}: {now}, and no log"
            else:
                assert has_log(node.data) == has_log(before), f"{call} {place}: the log is gone"
            if (is_decided(node) or now != old) and kills % 3 == 0:
                # Its start finishes it as well.
                node.start()
                node.lab.wait_serving(node)
                node.kill9()
                starts += 1
            else:
                said = done(node, *words) if now == old or is_decided(node) else ""
                assert now != old or is_decided(node) or said or not in_place, said
            assert cluster_of(node.data) not in (None, old), f"{call} {place}: no new cluster"
            assert not is_decided(node) and not os.path.exists(os.path.join(node.data, "rescue.new"))
            finished(call, place)
    print(f"# {kills} kills, {decided} of them behind the decision, {starts} finished by a start")
    return kills


def test_recover_killed():
    """recover, killed at each system call, leaves the old node or the new one, and can be finished"""
    needs_strace()
    with Cluster(ERLMCP_SNAPSHOT_THRESHOLD="16", ERLMCP_SNAPSHOT_TRAILING="1") as c:
        first = c.nodes[0]
        for _ in range(21):
            c.wait_put(1, 7)
        for node in c.nodes:
            node.kill9()
        before = os.path.join(c.directory, "before")
        copy(first.data, before)

        def finished(call, place):
            aside = [name for name in os.listdir(first.data) if ".aside-" in name]
            stamps = {name.split("-")[-1] for name in aside}
            assert len(aside) == 2 and len(stamps) == 1, f"{call} {place}: {aside}"
            log = os.path.join(first.data, next(name for name in aside if name.startswith("raft")))
            kept = subprocess.run(["diff", "-r", log, os.path.join(before, "raft")],
                                  capture_output=True, text=True, check=False)
            assert kept.returncode == 0, f"{call} {place}: {kept.stdout}"

        assert sweep(first, ("cluster", "recover", "--yes"), before, finished, True) > 25
        first.start()
        c.wait_serving(first)
        assert sessions(first) == 1 and c.read(first) == 7


def test_restore_killed():
    """restore, killed at each system call, leaves nothing or the new node, and can be finished"""
    needs_strace()
    with Cluster(1) as c:
        node = c.nodes[0]
        node.settings["ERLMCP_QUORUM_SIZE"] = "3"
        fill(node, 2)
        file = os.path.join(c.directory, "backup")
        done(node, "backup", file)
        node.kill9()
        before = os.path.join(c.directory, "before")
        os.mkdir(before)
        assert sweep(node, ("restore", file), before, lambda call, place: None, False) > 20
        node.start()
        c.wait_serving(node)
        assert sessions(node) == 3


def test_given_up_killed():
    """a node killed while it sets its data aside comes back as it was, or is admitted anew"""
    needs_strace()
    with Cluster() as c:
        victim = c.follower()
        cluster = re.search(r'<<"(\w+)">>', victim.eval("element(1, element(2, "
                                                        "erlmcp_recovery:summary())).")).group(1)
        outcomes = set()
        for call, place in (("rename", 1), ("rename", 2), ("rename", 3), ("fsync", 1), ("fsync", 3)):
            c.wait_all_see_all()
            tracer = subprocess.Popen(
                ["strace", "-f", "-qqq", "-o", "/dev/null", "-p", str(victim.pid()), "-e",
                 f"trace={call}", "-e", f"inject={call}:signal=KILL:when={place}"],
                stderr=subprocess.DEVNULL)
            wait_until(lambda: traced(victim), PATIENCE_S, "strace is there")

            def given_up():
                victim.run("erlmcp", "eval", f'erlmcp_recovery:give_up(<<"{cluster}">>).')
                return not victim.running()
            wait_until(given_up, PATIENCE_S, f"{call} {place}: it is killed")
            tracer.wait()
            lost = os.path.exists(os.path.join(victim.data, "lost-disk"))
            outcomes.add((lost, cluster_of(victim.data) is not None, has_log(victim.data)))
            victim.start()
            c.wait_serving(victim)
        c.wait_all_see_all()
        c.wait_put(victim, 9)
        assert c.read(c.leader()) == 9
        assert (True, True, False) in outcomes, "never killed between log and identity"
        print(f"# marked as lost, identity, log: {sorted(outcomes)}")


def traced(node):
    with open(f"/proc/{node.pid()}/status", encoding="ascii") as file:
        return re.search(r"TracerPid:\s+[1-9]", file.read())


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word != "--thorough"]
    tap.main(globals())
