"""The commands of the daemon, by subject.  Each module has its table; here they meet."""

from __future__ import annotations

from dataclasses import replace

from assuan.errors import AssuanError, Code
from assuan.server import Handler
from backends.errors import Broken, Removed, TokenError
from scd.commands import cards, crypto, information, keys, locking, newkeys, pins, raw, writing
from scd.errors import to_assuan
from scd.session import Session

#: What a client may do while another one has locked the cards: all that opens none (scd/command.c,
#: the commands without open_card).
_OPEN_TO_ALL = frozenset(
    {
        "DEVINFO",
        "DISCONNECT",
        "GETINFO",
        "KEYINFO",
        "KILLSCD",
        "LOCK",
        "RESET",
        "RESTART",
        "UNLOCK",
    }
)


def _guarded(name: str, command: Handler[Session]) -> Handler[Session]:
    """The command with token errors in GnuPG's numbers, for a client that may have it now."""

    async def run(session: Session, args: bytes) -> str | None:
        if session.locked_out and name not in _OPEN_TO_ALL:
            raise AssuanError(Code.LOCKED)
        try:
            return await command.run(session, args)
        except (Removed, Broken) as error:
            session.registry.look_again()
            raise to_assuan(error) from error
        except TokenError as error:
            raise to_assuan(error) from error

    return replace(command, run=run)


#: Every command by its keyword, in the order in which HELP lists them.
COMMANDS: dict[str, Handler[Session]] = {
    name: _guarded(name, command)
    for module in (cards, keys, crypto, writing, newkeys, pins, locking, information, raw)
    for name, command in module.COMMANDS.items()
}

#: The first line of each command's help.
SYNOPSES: dict[str, str] = {name: c.help.partition("\n")[0] for name, c in COMMANDS.items()}
