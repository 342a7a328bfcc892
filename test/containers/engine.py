"""A container engine for the tests: the one that answers here, or a podman of our own.

    with Engine() as engine:
        engine.run("docker ps | grep erlmcp")          # a line of a runbook, in a shell

A machine without an engine gets podman, started for the tests alone in namespaces of its own:

    unshare (our child; dies with us, and with it everything below)
    `- tini, process 1 of the new process ids
       `- podman system service  <- socket <- docker, docker compose (a PATH directory below build)
          `- conmon - runc - the containers, on bridges in the private network namespace

Its storage, state and networks are in memory, in the private mount namespace: nothing of the
machine is set, and nothing is left when that one process has ended. It serves Docker's API, so the
docker command, where there is one, and docker-compose talk to it as they would to a daemon.

    engine.py [COMMAND...]      runs a command (default: a shell) where docker is this engine
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "test", "lab"))

from fabric import die_with_parent  # noqa: E402 (the path comes first)

PACKAGES = "tools/deps.sh tools/packages-containers.txt installs what is missing"
START_MAX_S = 90
# runc cannot raise a limit where CAP_SYS_RESOURCE is missing; these are enough for the tests.
FILES_MAX = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
PROCESSES_MAX = 1000

# An address that no network has: the name server of the private namespace, see names.py.
NAMES = "192.0.2.53"
INSIDE = """\
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/storage
# Containers inherit neither the names nor the name servers of this machine.
printf '127.0.0.1 localhost\\n' >/run/hosts
printf 'nameserver {names}\\n' >/run/resolv.conf
mount --bind /run/hosts /etc/hosts
mount --bind /run/resolv.conf "$(readlink -f /etc/resolv.conf)"
ip link set lo up
ip address add {names}/32 dev lo
python3 "$2/names.py" {names} &
exec tini -- podman system service --time 0 "unix://$1"
"""
CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
static_dir = "/run/storage/libpod"
tmp_dir = "/run/libpod"
volume_path = "/run/storage/volumes"
[network]
network_config_dir = "/run/networks"
network_backend = "netavark"
"""
STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "/run/storage"
runroot = "/run/containers"
"""
# docker, without a docker command: podman understands the same words, but for compose.
DOCKER = """\
#!/bin/sh
export DOCKER_HOST='{host}' DOCKER_CONFIG='{config}' DOCKER_BUILDKIT=0
export COMPOSE_DOCKER_CLI_BUILD=0
if [ -n '{docker}' ]; then
	exec '{docker}' "$@"
fi
if [ "$1" = compose ]; then
	exec '{config}/cli-plugins/docker-compose' "$@"
fi
exec podman --url "$DOCKER_HOST" "$@"
"""
PLUGIN = """\
#!/bin/sh
# docker compose, by the docker-compose command.
if [ "$1" = docker-cli-plugin-metadata ]; then
	echo '{"SchemaVersion":"0.1.0","Vendor":"Debian","Version":"1","ShortDescription":"Compose"}'
	exit
fi
[ "$1" != compose ] || shift
# Told by this, version 2 would take itself for the plugin.
unset DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND
exec docker-compose "$@"
"""
# Podman gives a network options of its own, and forgets those of its driver. Compose 1.29 takes that
# for a change and refuses to use the network again; so it is told to use it as it is.
PODMANS_PLUGIN = """\
#!/bin/sh
# docker compose, by the docker-compose command, for a podman: networks that are there are used as they are.
if [ "$1" = docker-cli-plugin-metadata ]; then
	echo '{"SchemaVersion":"0.1.0","Vendor":"Debian","Version":"1","ShortDescription":"Compose"}'
	exit
fi
[ "$1" != compose ] || shift
file=${COMPOSE_FILE:-docker-compose.yml}
name=$(sed -n '/^networks:/,/^[a-z]/s/^    name: *//p' "$file" 2>/dev/null)
if [ -z "$name" ] || ! docker network inspect "$name" >/dev/null 2>&1; then
	exec docker-compose "$@"
