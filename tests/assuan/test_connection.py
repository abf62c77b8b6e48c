"""The dialogue without I/O: the tables, both ends glued together, faults, and garbage."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assuan.codec import encode
from assuan.connection import (
    NEED_DATA,
    PAUSED,
    TRANSITIONS,
    TURN,
    Connection,
    Role,
    State,
    Wait,
)
from assuan.errors import Code, LocalProtocolError, RemoteProtocolError
from assuan.events import (
    Cancel,
    Closed,
    Command,
    Comment,
    Data,
    End,
    Err,
    Event,
    Inquire,
    Ok,
    Status,
)
from assuan.lines import MAX_INQUIRE, MAX_LINE

EXAMPLES: list[Event] = [
    Command(b"NOP"),
    Data(b"\0data"),
    End(),
    Cancel(),
    Ok(b"text"),
    Err(100663573, b"IPC call has been cancelled <SCD>"),
    Status(b"KEY", b"value"),
    Inquire(b"KEY", b"value"),
    Comment(b"text"),
    Closed(),
]

#: What was said, by both ends in turn, before the dialogue is in a state.
PATHS: dict[State, list[Event]] = {
    State.GREETING: [],
    State.IDLE: [Ok()],
    State.BUSY: [Ok(), Command(b"X")],
    State.INQUIRY: [Ok(), Command(b"X"), Inquire(b"K")],
    State.CANCELLED: [Ok(), Command(b"X"), Inquire(b"K"), Cancel()],
    State.CLOSED: [Closed()],
}


class ConnectionPair:
    """A client and a server that hear each other; both always agree on the state."""

    def __init__(self, *history: Event) -> None:
        self.ends = {role: Connection(role) for role in Role}
        for event in history:
            self.say(event)

    @property
    def state(self) -> State:
        client, server = (self.ends[role].state for role in Role)
        assert client is server
        return client

    def say(self, event: Event) -> Event | Wait:
        """Send by the end whose turn it is; what the other end makes of it."""
        role = TURN[self.state] or Role.CLIENT
        sender, receiver = self.ends[role], self.ends[other(role)]
        receiver.receive_data(sender.send(event))
        heard = receiver.next_event()
        assert self.state is sender.state
        return heard


def other(role: Role) -> Role:
    return Role.SERVER if role is Role.CLIENT else Role.CLIENT


def server_in(state: State) -> Connection:
    return ConnectionPair(*PATHS[state]).ends[Role.SERVER]


# The tables


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", State)
def test_every_event_in_every_state(state: State, role: Role, event: Event) -> None:
    connection = ConnectionPair(*PATHS[state]).ends[role]
    assert connection.state is state
    after = TRANSITIONS[state].get(type(event))
    if after is not None and (TURN[state] is role or isinstance(event, Closed)):
        assert connection.send(event) == encode(event)
        assert connection.state is after
    else:
        with pytest.raises(LocalProtocolError):
            connection.send(event)
        assert connection.state is state


@pytest.mark.parametrize(
    ("state", "event", "after"),
    [
        (State.GREETING, Ok(b"hello"), State.IDLE),
        (State.GREETING, Err(1), State.CLOSED),
        (State.IDLE, Command(b"NOP", b"args"), State.BUSY),
        (State.BUSY, Ok(), State.IDLE),
        (State.BUSY, Err(1, b"text"), State.IDLE),
        (State.BUSY, Data(b"\0\r\n%\xff"), State.BUSY),
        (State.BUSY, Status(b"K"), State.BUSY),
        (State.BUSY, Comment(b"text"), State.BUSY),
        (State.BUSY, Comment(), State.BUSY),
        (State.BUSY, Inquire(b"K", b"text"), State.INQUIRY),
        (State.INQUIRY, Data(b"\0\r\n%\xff"), State.INQUIRY),
        (State.INQUIRY, End(), State.BUSY),
        (State.INQUIRY, Cancel(), State.CANCELLED),
        (State.CANCELLED, Err(1), State.IDLE),
    ],
)
def test_what_one_says_the_other_hears(state: State, event: Event, after: State) -> None:
    pair = ConnectionPair(*PATHS[state])
    assert pair.say(event) == event
    assert pair.state is after


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("role", Role)
def test_not_your_turn(state: State, role: Role) -> None:
    connection = ConnectionPair(*PATHS[state]).ends[role]
    expected = {role: PAUSED, other(role): NEED_DATA, None: Closed()}[TURN[state]]
    assert connection.next_event() == expected
    assert connection.state is state


@pytest.mark.parametrize("state", [state for state in State if TURN[state] is Role.CLIENT])
def test_end_of_file_between_lines(state: State) -> None:
    server = server_in(state)
    server.receive_data(b"")
    assert server.next_event() == Closed()
    assert server.state is State.CLOSED
    assert server.next_event() == Closed()


# Lines


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"NOP\n", Command(b"NOP")),
        (b"NOP\r\n", Command(b"NOP")),
        (b"nop \t x  y \n", Command(b"nop", b"x  y ")),
        (b"nop\tx\ty\n", Command(b"nop", b"x\ty")),
        (b"D data\n", Command(b"D", b"data")),
        (b"END\n", Command(b"END")),
        (b"\n\r\n# comment\n#\nX\n", Command(b"X")),
        (b"X \x85\x1e\x0b\x0c\xff\n", Command(b"X", b"\x85\x1e\x0b\x0c\xff")),
        (b"X" * MAX_LINE + b"\r\n", Command(b"X" * MAX_LINE)),
    ],
)
def test_commands(line: bytes, command: Command) -> None:
    server = server_in(State.IDLE)
    server.receive_data(line)
    assert server.next_event() == command


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b"D \n", Data(b"")),
        (b"D\n", Data(b"")),
        (b"d %00%zz\n", Data(b"\0%zz")),
        (b"D 123456" + bytes(84) + b"\n", Data(b"123456" + bytes(84))),
        (b"# comment\n\nend \n", End()),
        (b"CAN\n", Cancel()),
        (b"cancel it all\n", Cancel()),
    ],
)
def test_answers(line: bytes, event: Event) -> None:
    server = server_in(State.INQUIRY)
    server.receive_data(line)
    assert server.next_event() == event


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b"OK\n", Ok()),
        (b"OK closing connection\n", Ok(b"closing connection")),
        (b"ERR 536870981\n", Err(536870981)),
        (b"ERR 1 General error <SCD> - x\n", Err(1, b"General error <SCD> - x")),
        (b"\nS KEY\n", Status(b"KEY")),
        (b"S  KEY  x \n", Status(b"KEY", b" x ")),
        (b"#text\n", Comment(b"text")),
        (b"INQUIRE NEEDPIN ||x\n", Inquire(b"NEEDPIN", b"||x")),
    ],
)
def test_responses(line: bytes, event: Event) -> None:
    client = ConnectionPair(*PATHS[State.BUSY]).ends[Role.CLIENT]
    client.receive_data(line)
    assert client.next_event() == event


@pytest.mark.parametrize(
    "event",
    [
        Status(b"", b"x"),
        Status(b"A B"),
        Status(b"A\tB"),
        Status(b"A\nB"),
        Status(b"A", b"x\ny"),
        Status(b"A", b"x\0y"),
        Status(b"A", b"x" * (MAX_LINE - 3)),
        Inquire(b"A", b"x" * (MAX_INQUIRE - 9)),
        Ok(b"x\n"),
        Comment(b"\n"),
    ],
)
def test_unsendable_text_changes_nothing(event: Event) -> None:
    server = server_in(State.BUSY)
    with pytest.raises(LocalProtocolError):
        server.send(event)
    assert server.state is State.BUSY


def test_after_a_failed_send_it_is_over() -> None:
    server = server_in(State.BUSY)
    server.send(Ok())
    server.send_failed()
    assert server.next_event() == Closed()


def test_longest_lines_can_be_sent() -> None:
    server = server_in(State.BUSY)
    assert len(server.send(Status(b"A", b"x" * (MAX_LINE - 4)))) == MAX_LINE + 1
    assert len(server.send(Inquire(b"A", b"x" * (MAX_INQUIRE - 10)))) == MAX_INQUIRE + 1


def test_secrets_are_not_shown() -> None:
    assert "123456" not in repr(Data(b"123456"))
    assert "123456" not in repr(Command(b"PASSWD", b"123456"))


# Faults


@pytest.mark.parametrize(
    ("state", "sent", "code", "after"),
    [
        (State.IDLE, b" NOP\n", Code.ASS_SYNTAX, State.BUSY),
        (State.IDLE, b"\tNOP\n", Code.ASS_SYNTAX, State.BUSY),
        (State.IDLE, b"x" * 1001 + b"\n", Code.ASS_LINE_TOO_LONG, State.BUSY),
        (State.IDLE, b"x" * 1002, Code.ASS_LINE_TOO_LONG, State.BUSY),
        (State.INQUIRY, b"OK\n", Code.ASS_UNEXPECTED_CMD, State.BUSY),
        (State.INQUIRY, b"Dx\n", Code.ASS_UNEXPECTED_CMD, State.BUSY),
        (State.INQUIRY, b"ENDE\n", Code.ASS_UNEXPECTED_CMD, State.BUSY),
        (State.INQUIRY, b"D " + b"x" * 999 + b"\n", Code.ASS_LINE_TOO_LONG, State.INQUIRY),
        (State.INQUIRY, b"D " + b"x" * 5000, Code.ASS_LINE_TOO_LONG, State.INQUIRY),
    ],
)
def test_faults_of_a_client(state: State, sent: bytes, code: Code, after: State) -> None:
    server = server_in(state)
    server.receive_data(sent)
    with pytest.raises(RemoteProtocolError) as caught:
        server.next_event()
    assert caught.value.code is code
    assert server.state is after


@pytest.mark.parametrize("state", [State.IDLE, State.INQUIRY])
def test_end_of_file_within_a_line(state: State) -> None:
    server = server_in(state)
    server.receive_data(b"D x")
    assert server.next_event() is NEED_DATA
    server.receive_data(b"")
    with pytest.raises(RemoteProtocolError) as caught:
        server.next_event()
    assert caught.value.code is Code.ASS_INCOMPLETE_LINE
    server.send(Err(262))
    assert server.next_event() == Closed()


@pytest.mark.parametrize(
    ("state", "sent"),
    [
        (State.GREETING, b"HTTP/1.1 400\n"),
        (State.GREETING, b"D x\n"),
        (State.BUSY, b"OKAY\n"),
        (State.BUSY, b"ERR\n"),
        (State.BUSY, b"ERR x1\n"),
        (State.BUSY, b"ERR 99999999999\n"),
        (State.BUSY, b"S \n"),
        (State.BUSY, b"INQUIRE\n"),
        (State.BUSY, b"ok\n"),
        (State.CANCELLED, b"S KEY\n"),
    ],
)
def test_faults_of_a_server(state: State, sent: bytes) -> None:
    client = ConnectionPair(*PATHS[state]).ends[Role.CLIENT]
    client.receive_data(sent)
    with pytest.raises(RemoteProtocolError) as caught:
        client.next_event()
    assert caught.value.code is Code.ASS_INV_RESPONSE
    assert client.next_event() == Closed()


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_the_dialogue_survives_a_line_too_long(ending: bytes) -> None:
    server = server_in(State.IDLE)
    server.receive_data(b"x" * 70_000)
    with pytest.raises(RemoteProtocolError):
        server.next_event()
    server.send(Err(263))
    assert server.next_event() is NEED_DATA
    server.receive_data(b"y" * 70_000)
    assert server.next_event() is NEED_DATA
    server.receive_data(b"z" + ending + b"NOP\n")
    assert server.next_event() == Command(b"NOP")


def test_pipelined_commands_keep_their_order() -> None:
    server = server_in(State.IDLE)
    server.receive_data(b"ONE\nTWO\nTHR")
    assert server.next_event() == Command(b"ONE")
    assert server.next_event() is PAUSED
    server.send(Ok())
    assert server.next_event() == Command(b"TWO")
    server.send(Ok())
    assert server.next_event() is NEED_DATA
    server.receive_data(b"EE\n")
    server.receive_data(b"")
    assert server.next_event() == Command(b"THREE")
    server.send(Ok())
    assert server.next_event() == Closed()


def test_no_bytes_behind_the_end() -> None:
    server = server_in(State.IDLE)
    server.receive_data(b"")
    server.receive_data(b"")
    with pytest.raises(LocalProtocolError):
        server.receive_data(b"NOP\n")


def test_received_secrets_are_wiped_from_the_buffer() -> None:
    server = server_in(State.INQUIRY)
    # So much follows that the buffer stays where it is when its front is cut off.
    server.receive_data(b"D 123456\n" + b"D x\n" * 200)
    buffer = server._buffer
    address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    assert ctypes.string_at(address, 8) == b"D 123456"
    assert server.next_event() == Data(b"123456")
    assert ctypes.string_at(address, 9) == bytes(9)


# Wherever the tables lead


@given(st.data())
def test_any_legal_dialogue(data: st.DataObject) -> None:
    """Both ends agree on the state and the events, wherever the table leads."""
    pair = ConnectionPair()
    for _ in range(20):
        if pair.state is State.CLOSED:
            return
        legal = [event for event in EXAMPLES if type(event) in TRANSITIONS[pair.state]]
        event = data.draw(st.sampled_from(legal))
        if isinstance(event, Closed):
            continue
        assert pair.say(event) == event
