"""A steady client load that knows what it was promised, and notices a broken promise.

Writers count: each owns one key of a shared session and writes 1, 2, 3, ... to it, each value
until it is acknowledged (with one request id, so that a retry takes effect once). Readers read
the session through every node. Makers create sessions, each with one request id, until they are
told its name. So these are broken promises:

  stale      a read that began after a value was acknowledged, or read, shows an older one
  lost       at the end a key is behind what was acknowledged, or an acknowledged session is gone
  duplicate  at the end there is a session that nobody was told of, or two makers got the same
"""

import asyncio
import bisect
import re
import time
from dataclasses import dataclass

from control import Control, Gone
from history import History

TOLD_MAX_S = 90
POLL_S = 0.02
KEY = re.compile(r'<<"(w\d+)">>\s*=>\s*(\d+)')
NAME = re.compile(r'<<"([0-9a-f-]{8,})">>')
REFUSED = re.compile(r"^\{error,\s*\{?(fenced|no_leader)")


def boottime():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Promises:
    """What clients may rely on, by key: the highest value acknowledged or read, over time."""

    def __init__(self):
        self.times = {}
        self.values = {}
        self.broken = []
        self.sessions = {}

    def seen(self, key, value, now):
        """From now on nobody may see less than this."""
        values = self.values.setdefault(key, [])
        if not values or value > values[-1]:
            values.append(value)
            self.times.setdefault(key, []).append(now)

    def floor(self, key, since):
        """The least value that a read which began at that time may show."""
        at = bisect.bisect_left(self.times.get(key, []), since)
        return self.values[key][at - 1] if at else 0

    def check_read(self, data, since, now, where):
        """A read of all keys that began at `since`."""
        for key in self.values:
            value = data.get(key, 0)
            if value < self.floor(key, since):
                self.broken.append(("stale", f"{where}: {key} = {value}, "
                                    f"{self.floor(key, since)} was known before"))
        for key, value in data.items():
            self.seen(key, value, now)

    def session_made(self, request, name):
        if name in self.sessions.values():
            self.broken.append(("duplicate", f"{request} got {name}, which another one has"))
        self.sessions[request] = name

    def check_end(self, data, names, given_up, where):
        """What a node shows when all is quiet."""
        for key, values in self.values.items():
            if data.get(key, 0) < values[-1]:
                self.broken.append(("lost", f"{where}: {key} = {data.get(key, 0)}, "
                                    f"acknowledged {values[-1]}"))
        made = set(self.sessions.values())
        for name in made - set(names):
            self.broken.append(("lost", f"{where}: session {name}"))
        extra = len(set(names) - made)
        if extra > given_up:
            self.broken.append(("duplicate", f"{where}: {extra} sessions that nobody was told of"))

    def count(self, kind):
        return sum(1 for what, _ in self.broken if what == kind)


@dataclass
class Event:
    """One answer to a client."""

    node: object
    verb: str
    since: float
    until: float
    outcome: str  # ok, refused, unknown


