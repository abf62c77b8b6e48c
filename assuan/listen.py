"""Unix sockets of Assuan servers: finding them, binding them, and serving all who connect."""

from __future__ import annotations

import errno
import logging
import os
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import trio

from assuan.server import Service, Trace, serve

S = TypeVar("S")
_log = logging.getLogger("assuan")

#: As of scdaemon and gpg-agent (--listen-backlog).
_BACKLOG = 64

_REDIRECT = b"%Assuan%\n"
_MAX_REDIRECT = 511
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


def resolve(path: str | Path) -> Path:
    """The socket that a path means: itself, or what a redirect file at that path names.

    Such a file holds ``%Assuan%``, LF, ``socket=PATH``; ``${NAME}`` in it stands for an
    environment variable (libassuan assuan-socket.c, eval_redirection).
    Raises ValueError for a redirect file without an absolute path.
    """
    path = Path(path)
    if not path.is_file():
        return path
    content = path.read_bytes()
    if not content.startswith(_REDIRECT):
        return path
    line = content[len(_REDIRECT) :].partition(b"\n")[0].rstrip(b"\r")
    name, _, value = os.fsdecode(line).partition("=")
    target = _VARIABLE.sub(lambda found: os.environ.get(found[1] or found[2], ""), value)
    if name != "socket" or not target.startswith("/") or len(content) > _MAX_REDIRECT:
        raise ValueError(f"{path}: not a usable %Assuan% redirect file")
    return Path(target)


@contextmanager
def listen(path: str | Path) -> Iterator[trio.SocketListener]:
    """A listener on a Unix socket of mode 0600, which is removed at the end.

    A redirect file at the path is honoured.  A socket that nobody listens on any more is
    replaced.  Raises OSError: EADDRINUSE if a server answers there, or if something that is no
    socket is in the way.  To be used within trio.run.
    """
    path = resolve(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        _bind(sock, path)
        made = path.lstat()
        try:
            path.chmod(0o600)  # before listen: nobody can have connected yet
            sock.listen(_BACKLOG)
            yield trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        finally:
            _unlink_own(path, made)


async def accept(
    service: Service[S], listener: trio.SocketListener, *, trace: Trace | None = None
) -> None:
    """Serve every client that connects, each in a task of its own, until cancelled."""

    async def client(stream: trio.SocketStream) -> None:
        try:
            await serve(service, stream, peer_pid=peer_pid(stream), trace=trace)
        except Exception:
            _log.exception("a client's session failed")

    await trio.serve_listeners(client, [listener])


def peer_pid(stream: trio.SocketStream) -> int | None:
    """Process that made the other end of a Unix socket (SO_PEERCRED); None if it is unknown."""
    try:
        size = struct.calcsize("3i")
        credentials = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    except OSError:
        return None
    pid: int = struct.unpack("3i", credentials)[0]
    return pid or None


def _bind(sock: socket.socket, path: Path) -> None:
    try:
        sock.bind(str(path))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        if not path.is_socket() or _is_live(path):
            raise OSError(errno.EADDRINUSE, "in use by another server", str(path)) from None
        path.unlink()
        sock.bind(str(path))


def _is_live(path: Path) -> bool:
    """Whether a server listens on a socket; a full backlog counts as one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(str(path)) != errno.ECONNREFUSED


def _unlink_own(path: Path, made: os.stat_result) -> None:
    """Remove the socket, unless another server has put its own there by now."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if (found.st_dev, found.st_ino) == (made.st_dev, made.st_ino):
        path.unlink()
