"""serve() over memory streams: what a client gets for what it sends, byte for byte."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from trio.testing import MemoryReceiveStream, MemorySendStream

from assuan.connection import Role
from assuan.server import serve
from tests.assuan.program import BINARY, COMMANDS, Session, make_service

Stapled = trio.StapledStream[MemorySendStream, MemoryReceiveStream]

GREETING = b"OK test server ready"


async def replies(sent: bytes, sessions: list[Session] | None = None) -> list[bytes]:
    """The lines that the server answers, greeting aside, to a client that sends and hangs up."""
    client, server = trio.testing.memory_stream_pair()
    await client.send_all(sent)
    await client.send_eof()
    with trio.fail_after(10):
        await serve(make_service([] if sessions is None else sessions), server)
        received = b"".join([piece async for piece in client])
    lines = received.split(b"\n")
    assert lines.pop() == b""
    assert lines.pop(0) == GREETING
    return lines


@asynccontextmanager
async def served(
    sessions: list[Session],
) -> AsyncIterator[tuple[MemoryReceiveStream, Stapled, trio.CancelScope]]:
    """A client's receiving and whole stream, and the scope of the server that runs meanwhile."""
    client, server = trio.testing.memory_stream_pair()
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, make_service(sessions), server)
            yield client.receive_stream, client, nursery.cancel_scope


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        # As GnuPG's scdaemon 2.2.40 answers, but for INPUT, OUTPUT and BYE with arguments.
        (b"NOP\n", [b"OK"]),
        (b"nop\r\n", [b"OK"]),
        (b"\n# comment\n", []),
        (b"FOO\n", [b"ERR 100663571 Unknown IPC command <SCD>"]),
        (b"\xff\xfe\n", [b"ERR 100663571 Unknown IPC command <SCD>"]),
        (b"QUIT\n", [b"ERR 100663571 Unknown IPC command <SCD>"]),
        (b"CAN\n", [b"ERR 100663571 Unknown IPC command <SCD>"]),
        (b"D data\n", [b"ERR 100663365 Not implemented <SCD>"]),
        (b"END\n", [b"ERR 100663365 Not implemented <SCD>"]),
        (b"CANCEL\n", [b"ERR 100663365 Not implemented <SCD>"]),
        (b"AUTH\n", [b"ERR 100663365 Not implemented <SCD>"]),
        (b"INPUT FD=3\n", [b"ERR 100663365 Not implemented <SCD>"]),
        (b"RESET\n", [b"OK"]),
        (b" NOP\n", [b"ERR 100663572 IPC syntax error <SCD> - leading white-space"]),
        (b"OPTION\n", [b"ERR 100663572 IPC syntax error <SCD> - argument required"]),
        (b"HELP foo\n", [b"ERR 100663471 Unknown command <SCD>"]),
        (b"help echo\n", [b"# ECHO text", b"#", b"# Send the text back.", b"OK"]),
        (b"BYE\nNOP\n", [b"OK closing connection"]),
        (b"LEAVE\nNOP\n", [b"OK so long"]),
        # Handlers
        (b"echo  a b \n", [b"D a b ", b"OK"]),
        (b"STATE\n", [b"S FULL \xff raw", b"S BARE", b"# said aloud", b"D data", b"OK with text"]),
        (b"FAIL no way\n", [b"ERR 100663351 Invalid value <SCD> - no way"]),
        (b"NURSERY no way\n", [b"ERR 100663351 Invalid value <SCD> - no way"]),
        # Faults; the connection goes on
        (b"x" * 3000 + b"\nNOP\n", [b"ERR 100663559 Line passed to IPC too long <SCD>", b"OK"]),
        (b"NOP\nNOP", [b"OK", b"ERR 100663558 Incomplete line passed to IPC <SCD>"]),
        (b"BADSTATUS\nNOP\n", [b"ERR 100663297 General error <SCD>", b"OK"]),
        (b"LONGSTATUS\nNOP\n", [b"ERR 100663297 General error <SCD>", b"OK"]),
    ],
)
async def test_replies(sent: bytes, received: list[bytes]) -> None:
    assert await replies(sent) == received


