"""The client against our own server, and against servers that misbehave."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from assuan.client import Client, start
from assuan.connection import Role
from assuan.errors import AssuanError, Code, LocalProtocolError, RemoteProtocolError, Source
from assuan.events import Inquire, Status
from assuan.server import serve
from tests.assuan import program
from tests.assuan.program import BINARY, Session, make_service


def answering(data: bytes | None) -> Callable[[Inquire], Awaitable[bytes | None]]:
    async def answer(question: Inquire) -> bytes | None:
        return data

    return answer


@asynccontextmanager
async def client(
    sessions: list[Session] | None = None, seen: list[tuple[Role, bytes]] | None = None
) -> AsyncIterator[Client]:
    """A greeted client of the test service; ``seen`` collects its trace."""
    ours, theirs = trio.testing.memory_stream_pair()
    trace = None if seen is None else lambda role, line: seen.append((role, line))
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, make_service([] if sessions is None else sessions), theirs)
            client = Client(ours, trace=trace)
            assert await client.greet() == b"test server ready"
            yield client
            await client.aclose()


async def of_lines(*lines: bytes) -> Client:
    """A client of a server that says these lines, whatever it hears, and then hangs up."""
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(b"".join(line + b"\n" for line in lines))
    await theirs.send_eof()
    return Client(ours)


async def test_reply() -> None:
    async with client() as c:
        reply = await c.transact(b"STATE")
        assert reply.text == b"with text"
        assert reply.data == b"data"
        assert reply.status == (Status(b"FULL", b"\xff raw"), Status(b"BARE"))
        assert (await c.transact(b"BINARY")).data == BINARY


@pytest.mark.parametrize("answer", [b"", b"x", BINARY])
async def test_inquiry(answer: bytes) -> None:
    sessions: list[Session] = []
    async with client(sessions) as c:
        reply = await c.transact(b"ASK 9999", inquire=answering(answer))
        assert reply.data == answer
    assert sessions[0].asked == [answer]


async def test_err() -> None:
    async with client() as c:
        with pytest.raises(AssuanError) as caught:
            await c.transact(b"FAIL no way")
        error = caught.value
        assert (error.code, error.source) == (Code.INV_VALUE, Source.SCD)
        assert error.description == "no way"
        await c.transact(b"NOP")


async def test_no_answer_cancels() -> None:
    async with client() as c:
        with pytest.raises(AssuanError) as caught:
            await c.transact(b"ASK 9", inquire=answering(None))
        assert (caught.value.code, caught.value.source) == (Code.ASS_CANCELED, Source.SCD)
        await c.transact(b"NOP")


async def test_no_handler_cancels() -> None:
    async with client() as c:
        with pytest.raises(AssuanError) as caught:
            await c.transact(b"ASK 9")
        assert caught.value.code is Code.ASS_NO_INQUIRE_CB
        await c.transact(b"NOP")


async def test_a_handler_that_fails_cancels() -> None:
    async def fail(question: Inquire) -> bytes:
        raise ZeroDivisionError

    async with client() as c:
        with pytest.raises(ZeroDivisionError):
            await c.transact(b"ASK 9", inquire=fail)
        await c.transact(b"NOP")


async def test_confidential_answers_stay_out_of_the_trace() -> None:
    seen: list[tuple[Role, bytes]] = []
    async with client(seen=seen) as c:
        await c.transact(b"ASK 9", inquire=answering(b"secret"), confidential=True)
    assert (Role.CLIENT, b"D [confidential]") in seen
    assert (Role.SERVER, b"INQUIRE WHAT is it") in seen


@pytest.mark.parametrize("line", [b"", b"NOP\nNOP", b"X" * 1001, b" NOP"])
async def test_unsendable_lines(line: bytes) -> None:
    async with client() as c:
        with pytest.raises(LocalProtocolError):
            await c.transact(line)
        await c.transact(b"NOP")


async def test_a_server_that_is_gone() -> None:
    c = await of_lines(b"OK", b"D x")
    await c.greet()
    for _ in range(2):
        with pytest.raises(AssuanError) as caught:
            await c.transact(b"NOP")
        assert caught.value.code is Code.EOF


async def test_a_server_that_refuses() -> None:
    with pytest.raises(AssuanError) as caught:
        await (await of_lines(b"ERR 16777217 General error <gcrypt>")).greet()
    assert (caught.value.code, caught.value.source) == (Code.GENERAL, Source.GCRYPT)


async def test_a_server_that_talks_nonsense() -> None:
    with pytest.raises(RemoteProtocolError):
        await (await of_lines(b"220 mail.example.org ESMTP")).greet()


async def test_start_a_program() -> None:
    with trio.fail_after(30):
        async with start([sys.executable, program.__file__]) as c:
            assert (await c.transact(b"ECHO hi")).data == b"hi"


async def test_start_a_program_that_is_no_server() -> None:
    with trio.fail_after(30), pytest.raises(AssuanError) as caught:
        async with start(["true"]):
            pass
    assert caught.value.code is Code.EOF
