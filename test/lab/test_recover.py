"""What an operator does when too much is lost: backup, restore, recover. Vocabulary: lab.py.

    node 1 ---- node 2        Every step is the operator's own program on the node's host, and
        \\      /              every refusal names what is wrong and what to do.
         node 3
"""

import os
import re
import threading
import uuid

import tap
from lab import wait_until
from test_cluster import Cluster
from test_files import SmallDisks
from test_state import once

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts",
                     "check-partition.sh")


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


def joined(first, node):
    """The first node sees the other one and lets it join; the order is repeated until it is obeyed."""
    wait_until(lambda: any(m["name"] == node.name and m["hears_us"]
                           for m in first.status().get("members", [])), 60, f"{first} sees {node}")
    last = []

    def obeyed():
        last[:] = admin(first, "cluster", "join", node.name)
        return last[0] == 0
    try:
        wait_until(obeyed, 60)
    except AssertionError:
        raise AssertionError(f"{first}: join {node}: {last}") from None


def backed_up(node, file):
    """A backup that a majority confirmed; what the program said."""
    said = [done(node, "backup", file)]

    def confirmed():
        if "no majority confirmed" not in said[0]:
            return True
        os.remove(file)  # a busy moment without a leader
        node.insist("erlmcp_session:count().")
        said[0] = done(node, "backup", file)
        return False
    wait_until(confirmed, 90, f"a majority confirms the backup of {node}")
    return said[0]


def serves_alone(node, voters=1):
    """With fewer voters than ERLMCP_QUORUM_SIZE, which everybody is told."""
    def told():
        status = node.status()
        return status.get("serving") and status
    status = wait_until(told, 60, f"{node} serves")
    assert status["quorum"]["regrowing"] and status["quorum"]["size"] == 3, status["quorum"]
    assert f"recovered with {voters} of 3 voters" in status["quorum"]["warning"], status["quorum"]
    assert any(a["text"].startswith("recovered, and not whole again") for a in status["alarms"]), \
        status["alarms"]
    wait_until(lambda: node.shell("sh", CHECK).returncode == 0, 60, f"{node} passes the check")


def is_whole(node):
    """ERLMCP_QUORUM_SIZE counts again."""
    quorum = node.status().get("quorum", {})
    return quorum.get("regrowing") is False and quorum.get("warning") is None


def come_back(c, first, *others):
    """The others join the new cluster of the first with empty disks, until all serve."""
    for node in others:
        node.wipe()
        node.start()
        joined(first, node)
    c.wait_all_see_all(timeout=60)
    for node in c.nodes:
        wait_until(lambda n=node: is_whole(n), 60, f"{node} knows that it is whole")


def sessions(node):
    return int(node.insist("erlmcp_session:count()."))


def fill(node, n):
    """n sessions more, each acknowledged: who is fenced for a moment is asked again."""
    ids = ", ".join(f'<<"{uuid.uuid4().hex}">>' for _ in range(n))
    expression = ("length([ok || {ok, _} <- [erlmcp_session:create(#{request_id => R}) || "
                  f"R <- [{ids}]]]).")
    wait_until(lambda: node.eval(expression, timeout=60).strip() == str(n), 120,
               f"{node} acknowledges {n} sessions")


