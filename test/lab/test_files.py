"""Faults on real files, below everything that a simulation replaces. Vocabulary: lab.py.

A writer (writer.c: the consensus room with the real storage backend) or a whole cluster runs under strace,
which kills it at its Nth call of some system call, or lets that call fail; or on a small
file system that is filled to the brim. Afterwards everything that was acknowledged is there.

    --thorough      many more places to die at; minutes
"""

import os
import shutil
import subprocess
import sys

import tap
from lab import build_directory, make_directory, wait_until
from test_cluster import Cluster

CALLS = ("io_submit", "pwrite64", "pwritev2", "fsync", "fdatasync", "rename", "linkat",
         "ftruncate", "unlink", "fallocate", "openat")
THOROUGH = "--thorough" in sys.argv
NEW = 12  # numbers that a life of the writer is asked to add
LIFE_MAX_S = 120


class Writer:
    """A directory and all lives of the writer on it, with what they promised."""

    def __init__(self, n_nodes=1):
        self.n_nodes = n_nodes
        self.directory = make_directory()
        self.program = os.path.join(build_directory(), "test", "lab", "writer")
        self.reset()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory, ignore_errors=True)

    def reset(self):
        """A new disk."""
        shutil.rmtree(self.directory)
        os.mkdir(self.directory)
        self.next = 1
        self.acknowledged = set()
        self.term = 0

    def live(self, fault=None):
        """One life; fault is strace's injection. Returns the exit code and what it said."""
        command = [self.program, self.directory, str(self.n_nodes), str(self.next), str(NEW)]
        if fault:
            command = ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", "trace=" + fault.split(":")[0],
                       "-e", "signal=none", "-e", "inject=" + fault] + command
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIFE_MAX_S,
                              check=False)
        self.check(done.stdout)
        self.next += NEW
        return done.returncode, done.stdout + done.stderr

    def check(self, text):
        """What it found on its disk, and what it promises from now on."""
        lines = [line.split(" ", 1) for line in text.splitlines() if " " in line]
        found = {int(rest) for word, rest in lines if word == "has"}
        for word, rest in lines:
            if word == "term":
                lost = self.acknowledged - found
                assert not lost, f"acknowledged, and gone: {sorted(lost)}"
                assert not [n for n in found if n >= self.next], "entries that were never written"
                assert int(rest) > self.term, f"term {rest} after term {self.term}"
                self.term = int(rest)
            elif word == "ok":
                self.acknowledged.add(int(rest))

    def live_well(self):
        code, text = self.live()
        assert code == 0, f"does not start after that: {text[-400:]}"