class Load:
    """The clients of a lab's nodes. Use: await begin(), ..., await end()."""

    def __init__(self, lab, writers=2, readers=2, pace_s=0.005):
        self.lab = lab
        self.pace_s = pace_s
        self.n_writers = writers
        self.n_readers = readers
        self.promises = Promises()
        self.history = History()
        self.keys = []
        self.events = []
        self.errors = {}
        self.session = None
        self.stopping = False
        self.given_up = 0
        self.tasks = []

    async def begin(self):
        """Create the shared session and start all clients."""
        control = Control(self.lab.nodes[0].data)
        answer = await self.told(control, "erlmcp_session:create(#{request_id => shared}).")
        control.close()
        self.session = NAME.search(answer).group(1)
        number = 0
        for node in self.lab.nodes:
            for _ in range(self.n_writers):
                number += 1
                self.keys.append(f"w{number}")
                self.tasks.append(asyncio.create_task(self.write(node, f"w{number}")))
            for n in range(self.n_readers):
                self.tasks.append(asyncio.create_task(self.read(node, f"r{node.host}-{n}")))
            self.tasks.append(asyncio.create_task(self.make(node)))

    async def end(self):
        """Let every client finish what it began, then look at what each node shows."""
        self.stopping = True
        for result in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
        for node in self.lab.nodes:
            control = Control(node.data)
            since = boottime()
            data = self.data_of(await self.told(control, self.get()))
            self.history.read(f"end{node.host}", data, self.keys, since, boottime())
            names, after = [], "first"
            while after != "done":
                said = await self.told(control, f"erlmcp_session:list({after}).")
                page, following = said.rsplit("]", 1)
                names += NAME.findall(page)
                after = "done" if "done" in following else following.strip(",} \n")
            control.close()
            names.remove(self.session)
            self.promises.check_end(data, names, self.given_up, node.name)

    @staticmethod
    async def told(control, expression):
        """The answer, asked for again while the node has no confirmed leader for a moment."""
        end = boottime() + TOLD_MAX_S
        while True:
            try:
                answer = await control.eval(expression)
            except (Gone, ValueError) as why:
                answer = f"{{error,{why}"
            if not answer.startswith("{error"):
                return answer
            assert boottime() < end, f"{expression}: {answer}"
            await asyncio.sleep(POLL_S)

    def get(self):
        return f'erlmcp_session:get(<<"{self.session}">>).'

    @staticmethod
    def data_of(answer):
        return {key: int(value) for key, value in KEY.findall(answer)}

    async def ask(self, control, node, verb, expression):
        """One question: (answer or None, time of asking); notes the event."""
        since = boottime()
        answer = None
        try:
            answer = await control.eval(expression)
            if answer.startswith("{error"):
                outcome = "refused" if REFUSED.match(answer) else "unknown"
            else:
                outcome = "ok"
        except Gone as why:
            outcome, answer = ("unknown" if why.sent else "refused"), str(why)
        except ValueError as why:
            outcome, answer = "unknown", str(why)
        if outcome != "ok":
            kind = answer[:60]
            self.errors[kind] = self.errors.get(kind, 0) + 1
            answer = None
        self.events.append(Event(node, verb, since, boottime(), outcome))
        return answer, since

    async def write(self, node, key):
        control = Control(node.data)
        value = 0
        while not self.stopping:
            value += 1
            operation = self.history.begin(key, "write", key, value, boottime())
            await self.insist(control, node, "write",
                              f'erlmcp_session:put(<<"{self.session}">>, <<"{key}">>, {value}, '
                              f'#{{request_id => <<"{key}-{value}">>}}).')
            now = boottime()
            self.history.end(operation, now)
            self.promises.seen(key, value, now)
            await asyncio.sleep(self.pace_s)
        control.close()

    async def read(self, node, name):
        control = Control(node.data)
        while not self.stopping:
            answer, since = await self.ask(control, node, "read", self.get())
            if answer is not None:
                now = boottime()
                data = self.data_of(answer)
                self.promises.check_read(data, since, now, node.name)
                self.history.read(name, data, self.keys, since, now)
            await asyncio.sleep(self.pace_s)
        control.close()

    async def make(self, node):
        control = Control(node.data)
        number = 0
        while not self.stopping:
            number += 1
            request = f"m{node.host}-{number}"
            answer = await self.insist(
                control, node, "make",
                f'erlmcp_session:create(#{{request_id => <<"{request}">>}}).')
            self.promises.session_made(request, NAME.search(answer).group(1))
            await asyncio.sleep(20 * self.pace_s)
        control.close()

    async def insist(self, control, node, verb, expression):
        """Ask until the answer is yes."""
        while True:
            answer, _ = await self.ask(control, node, verb, expression)
            if answer is not None:
                return answer
            await asyncio.sleep(self.pace_s)

    def first(self, verb, nodes, outcome, since):
        """The first answer of this kind to a question asked after a time, or None."""
        for event in events_since(self.events, since):
            if (event.verb == verb and event.node in nodes and event.outcome == outcome
                    and event.since >= since):
                return event
        return None


def events_since(events, since):
    """The events that ended after a time, oldest first (they are kept in order of their end)."""
    at = bisect.bisect_left(events, since, key=lambda event: event.until)
    return events[at:]
