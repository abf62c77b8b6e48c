"""A Connection on a trio stream: events in and out, and a look at the traffic for those who ask."""

from __future__ import annotations

from collections.abc import Callable

import trio

from assuan.codec import encode
from assuan.connection import NEED_DATA, Connection, Role, State, Wait
from assuan.errors import LocalProtocolError
from assuan.events import Data, Event
from assuan.lines import escape

#: Gets each line without its LF, and who sent it.  Data of confidential inquiries are masked;
#: the arguments of commands are not.
Trace = Callable[[Role, bytes], None]

_OTHER = {Role.CLIENT: Role.SERVER, Role.SERVER: Role.CLIENT}

#: Bytes of commands sent ahead that are read while nobody asks for them.
_MAX_AHEAD = 65536


class Disconnected(Exception):
    """The other side is gone."""


class Transport:
    """One task at a time may send, and one may receive."""

    def __init__(
        self, stream: trio.abc.Stream, connection: Connection, trace: Trace | None = None
    ) -> None:
        self._stream = stream
        self._connection = connection
        self._trace = trace

    @property
    def state(self) -> State:
        return self._connection.state

    async def send(self, *events: Event, confidential: bool = False) -> None:
        """Send events in one piece.

        Raises LocalProtocolError if one may not be sent now, Disconnected if nobody reads it.
        When this is cancelled, the connection is CLOSED.
        """
        if self.state is State.CLOSED:
            raise Disconnected
        data = b"".join([self._connection.send(event) for event in events])
        if self._trace is not None:
            for event in events:
                self._trace(self._connection.role, _show(event, confidential))
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._connection.send_failed()
            raise Disconnected from error
        except BaseException:
            self._connection.send_failed()
            raise

    async def receive(self, *, confidential: bool = False) -> Event:
        """The next event of the other side; Closed at its end of file, however that came.

        Raises RemoteProtocolError.
        """
        while (event := self._connection.next_event()) is NEED_DATA:
            await self._read()
        if isinstance(event, Wait):
            raise LocalProtocolError(f"nothing to receive in state {self.state.name}")
        if self._trace is not None:
            self._trace(_OTHER[self._connection.role], _show(event, confidential))
        return event

    async def wait_closed(self) -> None:
        """Return when the other side has closed; what it sends until then is kept for later."""
        ahead = 0
        while ahead < _MAX_AHEAD:
            size = await self._read()
            if not size:
                return
            ahead += size
        await trio.sleep_forever()

    async def _read(self) -> int:
        try:
            data = bytes(await self._stream.receive_some())
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        self._connection.receive_data(data)
        return len(data)


def _show(event: Event, confidential: bool) -> bytes:
    if isinstance(event, Data):
        return b"D " + (b"[confidential]" if confidential else escape(event.data))
    try:
        return encode(event).removesuffix(b"\n") or b"[end of file]"
    except LocalProtocolError:  # received, but nothing that we would ever send
        return b"[%s]" % type(event).__name__.encode()
