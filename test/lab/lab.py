"""The lab's vocabulary: clusters of real nodes on real, breakable networks.

    with Lab(3) as lab:                          # or Lab(3, mode="wire", seed=7)
        lab.start()
        lab.wait_serving()
        leader = lab.leader()
        lab.isolate(leader)
        lab.wait_until(lambda: leader.state() == "fenced", 5, "the old leader is fenced")
        lab.heal()
        lab.wait_serving()

The networks and their drawings are in fabric.py. Nothing here sleeps for a fixed time: conditions
are awaited with a bound, and a condition that does not come true fails with what it was about.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import fabric
import tap

COOKIE = "lab-cookie"
POLL_S = 0.01
PATIENCE_S = 90  # for what comes about in the end, on the busiest of machines: no promise, a bound
LONG_S = 20  # a wait that a reader of the output should know of
NOT_SERVED = re.compile(r"\{error,\s*\{(fenced|no_leader|refused|unknown),")


class NoAnswer(RuntimeError):
    """A program could not be answered by the node: it is starting, stopping, or busy."""


def boottime():
    """Seconds on the clock that all nodes share and that pauses do not stop."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wait_until(condition, timeout, what="the condition"):
    """Await a condition; return its (true) value, or fail naming it. A node that does not answer
    is one for which it is not true yet."""
    since = time.monotonic()
    end = since + timeout
    while True:
        last = ""
        try:
            value = condition()
            if value:
                if time.monotonic() > since + LONG_S:
                    print(f"# after {time.monotonic() - since:.0f} s: {what}", flush=True)
                return value
        except (NoAnswer, subprocess.TimeoutExpired) as why:
            last = f" ({why})"
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}{last}")
        time.sleep(POLL_S)


