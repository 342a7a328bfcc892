"""The lab itself: its faults really happen, and nothing of it stays behind.

Hosts 1 to 3 as drawn in fabric.py; small programs (probe.py) stand in for nodes.
"""

import os
import select
import signal
import subprocess
import sys

import fabric
import lab as lab_module
import probe
import tap
from lab import PATIENCE_S, Lab, wait_until

PROBE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe.py")
QUIET_S = 0.3  # longer than the lines of these stories delay


class Probe:
    """A running probe whose output lines are awaited."""

    def __init__(self, lab, host, *arguments):
        self.process = subprocess.Popen(
            lab.fabric.command(host, sys.executable, PROBE, *arguments), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, bufsize=0, preexec_fn=fabric.die_with_parent)
        self.lines = []
        self.rest = b""

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def read(self, timeout):
        """Take in what arrives within the timeout; False when nothing did."""
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            return False
        chunk = os.read(self.process.stdout.fileno(), 65536)
        self.rest += chunk
        *whole, self.rest = self.rest.split(b"\n")
        self.lines += [line.decode() for line in whole]
        return bool(chunk)

    def line(self, timeout=PATIENCE_S):
        """The next line; None when none comes."""
        while not self.lines:
            if not self.read(timeout):
                return None
        return self.lines.pop(0)

    def wait(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)


def make_lab(mode, **options):
    if mode == "wire" and not os.path.exists("/dev/net/tun"):
        raise tap.Skip("this machine has no TAP devices")
    lab = Lab(3, mode=mode, **options)
    if not lab.fabric.can_cut:
        lab.close()
        raise tap.Skip("network namespaces are not allowed here")
    return lab


def pings(lab, a, b):
    return "1 received" in lab.fabric.on(a, "ping", "-c", "1", "-W", "1", lab.fabric.address(b),
                                         check=False)


def wait_pings(lab, *pairs):
    for a, b in pairs:
        wait_until(lambda a=a, b=b: pings(lab, a, b), PATIENCE_S, f"{b} answers {a}")


def packets(lab, count, every_ms):
    """Send numbered packets from host 1 to host 2: [(number, milliseconds under way)]."""
    sink = Probe(lab, 2, "sink", lab.fabric.address(2))
    assert sink.line() == "ready"
    Probe(lab, 1, "send", lab.fabric.address(2), str(count), str(every_ms)).wait()
    # The observer reaches everybody: what it sends last has been behind all that is under way.
    while sink.read(QUIET_S):
        pass
    Probe(lab, 0, "end", lab.fabric.address(2)).wait()
    wait_until(lambda: sink.read(QUIET_S) and any(line.startswith(f"{probe.END} ")
                                                  for line in sink.lines), PATIENCE_S,
               "the last packet arrives")
    while sink.read(QUIET_S):
        pass
    sink.process.kill()
    sink.process.wait()
    arrived = [tuple(map(int, line.split())) for line in sink.lines]
    return [packet for packet in arrived if packet[0] != probe.END]


def cuts_and_heals(mode):
    with make_lab(mode) as lab:
        everyone = [(a, b) for a in (1, 2, 3) for b in (1, 2, 3) if a != b]
        wait_pings(lab, *everyone)
        lab.isolate(1)
        assert not pings(lab, 1, 2) and not pings(lab, 3, 1)
        wait_pings(lab, (2, 3), (0, 1), (0, 2), (0, 3))  # the observer sees all
        lab.heal()
        wait_pings(lab, *everyone)
        lab.cut(1, 3)
        assert not pings(lab, 1, 3)
        wait_pings(lab, (1, 2), (3, 2))  # a bridge node


def silence(mode):
    """A connection over a cut goes silent, is not reset, and goes on when the cut heals."""
    with make_lab(mode) as lab:
        echo = Probe(lab, 2, "echo", lab.fabric.address(2))
        assert echo.line() == "ready"
        talk = Probe(lab, 1, "talk", lab.fabric.address(2))
        assert talk.line() == "connected"
        talk.say("before")
        assert talk.line() == "before"
        lab.isolate(2)
        talk.say("during")
        assert talk.line(timeout=1) is None, "silence: neither an answer nor an error"
        lab.heal()
        assert talk.line() == "during", "TCP sends again what the cut swallowed"


def test_bridge_cuts():
    """a bridge cuts one host off, one pair apart, and heals"""
    cuts_and_heals("bridge")


def test_wire_cuts():
    """a wire cuts one host off, one pair apart, and heals"""
    cuts_and_heals("wire")


def test_bridge_silence():
    """a cut on the bridge is silent, and a connection outlives it"""
    silence("bridge")


def test_wire_silence():
    """a cut on the wire is silent, and a connection outlives it"""
    silence("wire")


def one_way(mode):
    with make_lab(mode) as lab:
        lab.cut_oneway(2, 1)
        assert len(packets(lab, 20, 1)) == 20, "the other direction is whole"
        lab.heal()
        lab.cut_oneway(1, 2)
        assert packets(lab, 20, 1) == [], "the cut direction is dead"


