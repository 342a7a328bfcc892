"""Programs that keep sessions here over the client channel. Vocabulary: lab.py, channel.py.

    client ---TCP--- node 1 ---- node 2        On loopback addresses: a channel is between a program
                         \\      /              and one node; what the cluster does behind it is told
                          node 3               in test_cluster.py.
"""

import os
import re
import socket
import struct

import channel
from channel import Channel, Refused, create, put
from lab import COOKIE, PATIENCE_S, Lab, wait_until
from stalls import premise, steady

import tap

PORT = 9260
RESULT_OK = 0


class Clients(Lab):
    """Three nodes whose client channels are open, the channel of node N on address N."""

    def __init__(self):
        super().__init__(3, mode="loopback", ERLMCP_CLIENT_PORT=str(PORT))
        for node in self.nodes:
            node.settings["ERLMCP_CLIENT_INTERFACE"] = self.fabric.address(node.host)
        self.start()
        self.wait_serving()

    def open(self, node, cookie=COOKIE):
        return Channel(self.fabric.address(self.node(node).host), PORT, cookie)


def session_id():
    return os.urandom(16)


def served(answer):
    """An answer (outcome, bytes): a node may lose its leader for a moment when the machine stalls."""
    premise(answer[0] not in (channel.FENCED, channel.UNKNOWN, channel.UNCONFIRMED, channel.BUSY),
            answer)
    return answer


def write(connection, command):
    """The result of a write that is carried out."""
    outcome, result = served(connection.write(command))
    assert outcome == channel.OK, (outcome, result)
    return result


def carried_out(answer):
    """An answer (tag, outcome, result) to one of several writes."""
    assert served(answer[1:])[0] == channel.OK, answer


def insist(connection, command):
    """The same, asked again until it is; the command has a request id."""
    def done():
        outcome, result = connection.write(command)
        assert outcome in (channel.OK, channel.FENCED, channel.UNKNOWN, channel.UNCONFIRMED), outcome
        return outcome == channel.OK and result
    return wait_until(done, PATIENCE_S, "a write is carried out")


@steady
def test_write_read():
    """what one node acknowledged every node reads, and what is not there is not found"""
    with Clients() as lab:
        session = session_id()
        with lab.open(1) as c:
            assert c.node == lab.nodes[0].name
            assert write(c, create(session))[0] == RESULT_OK
            assert write(c, put(session, b"key", b"value"))[0] == RESULT_OK
        for node in (1, 2, 3):
            with lab.open(node) as c:
                assert served(c.read(session, b"key")) == (channel.OK, b"value")
                assert served(c.read(session, b"other")) == (channel.NOT_FOUND, b"")
                assert served(c.read(session_id(), b"key")) == (channel.NOT_FOUND, b"")


@steady
def test_pipelined():
    """a thousand requests without waiting are all answered once, each under its tag"""
    with Clients() as lab:
        leader = lab.leader()
        for node in (leader, lab.others(leader)[0]):
            session = session_id()
            with lab.open(node) as c:
                write(c, create(session))
                asked = {c.ask_write(put(session, b"k%d" % i, b"v%d" % i)): i
                         for i in range(1000)}
                answers = [c.answer() for _ in asked]
                assert {tag for tag, _, _ in answers} == set(asked)
                for _, outcome, result in answers:
                    served((outcome, result))
                    assert outcome == channel.OK and result[0] == RESULT_OK, (outcome, result)
                reads = {c.ask_read(session, b"k%d" % i): i for i in range(1000)}
                while reads:
                    tag, outcome, value = c.answer()
                    served((outcome, value))
                    assert (outcome, value) == (channel.OK, b"v%d" % reads.pop(tag))


def test_request_id():
    """a command that is sent again under its request id, to another node, happens once"""
    with Clients() as lab:
        session = session_id()
        again = create(session, request_id=b"once")
        with lab.open(1) as c:
            first = insist(c, again)
        with lab.open(2) as c:
            assert insist(c, again) == first and first[0] == RESULT_OK


@steady
def test_strangers():
    """who does not know the cookie, or does not speak the protocol, is told and hung up on"""
    with Clients() as lab:
        try:
            lab.open(1, cookie="another")
            assert False, "let in with a wrong cookie"
        except Refused as why:
            assert "cookie" in str(why)
        raw = socket.create_connection((lab.fabric.address(1), PORT),
                                       PATIENCE_S)
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        data = b""
        while part := raw.recv(4096):
            data += part
        assert b"cannot be read" in data
        with lab.open(1) as c:
            outcome, why = served(c.write(b"\x01\x02nonsense"))
            assert outcome == channel.INVALID and why
            assert served(c.read(session_id(), b"k" * 1000))[0] == channel.INVALID
            c.send(channel.READ, b"short")
            try:
                c.answer()
                assert False, "a frame that is cut short was answered"
            except Refused as why:
                assert "cannot be read" in str(why)
        with lab.open(1) as c:  # the node is none the worse for it
            write(c, create(session_id()))