def test_backup_and_restore():
    """a backup of a running cluster holds all that was acknowledged, and founds a new cluster"""
    with Cluster() as c:
        c.wait_put(1, 7)
        fill(c.nodes[1], 300)
        file = os.path.join(c.directory, "backup")
        said = backed_up(c.nodes[2], file)
        assert re.search(r"301 sessions at index \d+", said) and "WARNING" not in said, said
        assert "no file is replaced" in refused(c.nodes[2], "is there already", "backup", file)
        assert sessions(c.nodes[0]) == 301
        assert "301 sessions" in done(c.nodes[0], "backup", "verify", file)
        refused(c.nodes[0], "a node runs on", "restore", file)
        for node in c.nodes:
            node.stop(timeout=60)
        refused(c.nodes[0], "is in use: a backup is restored into an empty data directory",
                "restore", file)
        first, *others = c.nodes
        first.wipe()
        assert "Nothing was changed" in done(first, "restore", file, "--dry-run")
        assert not os.path.exists(os.path.join(first.data, "identity"))
        assert "it serves alone, whatever ERLMCP_QUORUM_SIZE says" in done(first, "restore", file)
        first.start()
        c.wait_serving(first)
        serves_alone(first)
        assert sessions(first) == 301 and c.read(first) == 7
        come_back(c, first, *others)
        c.wait_put(2, 8)
        c.all_show(8)


def test_backup_while_writing():
    """clients write on while a backup is made; it holds what was acknowledged before, and is whole"""
    with Cluster() as c:
        fill(c.nodes[0], 200)
        enough = threading.Event()
        counts = []

        def write():
            while not enough.is_set():
                fill(c.nodes[1], 5)
                counts.append(1)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for i in range(5):
                file = os.path.join(c.directory, f"backup{i}")
                before = 201 + 5 * len(counts)
                backed_up(c.nodes[2], file)
                after = 201 + 5 * (len(counts) + 1)
                got = int(re.search(r"(\d+) sessions", done(c.nodes[2], "backup", "verify", file)).group(1))
                assert before <= got <= after, f"{before} <= {got} <= {after}"
        finally:
            enough.set()
            writer.join()
        assert counts, "nobody wrote meanwhile"


class Disks64(SmallDisks):
    MIB = 64


def test_log_of_many_bytes():
    """on disks of 64 MiB a cluster takes more than they hold, because snapshots come in time"""
    with Disks64() as c:
        poured = 0
        while poured < 1200:
            poured += c.pour()
        print(f"# {poured} values of 60 kB, {poured * 60 // 1000} MB")
        c.wait_put(1, 5)
        c.all_show(5)
        for node in c.nodes:
            wait_until(lambda n=node: n.status().get("alarms") == [], 60, f"{node} has no alarm")
        # A backup has no room there; nothing is left of it, and service goes on.
        victim = c.follower()
        c.fill(victim)
        file = os.path.join(victim.data, "backup")
        code, said = admin(victim, "backup", file)
        assert code == 1 and "No space left" in said, said
        assert not files_of(victim, prefix="backup"), "something is left"
        c.make_room(victim)
        c.wait_put(2, 6)
        c.all_show(6)


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
        said = refused(node, "use another backup", "backup", "verify", other)
        assert re.search(r"other: byte \d+: \w", said), said
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
        wait_until(lambda: "{ok," in first.eval(f"erlmcp_session:claim({c.session})."), 60,
                   "the state is upgraded")
        c.wait_put(1, 7)
        fill(first, 100)
        refused(first, "a node runs on", "cluster", "recover")
        first.stop(timeout=60)
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
        first.start()
        c.wait_serving(first)
        serves_alone(first)
        assert sessions(first) == 101 and c.read(first) == 7
        # The old half comes back and is a majority of what was.
        second.start()
        third.start()
        c.wait_serving(second, third)
        for node in c.nodes:
            wait_until(lambda n=node: n.log.grep("SPLIT.BRAIN|split.brain|another cluster"), 60,
                       f"{node} raises the alarm")
        c.wait_put(first, 8)
        assert c.read(first) == 8
        assert c.read(second) == 7
        resolve(c, first, second, third)
        c.all_show(8)
        assert sessions(third) == 102


