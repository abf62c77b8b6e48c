"""A small Assuan client, over a Unix socket or the standard input and output of a program."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from assuan.connection import Connection, Role
from assuan.errors import AssuanError, Code, Source, split
from assuan.events import Cancel, Closed, Command, Data, End, Err, Event, Inquire, Ok, Status
from assuan.listen import resolve
from assuan.transport import Disconnected, Trace, Transport

#: Gets the server's question; returns the data to send, or None for CAN.
InquireHandler = Callable[[Inquire], Awaitable[bytes | bytearray | None]]

#: Seconds that a started program gets to end after its input was closed.
_PATIENCE = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command brought: the text behind OK, all data, and the status lines in order."""

    text: bytes
    data: bytes = field(repr=False)
    status: tuple[Status, ...]


class Client:
    """One connection to a server, for one task at a time.

    ``trace``: gets each line of the traffic.
    """

    def __init__(self, stream: trio.abc.Stream, *, trace: Trace | None = None) -> None:
        self._stream = stream
        self._transport = Transport(stream, Connection(Role.CLIENT), trace)

    async def greet(self) -> bytes:
        """Wait for the greeting and return its text.  Raises what ``transact`` raises."""
        return (await self._collect(None, False)).text

    async def transact(
        self, line: bytes, *, inquire: InquireHandler | None = None, confidential: bool = False
    ) -> Reply:
        """Send a command line and wait for its end.

        ``inquire`` answers the server's questions; without it, or when it raises, they are
        cancelled.  ``confidential`` keeps its answers out of the trace.
        Raises AssuanError: the server's ERR; ASS_NO_INQUIRE_CB for a question without a
        handler; EOF if the server is gone.  Raises LocalProtocolError for a line that cannot be
        sent, RemoteProtocolError, after which the connection is of no use, for a broken reply.
        """
        keyword, _, args = line.partition(b" ")
        await self._send(Command(keyword, args))
        return await self._collect(inquire, confidential)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def _collect(self, inquire: InquireHandler | None, confidential: bool) -> Reply:
        data = bytearray()
        status: list[Status] = []
        while True:
            match await self._transport.receive():
                case Ok(text):
                    return Reply(text, bytes(data), tuple(status))
                case Err() as error:
                    raise _error(error)
                case Data(piece):
                    data += piece
                case Status() as line:
                    status.append(line)
                case Inquire() as question:
                    await self._answer(question, inquire, confidential)
                case Closed():
                    raise _gone()

    async def _answer(
        self, question: Inquire, inquire: InquireHandler | None, confidential: bool
    ) -> None:
        try:
            if inquire is None:
                raise AssuanError(Code.ASS_NO_INQUIRE_CB, source=Source.ASSUAN)
            answer = await inquire(question)
        except Exception:
            await self._send(Cancel())
            await self._transport.receive()  # the one line that follows CAN
            raise
        if answer is None:
            await self._send(Cancel())
        else:
            await self._send(Data(answer), End(), confidential=confidential)

    async def _send(self, *events: Event, confidential: bool = False) -> None:
        try:
            await self._transport.send(*events, confidential=confidential)
        except Disconnected as error:
            raise _gone() from error


@asynccontextmanager
async def connect(path: str | Path, *, trace: Trace | None = None) -> AsyncIterator[Client]:
    """A client of the server at a Unix socket, or at what a redirect file there names."""
    async with await trio.open_unix_socket(str(resolve(path))) as stream:
        client = Client(stream, trace=trace)
        await client.greet()
        yield client


@asynccontextmanager
async def start(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, trace: Trace | None = None
) -> AsyncIterator[Client]:
    """Start a program that serves on its standard input and output, and be its client.

    At the end its input is closed; it is killed if it has not ended a few seconds later.
    """
    process = await trio.lowlevel.open_process(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
    )
    assert process.stdio is not None
    try:
        async with process.stdio:
            client = Client(process.stdio, trace=trace)
            await client.greet()
            yield client
    finally:
        with trio.CancelScope(shield=True):
            with trio.move_on_after(_PATIENCE):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()


def _error(error: Err) -> AssuanError:
    """The exception for an ERR line; its description is what follows the strerror text."""
    source, code = split(error.value)
    description = error.text.decode(errors="replace").partition(" - ")[2]
    return AssuanError(code, description, source=source)


def _gone() -> AssuanError:
    return AssuanError(Code.EOF, source=Source.ASSUAN)