@steady
def test_slow_reader():
    """a client that does not take its answers is not read from, and gets them all in the end"""
    with Clients() as lab:
        session = session_id()
        with lab.open(1) as c:
            write(c, create(session))
            write(c, put(session, b"big", b"x" * 60000))
            before = lab.nodes[0].rss_kib()
            c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            for _ in range(2000):
                c.ask_read(session, b"big")
            with lab.open(1) as other:
                assert served(other.read(session, b"big"))[0] == channel.OK
            assert lab.nodes[0].rss_kib() - before < 64 * 1024
            for _ in range(2000):
                _, outcome, value = c.answer()
                served((outcome, value))
                assert outcome == channel.OK and len(value) == 60000


def test_leader_lost():
    """with the leader killed a client of another node goes on, and nothing acknowledged is lost"""
    with Clients() as lab:
        session = session_id()
        leader = lab.leader()
        with lab.open(lab.others(leader)[0]) as c:
            insist(c, create(session, request_id=b"the session"))
            for i in range(300):
                if i == 100:
                    leader.kill9()
                insist(c, put(session, b"k%d" % i, b"v", request_id=b"%d" % i))
            for i in range(300):
                answer = wait_until(lambda n=i: shown(c.read(session, b"k%d" % n)), PATIENCE_S,
                                    "a read is answered")
                assert answer == (channel.OK, b"v"), f"k{i}: {answer}"


def shown(answer):
    """An answer that is no refusal, or None."""
    return answer if answer[0] in (channel.OK, channel.NOT_FOUND) else None


def create_many(connection, n):
    """So many sessions, a few hundred under way at any time; their ids as text."""
    made = [session_id() for _ in range(n)]
    under_way = 0
    for session in made:
        connection.ask_write(create(session))
        under_way += 1
        while under_way == 200:
            carried_out(connection.answer())
            under_way -= 1
    for _ in range(under_way):
        carried_out(connection.answer())
    return sorted(session.hex() for session in made)


def listed(node, expression):
    """A value that is made of a list: no value, when the list is refused for a moment."""
    done = node.run("erlmcp", "eval", expression)
    said = done.stdout.strip()
    premise(done.returncode == 0 and said != "error", said + done.stderr)
    return said


def pages_of(node, function, count):
    """All pages of a list, and how many there were."""
    ids, after, pages = [], "first", 0
    while after != "done":
        said = node.insist(f"{function}({after}, {count}).")
        page, following = said.rsplit("]", 1)
        ids += re.findall(r'<<"(\w{32})">>', page)
        after = following.strip(",}. \n")
        pages += 1
    return ids, pages


@steady
def test_long_lists():
    """ten thousand sessions are one list; more are an error that names the way, and pages"""
    with Clients() as lab:
        with lab.open(lab.leader()) as c:
            made = create_many(c, 10000)
            node = lab.nodes[1]
            said = listed(node, "length(erlmcp_session:list()).")
            assert said.strip() == "10000", said
            made = sorted(made + create_many(c, 50))
        said = node.insist("erlmcp_session_manager:list_sessions().")
        assert said.startswith("{error,{limit,") and "there are 10050" in said, said
        assert pages_of(node, "erlmcp_session:list", 4000) == (made, 3)
        assert pages_of(node, "erlmcp_session_manager:list_sessions", 10000) == (made, 2)
        assert listed(node, "element(1, erlmcp_session:list(first)).") == "ok"
        assert listed(node, "length(element(2, erlmcp_session:list(first))).") == "1000"
        for bad in ("first, 0", "first, 10001", "last, 5", "first, x"):
            assert "bad argument" in node.run("erlmcp", "eval", f"erlmcp_session:list({bad}).").stderr
        assert pages_of(node, "erlmcp_task:list", 5) == ([], 1)


@steady
def test_minority():
    """without a majority requests are refused at once, or end as unknown, never as done"""
    with Clients() as lab:
        session = session_id()
        last = lab.nodes[0]
        with lab.open(last) as c:
            write(c, create(session))
            for node in lab.others(last):
                node.kill9()
            outcome, _ = c.write(put(session, b"k", b"v"))
            assert outcome in (channel.FENCED, channel.UNKNOWN)
            wait_until(lambda: last.state() == "fenced", PATIENCE_S, "it is fenced")
            assert c.write(put(session, b"k", b"v"))[0] == channel.FENCED
            assert c.read(session, b"k")[0] == channel.FENCED


@steady
def test_silent():
    """who says nothing is hung up on after some seconds, and keeps nobody from being served"""
    with Clients() as lab:
        address = (lab.fabric.address(1), PORT)
        idle = [socket.create_connection(address, PATIENCE_S) for _ in range(200)]
        with lab.open(1) as c:
            write(c, create(session_id()))
        for one in idle:
            one.settimeout(PATIENCE_S)
            hello = one.recv(4096)
            assert struct.unpack(">I", hello[:4])[0] == len(hello) - 4
            assert one.recv(1) == b""
            one.close()


if __name__ == "__main__":
    tap.main(globals())
