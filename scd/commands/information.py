"""About the daemon itself: GETINFO, DEVINFO and KILLSCD."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

import trio

from assuan.errors import AssuanError, Code, strerror
from assuan.options import Options
from assuan.server import Handler, Hangup
from scd.manufacturers import manufacturer_name
from scd.session import Session
from scd.version import GNUPG_VERSION


async def _version(session: Session, args: str) -> str:
    return GNUPG_VERSION


async def _pid(session: Session, args: str) -> str:
    return str(os.getpid())


async def _socket_name(session: Session, args: str) -> str:
    if session.shared.socket_name is None:
        raise AssuanError(Code.NO_DATA)
    return session.shared.socket_name


async def _connections(session: Session, args: str) -> str:
    return str(len(session.shared.sessions))


async def _status(session: Session, args: str) -> str:
    if session.locked_out or (session.card is not None and session.card.gone):
        return "r"
    await session.current()
    return "u"


async def _reader_list(session: Session, args: str) -> str:
    places = [card.info.place for card in session.registry.cards]
    if not places:
        raise AssuanError(Code.NO_DATA)
    return "".join(f"{place}\n" for place in places)


async def _deny_admin(session: Session, args: str) -> None:
    if not session.shared.config.deny_admin:
        raise AssuanError(Code.GENERAL)


async def _app_list(session: Session, args: str) -> str:
    return "openpgp:\n"


async def _card_list(session: Session, args: str) -> None:
    # gpg-agent 2.2 wants the number and nothing behind it.
    for card in session.registry.cards:
        await session.conversation.status("SERIALNO", card.serial)


async def _active_apps(session: Session, args: str) -> None:
    card = await session.current()
    await session.conversation.status("SERIALNO", f"{card.serial} openpgp")


async def _all_active_apps(session: Session, args: str) -> None:
    for card in session.registry.cards:
        await session.conversation.status("SERIALNO", f"{card.serial} openpgp")


async def _cmd_has_option(session: Session, args: str) -> None:
    command, _, option = args.partition(" ")
    if not command or not option.strip():
        raise AssuanError(Code.MISSING_VALUE)
    synopsis = session.shared.synopses.get(command.upper(), "")
    if not any(word.startswith(f"--{option.strip()}") for word in _words(synopsis)):
        raise AssuanError(Code.FALSE)


def _words(synopsis: str) -> list[str]:
    return synopsis.replace("[", " ").replace("]", " ").replace("|", " ").split()


async def _manufacturer(session: Session, args: str) -> str:
    return manufacturer_name(_number(args))


async def _apdu_strerror(session: Session, args: str) -> str:
    return strerror(_number(args))


def _number(text: str) -> int:
    try:
        return int(text.strip(), 0)
    except ValueError:
        raise AssuanError(Code.MISSING_VALUE) from None


async def _dump_state(session: Session, args: str) -> None:
    session.shared.registry.log_state()


Subject = Callable[[Session, str], Awaitable[str | None]]

_SUBJECTS: dict[str, Subject] = {
    "version": _version,
    "pid": _pid,
    "socket_name": _socket_name,
    "connections": _connections,
    "status": _status,
    "reader_list": _reader_list,
    "deny_admin": _deny_admin,
    "app_list": _app_list,
    "card_list": _card_list,
    "active_apps": _active_apps,
    "all_active_apps": _all_active_apps,
    "cmd_has_option": _cmd_has_option,
    "manufacturer": _manufacturer,
    "apdu_strerror": _apdu_strerror,
    "dump_state": _dump_state,
}


async def getinfo(session: Session, args: bytes) -> None:
    what, _, rest = args.decode("ascii", "replace").partition(" ")
    subject = _SUBJECTS.get(what)
    if subject is None:
        raise AssuanError(Code.ASS_PARAMETER, "unknown value for WHAT")
    answer = await subject(session, rest)
    if answer is not None:
        await session.conversation.data(answer.encode())


async def devinfo(session: Session, args: bytes) -> None:
    watch = Options(args).has("--watch")
    if watch and session.shared.socket_name is None:
        raise AssuanError(Code.INV_HANDLE)
    await session.registry.scan()
    await _list_devices(session)
    if watch:
        await _watch_devices(session)
    if not session.registry.cards:
        raise AssuanError(Code.NOT_FOUND)


async def _watch_devices(session: Session) -> None:
    """List the devices at each change until the client hangs up."""
    async with trio.open_nursery() as nursery:

        async def until_closed() -> None:
            await session.conversation.wait_closed()
            nursery.cancel_scope.cancel()

        nursery.start_soon(until_closed)
        while True:
            await session.registry.changed()
            await _list_devices(session)


async def _list_devices(session: Session) -> None:
    await session.conversation.status("DEVINFO_START")
    for card in session.registry.cards:
        text = f"{card.info.card_type} {card.serial} openpgp"
        await session.conversation.status("DEVICE", text)
    await session.conversation.status("DEVINFO_END")


async def killscd(session: Session, args: bytes) -> None:
    session.ends_daemon = True
    raise Hangup("closing connection")


COMMANDS: dict[str, Handler[Session]] = {
    "GETINFO": Handler(
        getinfo,
        """GETINFO <what>

Return information about the daemon as data or status lines:

  version          GnuPG version that the daemon stands in for
  pid              process id
  socket_name      socket for further connections
  connections      number of clients
  status           u: the card is usable, r: it was removed, or another
                   client has locked it
  reader_list      the readers and tokens, one a line
  deny_admin       OK if admin commands are denied
  app_list         supported applications
  card_list        serial numbers of all cards
  active_apps      serial number and applications of the current card
  all_active_apps  the same of all cards
  cmd_has_option <command> <option>
  manufacturer <n> name of an OpenPGP card manufacturer
  apdu_strerror <n>
  dump_state       write the state to the log""",
    ),
    "DEVINFO": Handler(
        devinfo,
        """DEVINFO [--watch]

List the cards that are present:

  S DEVINFO_START
  S DEVICE <cardtype> <serialno> <apptype>
  S DEVINFO_END

With --watch list them again at every change until the client hangs up.""",
    ),
    "KILLSCD": Handler(
        killscd,
        """KILLSCD

End the daemon at once.""",
    ),
}