def write_differently(c, first, second):
    """What is no key: a stream, a question, the time to live, a principal, handles and tasks."""
    both = [id for id in re.findall(r'<<"(\w{32})">>', first.insist("erlmcp_session:list()."))
            if id not in c.session][:3]
    for node, word in ((first, "this"), (second, "that")):
        for call in (f'erlmcp_session:append(<<"{both[0]}">>, 1, {word})',
                     f'erlmcp_session:ask(<<"{both[1]}">>, 1, {word})',
                     f"erlmcp_handle:mint({word})"):
            assert node.insist(once(call) + ".").startswith("{ok,"), call
    assert second.insist(once("erlmcp_task:create(work, [])") + ".").startswith("{ok,")
    # The same on both sides, at other places of the two logs: no difference.
    for node in (first, second):
        said = node.insist(once(f'erlmcp_session:append(<<"{both[2]}">>, 1, same)') + ".")
        assert said == "{ok,1}", said
    return both


def resolved(first, *words):
    """`cluster resolve`, once the members of both sides answer: what it said."""
    last = []

    def told():
        last[:] = admin(first, *words)
        return last[0] == 0 or "does not answer" not in last[1]
    wait_until(told, 60, f"{words} is answered")
    assert last[0] == 0, f"{words}: {last}"
    return last[1]


def resolve(c, first, second, third):
    """Two clusters out of one: what differs is listed, then one of them is given up."""
    differ = write_differently(c, first, second)
    fill(first, 1)
    fill(second, 2)
    # resolve asks for what a node has applied; a confirmed read has it apply the newest.
    assert sessions(first) == 102 and sessions(second) == 103
    words = ("cluster", "resolve", second.name, "--keep", "THIS")
    said = resolved(first, *words)
    assert re.search(r"sessions only in THIS +1\n", said), said
    assert re.search(r"sessions only in THAT +2\n", said), said
    assert re.search(r"sessions that differ +3\n( +\w{32}\n){3}handles", said), said
    assert all(id in said for id in differ[:2]) and differ[2] not in said, said
    assert re.search(r"handles only in THIS +1\n +\w{32}\nhandles only in THAT +1\n +\w{32}\n"
                     r"handles that differ +0\ntasks only in THIS +0\ntasks only in THAT +1\n", said)
    assert "Nothing was changed" in said, said
    c.wait_serving(second, third)
    refused(first, "there is nothing to resolve", "cluster", "resolve", first.name, "--keep", "THIS")
    assert admin(first, "cluster", "resolve", second.name)[0] == 64
    said = resolved(first, *words, "--yes")
    assert said.count("sets its data aside") == 2, said
    for node in (second, third):
        wait_until(lambda n=node: n.state() == "forming", 60, f"{node} waits to be admitted")
        assert files_of(node, prefix="raft.aside-")
        joined(first, node)


def test_regrown():
    """a recovered cluster serves with what it has; once whole it asks for its quorum size again"""
    with Cluster() as c:
        first, second, third = c.nodes
        c.wait_put(1, 7)
        for node in c.nodes:
            node.kill9()
        done(first, "cluster", "recover", "--yes")
        first.start()
        c.wait_serving(first)
        first.restart()
        c.wait_serving(first)
        serves_alone(first)
        second.wipe()
        second.start()
        joined(first, second)
        # The second knows what its cluster went through, also after its next start.
        wait_until(lambda: second.status().get("quorum", {}).get("regrowing"), 60, "it knows")
        second.restart()
        c.wait_serving(first, second)
        serves_alone(second, 2)
        c.wait_put(second, 8)
        # Two voters: both are needed.
        second.kill9()
        c.wait_fenced(first)
        second.start()
        c.wait_serving(first, second)
        come_back(c, first, third)
        c.all_show(8)
        # Whole, and then left by two: nobody is lenient any more, also after a restart.
        third.kill9()
        second.kill9()
        c.wait_fenced(first)
        first.restart()
        wait_until(lambda: first.state() in ("syncing", "fenced"), 60, "the first is up")
        c.pass_time(2)
        status = wait_until(first.status, 60, "the first answers")
        assert not status["serving"] and not status["quorum"]["regrowing"], status
        second.start()
        third.start()
        c.all_show(8)


