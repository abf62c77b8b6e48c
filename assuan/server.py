"""Serving the clients of an Assuan service, which is a value, over trio streams.

Where streams come from is in listen.py and stdio.py.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

from assuan.builtin import BUILTINS, Context, Hangup
from assuan.connection import Connection, Role
from assuan.conversation import Conversation
from assuan.errors import AssuanError, Code, RemoteProtocolError, Source, err_fields
from assuan.events import Closed, Command, Err, Ok
from assuan.listen import UnixListener, listen, peer_pid
from assuan.stdio import connection_fd_stream, stdio_stream
from assuan.transport import Disconnected, Trace, Transport

__all__ = [
    "Conversation",
    "Disconnected",
    "Handler",
    "Hangup",
    "Service",
    "Trace",
    "UnixListener",
    "connection_fd_stream",
    "listen",
    "serve",
    "serve_socket",
    "stdio_stream",
]

S = TypeVar("S")
_log = logging.getLogger("assuan")


@dataclass(frozen=True, slots=True)
class Handler(Generic[S]):
    """A command of a service.

    ``run``: gets the session and what follows the keyword, without blanks in front; the text it
    returns goes behind OK.  It raises AssuanError to answer ERR, Hangup to close.  Any other
    exception is logged, without its message, and answered as GENERAL.
    ``help``: text for ``HELP <command>``; its first line is the synopsis.
    """

    run: Callable[[S, bytes], Awaitable[str | None]]
    help: str


@dataclass(frozen=True, slots=True)
class Service(Generic[S]):
    """What is served; ``S`` is the type of the session that each client gets.

    ``greeting``: text behind the first OK.
    ``source``: where errors come from that name no source.
    ``commands``: by upper-case keyword; clients may spell them in any case.
    ``open``: makes the session of a new client, which is given to every handler.
    ``option``: name and value of an OPTION command; unknown ones are the service's to accept.
    ``close``: the client is gone.  Called exactly once, shielded from cancellation.
    """

    greeting: bytes
    source: Source
    commands: Mapping[str, Handler[S]]
    open: Callable[[Conversation], S]
    option: Callable[[S, str, str], Awaitable[None]]
    close: Callable[[S], Awaitable[None]]


async def serve(
    service: Service[S],
    stream: trio.abc.Stream,
    *,
    peer_pid: int | None = None,
    greeted: bool = False,
    trace: Trace | None = None,
) -> None:
    """Serve one client until it closes, says BYE or breaks away, then close the stream.

    ``greeted``: the greeting was written to the client already.
    ``trace``: gets each line of the traffic.
    """
    transport = Transport(stream, Connection(Role.SERVER, greeted=greeted), trace)
    conversation = Conversation(transport, peer_pid)
    async with stream:
        session = service.open(conversation)
        try:
            if not greeted:
                await transport.send(Ok(service.greeting))
            await _Serving(service, session, conversation).run(transport)
        except Disconnected:
            pass
        finally:
            with trio.CancelScope(shield=True):
                await service.close(session)


async def serve_socket(
    service: Service[S], listener: UnixListener, *, trace: Trace | None = None
) -> None:
    """Serve every client that connects, each in a task of its own, until cancelled or until the
    listener is closed, which ends those tasks too."""

    async def client(stream: trio.SocketStream) -> None:
        try:
            await serve(service, stream, peer_pid=peer_pid(stream), trace=trace)
        except Exception as error:
            _log.error("a client's session failed: %s", "".join(_without_messages(error)))

    try:
        await trio.serve_listeners(client, [listener])
    except* trio.ClosedResourceError:
        pass


class _Serving(Generic[S]):
    """The command loop of one client."""

    def __init__(self, service: Service[S], session: S, conversation: Conversation) -> None:
        self._service = service
        self._session = session
        self._conversation = conversation
        self._context = Context(conversation, _help_texts(service.commands), self._set_option)

    async def run(self, transport: Transport) -> None:
        while True:
            try:
                event = await transport.receive()
            except RemoteProtocolError as fault:
                await self._refuse(AssuanError(fault.code, fault.description))
                continue
            if isinstance(event, Closed):
                return
            assert isinstance(event, Command)
            if await self._answer(event):
                return

    async def _answer(self, command: Command) -> bool:
        """Run a command and send its one reply.  True: that was the last one."""
        keyword = command.keyword.upper().decode("latin-1")
        try:
            text, last = await self._run(keyword, command.args)
            if self._conversation.cancelled:
                raise AssuanError(Code.ASS_CANCELED)
            await self._conversation.end(Ok(text.encode()))
            return last
        except Exception as error:
            await self._fail(keyword, _unwrapped(error))
            return False

    async def _fail(self, keyword: str, error: Exception) -> None:
        if isinstance(error, Disconnected):
            raise error
        if not isinstance(error, AssuanError):
            _log.error("%s failed: %s", keyword, "".join(_without_messages(error)))
            error = AssuanError(Code.GENERAL)
        await self._refuse(error)

    async def _run(self, keyword: str, args: bytes) -> tuple[str, bool]:
        try:
            return await self._call(keyword, args) or "", False
        except Hangup as hangup:
            return hangup.text, True

    async def _call(self, keyword: str, args: bytes) -> str | None:
        handler = self._service.commands.get(keyword)
        if handler is not None:
            return await handler.run(self._session, args)
        if keyword not in BUILTINS:
            raise AssuanError(Code.ASS_UNKNOWN_CMD)
        await BUILTINS[keyword][0](self._context, args)
        return None

    async def _refuse(self, error: AssuanError) -> None:
        await self._conversation.end(Err(*err_fields(error, self._service.source)))

    async def _set_option(self, name: str, value: str) -> None:
        await self._service.option(self._session, name, value)


def _help_texts(commands: Mapping[str, Handler[S]]) -> dict[str, str]:
    texts = {keyword: text for keyword, (_, text) in BUILTINS.items() if text}
    return texts | {keyword: handler.help for keyword, handler in commands.items()}


def _unwrapped(error: Exception) -> Exception:
    """The one exception that a handler's nursery has wrapped."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _without_messages(error: BaseException) -> Iterator[str]:
    """The traceback of an error and of those behind it.  Messages are left out: they may quote
    what came over the wire.
    """
    yield f"{type(error).__name__}\n"
    yield from traceback.format_tb(error.__traceback__)
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for other in (*inner, error.__cause__ or error.__context__):
        if other is not None:
            yield from _without_messages(other)
