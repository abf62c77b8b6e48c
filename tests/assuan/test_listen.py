"""Unix sockets: who may bind, what is replaced, what is left behind, and many clients at once."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from assuan.client import connect
from assuan.errors import AssuanError, Code
from assuan.events import Inquire
from assuan.listen import listen, peer_pid, resolve
from assuan.server import Conversation, serve_socket
from tests.assuan.program import Session, make_service


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "S.test"


@asynccontextmanager
async def serving(path: Path, sessions: list[Session]) -> AsyncIterator[None]:
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery, await listen(path) as listener:
            nursery.start_soon(serve_socket, make_service(sessions), listener)
            yield
            nursery.cancel_scope.cancel()


def is_free(path: Path) -> bool:
    return not os.path.lexists(path)


def mode(path: Path) -> str:
    return stat.filemode(path.lstat().st_mode)


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def content(path: Path) -> bytes:
    return path.read_bytes()


async def test_closing_the_listener_ends_the_service_quietly(path: Path) -> None:
    sessions: list[Session] = []
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            listener = await listen(path)
            nursery.start_soon(serve_socket, make_service(sessions), listener)
            async with connect(path) as client:
                await client.transact(b"NOP")
                await listener.aclose()
    assert is_free(path)


async def test_mode_and_removal(path: Path) -> None:
    async with serving(path, []):
        assert mode(path) == "srw-------"
    assert is_free(path)


async def test_clients_side_by_side(path: Path) -> None:
    sessions: list[Session] = []

    async def first(question: Inquire) -> bytes:
        async with connect(path) as other:  # while the first one waits in its inquiry
            assert (await other.transact(b"ECHO two")).data == b"two"
        return b"one"

    async with serving(path, sessions), connect(path) as client:
        assert (await client.transact(b"ASK 9", inquire=first)).data == b"one"
        assert [session.conversation.peer_pid for session in sessions] == [os.getpid()] * 2
    assert [session.closed for session in sessions] == [1, 1]


async def test_a_client_whose_session_fails_leaves_the_others(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [ZeroDivisionError("s3cret")]

    def faulty(conversation: Conversation) -> Session:
        if failures:
            raise failures.pop()
        return Session(conversation)

    service = replace(make_service([]), open=faulty)
    async with trio.open_nursery() as nursery, await listen(path) as listener:
        nursery.start_soon(serve_socket, service, listener)
        with pytest.raises(AssuanError) as caught:
            async with connect(path):
                pass
        assert caught.value.code is Code.EOF
        async with connect(path) as client:
            await client.transact(b"NOP")
        nursery.cancel_scope.cancel()
    assert "ZeroDivisionError" in caplog.text
    assert "s3cret" not in caplog.text


async def test_a_stale_socket_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    async with serving(path, []), connect(path) as client:
        await client.transact(b"NOP")
    assert is_free(path)


async def test_a_live_socket_is_refused(path: Path) -> None:
    async with serving(path, []):
        with pytest.raises(OSError, match="in use by another server") as caught:
            await listen(path)
        assert caught.value.errno == errno.EADDRINUSE
        assert caught.value.filename == str(path)
        async with connect(path) as client:  # the refused one took nothing away
            await client.transact(b"NOP")


async def test_a_file_in_the_way_is_kept(path: Path) -> None:
    write(path, b"precious")
    with pytest.raises(OSError, match="in use") as caught:
        await listen(path)
    assert caught.value.errno == errno.EADDRINUSE
    assert content(path) == b"precious"


async def test_a_socket_that_took_our_place_is_kept(path: Path) -> None:
    async with await listen(path):
        os.unlink(path)
        async with serving(path, []):
            pass
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
    assert not is_free(path)


async def test_no_folder(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await listen(path / "sub" / "S.test")


async def test_redirect(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYSCD_TEST_DIR", str(tmp_path))
    write(path, b"%Assuan%\nsocket=${ANYSCD_TEST_DIR}/real\n")
    async with serving(path, []), connect(path) as client:
        await client.transact(b"NOP")
        assert mode(tmp_path / "real") == "srw-------"
    assert is_free(tmp_path / "real")
    assert mode(path).startswith("-")


@pytest.mark.parametrize(
    "redirect",
    [b"%Assuan%\n", b"%Assuan%\nsocket=relative\n", b"%Assuan%\nother=/x\n"],
)
def test_bad_redirect(path: Path, redirect: bytes) -> None:
    write(path, redirect)
    with pytest.raises(ValueError, match="redirect"):
        resolve(path)


def test_other_paths_mean_themselves(path: Path) -> None:
    assert resolve(path) == path
    write(path, b"anything")
    assert resolve(path) == path


async def test_a_client_of_nobody(path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        async with connect(path):
            pass


async def test_peer_pid_of_a_pair() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        assert peer_pid(stream) == os.getpid()
