"""One Assuan dialogue without any I/O: bytes in, events out, events in, bytes out.

Whose turn it is, and what may be said then, is in two tables, TURN and TRANSITIONS.  Both ends
keep the same state: what one sends, the other receives.  Everything that changes the state is
in Connection: send, send_failed and next_event.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

from assuan.codec import encode, parse_answer, parse_command, parse_response
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
from assuan.lines import MAX_LINE, wipe


class Role(enum.Enum):
    """An end of the connection."""

    CLIENT = "client"
    SERVER = "server"


class State(enum.Enum):
    """How far the dialogue has come; the same on both ends."""

    #: The client waits for the server's first line.
    GREETING = enum.auto()
    #: The client may send a command.
    IDLE = enum.auto()
    #: The server works on a command and has not yet said OK or ERR.
    BUSY = enum.auto()
    #: The server asked; the client answers with data and END, or with CAN.
    INQUIRY = enum.auto()
    #: The client said CAN.  It now reads one line and takes it for the end of its command
    #: (libassuan assuan-client.c, assuan_transact), so nothing but ERR may come.
    CANCELLED = enum.auto()
    #: It is over.
    CLOSED = enum.auto()


#: Who talks in a state.
TURN: Final[dict[State, Role | None]] = {
    State.GREETING: Role.SERVER,
    State.IDLE: Role.CLIENT,
    State.BUSY: Role.SERVER,
    State.INQUIRY: Role.CLIENT,
    State.CANCELLED: Role.SERVER,
    State.CLOSED: None,
}

#: What may be said in a state, and the state after it.  A Code stands for a fault of the one
#: whose turn it is, as it is seen by the other.  A client's fault is answered with ERR and the
#: dialogue goes on; after a server's fault nobody knows where the next reply begins.
TRANSITIONS: Final[dict[State, dict[type[Event] | Code, State]]] = {
    State.GREETING: {
        Ok: State.IDLE,
        Err: State.CLOSED,
        Comment: State.GREETING,
        Closed: State.CLOSED,
        Code.ASS_INV_RESPONSE: State.CLOSED,
        Code.ASS_LINE_TOO_LONG: State.CLOSED,
        Code.ASS_INCOMPLETE_LINE: State.CLOSED,
    },
    State.IDLE: {
        Command: State.BUSY,
        Closed: State.CLOSED,
        Code.ASS_SYNTAX: State.BUSY,
        Code.ASS_LINE_TOO_LONG: State.BUSY,
        Code.ASS_INCOMPLETE_LINE: State.BUSY,
    },
    State.BUSY: {
        Ok: State.IDLE,
        Err: State.IDLE,
        Data: State.BUSY,
        Status: State.BUSY,
        Comment: State.BUSY,
        Inquire: State.INQUIRY,
        Closed: State.CLOSED,
        Code.ASS_INV_RESPONSE: State.CLOSED,
        Code.ASS_LINE_TOO_LONG: State.CLOSED,
        Code.ASS_INCOMPLETE_LINE: State.CLOSED,
    },
    State.INQUIRY: {
        Data: State.INQUIRY,
        End: State.BUSY,
        Cancel: State.CANCELLED,
        Closed: State.CLOSED,
        Code.ASS_UNEXPECTED_CMD: State.BUSY,
        # The lines up to END still belong to the answer.
        Code.ASS_LINE_TOO_LONG: State.INQUIRY,
        Code.ASS_INCOMPLETE_LINE: State.BUSY,
    },
    State.CANCELLED: {
        Err: State.IDLE,
        Closed: State.CLOSED,
        Code.ASS_INV_RESPONSE: State.CLOSED,
        Code.ASS_LINE_TOO_LONG: State.CLOSED,
        Code.ASS_INCOMPLETE_LINE: State.CLOSED,
    },
    State.CLOSED: {Closed: State.CLOSED},
}

_PARSERS: Final[dict[State, Callable[[bytearray], Event | None]]] = {
    State.GREETING: parse_response,
    State.IDLE: parse_command,
    State.BUSY: parse_response,
    State.INQUIRY: parse_answer,
    State.CANCELLED: parse_response,
}


class Wait(enum.Enum):
    """Why next_event has no event."""

    #: Call receive_data with more bytes.
    NEED_DATA = enum.auto()
    #: It is this side's turn to send; what was received beyond that is kept.
    PAUSED = enum.auto()


NEED_DATA: Final = Wait.NEED_DATA
PAUSED: Final = Wait.PAUSED


class Connection:
    """One end of a dialogue.

    ``greeted``: the greeting has been exchanged already, by other means.
    """

    def __init__(self, role: Role, *, greeted: bool = False) -> None:
        self.role = role
        self._state = State.IDLE if greeted else State.GREETING
        self._buffer = bytearray()
        self._eof = False
        self._skipping = False  # the rest of a line that was too long

    @property
    def state(self) -> State:
        """Where the dialogue stands."""
        return self._state

    def receive_data(self, data: bytes) -> None:
        """Take in bytes from the other side; ``b""`` is its end of file.

        Raises LocalProtocolError for bytes behind the end of file.
        """
        if self._eof and data:
            raise LocalProtocolError("data after end of file")
        self._eof = not data
        self._buffer += data

    def next_event(self) -> Event | Wait:
        """The next event of the other side, NEED_DATA, or PAUSED when it is not its turn.

        Raises RemoteProtocolError, and nothing else, for whatever the other side may send.
        After it the state tells what to do: the connection is CLOSED, or an ERR is due (the
        server, BUSY), or the fault was within the answer to an inquiry that still goes on.
        """
        if self._state is State.CLOSED:
            return Closed()
        if TURN[self._state] is self.role:
            return PAUSED
        try:
            event = self._parse_next()
        except RemoteProtocolError as error:
            self._state = TRANSITIONS[self._state][error.code]
            raise
        if not isinstance(event, Wait):
            self._state = TRANSITIONS[self._state][type(event)]
        return event

    def send(self, event: Event) -> bytes:
        """The bytes to send for an event.

        Raises LocalProtocolError, and stays as it was, if it may not be sent now or at all.
        """
        mine = TURN[self._state] is self.role or isinstance(event, Closed)
        state = TRANSITIONS[self._state].get(type(event)) if mine else None
        if state is None:
            name = type(event).__name__
            raise LocalProtocolError(f"{name} in state {self._state.name} by the {self.role.value}")
        data = encode(event)
        self._state = state
        return data

    def send_failed(self) -> None:
        """What ``send`` returned was not, or not all of it, delivered.  The connection is CLOSED:
        nobody knows what the other side makes of it.
        """
        self._state = State.CLOSED

    def _parse_next(self) -> Event | Wait:
        parse = _PARSERS[self._state]
        while (line := self._next_line()) is not None:
            event = parse(line)
            if event is None:
                continue
            if type(event) not in TRANSITIONS[self._state]:
                raise RemoteProtocolError(Code.ASS_INV_RESPONSE)
            return event
        return Closed() if self._eof else NEED_DATA

    def _next_line(self) -> bytearray | None:
        """Cut a line off the buffer, without LF or CR LF; None if there is no whole one."""
        end = self._buffer.find(b"\n")
        if self._skipping:
            self._take(end if end >= 0 else len(self._buffer))
            self._skipping = end < 0
            return None if end < 0 else self._next_line()
        if end < 0:
            self._check_rest()
            return None
        line = self._take(end)
        if line.endswith(b"\r"):
            del line[-1]
        if len(line) > MAX_LINE:
            wipe(line)
            raise RemoteProtocolError(Code.ASS_LINE_TOO_LONG)
        return line

    def _check_rest(self) -> None:
        """Complain about a line without LF that is too long already, or will never end."""
        size = len(self._buffer)
        if size > MAX_LINE + len(b"\r"):
            self._skipping = True
            self._take(size)
            raise RemoteProtocolError(Code.ASS_LINE_TOO_LONG)
        if self._eof and size:
            self._take(size)
            raise RemoteProtocolError(Code.ASS_INCOMPLETE_LINE)

    def _take(self, end: int) -> bytearray:
        """Cut off the buffer up to ``end`` and the LF there, leaving no copy: it may be a PIN."""
        line = self._buffer[:end]
        size = min(end + 1, len(self._buffer))
        self._buffer[:size] = bytes(size)
        del self._buffer[:size]
        return line