def build_directory(build=None):
    """Where the programs are: the argument, LAB_BUILD, or build/release."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return os.path.abspath(build or os.environ.get("LAB_BUILD")
                           or os.path.join(top, "build", "release"))


def make_directory():
    """A directory for one lab; those of labs that were killed are removed on the way."""
    for name in os.listdir(tempfile.gettempdir()):
        owner = re.match(r"erlmcp-lab-(\d+)-", name)
        if owner and not os.path.exists(f"/proc/{owner.group(1)}"):
            shutil.rmtree(os.path.join(tempfile.gettempdir(), name), ignore_errors=True)
    return tempfile.mkdtemp(prefix=f"erlmcp-lab-{os.getpid()}-")


class Log:
    """What a node has written, over all its lives."""

    def __init__(self, path):
        self.path = path

    def text(self):
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def mark(self):
        """A position: what is written from now on."""
        return len(self.text())

    def grep(self, pattern, since=0):
        """Lines that match a regular expression, from a mark on."""
        return [line for line in self.text()[since:].splitlines() if re.search(pattern, line)]


class Node:
    """One erlmcp on one host, with its own data directory and log."""

    def __init__(self, lab, host):
        self.lab = lab
        self.host = host
        self.name = lab.fabric.node_name(host)
        self.data = os.path.join(lab.directory, f"data{host}")
        self.log = Log(os.path.join(lab.directory, f"node{host}.log"))
        self.settings = {}
        self.process = None
        self.paused = False

    def __repr__(self):
        return self.name

    def environment(self):
        """What an operator would set for this node."""
        names = [node.name for node in self.lab.nodes]
        return {**os.environ, "ERLMCP_NODE_NAME": self.name, "ERLANG_COOKIE": COOKIE,
                "ERLMCP_SEED_NODES": ",".join(names), "ERLMCP_QUORUM_SIZE": str(len(names)),
                "ERLMCP_DATA_DIR": self.data,
                "ERLMCP_HTTP_INTERFACE": self.lab.fabric.address(self.host), "PATH": self.lab.programs + ":" + os.environ["PATH"],
                **self.lab.settings, **self.settings}

    # Life and death

    def start(self, under=()):
        """Start the process, under another program if given; does not wait for it to serve."""
        assert not self.running(), f"{self} runs already"
        with open(self.log.path, "ab") as log:
            self.process = subprocess.Popen(
                self.lab.fabric.command(self.host, *under, self.lab.program("erlmcp"), "foreground"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment(),
                preexec_fn=fabric.die_with_parent)
        self.paused = False

    def running(self):
        return self.process is not None and self.process.poll() is None

    def pid(self):
        return self.process.pid

    def signal(self, number):
        if self.running():
            self.process.send_signal(number)

    def wait_exit(self, timeout=PATIENCE_S):
        """The exit code; fails when the process is still there after the timeout."""
        if self.process is None:
            return None
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self} did not end within {timeout} s") from None

    def stop(self, timeout=PATIENCE_S):
        """Ask the node to stop, as a service manager does; return its exit code."""
        self.cont()
        self.signal(signal.SIGTERM)
        return self.wait_exit(timeout)

    def kill9(self):
        self.signal(signal.SIGKILL)
        return self.wait_exit()

    def pause(self):
        self.paused = True
        self.signal(signal.SIGSTOP)

    def cont(self):
        if self.paused:
            self.paused = False
            self.signal(signal.SIGCONT)

    def restart(self):
        """Kill without warning and start again on the same disk."""
        self.kill9()
        self.start()

    def wipe(self):
        """Lose the disk (of a node that does not run)."""
        assert not self.running(), f"{self} still runs"
        shutil.rmtree(self.data, ignore_errors=True)

    # Questions

    def run(self, program, *arguments, timeout=PATIENCE_S):
        """Run one of our programs on this node's host, as its operator: the finished process."""
        return subprocess.run(
            self.lab.fabric.command(self.host, self.lab.program(program), *arguments),
            capture_output=True, text=True, timeout=timeout, env=self.environment(), check=False)

    def shell(self, *words, timeout=PATIENCE_S, **settings):
        """Run a script or another program there, with our programs in its PATH."""
        return subprocess.run(self.lab.fabric.command(self.host, *words), capture_output=True,
                              text=True, timeout=timeout, check=False,
                              env={**self.environment(), **settings})

    def eval(self, expression, timeout=PATIENCE_S):
        """The value that bin/erlmcp eval prints; fails with what it said on an error."""
        done = self.run("erlmcp", "eval", expression, timeout=timeout)
        if done.returncode != 0:
            raise NoAnswer(f"{self}: eval {expression}: {(done.stderr or done.stdout).strip()}")
        return done.stdout.strip()

    def insist(self, expression, timeout=PATIENCE_S):
        """The value, asked for again while the node refuses for want of a confirmed leader, which
        a node may do at any time. For what may be evaluated twice."""
        said = [""]

        def answered():
            said[0] = self.eval(expression)
            return not NOT_SERVED.search(said[0])
        try:
            wait_until(answered, timeout, f"{self} answers {expression}")
        except AssertionError as why:
            raise AssertionError(f"{why}; at last it said {said[0]}") from None
        return said[0]

    def told(self, timeout=PATIENCE_S):
        """Its status, which it gives in the end."""
        return wait_until(self.status, timeout, f"{self} tells its status")

    def status(self, timeout=15):
        """erlmcp-admin cluster status --json; {} when the node gives none."""
        try:
            done = self.run("erlmcp-admin", "cluster", "status", "--json", timeout=timeout)
            return json.loads(done.stdout)
        except (json.JSONDecodeError, subprocess.TimeoutExpired):
            return {}

    def state(self):
        """serving, degraded, fenced, ...; "" when the node does not answer."""
        status = self.status()
        return status.get("state") or ""

    def serving(self):
        return self.state() in ("serving", "degraded")

    def summary(self):
        """What became of it, on one line."""
        if not self.running():
            return f"{self}: " + ("was not started" if self.process is None
                                  else f"ended with {self.process.returncode}")
        status = {} if self.paused else self.status(timeout=5)
        seen = [member["name"] for member in status.get("members", []) if member.get("hears_us")]
        return (f"{self}: {'paused' if self.paused else status.get('state', 'does not answer')}, "
                f"leader {status.get('leader')}, hears {' '.join(seen)}, {status.get('why')}")

    def rss_kib(self):
        """Resident memory."""
        with open(f"/proc/{self.pid()}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


class Lab:
    """Hosts, a network, and a node on each host. Cleans up however it ends."""

    def __init__(self, n_nodes=3, mode="bridge", build=None, seed=1, keep=False, **settings):
        self.build = build_directory(build)
        self.programs = os.path.join(self.build, "src", "cmd")
        self.settings = settings
        self.keep = keep
        self.handlers = {}
        self.directory = make_directory()
        self.fabric = self.make_fabric(n_nodes, mode, seed)
        self.nodes = [Node(self, host) for host in range(1, n_nodes + 1)]
        self.catch_signals()

    def make_fabric(self, n_nodes, mode, seed):
        why = "asked for" if mode == "loopback" else fabric.why_no_namespaces()
        if why:
            return fabric.Loopback(n_nodes, why)
        if mode == "wire":
            return fabric.Wire(n_nodes, os.path.join(self.build, "test", "lab", "wire"), seed)
        assert mode == "bridge", f"no such mode: {mode}"
        return fabric.Bridge(n_nodes)

    def catch_signals(self):
        """An interrupted run cleans up too."""
        def interrupted(number, _frame):
            raise SystemExit(128 + number)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            self.handlers[number] = signal.signal(number, interrupted)

    def program(self, name):
        return os.path.join(self.programs, name)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind not in (None, SystemExit, KeyboardInterrupt, tap.Skip):
                self.show_logs()
        finally:
            self.close()

    def close(self):
        for node in self.nodes:
            node.kill9()
        self.fabric.close()
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.handlers = {}
        if not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def show_logs(self, lines=50):
        """Note the state of each node and the end of its log: what a failed story needs."""
        for node in self.nodes:
            tap.note(node.summary())
        for node in self.nodes:
            for line in node.log.text().splitlines()[-lines:]:
                # The date is today's, the level mostly "info".
                line = re.sub(r"^\d{4}-\d\d-\d\dT([0-9:.]+)Z (\[info\] )?", r"\1 ", line)
                tap.note(f"{node.host}: {line}")

    def doors(self):
        """One small program a node, by its path: runs a command on its host, as its operator."""
        paths = []
        for node in self.nodes:
            path = os.path.join(self.directory, f"node{node.host}")
            settings = " ".join(f"'{key}={value}'" for key, value in node.environment().items()
                                if key.startswith(("ERL", "PATH")))
            enter = " ".join(self.fabric.command(node.host, "env"))
            with open(path, "w", encoding="utf-8") as file:
                file.write(f'#!/bin/sh\n# Runs a command on the host of {node}.\n'
                           f'exec {enter} {settings} "$@"\n')
            os.chmod(path, 0o755)
            paths.append(path)
        return paths

    # The cluster

    def start(self):
        for node in self.nodes:
            node.start()

    def node(self, which):
        """A node by itself, its number from 1, or its name."""
        if isinstance(which, Node):
            return which
        if isinstance(which, int):
            return self.nodes[which - 1]
        return next(node for node in self.nodes if node.name == which)

    def others(self, *nodes):
        apart = [self.node(node) for node in nodes]
        return [node for node in self.nodes if node not in apart]

    wait_until = staticmethod(wait_until)

    def wait_serving(self, *nodes, timeout=PATIENCE_S):
        """Await that these nodes (default: all) serve, in one look at all of them."""
        self.wait_states(nodes, ("serving", "degraded"), timeout)

    def wait_all_see_all(self, timeout=PATIENCE_S):
        """Await that every node serves with every member in sight."""
        self.wait_states((), ("serving",), timeout)

    def wait_states(self, nodes, wanted, timeout=PATIENCE_S):
        """Await that each of these nodes (default: all) is in one of these states."""
        nodes = [self.node(node) for node in nodes] or self.nodes
        states = {}

        def as_wanted():
            for node in nodes:
                states[node.name] = node.state()
                if states[node.name] not in wanted:
                    return False
            return True
        try:
            wait_until(as_wanted, timeout, f"{nodes} {' or '.join(wanted)}")
        except AssertionError as why:
            raise AssertionError(f"{why}; at last {states}") from None

    def leader(self, timeout=PATIENCE_S, among=None):
        """The leader on which these nodes (default: those that run) agree."""
        nodes = among or [node for node in self.nodes if node.running() and not node.paused]

        def agreed():
            names = {node.status().get("leader") for node in nodes}
            return names.pop() if len(names) == 1 else None
        return self.node(wait_until(agreed, timeout, "all agree on a leader"))

    def follower(self):
        """Some node that is not the leader."""
        return self.others(self.leader())[0]

    # The network. All faults are silent unless said otherwise.

    def between(self, side_a, side_b):
        """All directions between two sides, each a node or a list of nodes."""
        lists = [side if isinstance(side, (list, tuple)) else [side] for side in (side_a, side_b)]
        pairs = [(self.node(a).host, self.node(b).host) for a in lists[0] for b in lists[1]]
        return pairs + [(b, a) for a, b in pairs]

    def cut(self, side_a, side_b):
        """Nothing passes between two sides, in either direction."""
        self.fabric.cut(self.between(side_a, side_b))

    def cut_oneway(self, sender, receiver):
        """What one node sends to another vanishes; the way back is whole."""
        self.fabric.cut([(self.node(sender).host, self.node(receiver).host)])

    def isolate(self, *nodes):
        """Cut these nodes off from all others, but not from each other."""
        self.cut(list(nodes), self.others(*nodes))

    def heal(self):
        """End all cuts, silent and noisy."""
        self.fabric.heal()

    def refuse(self, a, b):
        """A noisy cut: both answer each other with resets, until accept()."""
        self.fabric.refuse(self.node(a).host, self.node(b).host)

    def accept(self):
        self.fabric.accept()

    def flap(self, node, times, period_s=1.0):
        """Isolate and heal again and again; half a period each."""
        for _ in range(times):
            self.isolate(node)
            self.pass_time(period_s / 2)
            self.heal()
            self.pass_time(period_s / 2)

    def shape(self, **faults):
        """Faults on all links (wire mode): loss, delay_ms, jitter_ms, duplicate, reorder."""
        hosts = self.fabric.hosts()
        self.fabric.shape([(a, b) for a in hosts for b in hosts if a != b], **faults)

    def narrow(self, side_a, side_b, kbit, queue):
        """Lines between two sides (wire mode): thousand bits a second, bytes of the queue."""
        self.fabric.rate(self.between(side_a, side_b), kbit, queue)

    @staticmethod
    def pass_time(seconds):
        """Let the world turn: where the duration is the scenario, not a wait for something."""
        time.sleep(seconds)
