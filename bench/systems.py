"""The systems that are measured, each as three servers (or more) on the hosts of one fabric.

All write to the disk before they answer: that is what a server is asked to do here, and each in the
way its own documentation recommends. Defaults otherwise.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import fabric
from lab import COOKIE, Lab, wait_until

ERLMCP_PORT = 9200
ETCD_PORT = 2379
ETCD_PEER_PORT = 2380
REDIS_PORT = 6379


class Servers:
    """Processes of one system on the hosts of a fabric of their own; they end with us."""

    def __init__(self, n_nodes):
        self.fabric = fabric.Bridge(n_nodes)
        self.directory = tempfile.mkdtemp(prefix=f"erlmcp-bench-{os.getpid()}-")
        self.processes = []

    def data(self, host):
        path = os.path.join(self.directory, f"data{host}")
        os.makedirs(path, exist_ok=True)
        return path

    def spawn(self, host, *words):
        with open(os.path.join(self.directory, f"log{host}"), "ab") as log:
            process = subprocess.Popen(self.fabric.command(host, *words), stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, preexec_fn=fabric.die_with_parent)
        self.processes.append(process)
        return process

    def pids(self):
        return [process.pid for process in self.processes]

    def observer(self, *words):
        """Words that run a command where clients are."""
        return self.fabric.command(0, *words)

    def close(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.fabric.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_what):
        self.close()


class Etcd(Servers):
    """etcd as packaged: every write is on the disk of a majority when it is answered."""

    name = "etcd"
    options = ()
    protocol = "etcd"
    settings = "3 members, defaults (fsync before each answer)"

    def __init__(self, n_nodes=3):
        super().__init__(n_nodes)
        urls = {host: f"http://{self.fabric.address(host)}" for host in self.fabric.hosts()}
        members = ",".join(f"m{host}={url}:{ETCD_PEER_PORT}" for host, url in urls.items())
        for host, url in urls.items():
            self.spawn(host, "etcd", "--name", f"m{host}", "--data-dir", self.data(host),
                       "--listen-client-urls", f"{url}:{ETCD_PORT}",
                       "--advertise-client-urls", f"{url}:{ETCD_PORT}",
                       "--listen-peer-urls", f"{url}:{ETCD_PEER_PORT}",
                       "--initial-advertise-peer-urls", f"{url}:{ETCD_PEER_PORT}",
                       "--initial-cluster", members, "--log-level", "error")
        self.leader = wait_until(self.find_leader, 30, "etcd has a leader")

    @staticmethod
    def version():
        return subprocess.run(["etcd", "--version"], capture_output=True, text=True,
                              check=True).stdout.split()[2]

    def is_leader(self, host):
        done = subprocess.run(
            self.observer("python3", "-c", "import sys, urllib.request as u;"
                          "sys.stdout.write(u.urlopen(sys.argv[1], timeout=2).read().decode())",
                          f"http://{self.fabric.address(host)}:{ETCD_PORT}/metrics"),
            capture_output=True, text=True, check=False)
        return re.search(r"^etcd_server_is_leader 1$", done.stdout, re.M)

    def find_leader(self):
        return next((host for host in self.fabric.hosts() if self.is_leader(host)), None)

    def target(self):
        return self.fabric.address(self.leader), ETCD_PORT

    def shape(self, clients):
        """Many streams on few connections: what suits it best."""
        return ["--connections", str(min(clients, 16))]


class Redis(Servers):
    """Redis with two replicas. A write is on the disk of the first when it is answered, and WAIT
    has seen it in the memory of a replica; replicas write to their disks, too, but nobody waits."""

    name = "redis"
    options = ("--wait", "1")
    protocol = "redis"
    settings = "1 master, 2 replicas, appendonly yes, appendfsync always, WAIT 1; GET on the master"

    def __init__(self, n_nodes=3):
        super().__init__(n_nodes)
        for host in self.fabric.hosts():
            words = ["redis-server", "--bind", self.fabric.address(host), "--port", str(REDIS_PORT),
                     "--dir", self.data(host), "--appendonly", "yes", "--appendfsync", "always",
                     "--protected-mode", "no", "--save", ""]
            if host > 1:
                words += ["--replicaof", self.fabric.address(1), str(REDIS_PORT)]
            self.spawn(host, *words)
        wait_until(lambda: self.info("connected_slaves") == str(n_nodes - 1), 30,
                   "the replicas are connected")
        wait_until(lambda: "state=online" in (self.info(f"slave{n_nodes - 2}") or ""), 30,
                   "the replicas are in sync")

    @staticmethod
    def version():
        text = subprocess.run(["redis-server", "--version"], capture_output=True, text=True,
                              check=True).stdout
        return re.search(r"v=(\S+)", text).group(1)

    def info(self, field):
        done = subprocess.run(
            self.observer("redis-cli", "-h", self.fabric.address(1), "-p", str(REDIS_PORT),
                          "info", "replication"), capture_output=True, text=True, check=False)
        found = re.search(rf"^{field}:(.*?)\r?$", done.stdout, re.M)
        return found and found.group(1)

    def target(self):
        return self.fabric.address(1), REDIS_PORT

    @staticmethod
    def shape(_clients):
        return []


class Erlmcp:
    """Ours: every write is on the disk of a majority when it is answered."""

    name = "erlmcp"
    protocol = "erlmcp"
    settings = "3 members, defaults (fsync before each answer; reads confirmed by a majority)"
    options = ("--cookie", COOKIE)

    def __init__(self, n_nodes=3, build=None, **settings):
        self.lab = Lab(n_nodes, build=build, ERLMCP_CLIENT_PORT=str(ERLMCP_PORT),
                       ERLMCP_CLIENT_INTERFACE="0.0.0.0", **settings)
        self.lab.start()
        self.lab.wait_serving()
        self.leader = self.lab.leader()

    def pids(self):
        return [node.pid() for node in self.lab.nodes]

    def observer(self, *words):
        return self.lab.fabric.command(0, *words)

    def target(self):
        return self.lab.fabric.address(self.leader.host), ERLMCP_PORT

    @staticmethod
    def shape(_clients):
        return []

    def version(self):
        return self.leader.run("erlmcp", "version").stdout.split()[-1]

    def close(self):
        self.lab.close()

    def __enter__(self):
        return self

    def __exit__(self, *_what):
        self.close()


def load(system, program, clients, *options, pids=None, timeout=300):
    """One run of the load generator against a system: what it printed."""
    host, port = system.target()
    words = [program, "--clients", str(clients), *system.shape(clients), *system.options, *options]
    for pid in system.pids() if pids is None else pids:
        words += ["--pid", str(pid)]
    done = subprocess.run(system.observer(*words, system.protocol, host, str(port)),
                          capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{system.name}: {done.stderr.strip()}")
    return json.loads(done.stdout)
