"""What is on the cards: LEARN, READKEY, READCERT, GETATTR and KEYINFO."""

from __future__ import annotations

from collections.abc import Sequence

from assuan.errors import AssuanError, Code
from assuan.options import Options
from assuan.server import Handler
from backends.token import Authority, Chains, Use
from scd import attributes, sexp
from scd.card import Card
from scd.session import Session, is_keygrip
from scd.view import CardKey


async def learn(session: Session, args: bytes) -> None:
    options = Options(args)
    card = await session.current()
    # A person looks at this card (gpg --card-status SERIAL), and will mean it in the next command
    # too.  SERIALNO --demand is no such sign: gpg-agent 2.2 demands one card after the other.
    session.use(card)
    if options.has("--reread"):
        card.forget_view()
    identity = not options.has("--keypairinfo")
    if identity:
        await session.conversation.status("READER", card.info.place)
        await session.conversation.status("SERIALNO", card.serial)
        if not options.has("--force"):
            await session.conversation.inquire("KNOWNCARDP", card.serial, limit=0)
    rows = attributes.learn_rows(identity=identity)
    sparing = await _is_old(session)
    async with card.lane:
        facts = await attributes.read_facts(card, rows, view=True, sparing=sparing)
        authorities = await _authorities(card)
    for row in rows:
        for keyword, text in row.lines(facts):
            await session.conversation.status(keyword, text)
    assert facts.view is not None
    for key in facts.view.keys:
        await session.conversation.status(*attributes.keypairinfo(key))
        if key.key.certificate:
            await session.conversation.status(*attributes.certinfo(key))
    for authority in authorities:
        await session.conversation.status(*attributes.authority_info(authority))


async def _authorities(card: Card) -> Sequence[Authority]:
    """The caller holds the lane."""
    token = card.token
    return await card.call(token.authorities) if isinstance(token, Chains) else ()


async def _is_old(session: Session) -> bool:
    """Whether the client is of GnuPG 2.2, which shows no touch switches."""
    if session.shared.agent_asked is not None:
        await session.shared.agent_asked.wait()
    return session.shared.modern is False


async def readkey(session: Session, args: bytes) -> None:
    options = Options(args)
    name = options.rest.decode("ascii", "replace")
    key = await _named(session, name)
    if options.has("--info") or options.has("--info-only"):
        await session.conversation.status(*attributes.keypairinfo(key))
    if not options.has("--info-only"):
        form = options.value("--format") or (b"advanced" if options.has("--advanced") else b"")
        await session.conversation.data(_public_key(key, form))


async def _named(session: Session, name: str) -> CardKey:
    """The key that READKEY names: also by ``$SIGNKEYID`` and its kin."""
    row = attributes.TABLE.get(name) if name.endswith("KEYID") else None
    if row is not None:
        facts = attributes.facts_at_hand(await session.current())
        name = next(text.decode() for _, text in row.lines(facts))
    _, key = await session.find_key(name)
    return key


def _public_key(key: CardKey, form: bytes) -> bytes:
    if form == b"ssh":
        if not sexp.has_ssh_form(key.key.public):
            raise AssuanError(Code.UNKNOWN_CURVE, "SSH has no such keys")
        return sexp.openssh(key.key.public)
    expression = sexp.public_key(key.key.public)
    if form == b"advanced":
        return sexp.advanced(expression)
    if form:
        raise AssuanError(Code.ASS_PARAMETER, "unknown format")
    return expression


async def readcert(session: Session, args: bytes) -> None:
    name = Options(args).rest.decode("ascii", "replace")
    if name.upper() in ("OPENPGP.1", "OPENPGP.2", "OPENPGP.3"):
        # A card's certificate needs no key beside it.
        card = await session.current()
        view = None if card.native else await card.view()
        key = view.find(name) if view else None
        ref = key.key.ref if key else name.upper()
    elif session.card is not None and await _is_authority(session.card, name):
        card, ref = session.card, name
    else:
        card, key = await session.find_key(name)
        ref = key.key.ref
    async with card.lane:
        certificate = await card.call(card.token.certificate, ref)
    if certificate is None:
        raise AssuanError(Code.NOT_FOUND)
    await session.conversation.data(certificate)


async def _is_authority(card: Card, name: str) -> bool:
    async with card.lane:
        return name in [each.ref for each in await _authorities(card)]


