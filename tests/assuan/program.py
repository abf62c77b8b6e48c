"""A small service for the tests, and a program that serves it on its standard input and output.

Run by file name: it must import nothing of the tests.  With an argument, a Unix socket to serve.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from functools import partial

import trio
import trio.testing

from assuan.errors import AssuanError, Code, Source
from assuan.options import Options
from assuan.server import (
    Conversation,
    Handler,
    Hangup,
    Service,
    connection_fd_stream,
    listen,
    serve,
    serve_socket,
    stdio_stream,
)

#: Every byte value, and a line's worth of bytes that all need escaping.
BINARY = bytes(range(256)) + b"%\r\n" * 400


@dataclass(slots=True, eq=False)
class Session:
    """What a client of the test service has done."""

    conversation: Conversation
    options: dict[str, str] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    closed: int = 0


async def echo(session: Session, args: bytes) -> None:
    await session.conversation.data(args)


async def binary(session: Session, args: bytes) -> None:
    await session.conversation.data(BINARY)


async def state(session: Session, args: bytes) -> str:
    """Data first, then a status line and a comment, which overtake them."""
    await session.conversation.data(b"data")
    await session.conversation.status("FULL", b"\xff raw")
    await session.conversation.status("BARE")
    await session.conversation.comment("said aloud")
    return "with text"


async def ask(session: Session, args: bytes) -> None:
    """``ASK [--secret] limit``: inquire, and send back what came."""
    options = Options(args)
    answer = await session.conversation.inquire(
        "WHAT", "is it", limit=int(options.rest), confidential=options.has("--secret")
    )
    session.asked.append(bytes(answer))
    await session.conversation.data(answer)


async def stubborn(session: Session, args: bytes) -> str:
    """Does not take CAN for an answer."""
    try:
        await session.conversation.inquire("WHAT", limit=10)
    except AssuanError:
        await session.conversation.data(b"anyway")
    return "fine"


async def nagging(session: Session, args: bytes) -> None:
    """Talks on after CAN."""
    try:
        await session.conversation.inquire("WHAT", limit=10)
    except AssuanError:
        await session.conversation.status("WHY", "not")


async def impatient(session: Session, args: bytes) -> None:
    """Gives up its inquiry as soon as it waits for the answer."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(session.conversation.inquire, "WHAT", limit=10))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def hasty(session: Session, args: bytes) -> None:
    """Is cancelled within a line that it sends."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await session.conversation.status("KEY")


async def fail(session: Session, args: bytes) -> None:
    await session.conversation.data(b"never sent")
    raise AssuanError(Code.INV_VALUE, args.decode())


async def fail_in_a_nursery(session: Session, args: bytes) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail, session, args)


async def crash(session: Session, args: bytes) -> None:
    raise ValueError(args)


async def bad_status(session: Session, args: bytes) -> None:
    await session.conversation.status("KEY", b"two\nlines")


async def long_status(session: Session, args: bytes) -> None:
    await session.conversation.status("KEY", b"x" * 1000)


async def watch(session: Session, args: bytes) -> None:
    await session.conversation.status("WATCHING")
    await session.conversation.wait_closed()
    session.asked.append(b"saw the end")


async def leave(session: Session, args: bytes) -> None:
    raise Hangup("so long")


async def set_option(session: Session, name: str, value: str) -> None:
    session.options[name] = value


async def close(session: Session) -> None:
    await trio.lowlevel.checkpoint()
    session.closed += 1


COMMANDS = {
    "ECHO": Handler(echo, "ECHO text\n\nSend the text back."),
    "BINARY": Handler(binary, "BINARY"),
    "STATE": Handler(state, "STATE"),
    "ASK": Handler(ask, "ASK [--secret] limit"),
    "STUBBORN": Handler(stubborn, "STUBBORN"),
    "NAGGING": Handler(nagging, "NAGGING"),
    "IMPATIENT": Handler(impatient, "IMPATIENT"),
    "HASTY": Handler(hasty, "HASTY"),
    "FAIL": Handler(fail, "FAIL text"),
    "NURSERY": Handler(fail_in_a_nursery, "NURSERY text"),
    "CRASH": Handler(crash, "CRASH text"),
    "BADSTATUS": Handler(bad_status, "BADSTATUS"),
    "LONGSTATUS": Handler(long_status, "LONGSTATUS"),
    "WATCH": Handler(watch, "WATCH"),
    "LEAVE": Handler(leave, "LEAVE"),
}


def make_service(sessions: list[Session]) -> Service[Session]:
    """The service; each new session is added to the list."""

    def opened(conversation: Conversation) -> Session:
        sessions.append(Session(conversation))
        return sessions[-1]

    return Service(b"test server ready", Source.SCD, COMMANDS, opened, set_option, close)


async def main(path: str | None) -> None:
    service = make_service([])
    if path is None:
        stream = connection_fd_stream() or stdio_stream()
        print("a stray print")
        await serve(service, stream, peer_pid=os.getppid())
    else:
        async with await listen(path) as listener:
            await serve_socket(service, listener)


if __name__ == "__main__":
    trio.run(main, sys.argv[1] if len(sys.argv) > 1 else None)
