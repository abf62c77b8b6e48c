"""What a command handler may say to its client, and ask of it, while its command runs."""

from __future__ import annotations

from assuan.connection import State
from assuan.errors import AssuanError, Code, RemoteProtocolError
from assuan.events import Cancel, Closed, Comment, Data, End, Err, Inquire, Ok, Status
from assuan.lines import wipe
from assuan.transport import Disconnected, Transport


class Conversation:
    """The server's side of one connection, as a handler sees it.

    One task at a time may use it.  Every method that sends raises LocalProtocolError for text
    that does not fit one line or holds LF or NUL, Disconnected if the client is gone, and
    AssuanError(ASS_CANCELED) once the client has cancelled the command.

    ``peer_pid``: process at the other end, None if that is not known.
    """

    def __init__(self, transport: Transport, peer_pid: int | None = None) -> None:
        self.peer_pid = peer_pid
        self._transport = transport
        self._data = bytearray()

    @property
    def cancelled(self) -> bool:
        """Whether the client answered CAN to an inquiry of the running command."""
        return self._transport.state is State.CANCELLED

    async def status(self, keyword: str, text: bytes | str = b"") -> None:
        """Send ``S KEYWORD text`` at once, not escaped; no trailing blank if the text is empty."""
        await self._say(Status(keyword.encode(), _to_bytes(text)))

    async def comment(self, text: str) -> None:
        """Send ``# text`` at once."""
        await self._say(Comment(text.encode()))

    async def data(self, data: bytes | bytearray) -> None:
        """Add to the result, which is sent with the final OK and dropped with a final ERR.

        So status lines sent meanwhile come before the data, as with libassuan.
        """
        self._data += data

    async def inquire(
        self,
        keyword: str,
        text: bytes | str = b"",
        *,
        limit: int,
        confidential: bool = False,
    ) -> bytearray:
        """Ask the client and return its data, at most ``limit`` bytes, for the caller to wipe.

        ``limit`` 0: no data are expected, only END.  ``confidential`` keeps the answer out of
        the trace.  Raises AssuanError: ASS_CANCELED for CAN, ASS_UNEXPECTED_CMD for any other
        command or for data where none are expected, ASS_TOO_MUCH_DATA beyond the limit,
        ASS_LINE_TOO_LONG.  Whatever belongs to the answer has been read by then.
        """
        await self._say(Inquire(keyword.encode(), _to_bytes(text)))
        answer = bytearray()
        try:
            await self._read_answer(answer, limit, confidential)
        except BaseException:
            wipe(answer)
            raise
        return answer

    async def wait_closed(self) -> None:
        """Return when the client has closed its side.  For a command that runs until then; the
        handler must cancel this before it asks anything.
        """
        await self._transport.wait_closed()

    async def end(self, reply: Ok | Err) -> None:
        """Answer the command.  For serve(), which calls it once a handler is done."""
        try:
            while self._transport.state is State.INQUIRY:  # the handler gave up waiting
                await self._drain()
            if isinstance(reply, Ok) and self._data:
                await self._transport.send(Data(self._data), reply)
            else:
                await self._transport.send(reply)
        finally:
            wipe(self._data)
            self._data.clear()

    async def _say(self, event: Status | Comment | Inquire) -> None:
        if self.cancelled:
            raise AssuanError(Code.ASS_CANCELED)
        await self._transport.send(event)

    async def _read_answer(self, answer: bytearray, limit: int, confidential: bool) -> None:
        """Collect data up to END.  A fault within the answer is raised when END is there, so
        that client and server agree on where the next command begins.
        """
        fault: AssuanError | None = None
        while True:
            try:
                event = await self._transport.receive(confidential=confidential)
            except RemoteProtocolError as error:
                fault = fault or AssuanError(error.code, error.description)
                if self._transport.state is not State.INQUIRY:
                    raise fault from None
                continue
            match event:
                case Data():
                    misfit = _gather(answer, event.data, limit)
                    fault = fault or misfit
                case Cancel():
                    raise AssuanError(Code.ASS_CANCELED)
                case Closed():
                    raise Disconnected
                case End() if fault is not None:
                    raise fault
                case End():
                    return

    async def _drain(self) -> None:
        try:
            event = await self._transport.receive(confidential=True)
        except RemoteProtocolError:
            return
        if isinstance(event, Closed):
            raise Disconnected


def _gather(answer: bytearray, data: bytes | bytearray, limit: int) -> AssuanError | None:
    """Move data to the answer, wiping what it leaves behind; the error if they do not fit."""
    fits = 0 < limit >= len(answer) + len(data)
    grown = answer + data if fits else bytearray()
    if isinstance(data, bytearray):
        wipe(data)
    wipe(answer)
    answer.clear()
    answer += grown
    wipe(grown)
    if fits:
        return None
    return AssuanError(Code.ASS_TOO_MUCH_DATA if limit else Code.ASS_UNEXPECTED_CMD)


def _to_bytes(text: bytes | str) -> bytes:
    return text.encode(errors="surrogateescape") if isinstance(text, str) else text
