"""Choosing and leaving a card: SERIALNO and its kin."""

from __future__ import annotations

from assuan.errors import AssuanError, Code
from assuan.options import Options
from assuan.server import Handler
from scd.aliases import is_old_serial
from scd.card import Card
from scd.session import Session, is_hex

#: Application names that GnuPG's clients may ask for (scd/app.c, supported_app_list); only the
#: first is ours to serve.
_APPLICATIONS = ("openpgp", "nks", "p15", "geldkarte", "dinsig", "sc-hsm", "piv")


async def serialno(session: Session, args: bytes) -> None:
    options = Options(args)
    demand = options.value("--demand")
    if demand == b"":
        raise AssuanError(Code.ASS_PARAMETER, "missing value for option")
    application = options.rest.decode("ascii", "replace").lower()
    told = ""
    if demand is not None:
        told = demand.decode("ascii", "replace")
        card = await _demanded(session, told)
    elif application and session.card is not None and not session.card.gone:
        card = _with_application(session.card, application)
    else:
        card = await _selected(session, application)
    session.card = card
    # gpg-agent 2.2 compares the answer with what is in the stub, letter by letter.
    serial = told if is_old_serial(told) else card.serial
    await session.conversation.status("SERIALNO", serial)


async def _demanded(session: Session, serial: str) -> Card:
    card = await session.registry.by_serial(serial) if is_hex(serial) else None
    if card is None:
        session.card = None
        raise AssuanError(Code.ENODEV)
    return card


def _with_application(card: Card, application: str) -> Card:
    """The session's card stays, if the application is on it (or none is meant: ``undefined``)."""
    if application not in ("openpgp", "undefined"):
        raise AssuanError(Code.CONFLICT)
    return card


async def _selected(session: Session, application: str) -> Card:
    if application and application not in (*_APPLICATIONS, "undefined"):
        raise AssuanError(Code.NOT_SUPPORTED)
    session.card = None
    first = await session.first()
    if application in ("", "undefined"):
        # Raw APDUs follow on "undefined", and they are meant for the card that the client had:
        # gpg resets a card to its factory state by them.
        return first
    if application == "openpgp":
        # Asked for by name, an OpenPGP card goes before a token that looks like one.
        return next((card for card in session.registry.cards if card.native), first)
    raise AssuanError(Code.NOT_SUPPORTED)


async def switchcard(session: Session, args: bytes) -> None:
    serial = Options(args).rest.decode("ascii", "replace")
    card = await session.current() if not serial else None
    for known in session.registry.cards:
        if serial and known.is_called(serial):
            card = known
    if card is None:
        raise AssuanError(Code.NOT_FOUND)
    session.use(card)
    await session.conversation.status("SERIALNO", card.serial)


async def switchapp(session: Session, args: bytes) -> None:
    application = Options(args).rest.decode("ascii", "replace").lower()
    if application and application not in _APPLICATIONS:
        raise AssuanError(Code.NOT_FOUND)
    # Of a known application that the card lacks, GnuPG 2.4 says nothing and stays where it is.
    card = await session.current()
    await session.conversation.status("SERIALNO", f"{card.serial} openpgp")


async def restart(session: Session, args: bytes) -> None:
    # The card keeps its state: gpg-agent sends this whenever one of its clients ends.
    session.card = None
    session.unlock()


async def reset(session: Session, args: bytes) -> None:
    card, session.card = session.card, None
    if card is not None and not card.gone and not session.locked_out:
        await _reset(session, card)
    if not Options(args).has("--keep-lock"):
        session.unlock()


async def _reset(session: Session, card: Card) -> None:
    """The card is also the one that is meant next, as gpg's factory reset relies on."""
    session.registry.choose(card)
    async with card.lane:
        await card.call(card.token.reset)
        card.pins.ended()
        card.forget_view()
    if card.disturbed:
        # It may have been terminated, activated, or given another serial number.
        await session.registry.reopen(card)


async def disconnect(session: Session, args: bytes) -> None:
    if session.card is None:
        raise AssuanError(Code.UNSUPPORTED_OPERATION)
    session.card = None


COMMANDS: dict[str, Handler[Session]] = {
    "SERIALNO": Handler(
        serialno,
        """SERIALNO [--demand=<serialno>] [--all] [<apptype>]

Choose a card and return its serial number in a status line:

  S SERIALNO <hex>

Without --demand it is the card that LEARN or SWITCHCARD was used for last,
else an OpenPGP card before a PKCS#11 token.  The readers and tokens are looked at afresh.  With
--demand only the card of that serial number will do, or any PKCS#11 token
for a number that gnupg-pkcs11-scd made up, which is then repeated.  <apptype> "openpgp"
prefers OpenPGP cards.  --all is accepted; all cards are always looked at.
No card at all is the error "No such device".""",
    ),
    "SWITCHCARD": Handler(
        switchcard,
        """SWITCHCARD [<serialno>]

Make the card of that serial number the current one and print its serial
number in a status line; without an argument only print that of the
current card.""",
    ),
    "SWITCHAPP": Handler(
        switchapp,
        """SWITCHAPP [<apptype>]

Print the serial number and the applications of the current card in a
status line:

  S SERIALNO <hex> openpgp

The only application is "openpgp"; other known names leave it chosen.""",
    ),
    "RESTART": Handler(
        restart,
        """RESTART

Forget the card that this client chose, and free what it has locked.  Cards,
PINs and other clients are not touched.""",
    ),
    "RESET": Handler(
        reset,
        """RESET [--keep-lock]

Reset the current card, with all its verified PINs, and forget that this
client chose it.  A lock of this client ends, unless --keep-lock is given.
After raw APDUs the card is looked at as if it were new.""",
    ),
    "DISCONNECT": Handler(
        disconnect,
        """DISCONNECT

Let go of the current card.  Other clients may go on using it.""",
    ),
}
