"""The commands of the daemon, by subject.  Each module has its table; here they meet."""

from __future__ import annotations

from dataclasses import replace

from assuan.server import Handler
from backends.errors import Broken, Removed, TokenError
from scd.commands import cards, crypto, information, keys, raw, writing
from scd.errors import to_assuan
from scd.session import Session


def _guarded(command: Handler[Session]) -> Handler[Session]:
    """The command with token errors in GnuPG's numbers."""

    async def run(session: Session, args: bytes) -> str | None:
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
    name: _guarded(command)
    for module in (cards, keys, crypto, information, raw, writing)
    for name, command in module.COMMANDS.items()
}

#: The first line of each command's help.
SYNOPSES: dict[str, str] = {name: c.help.partition("\n")[0] for name, c in COMMANDS.items()}
