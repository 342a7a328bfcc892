"""The vocabulary of the container tests: a deployment of one of our compose files on an engine.

    with Boxes("rb-008", ["erlmcp", "erlmcp-node2", "erlmcp-node3"], "erlmcp-network") as boxes:
        boxes.expect("docker exec erlmcp epmd -names", "name erlmcp at port")

A file of stories shares one deployment, as an operator has one; each story leaves it whole.
"""

import atexit
import json
import os
import re
import subprocess
import sys

from engine import TOP, Engine, NoEngine  # which also makes the lab's files known

import tap
from lab import NOT_SERVED, build_directory, wait_until

COOKIE = "container-cookie"
VERSION = "test"
PATIENCE_S = 90  # for what comes about in the end, however busy the machine is
# What changes something is done once; anything else is a question and may be asked again.
CHANGES = re.compile(r"docker (compose|network (dis)?connect|run|start|stop|rm|rmi)\b|\btc qdisc|"
                     r"init:stop")


def make_image(engine):
    """The image of this build, as the users' `make image` makes it, under a tag of the tests."""
    archive = os.path.join(build_directory(), "image", "root.tar")
    done = subprocess.run([sys.executable, os.path.join(TOP, "tools", "image.py"),
                           build_directory(), archive], capture_output=True, text=True,
                          check=False)
    if "is not installed" in done.stderr:
        raise NoEngine(done.stderr.strip())
    assert done.returncode == 0, f"no root file system: {done.stderr}"
    done = engine.run(f"tools/image.sh '{os.path.dirname(archive)}' {VERSION}")
    assert done.returncode == 0, f"no image: {done.stdout}{done.stderr}"
    return archive


