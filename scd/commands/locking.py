"""Having the cards to oneself: LOCK and UNLOCK."""

from __future__ import annotations

import trio

from assuan.errors import AssuanError, Code
from assuan.options import Options
from assuan.server import Handler
from scd.session import Session

#: Seconds between two signs of life for who waits; they also tell when the client has gone.
_TICK = 1.0


async def lock(session: Session, args: bytes) -> None:
    wait = Options(args).has("--wait")
    while not session.shared.lock.take(session):
        if not wait:
            raise AssuanError(Code.LOCKED)
        with trio.move_on_after(_TICK) as scope:
            await session.shared.lock.freed()
        if scope.cancelled_caught:
            await session.conversation.status("PROGRESS", "scd_locked . 0 0")


async def unlock(session: Session, args: bytes) -> None:
    if not session.shared.lock.held:
        raise AssuanError(Code.NOT_LOCKED)
    if session.locked_out:
        raise AssuanError(Code.LOCKED)
    session.unlock()


COMMANDS: dict[str, Handler[Session]] = {
    "LOCK": Handler(
        lock,
        """LOCK [--wait]

Keep all other clients from the cards until UNLOCK, RESTART, RESET or the end
of the connection.  If another client has done so, that is an error, or with
--wait waited for, with a sign of life each second:

  S PROGRESS scd_locked . 0 0""",
    ),
    "UNLOCK": Handler(
        unlock,
        """UNLOCK

Let other clients use the cards again.""",
    ),
}