ASKED = b"INQUIRE WHAT is it"


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"ASK 3\nD a%0A\nD c\nEND\n", [b"D a%0Ac", b"OK"]),
        (b"ASK 3\nEND\n", [b"OK"]),
        (b"ASK 0\nEND\n", [b"OK"]),
        (b"ASK 3\nCAN\nNOP\n", [b"ERR 100663573 IPC call has been cancelled <SCD>", b"OK"]),
        (b"ASK 3\nNOP\nNOP\n", [b"ERR 100663570 Unexpected IPC command <SCD>", b"OK"]),
        (
            b"ASK 3\nD abcd\nD e\nEND\nNOP\n",
            [b"ERR 100663569 Too much data for IPC layer <SCD>", b"OK"],
        ),
        (b"ASK 3\nD ab\nD cd\nCAN\n", [b"ERR 100663573 IPC call has been cancelled <SCD>"]),
        (b"ASK 0\nD \nEND\n", [b"ERR 100663570 Unexpected IPC command <SCD>"]),
        (b"ASK 0\nD a\nD b\nEND\nNOP\n", [b"ERR 100663570 Unexpected IPC command <SCD>", b"OK"]),
        (
            b"ASK 9999\nD " + b"x" * 2000 + b"\nD x\nEND\nNOP\n",
            [b"ERR 100663559 Line passed to IPC too long <SCD>", b"OK"],
        ),
        (b"ASK 9\nD x", [b"ERR 100663558 Incomplete line passed to IPC <SCD>"]),
        (b"ASK 9\nD x\n", []),
        (b"ASK 9\n", []),
    ],
)
async def test_inquiry(sent: bytes, received: list[bytes]) -> None:
    assert await replies(sent) == [ASKED, *received]


@pytest.mark.parametrize("keyword", [b"STUBBORN", b"NAGGING"])
async def test_exactly_one_err_line_after_can(keyword: bytes) -> None:
    assert await replies(keyword + b"\nCAN\nNOP\n") == [
        b"INQUIRE WHAT",
        b"ERR 100663573 IPC call has been cancelled <SCD>",
        b"OK",
    ]


async def test_an_abandoned_inquiry_is_read_to_its_end() -> None:
    async with served([]) as (receive, client, _):
        await client.send_all(b"IMPATIENT\n")
        assert await receive.receive_some() == GREETING + b"\n"
        assert await receive.receive_some() == b"INQUIRE WHAT\n"
        await trio.testing.wait_all_tasks_blocked()
        await client.send_all(b"D x\nEND\nNOP\n")
        assert await receive.receive_some() == b"OK\n"
        assert await receive.receive_some() == b"OK\n"
        await client.aclose()


async def test_a_line_sent_by_halves_ends_the_connection() -> None:
    assert await replies(b"HASTY\nNOP\n") == []


async def test_binary_data() -> None:
    lines = await replies(b"BINARY\n")
    assert lines.pop() == b"OK"
    assert all(line.startswith(b"D ") and len(line) <= 1000 for line in lines)
    joined = b"".join(line[2:] for line in lines)
    assert joined.replace(b"%0D", b"\r").replace(b"%0A", b"\n").replace(b"%25", b"%") == BINARY


async def test_binary_answer() -> None:
    sessions: list[Session] = []
    pin = bytes(byte for byte in range(256) if byte not in b"%\r\n")
    await replies(b"ASK 300\nD " + pin + b"\nEND\n", sessions)
    assert sessions[0].asked == [pin]


async def test_help_lists_all_commands() -> None:
    lines = await replies(b"HELP\n")
    assert lines.pop() == b"OK"
    listed = [line.split()[1].decode() for line in lines]
    assert listed[:3] == ["NOP", "CANCEL", "OPTION"]
    assert set(COMMANDS) < set(listed)
    assert "D" not in listed