async def getattr_(session: Session, args: bytes) -> None:
    name, _, grip = args.decode("ascii", "replace").partition(" ")
    row = attributes.TABLE.get(name.upper())
    card = await session.card_with(grip.strip())
    if row is None:
        raise AssuanError(Code.INV_NAME)
    if row is attributes.TABLE["KEY-FPR"] and not card.native:
        row = attributes.KEYS_PUT
    if row.asks(card):
        async with card.lane:
            facts = await attributes.read_facts(card, [row])
    else:
        facts = attributes.facts_at_hand(card)
    for keyword, text in row.lines(facts):
        await session.conversation.status(keyword, text)


#: The capabilities of ``--list=`` (scd/command.c, cmd_keyinfo).
_CAPABILITIES = {b"sign": Use.SIGN, b"encr": Use.DECRYPT, b"auth": Use.AUTHENTICATE}


async def keyinfo(session: Session, args: bytes) -> None:
    options = Options(args)
    capability = options.value("--list")
    if capability is not None:
        records = await _listed(session, _CAPABILITIES.get(capability))
    else:
        grip = options.rest.decode("ascii", "replace")
        if not is_keygrip(grip):
            raise AssuanError(Code.INV_ID)
        found = await session.registry.by_key(grip, session.card)
        if found is None:
            raise AssuanError(Code.NOT_FOUND)
        records = [attributes.keyinfo(*found)]
    for record in records:
        if options.has("--data"):
            await session.conversation.data(record + b"\n")
        else:
            await session.conversation.status("KEYINFO", record)


async def _listed(session: Session, use: Use | None) -> list[bytes]:
    """The keys of the cards known now; no look at the readers, no waiting for a card at work."""
    await session.registry.compared()
    for card in session.registry.cards:
        if not card.lane.locked():
            await session.registry.view(card, thorough=use is not None)
    # Only when all are read it is known which of them are to be shown.
    views = [(card, card.known_view) for card in session.registry.cards]
    found = [(card, key) for card, view in views if view for key in view.able(use)]
    if use is Use.AUTHENTICATE:
        # It is gpg-agent that asks, for ssh-add -L, and one key for which it has no name costs it
        # the others (agent/command-ssh.c, ssh_handler_request_identities).
        found = [(card, key) for card, key in found if sexp.has_ssh_form(key.key.public)]
    return [attributes.keyinfo(card, key) for card, key in found]


COMMANDS: dict[str, Handler[Session]] = {
    "LEARN": Handler(
        learn,
        """LEARN [--force] [--keypairinfo] [--reread] [--multi]

Tell everything about the current card in status lines.  Without --force
the client is first asked

  INQUIRE KNOWNCARDP <hex>

and may cancel.  With --keypairinfo the reader and serial number are left
out; with --reread the keys are read again.  --multi, for cards of several
applications, is accepted.  Of each key is told:

  S KEYPAIRINFO <keygrip> <keyref> <usage> <epoch> <algo>

and, if it has a certificate:

  S CERTINFO 100 <keyref> [<label>]

and at the end, of each certificate of an authority:

  S CERTINFO 102 <id> [<label>]""",
    ),
    "READKEY": Handler(
        readkey,
        """READKEY [--format=advanced|ssh] [--info|--info-only] [--] <keyref>|<keygrip>

Return the public key as a canonical S-expression.  With --info a
KEYPAIRINFO line goes before it; with --info-only only that is sent.""",
    ),
    "READCERT": Handler(
        readcert,
        """READCERT <keyref>|<keygrip>|<id>

Return the X.509 certificate of that key in DER, or the one of the current
card's that LEARN told of by that id.""",
    ),
    "GETATTR": Handler(
        getattr_,
        """GETATTR <name> [<keygrip>]

Return an attribute of the current card, or of the card that holds the key
of that keygrip, in one or more status lines.""",
    ),
    "KEYINFO": Handler(
        keyinfo,
        """KEYINFO [--list[=sign|encr|auth]] [--data] [<keygrip>]

Tell where the key of that keygrip is:

  S KEYINFO <keygrip> T <serialno> <keyref> <usage>

With --list tell it of all keys on the cards known now; --list=auth leaves
out those that SSH has no name for.  With --data the records are sent as
data, each ended by a linefeed.""",
    ),
}
