"""Streams that a program is started with: its standard input and output, or a passed socket."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import stat
import sys
from collections.abc import MutableMapping

import trio

_CHUNK = 65536


def stdio_stream() -> trio.abc.Stream:
    """Take over file descriptors 0 and 1 as one stream.

    They are moved to descriptors that no child process inherits; in their place come /dev/null,
    and standard error, so that a stray print cannot spoil the protocol.  Works for pipes,
    sockets and terminals, and also for regular files and /dev/null.
    """
    receive, send = (fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3) for number in (0, 1))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    # Started without standard error, we may have something else under its number by now.
    os.dup2(null if sys.__stderr__ is None else 2, 1)
    os.close(null)
    return trio.StapledStream(_half(send), _half(receive))


def connection_fd_stream(
    environment: MutableMapping[str, str] = os.environ,
) -> trio.SocketStream | None:
    """The socket named by ``_assuan_connection_fd``, None if that is not set.

    The variable is removed: it is not meant for our own children (libassuan
    assuan-pipe-connect.c).  Raises ValueError if it names no connected stream socket.
    """
    name = environment.pop("_assuan_connection_fd", None)
    if name is None:
        return None
    try:
        descriptor = int(name)
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            raise ValueError(name)
        os.set_inheritable(descriptor, False)
        return trio.SocketStream(trio.socket.from_stdlib_socket(socket.socket(fileno=descriptor)))
    except (ValueError, OSError) as error:
        raise ValueError(f"_assuan_connection_fd={name}: not a connected socket") from error


def _half(descriptor: int) -> trio.abc.Stream:
    if _can_wait(descriptor):
        return trio.lowlevel.FdStream(descriptor)
    return _FileStream(descriptor)


def _can_wait(descriptor: int) -> bool:
    """Whether epoll knows about readiness here.  It does not for files, which never block."""
    with select.epoll() as poll:
        try:
            poll.register(descriptor)
        except PermissionError:
            return False
    return True


class _FileStream(trio.abc.Stream):
    """A regular file or /dev/null: reads and writes never wait."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        return os.read(self._descriptor, max_bytes or _CHUNK)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
        await trio.lowlevel.checkpoint()