fi
place=$(realpath "$(dirname "$file")")
copy=$(mktemp)
awk '/^[a-z]/ { inside = /^networks:/ }
	!inside || /^networks:/ || /^  [a-z]/ || /^    name:/ { print }
	inside && /^    name:/ { print "    external: true" }' "$file" >"$copy"
unset COMPOSE_FILE
docker-compose -f "$copy" --project-directory "$place" -p "$(basename "$place")" "$@"
code=$?
rm -f "$copy"
exit $code
"""


class NoEngine(Exception):
    """The reason why no engine can be had here."""


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def succeeds(*words, **settings):
    """Does a command end well, and soon?"""
    try:
        return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=60, check=False, **settings).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def why_no_podman():
    """What podman of our own lacks here, or None."""
    if os.geteuid() != 0:
        return "no engine answers, and podman for the tests needs root"
    for program in ("podman", "runc", "tini", "docker-compose", "unshare", "iptables"):
        if not shutil.which(program):
            return f"no engine answers, and {program} is not installed: {PACKAGES}"
    if not succeeds("unshare", "--net", "--mount", "--pid", "--fork", "true"):
        return "no engine answers, and namespaces are not allowed here"
    return None


def make_directory():
    """A directory for one engine; those of runs that were killed are removed on the way.

    Unix sockets have short names: it is not below a build directory."""
    for name in os.listdir(tempfile.gettempdir()):
        owner = re.match(r"erlmcp-engine-(\d+)-", name)
        if owner and not os.path.exists(f"/proc/{owner.group(1)}"):
            shutil.rmtree(os.path.join(tempfile.gettempdir(), name), ignore_errors=True)
    return tempfile.mkdtemp(prefix=f"erlmcp-engine-{os.getpid()}-")


class HealthClock(threading.Thread):
    """Podman leaves the clock of health checks to systemd; without one, this is the clock."""

    def __init__(self, engine):
        super().__init__(daemon=True)
        self.engine = engine
        self.ended = threading.Event()
        self.due = {}

    def run(self):
        while not self.ended.wait(0.5):
            for box in self.engine.inspect_running():
                period = box["Config"].get("Healthcheck", {}).get("Interval", 0) / 1e9
                key = (box["Id"], box["State"]["StartedAt"])
                now = time.monotonic()
                if period and now >= self.due.setdefault(key, now + period):
                    self.due[key] = now + period
                    self.engine.check_health(box["Id"])

    def close(self):
        self.ended.set()
        self.join()


class Engine:
    """docker and docker compose, whoever answers to them. Ends what it began."""

    def __init__(self):
        self.directory = None
        self.process = None
        self.clock = None
        self.url = None
        self.environment = dict(os.environ)

    def __enter__(self):
        try:
            if succeeds("docker", "info"):
                self.use_what_is_there()
            else:
                self.start_podman()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def own(self):
        """Is this engine ours alone?"""
        return self.url is not None

    def is_podman(self):
        """Podman answers as docker does, but leaves some things out."""
        return self.own() or "conmon" in self.docker("version").stdout.lower()

    # Finding one

    def use_what_is_there(self):
        """The engine of this machine; only `docker compose` may be missing."""
        if succeeds("docker", "compose", "version"):
            return
        if not shutil.which("docker-compose"):
            raise NoEngine(f"docker has no compose, nor is docker-compose installed: {PACKAGES}")
        self.directory = make_directory()
        config = os.path.join(self.directory, "config")
        theirs = os.environ.get("DOCKER_CONFIG", os.path.expanduser("~/.docker"))
        if os.path.isdir(theirs):
            shutil.copytree(theirs, config)
        write(os.path.join(config, "cli-plugins", "docker-compose"), PLUGIN, 0o755)
        self.environment["DOCKER_CONFIG"] = config

    def start_podman(self):
        why = why_no_podman()
        if why:
            raise NoEngine(why)
        self.directory = make_directory()
        socket = os.path.join(self.directory, "socket")
        self.url = "unix://" + socket
        self.write_settings()
        with open(os.path.join(self.directory, "log"), "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child",
                 "sh", "-c", INSIDE.format(names=NAMES), "podman", socket,
                 os.path.dirname(os.path.abspath(__file__))], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env={**os.environ, **self.podman_settings()},
                preexec_fn=die_with_parent)
        end = time.monotonic() + START_MAX_S
        while not self.docker("version").returncode == 0:
            if self.process.poll() is not None or time.monotonic() > end:
                raise NoEngine(f"podman does not start here: {self.log_end()}")
            time.sleep(0.1)
        self.clock = HealthClock(self)
        self.clock.start()

    def podman_settings(self):
        return {"CONTAINERS_CONF": os.path.join(self.directory, "containers.conf"),
                "CONTAINERS_STORAGE_CONF": os.path.join(self.directory, "storage.conf"),
                "DISABLE_HC_SYSTEMD": "true"}

    def write_settings(self):
        """Files that only our podman reads, and the commands that only our children find."""
        inside = self.directory
        write(os.path.join(inside, "containers.conf"),
              CONTAINERS_CONF.format(files=FILES_MAX, processes=PROCESSES_MAX))
        write(os.path.join(inside, "storage.conf"), STORAGE_CONF)
        config = os.path.join(inside, "config")
        write(os.path.join(config, "config.json"), "{}\n")
        write(os.path.join(config, "cli-plugins", "docker-compose"), PODMANS_PLUGIN,
              0o755)
        write(os.path.join(inside, "bin", "docker"), DOCKER.format(
            host=self.url, config=config, docker=shutil.which("docker") or ""), 0o755)
        self.environment.update(PATH=os.path.join(inside, "bin") + ":" + os.environ["PATH"],
                                DOCKER_HOST=self.url)

    def log_end(self):
        with open(os.path.join(self.directory, "log"), encoding="utf-8", errors="replace") as log:
            return " ".join(log.read().splitlines()[-3:]) or "it says nothing"

    # Using it

    def docker(self, *words, timeout=240):
        """The finished docker command."""
        return subprocess.run(["docker", *words], capture_output=True, text=True, timeout=timeout,
                              check=False, env=self.environment)

    def run(self, line, timeout=240, cwd=TOP, **settings):
        """A line of a shell in which docker is this engine: the finished process."""
        return subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=timeout,
                              check=False, cwd=cwd, env={**self.environment, **settings})

    def inspect(self, *names):
        done = self.docker("inspect", *names)
        return json.loads(done.stdout or "[]")

    def inspect_running(self):
        names = self.docker("ps", "-q").stdout.split()
        return self.inspect(*names) if names else []

    def check_health(self, name):
        """Let podman check a container's health now."""
        subprocess.run(["podman", "--url", self.url, "healthcheck", "run", name],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=240,
                       check=False)

    # Ending it

    def close(self):
        if self.clock:
            self.clock.close()
            self.clock = None
        if self.process:
            self.end_podman()
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

    def end_podman(self):
        """Containers first, so that their control groups go; then the one process."""
        done = self.docker("ps", "-aq", "--no-trunc")
        names = done.stdout.split()
        if names:
            self.docker("rm", "-f", *names)
        self.process.kill()
        self.process.wait()
        self.process = None
        remove_groups(names)


def remove_groups(names):
    """Remove the empty control groups of containers that were not ended in order."""
    for directory, _, _ in list(os.walk("/sys/fs/cgroup", topdown=False)):
        base = os.path.basename(directory)
        ours = re.sub(r"^libpod-(conmon-)?", "", base) in names
        if ours or directory.endswith(("/libpod_parent", "/libpod_parent/conmon")):
            try:
                os.rmdir(directory)
            except OSError:
                pass  # in use, so not only ours


def main(words):
    def interrupted(number, _frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        with Engine() as engine:
            print("engine: podman of our own" if engine.own() else "engine: the machine's",
                  file=sys.stderr)
            words = words or [os.environ.get("SHELL", "/bin/sh")]
            sys.exit(subprocess.run(words, env=engine.environment, check=False).returncode)
    except NoEngine as why:
        sys.exit(f"engine: {why}")


if __name__ == "__main__":
    main(sys.argv[1:])