def test_bridge_one_way():
    """a one-way cut on the bridge stops one direction only"""
    one_way("bridge")


def test_wire_one_way():
    """a one-way cut on the wire stops one direction only"""
    one_way("wire")


def test_bridge_counts_what_it_drops():
    """the bridge counts the frames that a cut swallowed"""
    with make_lab("bridge") as lab:
        assert lab.fabric.dropped() == 0
        lab.cut_oneway(1, 2)
        packets(lab, 20, 1)
        assert lab.fabric.dropped() == 20


def test_noisy_cut():
    """a noisy cut answers with a reset at once"""
    with make_lab("bridge") as lab:
        echo = Probe(lab, 2, "echo", lab.fabric.address(2))
        assert echo.line() == "ready"
        talk = Probe(lab, 1, "talk", lab.fabric.address(2))
        assert talk.line() == "connected"
        lab.refuse(1, 2)
        talk.say("anyone")
        answer = talk.line()
        assert answer is not None and ("reset" in answer or answer == "closed"), answer
        lab.accept()
        again = Probe(lab, 1, "talk", lab.fabric.address(2))
        assert again.line() == "connected"


def test_interface():
    """an interface vanishes and returns, also with another address"""
    for mode in ("bridge", "wire"):
        with make_lab(mode) as lab:
            lab.fabric.interface(1, up=False)
            assert not pings(lab, 2, 1)
            lab.fabric.interface(1, up=True)
            wait_pings(lab, (2, 1))
            lab.fabric.set_address(1, 101)
            assert not pings(lab, 2, 1), "the old address is gone"
            wait_until(lambda: "1 received" in lab.fabric.on(2, "ping", "-c", "1", "-W", "2",
                                                             "10.77.0.101", check=False),
                       PATIENCE_S, "the new address answers")


def test_wire_delay_and_jitter():
    """the wire delays each frame by what it was told, and keeps their order"""
    with make_lab("wire") as lab:
        lab.shape(delay_ms=40, jitter_ms=30)
        arrived = packets(lab, 100, 2)
        delays = [delay for _, delay in arrived]
        assert len(arrived) == 100
        assert min(delays) >= 40 and max(delays) - min(delays) >= 15, delays
        assert [number for number, _ in arrived] == list(range(100)), "in order"


def test_wire_loss_from_a_seed():
    """the wire loses what the seed says: the same frames in each run, others with another seed"""
    def numbers(seed):
        with make_lab("wire", seed=seed) as lab:
            lab.shape(loss=0.2)
            return [number for number, _ in packets(lab, 200, 1)]
    first, again, other = numbers(7), numbers(7), numbers(8)
    assert 120 < len(first) < 190, len(first)
    assert first == again and first != other


def test_wire_duplicates_and_reorders():
    """the wire duplicates and reorders"""
    with make_lab("wire") as lab:
        lab.shape(duplicate=0.2, reorder=0.1)
        numbers = [number for number, _ in packets(lab, 200, 1)]
        assert set(numbers) == set(range(200)), "nothing is lost"
        assert 210 < len(numbers) < 280, "copies"
        count = lab.fabric.count(1, 2)
        assert count["duplicated"] == len(numbers) - 200 and count["reordered"] > 5, count
        first_seen = list(dict.fromkeys(numbers))
        assert first_seen != sorted(first_seen), "some were overtaken"


def test_cleans_up():
    """nothing stays behind: neither after an end, nor after TERM, nor after KILL"""
    make_lab("bridge").close()
    mine = f"lab-{os.getpid()}-"
    assert not [name for name in fabric.namespaces() if name.startswith(mine)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        code = ("import sys, time\nfrom lab import Lab\n"
                "with Lab(2, mode='wire', build=sys.argv[1]) as lab:\n"
                "    print('ready', flush=True)\n    time.sleep(60)\n")
        child = subprocess.Popen(
            [sys.executable, "-c", code, lab_module.build_directory()], stdout=subprocess.PIPE,
            text=True, cwd=os.path.dirname(PROBE))
        assert child.stdout.readline() == "ready\n"
        child.send_signal(number)
        child.wait(PATIENCE_S)
        if number == signal.SIGKILL:
            fabric.sweep()  # as the next run does
        left = [name for name in fabric.namespaces() if name.startswith(f"lab-{child.pid}-")]
        assert not left, left


def test_loopback():
    """without namespaces the lab says so and gives loopback addresses"""
    lab = Lab(3, mode="loopback")
    assert [node.name for node in lab.nodes] == [f"erlmcp{n}@127.0.1.{n}" for n in (1, 2, 3)]
    try:
        lab.isolate(1)
        raise AssertionError("a cut on loopback was not refused")
    except RuntimeError:
        pass
    lab.close()


if __name__ == "__main__":
    tap.main(globals())
