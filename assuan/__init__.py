"""Assuan, the line protocol that GnuPG's programs speak to each other, for servers and clients.

# The protocol without I/O

`Connection` is one end of a dialogue: bytes go in by `receive_data`, events come out of
`next_event`, and `send` turns an event into bytes.  Whose turn it is stands in the tables `TURN`
and `TRANSITIONS`.  Whoever breaks the rules is named by the exception: `LocalProtocolError` is
our own mistake, `RemoteProtocolError` the other side's.  `assuan.lines` has the limits and the
escaping, `assuan.errors` the numbers of libgpg-error.  None of these imports trio.

# A server

A `Service` is a value: a greeting, a table of `Handler`s, and what to do when a client comes and
goes.  A handler gets the client's session and the arguments; it talks to the client through the
session's `Conversation`, returns to answer OK, raises `AssuanError` to answer ERR:

    async def greet(conversation: Conversation, args: bytes) -> None:
        name = await conversation.inquire("NAME", limit=100)
        if not name:
            raise AssuanError(Code.NO_DATA, "nobody there")
        await conversation.data(b"Hello, " + name)

    async def ignore_option(conversation: Conversation, name: str, value: str) -> None: ...
    async def forget(conversation: Conversation) -> None: ...

    service = Service(
        greeting=b"pleased to meet you",
        source=Source.UNKNOWN,
        commands={"GREET": Handler(greet, "GREET\\n\\nAsk for a name and greet it.")},
        open=lambda conversation: conversation,
        option=ignore_option,
        close=forget,
    )

`serve` runs it for one client on any trio stream, such as `stdio_stream` or `connection_fd_stream`;
`serve_socket` for all who connect to the Unix socket of `listen`.

# A client

    async with connect("/run/user/1000/gnupg/S.gpg-agent") as client:
        reply = await client.transact(b"GETINFO version")
        print(reply.data)

Names that need trio are loaded when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from assuan.connection import NEED_DATA, PAUSED, TRANSITIONS, TURN, Connection, Role, State
from assuan.errors import AssuanError, Code, LocalProtocolError, RemoteProtocolError, Source
from assuan.options import Options

if TYPE_CHECKING:
    from assuan.client import Client, Reply, connect, start
    from assuan.server import (
        Conversation,
        Disconnected,
        Handler,
        Hangup,
        Service,
        UnixListener,
        connection_fd_stream,
        listen,
        serve,
        serve_socket,
        stdio_stream,
    )

__all__ = [
    "NEED_DATA",
    "PAUSED",
    "TRANSITIONS",
    "TURN",
    "AssuanError",
    "Client",
    "Code",
    "Connection",
    "Conversation",
    "Disconnected",
    "Handler",
    "Hangup",
    "LocalProtocolError",
    "Options",
    "RemoteProtocolError",
    "Reply",
    "Role",
    "Service",
    "Source",
    "State",
    "UnixListener",
    "connect",
    "connection_fd_stream",
    "listen",
    "serve",
    "serve_socket",
    "start",
    "stdio_stream",
]

_NEED_TRIO = {
    "assuan.client": {"Client", "Reply", "connect", "start"},
    "assuan.server": {
        "Conversation",
        "Disconnected",
        "Handler",
        "Hangup",
        "Service",
        "UnixListener",
        "connection_fd_stream",
        "listen",
        "serve",
        "serve_socket",
        "stdio_stream",
    },
}


def __getattr__(name: str) -> object:
    for module, names in _NEED_TRIO.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
