"""The networks of the lab: a bridge, a cable with faults, or plain loopback addresses.

   Bridge                                         Cable (class Wire)

   lab-PID-1      lab-PID-2      lab-PID-3        lab-PID-1   lab-PID-2   lab-PID-3
    eth0           eth0           eth0             eth0 (TAP)  eth0 (TAP)  eth0 (TAP)
   10.77.0.1      10.77.0.2      10.77.0.3          |           |           |
      |              |              |               +----- process wire ----+
   ---p1-------------p2-------------p3---           | per direction: cut, loss, delay,
   |  br0 10.77.0.254   (the observer)  |           | jitter, duplicates, order, rate
   |  lab-PID-0                         |          eth0 (TAP) 10.77.0.254
   --------------------------------------          lab-PID-0  (the observer)

A cut is silent: frames vanish, no reset, no ICMP, and ARP entries are permanent, so that nobody
learns of it but by silence. The observer reaches every host whatever is cut between hosts.
On the bridge, cuts are pairs in an nftables set of its forward hook; one command changes any
number of them at once.

Everything lives in network namespaces of our own, whose names carry our process id; children
die with us, and what a killed run left behind is swept away by the next one.
"""

import atexit
import ctypes
import os
import re
import signal
import subprocess
import sys

NET = "10.77.0."
OBSERVER = 254
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def run(*words, check=True, stdin=None, timeout=90):
    """Run a command to its end and return its output."""
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def die_with_parent():
    """For preexec_fn: the child is killed when this process dies, however it dies."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def namespaces():
    """Names of the network namespaces that labs made."""
    words = run("ip", "netns", "list", check=False).split()
    return [word for word in words if re.fullmatch(r"lab-\d+-\d+", word)]


def delete_namespace(name):
    """End what runs in a namespace of ours, then remove it."""
    for pid in run("ip", "netns", "pids", name, check=False).split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    run("ip", "netns", "delete", name, check=False)


def sweep():
    """Remove what runs that were killed left behind: namespaces of processes that are gone."""
    for name in namespaces():
        if not os.path.exists(f"/proc/{name.split('-')[1]}"):
            delete_namespace(name)


def why_no_namespaces():
    """Why this machine cannot have namespaces, or None when it can."""
    if os.geteuid() != 0:
        return "not root"
    probe = f"lab-{os.getpid()}-0"
    try:
        run("ip", "netns", "add", probe)
        run("ip", "netns", "exec", probe, "ip", "link", "set", "lo", "up")
    except (RuntimeError, OSError) as why:
        return str(why)
    finally:
        run("ip", "netns", "delete", probe, check=False)
    return None


class Fabric:
    """What the networks have in common: one namespace per host, cleaned up at the end.

    Hosts have numbers from 1; 0 is the observer.
    """

    can_cut = True
    can_shape = False

    def __init__(self, n_hosts):
        self.n_hosts = n_hosts
        self.closed = False
        sweep()
        atexit.register(self.close)

    def namespace(self, host):
        return f"lab-{os.getpid()}-{host}"

    def address(self, host):
        return NET + str(host or OBSERVER)

    def mac(self, host):
        return f"02:00:0a:4d:00:{host or self.n_hosts + 1:02x}"

    def node_name(self, host):
        return f"erlmcp@{self.address(host)}"

    def command(self, host, *words):
        """The words that run a command on a host."""
        return ["ip", "netns", "exec", self.namespace(host), *words]

    def on(self, host, *words, **options):
        return run(*self.command(host, *words), **options)

    def hosts(self):
        return range(1, self.n_hosts + 1)

    def add_namespace(self, host):
        run("ip", "netns", "add", self.namespace(host))
        self.on(host, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        self.on(host, "ip", "link", "set", "lo", "up")

    def set_up_device(self, host, device="eth0"):
        """Address and permanent neighbours of a host."""
        self.on(host, "ip", "link", "set", device, "address", self.mac(host), "up")
        self.on(host, "ip", "address", "replace", f"{self.address(host)}/24", "dev", device)
        for other in range(self.n_hosts + 1):
            if other != host:
                self.on(host, "ip", "neigh", "replace", self.address(other), "lladdr",
                        self.mac(other), "nud", "permanent", "dev", device)

    def close(self):
        """Take everything down; harmless when called again."""
        if self.closed:
            return
        self.closed = True
        for host in range(self.n_hosts + 1):
            delete_namespace(self.namespace(host))

    # Silent faults, told by each fabric itself: sets of (from, to).

    def cut(self, pairs):
        raise NotImplementedError

    def heal(self):
        raise NotImplementedError

    # Noisy faults, the same for all.

    def refuse(self, a, b):
        """A cut with a noise: both hosts answer each other's TCP with resets."""
        for host, other in ((a, b), (b, a)):
            peer = self.address(other)
            self.on(host, "nft", "-f", "-", stdin=f"""
                add table inet lab
                add chain inet lab in {{ type filter hook input priority 0; }}
                add chain inet lab out {{ type filter hook output priority 0; }}
                add rule inet lab in ip saddr {peer} tcp flags & rst == 0 reject with tcp reset
                add rule inet lab out ip daddr {peer} tcp flags & rst == 0 reject with tcp reset
                """)

    def accept(self):
        """End all refuse()."""
        for host in self.hosts():
            self.on(host, "nft", "delete", "table", "inet", "lab", check=False)

    def interface(self, host, up):
        """Take a host's interface down, or up again with its neighbours."""
        if up:
            self.set_up_device(host)
        else:
            self.on(host, "ip", "link", "set", "eth0", "down")

    def set_address(self, host, number):
        """Give a host another address, 10.77.0.NUMBER; its old one is gone at once."""
        self.on(host, "ip", "address", "flush", "dev", "eth0")
        self.on(host, "ip", "address", "add", f"{NET}{number}/24", "dev", "eth0")
        for other in range(self.n_hosts + 1):
            if other != host:
                device = "eth0" if other or self.can_shape else "br0"
                self.on(other, "ip", "neigh", "replace", f"{NET}{number}", "lladdr",
                        self.mac(host), "nud", "permanent", "dev", device)


