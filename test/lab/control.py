"""Asks a node through its control socket, as bin/erlmcp does, but over one kept connection.

Frames as in doc/protocol/control-socket.md (version 1, big-endian): u32 length, u8 version,
u8 type; a request is a verb (u16 length) and u16 arguments (u32 length each), a reply is a u8
exit code, output and error output (u32 length each).
"""

import asyncio
import json
import os
import struct

VERSION = 1
REQUEST = 1
REPLY = 2
SOCKET = "control.sock"


class Gone(Exception):
    """The node did not answer; sent tells whether it may have got the request."""

    def __init__(self, why, sent):
        super().__init__(why)
        self.sent = sent


def encode(verb, *arguments):
    """The bytes of a request."""
    texts = [argument.encode() for argument in arguments]
    body = struct.pack(">BBH", VERSION, REQUEST, len(verb)) + verb.encode()
    body += struct.pack(">H", len(texts))
    for text in texts:
        body += struct.pack(">I", len(text)) + text
    return struct.pack(">I", len(body)) + body


def decode(body):
    """Exit code, output and error output of a reply's body."""
    version, kind, code, n = struct.unpack_from(">BBBI", body)
    if (version, kind) != (VERSION, REPLY):
        raise Gone(f"not a reply: version {version}, type {kind}", True)
    out = body[7:7 + n]
    (m,) = struct.unpack_from(">I", body, 7 + n)
    return code, out.decode(errors="replace"), body[11 + n:11 + n + m].decode(errors="replace")


class Control:
    """One connection to a node; one question at a time. Connects when first needed."""

    def __init__(self, data_directory):
        self.path = os.path.join(data_directory, SOCKET)
        self.reader = self.writer = None

    async def call(self, verb, *arguments, timeout=20):
        """(exit code, output, error output); raises Gone."""
        try:
            return await asyncio.wait_for(self.exchange(verb, *arguments), timeout)
        except asyncio.TimeoutError:
            self.close()
            raise Gone("no answer in time", True) from None
        except (OSError, asyncio.IncompleteReadError) as why:
            sent = self.writer is not None
            self.close()
            raise Gone(str(why), sent) from None

    async def exchange(self, verb, *arguments):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_unix_connection(self.path)
        self.writer.write(encode(verb, *arguments))
        await self.writer.drain()
        (length,) = struct.unpack(">I", await self.reader.readexactly(4))
        return decode(await self.reader.readexactly(length))

    async def eval(self, expression, timeout=20):
        """The printed value; raises Gone, or ValueError with what the node said."""
        code, out, err = await self.call("eval", expression, timeout=timeout)
        if code != 0:
            raise ValueError(err.strip() or out.strip())
        return out.strip()

    async def status(self):
        """The cluster status as data; {} when there is none."""
        try:
            return json.loads((await self.call("cluster-status", timeout=5))[1])
        except (Gone, json.JSONDecodeError):
            return {}

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None
