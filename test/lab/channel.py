"""A client of the client channel, written from doc/protocol/client-channel.md alone."""

import hashlib
import hmac
import os
import socket
import struct

HELLO, PROOF, WELCOME, REFUSED, WRITE, READ, DONE = 1, 2, 3, 4, 16, 17, 32
OK, NOT_FOUND, FENCED, UNKNOWN, UNCONFIRMED, BUSY, INVALID = range(7)
CREATE, PUT, DELETE = 1, 2, 3


class Refused(Exception):
    """The server sent refused, or hung up."""


def command(kind, session, rest=b"", request_id=b""):
    """A session command of version 1; origin and time are the node's to fill in."""
    return (struct.pack(">BBQQQB", 1, kind, 0, 0, 0, len(request_id)) + request_id + session
            + rest)


def create(session, info=b"", **more):
    return command(CREATE, session, struct.pack(">I", len(info)) + info, **more)


def put(session, key, value, **more):
    return command(PUT, session, struct.pack(">H", len(key)) + key + struct.pack(">I", len(value))
                   + value, **more)


class Channel:
    """One connection that has proved the cookie."""

    def __init__(self, address, port, cookie, timeout=90):
        self.socket = socket.create_connection((address, port), timeout)
        self.cookie = cookie.encode()
        self.tag = 0
        kind, body = self.frame()
        assert kind == HELLO and body[0] == 1, "not the version that we speak"
        theirs, ours = body[1:33], os.urandom(32)
        self.node = body[35:].decode()
        self.send(PROOF, ours + self.proof(b"erlmcp client 1", theirs, ours))
        kind, body = self.frame()
        if not hmac.compare_digest(body, self.proof(b"erlmcp server 1", ours, theirs)):
            raise Refused("the server does not know the cookie")

    def proof(self, who, theirs, ours):
        text = who.ljust(16, b"\0") + theirs + ours
        return hmac.new(self.cookie, text, hashlib.sha256).digest()

    def send(self, kind, body):
        self.socket.sendall(struct.pack(">IB", len(body) + 1, kind) + body)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            part = self.socket.recv(n - len(data))
            if not part:
                raise Refused("hung up")
            data += part
        return data

    def frame(self):
        (length,) = struct.unpack(">I", self.exactly(4))
        body = self.exactly(length)
        if body[0] == REFUSED:
            raise Refused(body[3:].decode())
        return body[0], body[1:]

    # Requests: tag first, answer later

    def ask_write(self, command_bytes):
        self.tag += 1
        self.send(WRITE, struct.pack(">Q", self.tag) + command_bytes)
        return self.tag

    def ask_read(self, session, key):
        self.tag += 1
        self.send(READ, struct.pack(">Q", self.tag) + session + key)
        return self.tag

    def answer(self):
        """(tag, outcome, bytes) of whichever comes next."""
        kind, body = self.frame()
        assert kind == DONE, f"a frame of type {kind}"
        tag, outcome = struct.unpack_from(">QB", body)
        return tag, outcome, body[9:]

    def write(self, command_bytes):
        """(outcome, result)"""
        tag = self.ask_write(command_bytes)
        back, outcome, result = self.answer()
        assert back == tag
        return outcome, result

    def read(self, session, key):
        """(outcome, value)"""
        tag = self.ask_read(session, key)
        back, outcome, value = self.answer()
        assert back == tag
        return outcome, value

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_what):
        self.close()