class Bridge(Fabric):
    """Real Ethernet pairs on a kernel bridge; cuts at once, no loss or delay."""

    def __init__(self, n_hosts):
        super().__init__(n_hosts)
        self.add_namespace(0)
        self.on(0, "ip", "link", "add", "br0", "type", "bridge")
        for host in self.hosts():
            self.add_namespace(host)
            self.on(host, "ip", "link", "add", "eth0", "type", "veth", "peer", "name",
                    f"p{host}", "netns", self.namespace(0))
            self.on(0, "ip", "link", "set", f"p{host}", "master", "br0", "up")
            self.set_up_device(host)
        self.set_up_device(0, "br0")
        self.on(0, "nft", "-f", "-", stdin="""
            table bridge lab {
                set cut { type ifname . ifname; }
                chain forward {
                    type filter hook forward priority 0;
                    iifname . oifname @cut counter drop
                }
            }""")

    def cut(self, pairs):
        elements = ", ".join(f'"p{a}" . "p{b}"' for a, b in pairs)
        self.on(0, "nft", "add", "element", "bridge", "lab", "cut", f"{{ {elements} }}")

    def join(self, pairs):
        elements = ", ".join(f'"p{a}" . "p{b}"' for a, b in pairs)
        self.on(0, "nft", "delete", "element", "bridge", "lab", "cut", f"{{ {elements} }}")

    def heal(self):
        self.on(0, "nft", "flush", "set", "bridge", "lab", "cut")

    def dropped(self):
        """Frames that cuts have swallowed so far."""
        rules = self.on(0, "nft", "list", "chain", "bridge", "lab", "forward")
        return int(re.search(r"counter packets (\d+)", rules).group(1))


class Wire(Fabric):
    """TAP devices on the process wire, which can do everything a bad network does."""

    can_shape = True

    def __init__(self, n_hosts, program, seed=1):
        super().__init__(n_hosts)
        self.process = None
        order = [*self.hosts(), 0]
        for host in order:
            self.add_namespace(host)
        files = [f"/run/netns/{self.namespace(host)}" for host in order]
        self.process = subprocess.Popen(
            [program, str(seed), *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            bufsize=1, preexec_fn=die_with_parent)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{program} did not start")
        for host in order:
            self.set_up_device(host)

    def port(self, host):
        return host or self.n_hosts + 1

    def tell(self, commands):
        """Send commands as one piece, so that they take effect together; return the answers."""
        self.process.stdin.write("".join(command + "\n" for command in commands))
        self.process.stdin.flush()
        answers = [self.process.stdout.readline().strip() for _ in commands]
        for command, answer in zip(commands, answers):
            if not answer.startswith("ok"):
                raise RuntimeError(f"wire: {command}: {answer or 'gone'}")
        return answers

    def cut(self, pairs):
        self.tell([f"cut {self.port(a)} {self.port(b)}" for a, b in pairs])

    def join(self, pairs):
        self.tell([f"join {self.port(a)} {self.port(b)}" for a, b in pairs])

    def heal(self):
        self.join([(a, b) for a in self.hosts() for b in self.hosts() if a != b])

    def shape(self, pairs, loss=0.0, delay_ms=0, jitter_ms=0, duplicate=0.0, reorder=0.0):
        """Set (not add) the faults of directions; probabilities from 0 to 1."""
        values = (int(loss * 1e6), int(delay_ms * 1e3), int(jitter_ms * 1e3), int(duplicate * 1e6),
                  int(reorder * 1e6))
        text = " ".join(map(str, values))
        self.tell([f"shape {self.port(a)} {self.port(b)} {text}" for a, b in pairs])

    def rate(self, pairs, kbit, queue):
        """Let directions carry so many thousand bits a second, behind a queue of so many bytes."""
        self.tell([f"rate {self.port(a)} {self.port(b)} {kbit} {queue}" for a, b in pairs])

    def count(self, a, b):
        """What became of the frames of a direction, and the bytes of those that passed."""
        words = self.tell([f"count {self.port(a)} {self.port(b)}"])[0].split()[1:]
        return dict(zip(("passed", "lost", "cut", "duplicated", "reordered", "bytes"),
                        map(int, words)))

    def close(self):
        if not self.closed and self.process:
            self.process.stdin.close()
            self.process.wait(timeout=90)
        super().close()


class Loopback(Fabric):
    """No namespaces: addresses 127.0.1.N on this host, one name each, and no faults."""

    can_cut = False

    def __init__(self, n_hosts, why):
        self.n_hosts = n_hosts
        self.closed = False
        print(f"lab: loopback addresses 127.0.1.1-{n_hosts}, no network cuts: "
              f"namespaces are not available ({why})", file=sys.stderr)

    def address(self, host):
        return f"127.0.1.{host}" if host else "127.0.0.1"

    def node_name(self, host):
        # One EPMD serves them all, and knows nodes by the part before the @.
        return f"erlmcp{host}@{self.address(host)}"

    def command(self, host, *words):
        return list(words)

    def cut(self, pairs):
        raise RuntimeError("loopback addresses cannot be cut from each other")

    def heal(self):
        pass

    def close(self):
        self.closed = True