def files_of(node, *parts, prefix):
    directory = os.path.join(node.data, *parts)
    return sorted(os.path.join(directory, name) for name in os.listdir(directory)
                  if name.startswith(prefix))


def fill_logs(c):
    """Entries on every disk, and behind them a write of its own, however late the others came."""
    fill(c.nodes[0], 40)
    for value in (1, 2):
        c.wait_put(c.nodes[0], value)
        for node in c.nodes:
            assert c.read(node) == value


def damage_log(node):
    """Change a byte in the middle of what an open segment holds: entries written later follow."""
    for path in files_of(node, "raft", prefix="open-"):
        with open(path, "rb") as file:
            used = len(file.read().rstrip(b"\0"))
        if used > 1000:
            damage(path, used // 2, path)
            return path
    raise AssertionError("no open segment with entries")


def test_damaged_log():
    """a member whose log is damaged keeps the evidence, votes nowhere, and joins anew by itself"""
    with Cluster() as c:
        victim = c.follower()
        fill_logs(c)
        before = wait_until(lambda: victim.status().get("cluster_id"), 60, f"{victim} has a cluster")
        victim.kill9()
        path = damage_log(victim)
        c.wait_put(c.others(victim)[0], 3)
        victim.settings["ERLMCP_DAMAGED_LOG"] = "stop"
        victim.start()
        assert victim.wait_exit(60) == 74
        assert os.path.exists(path), "nothing was moved"
        del victim.settings["ERLMCP_DAMAGED_LOG"]
        victim.start()
        c.all_show(3)
        assert victim.log.grep(r"damaged: .*open-\d+: damaged at byte \d+.*set aside")
        assert files_of(victim, prefix="raft.aside-") and files_of(victim, prefix="identity.aside-")
        with open(os.path.join(victim.data, "flight.log"), encoding="utf-8") as flight:
            assert '"set_aside"' in flight.read()
        assert wait_until(lambda: victim.status().get("cluster_id"), 60, f"{victim} answers") == before
        wait_until(lambda: not files_of(victim, prefix="lost-disk"), 60,
                   "it is admitted, and waits for nobody")
        victim.restart()
        c.all_show(3)


def test_damaged_state():
    """a damaged chunk of the state is damage like any other: named, set aside, fetched anew"""
    with Cluster(ERLMCP_SNAPSHOT_THRESHOLD="16", ERLMCP_SNAPSHOT_TRAILING="1") as c:
        fill(c.nodes[0], 60)
        victim = c.follower()
        wait_until(lambda: [f for f in files_of(victim, "raft", prefix="snapshot-") if f.endswith(".meta")],
                   60, "a snapshot")
        victim.kill9()
        for path in files_of(victim, "raft", "state", prefix="chunk-"):
            if not path.endswith(".tmp"):  # half written when it was killed
                damage(path, 20, path)
        c.wait_put(c.others(victim)[0], 4)
        victim.start()
        c.all_show(4)
        assert victim.log.grep(r"damaged: chunk-\d+-\S+: .*offset")


def test_all_damaged():
    """three members with damaged logs found nothing: the data waits for an operator"""
    with Cluster() as c:
        fill_logs(c)
        for node in c.nodes:
            node.kill9()
            damage_log(node)
        for node in c.nodes:
            node.start()
        for node in c.nodes:
            wait_until(lambda n=node: n.log.grep("is kept in .*raft.aside"), 60, f"{node} sets aside")
            wait_until(lambda n=node: n.state() == "forming", 60, f"{node} waits")
        c.pass_time(2)
        for node in c.nodes:
            state = wait_until(node.state, 60, f"{node} answers")
            assert state == "forming", f"{node}: {state}"
            code, said = admin(node, "cluster", "found", "--members",
                               ",".join(n.name for n in c.nodes))
            assert code == 1 and "its log was damaged" in said, said


if __name__ == "__main__":
    tap.main(globals())
