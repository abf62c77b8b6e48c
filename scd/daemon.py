"""The running daemon: its clients, signals and end."""

from __future__ import annotations

import errno
import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import trio

from assuan.connection import Role
from assuan.errors import Source
from assuan.listen import UnixListener, listen, resolve
from assuan.server import Conversation, Service, Trace, serve, serve_socket
from assuan.stdio import connection_fd_stream, stdio_stream
from scd import log
from scd.agent import agent_version
from scd.commands import COMMANDS, SYNOPSES
from scd.config import Config, Mode
from scd.greeting import greeting
from scd.providers import make_providers, rule_finder, view_maker
from scd.registry import Registry
from scd.session import Session, Shared
from scd.socketdir import socket_dir, socket_path
from scd.tokenmemory import TokenMemory

_log = logging.getLogger(__name__)

#: Seconds that readers get for letting go of their cards at the end.
_PATIENCE = 0.5


def run(config: Config, mode: Mode, *, greeted: bool) -> int:
    """Serve until the end of the pipe, KILLSCD or a signal.  Does not return: whatever a reader
    or module may be hanging in, the process ends."""
    trio.run(_main, config, mode, greeted)
    return 0


async def _main(config: Config, mode: Mode, greeted: bool) -> None:
    async with trio.open_nursery() as nursery:
        stop = trio.Event()
        providers = make_providers(config)
        memory = TokenMemory.in_home(config.homedir)
        views, rules = view_maker(config, memory), rule_finder(config)
        registry = Registry(providers, views, config.pkcs11.settle, nursery, rules)
        listener = None if mode is Mode.SERVER else await _listen(socket_path(config.homedir))
        name = str(listener.path) if listener else None
        shared = Shared(config, registry, name, SYNOPSES, memory)
        registry.on_change.append(lambda: _signal_clients(shared))
        service = make_service(shared, stop)
        async with trio.open_nursery() as clients:
            await clients.start(_signals, stop)
            hook = trace if config.debug else None
            if listener is not None:
                clients.start_soon(partial(serve_socket, service, listener, trace=hook))
            if mode is Mode.MULTI_SERVER:
                shared.agent_asked = trio.Event()
                clients.start_soon(_ask_agent, shared, shared.agent_asked)
            if mode is not Mode.DAEMON:
                clients.start_soon(_serve_pipe, service, greeted, hook, stop)
            await stop.wait()
            if listener is not None:
                await listener.aclose()
            with trio.move_on_after(_PATIENCE):
                await registry.let_go()
            _leave(registry)


async def _ask_agent(shared: Shared, asked: trio.Event) -> None:
    """Learn who started us."""
    version = await agent_version(socket_dir(shared.config.homedir) / "S.gpg-agent")
    shared.modern = None if version is None else version >= (2, 3)
    asked.set()


async def _listen(path: Path) -> UnixListener | None:
    """Listen for further clients.  A socket that another daemon of this home directory still
    has is taken over: gpg-agent has started us in its place.  Without any, one client is served.
    """
    try:
        try:
            return await listen(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not resolve(path).is_socket():
                raise
            resolve(path).unlink()
            return await listen(path)
    except (OSError, ValueError) as error:
        _log.error("no socket at %s: %s", path, error)
        return None


def _leave(registry: Registry) -> None:
    """End the process now.  A thread that hangs in a reader can't be cancelled, so the
    interpreter's orderly end, which would wait for it, is not for us."""
    registry.close()
    logging.shutdown()
    os._exit(0)


async def _serve_pipe(
    service: Service[Session], greeted: bool, hook: Trace | None, stop: trio.Event
) -> None:
    """Serve gpg-agent; it has ended when its pipe is closed."""
    stream = connection_fd_stream() or stdio_stream()
    await serve(service, stream, peer_pid=os.getppid(), greeted=greeted, trace=hook)
    stop.set()


#: Lines of which only the length is logged: results of decryption, PINs in VERIFY commands.
_SECRET = (b"D", b"APDU")


def trace(speaker: Role, line: bytes) -> None:
    """Log a line of the traffic, without what may be secret in it."""
    keyword = line.split(b" ", 1)[0].upper()
    shown = b"%s [%d bytes]" % (keyword, len(line)) if keyword in _SECRET else line
    _log.debug("%s: %s", speaker.value, ascii(shown)[2:-1])


def make_service(shared: Shared, stop: trio.Event) -> Service[Session]:
    def opened(conversation: Conversation) -> Session:
        session = Session(conversation, shared)
        shared.sessions.add(session)
        return session

    async def closed(session: Session) -> None:
        shared.sessions.discard(session)
        session.unlock()
        if session.ends_daemon:
            stop.set()

    return Service(
        greeting=greeting().removeprefix(b"OK ").rstrip(),
        source=Source.SCD,
        commands=COMMANDS,
        open=opened,
        option=_option,
        close=closed,
    )


async def _option(session: Session, name: str, value: str) -> None:
    """Of the options only ``event-signal`` has a meaning here; others are GnuPG's to add."""
    if name == "event-signal":
        session.event_signal = int(value) if value.isdigit() else 0


def _signal_clients(shared: Shared) -> None:
    """Tell those who asked for it that the cards have changed: gpg-agent then forgets its own
    list of keys."""
    for session in shared.sessions:
        peer = session.conversation.peer_pid
        if session.event_signal and peer is not None and peer > 1:
            try:
                os.kill(peer, session.event_signal)
            except (OSError, ValueError):
                _log.info("client %d can't be signalled", peer)


async def _signals(
    stop: trio.Event, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    actions: dict[int, Callable[[], None]] = {
        signal.SIGTERM: stop.set,
        signal.SIGINT: stop.set,
        signal.SIGHUP: log.reopen,
    }
    with trio.open_signal_receiver(*actions) as received:
        task_status.started()
        async for number in received:
            _log.info("%s received", signal.Signals(number).name)
            actions[number]()
