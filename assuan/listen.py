"""Unix sockets of Assuan servers: finding, binding, and who is at the other end."""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
from contextlib import suppress
from pathlib import Path

import trio

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


class UnixListener(trio.abc.Listener[trio.SocketStream]):
    """A listening Unix socket that is removed from the file system when it is closed."""

    def __init__(self, sock: socket.socket, path: Path) -> None:
        self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        self._made = path.lstat()
        self.path = path

    async def accept(self) -> trio.SocketStream:
        return await self._listener.accept()

    async def aclose(self) -> None:
        """Close, and remove the socket, unless another server has put its own there by now."""
        with suppress(FileNotFoundError):
            found = self.path.lstat()
            if (found.st_dev, found.st_ino) == (self._made.st_dev, self._made.st_ino):
                self.path.unlink()
        await self._listener.aclose()


async def listen(path: str | Path) -> UnixListener:
    """A listener on a Unix socket of mode 0600.  Close it when done, to remove the socket.

    A redirect file at the path is honoured.  A socket that nobody listens on any more is
    replaced.  Raises OSError: EADDRINUSE if a server answers there, or if something that is no
    socket is in the way.
    """
    await trio.lowlevel.checkpoint()
    return _listen(resolve(path))


def _listen(path: Path) -> UnixListener:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _bind(sock, path)
        path.chmod(0o600)  # before listen: nobody can have connected yet
        sock.listen(_BACKLOG)
        return UnixListener(sock, path)
    except BaseException:
        sock.close()
        raise


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
