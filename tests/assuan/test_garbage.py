"""Whatever the other side sends: no bug of ours, and no matter in which pieces it comes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assuan.connection import NEED_DATA, PAUSED, Connection, Role, State, Wait
from assuan.errors import RemoteProtocolError
from assuan.events import Cancel, Closed, Command, End, Err, Event, Inquire, Ok

wire = st.one_of(
    st.binary(max_size=3000),
    st.lists(
        st.sampled_from(
            [
                *(b"OK", b"ERR 1", b"ERR", b"D ", b"D%25", b"S K v", b"S", b"INQUIRE K", b"END"),
                *(b"CAN", b"NOP", b"#", b" ", b"\n", b"\n", b"\n", b"\r\n", b"\0", b"%", b"\xff"),
                *(b"x" * 499, b"x" * 997),
            ]
        ),
        max_size=40,
    ).map(b"".join),
)


def play(role: Role, pieces: list[bytes]) -> list[object]:
    """All that comes of received pieces, on an end that keeps its part of the dialogue short."""
    connection = Connection(role, greeted=role is Role.SERVER)
    heard: list[object] = []
    for piece in [*pieces, b""]:
        connection.receive_data(piece)
        while (event := react(connection, heard)) is not NEED_DATA:
            if isinstance(event, Closed):
                return heard
    raise AssertionError("no end")


def react(connection: Connection, heard: list[object]) -> Event | Wait | None:
    """Take one event and answer it; the answers lead through all states."""
    try:
        event = connection.next_event()
    except RemoteProtocolError as error:
        heard.append(error.code)
        return None
    if event is PAUSED:
        replies: dict[State, Event] = {
            State.IDLE: Command(b"X"),
            State.BUSY: Inquire(b"K") if len(heard) % 3 else Ok(),
            State.INQUIRY: End() if len(heard) % 2 else Cancel(),
            State.CANCELLED: Err(277),
        }
        connection.send(replies[connection.state])
    elif event is not NEED_DATA:
        heard.append(event)
    return event


@pytest.mark.parametrize("role", Role)
@given(received=wire)
@example(received=b"x" * 1001 + b"\r\nNOP\n")
@example(received=b"x" * 1000 + b"\r\nNOP\n")
@example(received=b"x" * 1002 + b"\nNOP")
@example(received=b"NOP\nD " + b"x" * 1002 + b"\nEND\n")
def test_whole_or_byte_by_byte_and_never_a_bug(role: Role, received: bytes) -> None:
    """No matter what comes, nothing but RemoteProtocolError is raised, and the pieces in which
    it comes do not matter."""
    whole = play(role, [received] if received else [])
    single = play(role, [received[at : at + 1] for at in range(len(received))])
    assert whole == single
