"""Commands that change a card.  No device family can do so yet; they are refused as GnuPG's
scdaemon refuses what a card's application lacks."""

from __future__ import annotations

from assuan.errors import AssuanError, Code
from assuan.server import Handler
from scd.session import Session


async def _refuse(session: Session, args: bytes) -> None:
    await session.current()
    raise AssuanError(Code.UNSUPPORTED_OPERATION)


_SYNOPSES = {
    "SETATTR": "SETATTR [--inquire] <name> <value>",
    "WRITECERT": "WRITECERT <keyref>",
    "WRITEKEY": "WRITEKEY [--force] <keyref>",
    "GENKEY": "GENKEY [--force] [--timestamp=<isodate>] [--algo=<algo>] <keyref>",
    "PASSWD": "PASSWD [--reset] [--nullpin] [--clear] <chvno>",
    "LOCK": "LOCK [--wait]",
    "UNLOCK": "UNLOCK",
}

COMMANDS: dict[str, Handler[Session]] = {
    name: Handler(_refuse, f"{synopsis}\n\nRefused: the cards are served for reading and use.")
    for name, synopsis in _SYNOPSES.items()
}