def needs_strace():
    """strace has to be there, and to be allowed to look into its children."""
    try:
        subprocess.run(["strace", "-qqq", "-o", "/dev/null", "-e", "trace=none", "true"], check=True,
                       capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        raise tap.Skip("strace is not allowed here") from None


def died(code):
    return code in (-9, 137)


def sweep(writer, places, each_new):
    """Kill a life at each place; the next one proves that nothing was lost."""
    kills = 0
    for call in CALLS:
        for place in places:
            if each_new:
                writer.reset()
            code, text = writer.live(f"{call}:signal=KILL:when={place}")
            assert died(code) or code == 0, f"{call} {place}: {code}, {text[-400:]}"
            kills += died(code)
            if not died(code):
                break  # it does not come to so many calls
            if each_new:
                writer.live_well()
    writer.live_well()
    assert writer.acknowledged, "nothing was acknowledged, so nothing was proved"
    print(f"# {kills} kills, {len(writer.acknowledged)} numbers acknowledged on the last disk")
    return kills


def test_kill_at_founding():
    """killed at each system call of its first life, a node is founded all the same"""
    needs_strace()
    with Writer() as w:
        assert sweep(w, range(1, 40 if THOROUGH else 4), each_new=True) > 15


def test_kill_while_writing():
    """killed at each system call, a node keeps what it acknowledged, and its term"""
    needs_strace()
    with Writer() as w:
        w.live_well()
        assert sweep(w, range(1, 60 if THOROUGH else 9), each_new=False) > 30


def test_kill_three():
    """three nodes killed together at any system call keep terms, votes and what was acknowledged"""
    needs_strace()
    with Writer(3) as w:
        w.live_well()
        places = range(1, 80) if THOROUGH else (4, 19)
        assert sweep(w, places, each_new=False) > 8


def test_failing_calls():
    """after a failed write or sync nothing is acknowledged any more, and nothing was lost"""
    needs_strace()
    failed = 0
    with Writer() as w:
        w.live_well()
        for call in ("io_submit", "pwrite64", "fsync", "fdatasync", "rename", "ftruncate"):
            for place in range(1, 20 if THOROUGH else 6):
                code, text = w.live(f"{call}:error=EIO:when={place}")
                assert code in (0, 2, 3), f"{call} {place}: {code}, {text[-400:]}"
                if code == 0:
                    continue
                failed += 1
                assert "fatal: " in text or "cannot start: " in text, \
                    f"{call} {place}: {code}, no reason given: {text[-200:]}"
                told = text.split("fatal: ")[0]
                assert text.count("ok ") == told.count("ok "), "acknowledged after a failure"
        w.live_well()
    assert failed > 10
    print(f"# {failed} lives ended by a failed call")


def test_failing_fill():
    """a segment that cannot be filled beforehand holds up nothing"""
    needs_strace()
    with Writer() as w:
        for error in ("EIO", "EOPNOTSUPP", "ENOSPC"):
            for place in (1, 65):
                code, text = w.live(f"pwritev2:error={error}:when={place}")
                assert code == 0, f"{error} {place}: {code}, {text[-400:]}"
        w.live_well()
        assert len(w.acknowledged) == 7 * NEW, "all was acknowledged"


class SmallDisks(Cluster):
    """Three nodes, each on a file system of its own with little room."""

    MIB = 160

    def __enter__(self):
        self.kinds = set()
        for node in self.nodes:
            os.mkdir(node.data)
            self.kinds.add(self.mount(node))
        print(f"# data directories on {' and '.join(sorted(self.kinds))} of {self.MIB} MiB")
        return super().__enter__()

    def mount(self, node):
        """A loop device, or memory where loop devices are not allowed: what it became."""
        image = node.data + ".img"
        with open(image, "wb") as file:
            file.truncate(self.MIB << 20)
        commands = (("loop devices with ext4",
                     ["sh", "-c", f"mkfs.ext4 -q -m 0 {image} && mount -o loop {image} {node.data}"]),
                    ("tmpfs (loop devices are not allowed here)",
                     ["mount", "-t", "tmpfs", "-o", f"size={self.MIB}m", "none", node.data]))
        for kind, command in commands:
            if subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0:
                return kind
        raise tap.Skip("no file system can be mounted here")

    def close(self):
        for node in self.nodes:
            node.kill9()
            subprocess.run(["umount", node.data], capture_output=True, timeout=60, check=False)
        super().close()

    def fill(self, node):
        """Not a block is left."""
        size = 0
        with open(os.path.join(node.data, "filler"), "wb") as file:
            for step in (16 << 20, 1 << 20, 1 << 12):
                try:
                    while True:
                        os.posix_fallocate(file.fileno(), size, step)
                        size += step
                except OSError:
                    pass

    def make_room(self, node):
        os.remove(os.path.join(node.data, "filler"))

    def pour(self):
        """Write 3.6 MB in pieces of 60 kB; how many of the 60 were acknowledged."""
        try:
            return self.leader(timeout=60).eval(
                f"[erlmcp_session:put({self.session}, big, <<0:480000>>)"
                " || _ <- lists:seq(1, 60)].", timeout=60).count("ok")
        except RuntimeError:
            return 0  # the leader changed

    def pour_past_reserve(self):
        """More than the three segments that a node has allocated ahead."""
        poured = 0

        def enough():
            nonlocal poured
            poured += self.pour()
            return poured > 450
        wait_until(enough, 300, "27 MB are written")

    def complaining(self):
        """The nodes whose alarm about disk space stands, as Prometheus is told."""
        stands = 'erlmcp_alarm_active{alarm="disk_full"} 1'
        return [node for node in self.nodes
                if stands in node.run("erlmcp-admin", "metrics", "alarm_active").stdout]

    def refused(self):
        """Writes are refused for want of space, and say so."""
        self.pour()
        return "no space left on the disk" in self.put(self.leader(), 1, key="probe")


def finally_show(c, value):
    """All serve; none of them shows anything older."""
    c.wait_serving(timeout=60)
    for node in c.nodes:
        shown = c.read(node)
        assert shown == value, f"{node} shows {shown}, not {value}"


def answers(c, value):
    """Does somebody who leads accept this?"""
    try:
        return c.put(c.leader(timeout=60), value) == "ok"
    except RuntimeError:
        return False  # it has just ended, or is not up yet


def test_full_follower():
    """a follower without disk space holds nobody up, and catches up when it has space again"""
    with SmallDisks() as c:
        full = c.follower()
        c.fill(full)
        c.pour_past_reserve()
        wait_until(lambda: answers(c, 7), 60, "the others accept a write")
        c.make_room(full)
        finally_show(c, 7)


def test_full_majority():
    """a full leader loses nothing; a full majority refuses with the reason, until there is space"""
    with SmallDisks() as c:
        c.fill(c.leader())
        c.pour_past_reserve()
        wait_until(lambda: answers(c, 7), 60, "one full disk of three is no reason")
        for node in c.nodes:
            c.fill(node)
        wait_until(c.refused, 300, "a full majority refuses")
        wait_until(lambda: len(c.complaining()) >= 2, 60,
                   "whoever has no space says so, not only the leader")
        shown = c.read(c.leader(timeout=60))
        assert shown == 7, f"reads are answered, not with {shown}"
        for node in c.nodes:
            assert node.running(), f"{node} ended"
            c.make_room(node)
        wait_until(lambda: answers(c, 8), 60, "service returns by itself")
        finally_show(c, 8)
        wait_until(lambda: not c.complaining(), 60, "the alarms end")


def ends_on_write(c, node):
    """Ask a node for a write; true when it has ended."""
    try:
        if node.running():
            c.put(node, 6)
    except (RuntimeError, subprocess.TimeoutExpired):
        pass  # it ended meanwhile
    return not node.running()


def test_failed_sync_of_a_member():
    """a member whose sync fails stops with the reason; the others serve, and it comes back"""
    needs_strace()
    with Cluster() as c:
        leader = c.leader()
        tracer = subprocess.Popen(
            ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", "trace=io_submit", "-e", "signal=none",
             "-e", "inject=io_submit:error=EIO", "-p", str(leader.pid())],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        rest = c.others(leader)
        try:
            wait_until(lambda: ends_on_write(c, leader), 60, f"{leader} ends")
        finally:
            tracer.terminate()
            tracer.wait()
        assert leader.wait_exit() == 74
        assert leader.log.grep("cannot write the log: .*i/o error")
        c.wait_put(rest[0], 7)
        leader.start()
        finally_show(c, 7)


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word != "--thorough"]
    tap.main(globals())