async def test_options_reach_the_service() -> None:
    sessions: list[Session] = []
    sent = b"OPTION --a=1\nOPTION b c\nOPTION d\n"
    assert await replies(sent, sessions) == [b"OK"] * 3
    assert sessions[0].options == {"a": "1", "b": "c", "d": ""}


async def test_a_crash_is_logged_without_what_came_over_the_wire(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert await replies(b"CRASH s3cret\nNOP\n") == [
            b"ERR 100663297 General error <SCD>",
            b"OK",
        ]
    assert "ValueError" in caplog.text
    assert "raise ValueError(args)" in caplog.text
    assert "s3cret" not in caplog.text


async def test_greeted_already() -> None:
    client, server = trio.testing.memory_stream_pair()
    await client.send_all(b"NOP\n")
    await client.send_eof()
    await serve(make_service([]), server, greeted=True)
    assert b"".join([piece async for piece in client]) == b"OK\n"


# The end of a connection


@pytest.mark.parametrize("sent", [b"", b"NOP\n", b"BYE\n", b"ASK 9\n", b"ASK 9\nD x\n", b"NO"])
async def test_close_is_called_once(sent: bytes) -> None:
    sessions: list[Session] = []
    await replies(sent, sessions)
    assert [session.closed for session in sessions] == [1]


async def test_close_is_called_once_when_cancelled() -> None:
    sessions: list[Session] = []
    async with served(sessions) as (receive, client, scope):
        await client.send_all(b"ASK 9\n")
        while ASKED not in await receive.receive_some():
            pass
        scope.cancel()
    assert [session.closed for session in sessions] == [1]


async def test_a_client_that_breaks_away_is_a_normal_end() -> None:
    sessions: list[Session] = []
    async with served(sessions) as (_, client, _scope):
        await client.send_all(b"STATE\n")
        await client.aclose()
    assert [session.closed for session in sessions] == [1]


async def test_a_handler_can_wait_for_the_end() -> None:
    sessions: list[Session] = []
    lines = await replies(b"WATCH\n", sessions)
    assert lines == [b"S WATCHING", b"OK"]
    assert sessions[0].asked == [b"saw the end"]


async def test_a_client_cannot_fill_our_memory_meanwhile() -> None:
    sessions: list[Session] = []
    async with served(sessions) as (_, client, scope):
        await client.send_all(b"WATCH\n")
        await trio.testing.wait_all_tasks_blocked()
        await client.send_all(b"x" * 70_000)
        await trio.testing.wait_all_tasks_blocked()
        await client.send_eof()
        await trio.testing.wait_all_tasks_blocked()
        assert sessions[0].asked == [], "it reads on"
        scope.cancel()


# Bursts and traces


async def test_data_and_ok_go_out_in_one_piece() -> None:
    async with served([]) as (receive, client, _):
        assert await receive.receive_some() == GREETING + b"\n"
        await client.send_all(b"ECHO x\n")
        assert await receive.receive_some() == b"D x\nOK\n"
        await client.aclose()


async def test_trace_shows_lines_and_hides_confidential_answers() -> None:
    client, server = trio.testing.memory_stream_pair()
    await client.send_all(b"ASK 9\nD open\nEND\nASK --secret 9\nD 123456\nEND\nx\0y\n")
    await client.send_eof()
    seen: list[tuple[Role, bytes]] = []
    await serve(make_service([]), server, trace=lambda role, line: seen.append((role, line)))
    assert [line for role, line in seen if role is Role.CLIENT] == [
        b"ASK 9",
        b"D open",
        b"END",
        b"ASK --secret 9",
        b"D [confidential]",
        b"END",
        b"[Command]",
        b"[end of file]",
    ]
    assert [line for role, line in seen if role is Role.SERVER][:4] == [
        GREETING,
        ASKED,
        b"D open",
        b"OK",
    ]