class Boxes:
    """Containers of a compose file, by their literal names."""

    def __init__(self, which, names, network):
        self.names = names
        self.network = network
        self.engine = Engine()
        self.archive = None
        self.sessions = []
        self.settings = {"COMPOSE_FILE": os.path.join("deploy", "docker", which,
                                                      "docker-compose.yml"),
                         "ERLANG_COOKIE": COOKIE, "ERLMCP_VERSION": VERSION,
                         "COMPOSE_HTTP_TIMEOUT": "180"}

    def __enter__(self):
        self.engine.__enter__()
        try:
            if not self.engine.own():
                self.refuse_to_disturb()
            self.archive = make_image(self.engine)
            self.try_one()
        except BaseException:
            self.engine.close()
            raise
        return self

    def __exit__(self, *_):
        if not self.engine.own():
            self.run("docker compose down -v")
            self.run(f"docker rmi erlmcp:{VERSION}")
        self.engine.close()

    def try_one(self):
        """Not every machine that can start our podman lets it run a container."""
        done = self.engine.run(f"docker run --rm erlmcp:{VERSION} version")
        if done.returncode != 0 and self.engine.own():
            raise NoEngine(f"podman cannot run a container here: {done.stderr.strip()}")

    def refuse_to_disturb(self):
        """An engine that is not ours may run somebody's deployment under these names."""
        for name in self.names:
            if self.engine.docker("inspect", name).returncode == 0:
                raise NoEngine(f"the engine here has a container {name} already")
        if self.engine.docker("network", "inspect", self.network).returncode == 0:
            raise NoEngine(f"the engine here has a network {self.network} already")

    # Lines of a runbook

    def run(self, line, timeout=240, **settings):
        """Exit code and output of a line of a runbook."""
        done = self.engine.run(line, timeout, **{**self.settings, **settings})
        return done.returncode, done.stdout + done.stderr

    def expect(self, line, *words, **settings):
        """A line of a runbook that succeeds and says these words; returns what it says.

        A question may come in a busy moment in which a node is lost or nobody leads."""
        return self.await_line(line, *words, timeout=0 if CHANGES.search(line) else PATIENCE_S,
                               **settings)

    def await_line(self, line, *words, timeout=PATIENCE_S, **settings):
        """A line that is repeated until it succeeds and says these words; returns what it says."""
        last = []

        def said():
            last[:] = self.run(line, **settings)
            return last[0] == 0 and all(word in last[1] for word in words)
        try:
            wait_until(said, timeout)
        except AssertionError:
            raise AssertionError(f"{line}: exit {last[0]}, not {words}: {last[1]}") from None
        return last[1]

    def await_name(self, asker, name, address):
        """A container finds another by its name, at its address of today.

        Podman's name server misses a change now and then; the next change tells it."""
        line = f"docker exec {asker} timeout 8 ping -c 1 {name}"
        for _ in range(12):
            try:
                return self.await_line(line, address, timeout=3)
            except AssertionError:
                if not self.engine.is_podman():
                    raise
            self.expect(f"docker run --rm --network {self.network} --entrypoint true "
                        f"erlmcp:{VERSION}")
        return self.expect(line, address)

    # Questions

    def eval(self, name, expression):
        """The value that a node prints, once it is served."""
        line = f"docker exec {name} /opt/erlmcp/bin/erlmcp eval '{expression}'"
        last = []

        def served():
            last[:] = [self.expect(line).strip()]
            return not NOT_SERVED.search(last[0])
        try:
            wait_until(served, PATIENCE_S)
        except AssertionError:
            raise AssertionError(f"{line}: {last[0]}") from None
        return last[0]

    def status(self, name):
        """The node's own verdict; {} when it gives none."""
        done = self.engine.docker("exec", name, "erlmcp-admin", "cluster", "status", "--json")
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return {}

    def state(self, name):
        return self.status(name).get("state")

    def box(self, name):
        """What the engine knows of a container."""
        return self.engine.inspect(name)[0]

    def address(self, name):
        networks = self.box(name)["NetworkSettings"].get("Networks") or {}
        return networks.get(self.network, {}).get("IPAddress", "")

    def starts(self, name):
        """Tells one life of a container from the next."""
        return self.box(name)["State"]["StartedAt"]

    def down(self, name):
        """The exit code of a container that is down, or None."""
        state = self.box(name)["State"]
        return None if state["Running"] or state.get("Restarting") else state["ExitCode"]

    def health(self, name):
        return self.box(name)["State"]["Health"]["Status"]

    def await_health(self, name, wanted, timeout=180):
        """Await a state of health; a podman of our own is asked to check right now."""
        def is_so():
            if self.engine.own():
                self.engine.check_health(name)
            return self.health(name) == wanted
        wait_until(is_so, timeout, f"{name} is {wanted}")

    def lines(self, name, pattern):
        """Lines of a container's log."""
        log = self.engine.docker("logs", name).stdout
        return [line for line in log.splitlines() if re.search(pattern, line)]

    # The cluster

    def wait_serving(self, *names, timeout=PATIENCE_S):
        """Await that each of these containers (default: all) serves, with all members in sight."""
        for name in names or self.names:
            wait_until(lambda name=name: self.state(name) == "serving", timeout,
                       f"{name} serves with all members")

    def in_sync(self):
        """Are all copies of the state equal, by the members' own comparison?"""
        views = [self.status(name) for name in self.names]
        stores = [view.get("store") for view in views]
        whole = all(view.get("state") == "serving" and not view.get("alarms") for view in views)
        return whole and stores[0] and all(store == stores[0] for store in stores)

    def wait_in_sync(self, timeout=PATIENCE_S):
        wait_until(self.in_sync, timeout, "all serve, equal, and nothing is alarmed")
        self.await_line(f"docker exec {self.names[0]} /opt/erlmcp/bin/erlmcp eval "
                        "'erlmcp_session_ha:validate_consistency().'", "status => consistent")

    def create_session(self, name):
        """Have a session created by a node; it is expected to be everywhere from then on."""
        request = f"containers{len(self.sessions)}"
        created = self.eval(name, f"erlmcp_session:create(#{{request_id => {request}}}).")
        self.sessions.append(re.search(r'<<"[^"]*">>', created).group(0))

    def expect_sessions(self):
        """Every node knows every session that was acknowledged by any."""
        for name in self.names:
            for session in self.sessions:
                found_it = self.eval(name, f"erlmcp_session:get({session}).")
                assert found_it.startswith("{ok,"), f"{name}: {session}: {found_it}"

    def show_logs(self, lines=12):
        print("# " + self.engine.docker("ps", "-a").stdout.replace("\n", "\n# "))
        for name in self.names:
            text = self.engine.docker("logs", "--tail", str(lines), name)
            for line in (text.stdout + text.stderr).splitlines():
                print(f"# {name}: {line}")


def tell(which, names, network, stories):
    """Run a file's stories on one deployment; each is handed it. Skips where there is no engine."""
    boxes = Boxes(which, names, network)
    try:
        boxes.__enter__()
    except NoEngine as why:
        reason = str(why)

        def skipped():
            raise tap.Skip(reason)
        tap.main({name: named(name, story, skipped) for name, story in found(stories)})
    atexit.register(boxes.__exit__)

    def telling(story):
        def told():
            try:
                story(boxes)
            except BaseException:
                boxes.show_logs()
                raise
        return told
    tap.main({name: named(name, story, telling(story)) for name, story in found(stories)})


def found(stories):
    return [(name, value) for name, value in stories.items() if name.startswith("test_")]


def named(name, story, function):
    """A function under a story's name and title: tap reads both."""
    def own():
        function()
    own.__name__, own.__doc__ = name, story.__doc__
    return own
