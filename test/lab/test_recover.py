"""What an operator does when too much is lost: backup, restore, recover. Vocabulary: lab.py.

    node 1 ---- node 2        Every step is the operator's own program on the node's host, and
        \\      /              every refusal names what is wrong and what to do.
         node 3
"""

import os
import re

import tap
from lab import wait_until
from test_cluster import Cluster


def admin(node, *words, timeout=60):
    """erlmcp-admin WORDS on that node's host: exit code, and what it said."""
    done = node.run("erlmcp-admin", *words, timeout=timeout)
    return done.returncode, done.stdout + done.stderr


def done(node, *words):
    code, said = admin(node, *words)
    assert code == 0, f"{words}: {code}: {said}"
    return said


def refused(node, why, *words):
    code, said = admin(node, *words)
    assert code == 1 and why in said, f"{words}: {code}: {said}"
    return said


def alone(node):
    """It is to serve by itself until others have joined."""
    node.settings["ERLMCP_QUORUM_SIZE"] = "1"


def come_back(c, first, *others):
    """The others join the new cluster of the first with empty disks, until all serve."""
    for node in others:
        node.wipe()
        node.settings["ERLMCP_QUORUM_SIZE"] = "1"
        node.start()
        wait_until(lambda n=node: any(m["name"] == n.name and m["hears_us"]
                                      for m in first.status().get("members", [])),
                   20, f"{first} sees {node}")
        done(first, "cluster", "join", node.name)
    c.wait_all_see_all()


def sessions(node):
    return int(node.eval("erlmcp_session:count()."))


def fill(node, n):
    node.eval(f"[erlmcp_session:create(#{{n => I}}) || I <- lists:seq(1, {n})], ok.", timeout=60)


def test_backup_and_restore():
    """a backup of a running cluster holds all that was acknowledged, and founds a new cluster"""
    with Cluster() as c:
        assert c.put(1, 7) == "ok"
        fill(c.nodes[1], 300)
        file = os.path.join(c.directory, "backup")
        said = done(c.nodes[2], "backup", file)
        assert re.search(r"301 sessions at index \d+", said) and "WARNING" not in said, said
        assert "no file is replaced" in refused(c.nodes[2], "is there already", "backup", file)
        assert sessions(c.nodes[0]) == 301
        assert "301 sessions" in done(c.nodes[0], "backup", "verify", file)
        refused(c.nodes[0], "a node runs on", "restore", file)
        for node in c.nodes:
            node.stop()
        refused(c.nodes[0], "is in use: a backup is restored into an empty data directory",
                "restore", file)
        first, *others = c.nodes
        first.wipe()
        assert "Nothing was changed" in done(first, "restore", file, "--dry-run")
        assert not os.path.exists(os.path.join(first.data, "identity"))
        assert "Start it with ERLMCP_QUORUM_SIZE=1" in done(first, "restore", file)
        alone(first)
        first.start()
        c.wait_serving(first)
        assert sessions(first) == 301 and c.get(first) == 7
        come_back(c, first, *others)
        c.put(2, 8)
        c.all_show(8)


def damage(path, at, to):
    with open(path, "rb") as file:
        content = bytearray(file.read())
    content[at] ^= 0x40
    with open(to, "wb") as file:
        file.write(content)


def test_bad_backups():
    """a backup that is cut short, damaged, foreign or missing is refused with its place and reason"""
    with Cluster(1) as c:
        node = c.nodes[0]
        fill(node, 50)
        file = os.path.join(c.directory, "backup")
        other = os.path.join(c.directory, "other")
        done(node, "backup", file)
        size = os.path.getsize(file)
        for words in (("backup", "verify", other), ("restore", other)):
            refused(node, "No such file", *words)
        damage(file, size // 2, other)
        refused(node, "does not match its checksum: it is damaged", "backup", "verify", other)
        with open(file, "rb") as whole, open(other, "wb") as cut:
            cut.write(whole.read(size - 100))
        said = refused(node, "cut short", "restore", other)
        assert f"byte {size - 100}" in said and "use another backup" in said, said
        damage(file, 8, other)
        refused(node, "newer release", "restore", other)
        with open(other, "w", encoding="ascii") as text:
            text.write("root:x:0:0")
        refused(node, "this is no backup", "backup", "verify", other)
        open(other, "wb").close()
        refused(node, "the file is empty", "backup", "verify", other)
        refused(node, "cannot be made", "backup", "/nowhere/backup")


def test_recover():
    """with two of three lost for good the third becomes a new cluster, and the old half is refused"""
    with Cluster() as c:
        first, second, third = c.nodes
        assert c.put(1, 7) == "ok"
        fill(first, 100)
        refused(first, "a node runs on", "cluster", "recover")
        first.stop()
        said = refused(first, "not needed: a majority of the voters is here", "cluster", "recover",
                       "--yes")
        assert "2 of 3" in said or "3 of 3" in said, said
        second.kill9()
        third.kill9()
        said = done(first, "cluster", "recover")
        assert "Nothing was changed" in said and said.count("DOES NOT ANSWER: lost") == 2, said
        assert "1 of 3 voters are here, 2 are a majority" in said and "101 sessions" in said, said
        said = done(first, "cluster", "recover", "--yes")
        aside = re.search(r"kept in (\S+raft\.aside-\d+)", said)
        assert aside and os.path.isdir(aside.group(1)), said
        alone(first)
        first.start()
        c.wait_serving(first)
        assert sessions(first) == 101 and c.get(first) == 7
        # The old half comes back and is a majority of what was.
        second.start()
        third.start()
        c.wait_serving(second, third)
        for node in c.nodes:
            wait_until(lambda n=node: n.log.grep("SPLIT.BRAIN|split.brain|another cluster"), 15,
                       f"{node} raises the alarm")
        assert c.put(first, 8) == "ok" and c.get(first) == 8
        assert c.get(second) == 7
        second.stop()
        third.stop()
        come_back(c, first, second, third)
        c.all_show(8)


if __name__ == "__main__":
    tap.main(globals())
