"""GETATTR and LEARN: one table from GnuPG's names to status lines.

A line is a keyword and its text, already escaped the way GnuPG does it for that keyword: some
are sent raw, most with plus escapes (scd/command.c, send_status_info and send_status_direct).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from backends.curves import Curve
from backends.errors import NotSupported, PinBlocked
from backends.token import Algorithm, Attribute, Authority, Capabilities, PinRef, RSAAlgorithm
from scd.algorithms import offered
from scd.card import Card
from scd.escape import plus_escape, status_fields
from scd.manufacturers import manufacturer_name
from scd.view import CardKey, Reason, View

Line = tuple[str, bytes]

_TOUCH_SWITCHES = frozenset({Attribute.UIF_1, Attribute.UIF_2, Attribute.UIF_3})
#: What older clients know nothing of, and what may cost an APDU for each.
_NEWER = _TOUCH_SWITCHES | {Attribute.BUTTON, Attribute.CARD_VERSION}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rows of the table are made from, read from the card in one go."""

    card: Card
    values: Mapping[Attribute, bytes]
    view: View | None
    algorithms: tuple[Algorithm | None, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """How one name is answered.

    ``needs``: the data objects.  ``algorithms``: whether the slots' algorithm attributes are
    wanted.  ``learn``: whether LEARN says it, in the order of the table.
    """

    lines: Callable[[Facts], Iterator[Line]]
    needs: frozenset[Attribute] = frozenset()
    algorithms: bool = False
    learn: bool = False

    def asks(self, card: Card) -> bool:
        """Whether anything must be read from the card for it."""
        return self.algorithms or not self.needs <= _at_hand(card).keys()


def facts_at_hand(card: Card) -> Facts:
    """Enough for rows that ask nothing of the card."""
    return Facts(card, _at_hand(card), None, ())


def _at_hand(card: Card) -> Mapping[Attribute, bytes]:
    """What never changes on a card, as far as it is known."""
    if not card.native:
        return {Attribute.BUTTON: b"\0"}
    return card.token.remembered({Attribute.BUTTON, Attribute.CARD_VERSION})


async def read_facts(
    card: Card, rows: Iterable[Row], *, view: bool = False, sparing: bool = False
) -> Facts:
    """Everything that the rows need.  The caller holds the card's lane.  Raises TokenError.

    ``sparing``: of buttons, touch switches and firmware only what is known anyhow.  Some cards
    tell them one by one.
    """
    rows = tuple(rows)
    needs = frozenset[Attribute]().union(*(row.needs for row in rows))
    algorithms = any(row.algorithms for row in rows)
    # A token that only looks like a card is described by its view.
    keys = await card.view_in_lane() if view or not card.native else None
    values: Mapping[Attribute, bytes]
    if card.native:
        wanted = needs - _NEWER if sparing else needs
        values = await card.call(card.token.attributes, wanted) if wanted else {}
        values = {**card.token.remembered(needs & _NEWER), **values}
        found = tuple(await card.call(card.token.algorithms)) if algorithms else ()
    else:
        assert keys is not None
        tries = await _tries_left(card) if Attribute.CHV_STATUS in needs else 0
        values = _card_data(keys, tries)
        found = keys.algorithms()
    return Facts(card, values, keys, found)


async def _tries_left(card: Card) -> int:
    """PIN tries as far as a PKCS#11 token tells; 3 is what GnuPG shows as untouched."""
    try:
        request = await card.call(card.token.pin_named, PinRef.USER)
    except PinBlocked:
        return 0
    except NotSupported:
        return 3
    return 3 if request.tries_left is None else request.tries_left


def _card_data(view: View, tries: int) -> dict[Attribute, bytes]:
    """The data objects that a card with these keys would have (OpenPGP card 3.4, 4.4.1)."""
    fingerprints = [k.fingerprint if k and k.fingerprint else bytes(20) for k in view.slots]
    times = [(k.created if k else 0).to_bytes(4) for k in view.slots]
    return {
        Attribute.KEY_FPR: b"".join(fingerprints),
        Attribute.KEY_TIME: b"".join(times),
        # PW1 valid for several signatures; longest PINs; no reset code, no PW3.
        Attribute.CHV_STATUS: bytes([1, 127, 0, 0, tries, 0, 0]),
        Attribute.SIG_COUNTER: bytes(3),
    }


# -- values to lines ---------------------------------------------------------------------------


def keypairinfo(key: CardKey) -> Line:
    """The form of GnuPG 2.2.44 and 2.3.0 on; older ones ignore what they do not know."""
    return "KEYPAIRINFO", f"{key.grip} {key.ref} {key.usage} {key.created} {key.algo}".encode()


def keyinfo(card: Card, key: CardKey) -> bytes:
    """The text of a KEYINFO line: keygrip, T for token, serial, reference, usage."""
    return f"{key.grip} T {card.serial} {key.ref} {key.usage}".encode()


def certinfo(key: CardKey) -> Line:
    """100: a certificate without any special role (scd/app-common.h)."""
    return "CERTINFO", status_fields(b"100", key.ref.encode(), key.key.label.encode())


def authority_info(authority: Authority) -> Line:
    """102: one that may be useful, such as an issuer's (agent/learncard.c)."""
    label = authority.label.encode()
    return "CERTINFO", status_fields(b"102", authority.ref.encode(), label)


def _constant(name: str, text: str) -> Row:
    return Row(lambda facts: iter([(name, text.encode())]))


def _info(name: str, text: Callable[[Card], str | None], *, learn: bool = True) -> Row:
    """A raw line out of TokenInfo; no line for None."""

    def lines(facts: Facts) -> Iterator[Line]:
        value = text(facts.card)
        if value is not None:
            yield name, value.encode()

    return Row(lines, learn=learn)


def _escaped(name: str, attribute: Attribute, *, learn: bool = True, bare: bool = False) -> Row:
    """The data object as it is, escaped.  ``bare``: an empty one is said by the keyword alone."""

    def lines(facts: Facts) -> Iterator[Line]:
        value = facts.values.get(attribute)
        if value or (bare and value is not None):
            yield name, status_fields(value or b"")

    return Row(lines, frozenset({attribute}), learn=learn)


def _each(name: str, attribute: Attribute, size: int, text: Callable[[bytes], str]) -> Row:
    """A data object of three parts, one for each slot; parts of zeros are not said."""

    def lines(facts: Facts) -> Iterator[Line]:
        value = facts.values.get(attribute, b"")
        for number in range(len(value) // size):
            part = value[number * size : (number + 1) * size]
            if any(part):
                yield name, f"{number + 1} {text(part)}".encode()

    return Row(lines, frozenset({attribute}), learn=True)


def _hexadecimal(part: bytes) -> str:
    return part.hex().upper()


def _decimal(part: bytes) -> str:
    return str(int.from_bytes(part))


def _chv_status(facts: Facts) -> Iterator[Line]:
    value = facts.values.get(Attribute.CHV_STATUS)
    if value:
        yield "CHV-STATUS", plus_escape("".join(f" {byte}" for byte in value).encode())


def _sig_counter(facts: Facts) -> Iterator[Line]:
    value = facts.values.get(Attribute.SIG_COUNTER)
    if value is not None:
        yield "SIG-COUNTER", _decimal(value).encode()


def _extcap(facts: Facts) -> Iterator[Line]:
    button = any(facts.values.get(Attribute.BUTTON, b""))
    yield "EXTCAP", plus_escape(extcap(facts.card.info.capabilities, button).encode())


def extcap(c: Capabilities, button: bool = False) -> str:
    """GnuPG's summary of the extended capabilities (scd/app-openpgp.c, do_getattr)."""
    fields = {
        "gc": c.get_challenge,
        "ki": c.key_import,
        "fc": c.pw_status_changeable,
        "pd": c.private_dos,
        "mcl3": c.max_certificate,
        "aac": c.algorithm_changeable,
        "sm": c.secure_messaging,
        "si": c.status_indicator,
        "dec": c.pso_aes,
        "bt": c.button or button,
        "kdf": c.kdf,
    }
    return " ".join(f"{name}={int(value)}" for name, value in fields.items())


def _manufacturer(card: Card) -> str:
    return f"{card.info.manufacturer} {manufacturer_name(card.info.manufacturer)}"


def _key_attr(facts: Facts) -> Iterator[Line]:
    for number, algorithm in enumerate(facts.algorithms, 1):
        yield "KEY-ATTR", f"{number} {_algorithm(algorithm)}".encode()


def _algorithm(algorithm: Algorithm | None) -> str:
    match algorithm:
        case None:
            return "0 0 UNKNOWN"
        case RSAAlgorithm(nbits, ebits, import_format):
            # GnuPG counts the import formats from 1 (scd/app-openpgp.c, rsa_key_format_t).
            return f"1 rsa{nbits} {ebits} {import_format + 1}"
        case _:
            curve: Curve = algorithm.curve
            return f"{algorithm.algo} {curve.name}"


def _key_status(facts: Facts) -> Iterator[Line]:
    value = facts.values.get(Attribute.KEY_STATUS, b"")
    for number, status in zip(value[::2], value[1::2], strict=False):
        yield "KEY-STATUS", f"OPENPGP.{number} {status}".encode()


def _key_attr_info(facts: Facts) -> Iterator[Line]:
    for number, name in offered(facts.values.get(Attribute.ALGORITHM_INFORMATION, b"")):
        yield "KEY-ATTR-INFO", f"OPENPGP.{number} {name}".encode()


def _uif(facts: Facts) -> Iterator[Line]:
    for number in (1, 2, 3):
        yield from TABLE[f"UIF-{number}"].lines(facts)


def _card_type(card: Card) -> str | None:
    return None if card.info.card_type == "generic" else card.info.card_type


def _card_version(facts: Facts) -> Iterator[Line]:
    firmware = facts.values.get(Attribute.CARD_VERSION)
    if firmware:
        yield "CARDVERSION", f"{int.from_bytes(firmware):X}".encode()


def _display_serial(facts: Facts) -> Iterator[Line]:
    yield "$DISPSERIALNO", plus_escape(facts.card.info.display_serial.encode())


#: Rows marked ``learn`` stand in the order in which GnuPG 2.4 tells them.
TABLE: dict[str, Row] = {
    "READER": _info("READER", lambda card: card.info.place, learn=False),
    "SERIALNO": _info("SERIALNO", lambda card: card.serial, learn=False),
    "CARDTYPE": _info("CARDTYPE", _card_type),
    "CARDVERSION": Row(_card_version, frozenset({Attribute.CARD_VERSION}), learn=True),
    # Every token looks like a card: gpg shows nothing of one whose type is another.
    "APPTYPE": _info("APPTYPE", lambda card: "openpgp"),
    "APPVERSION": _info("APPVERSION", lambda card: f"{card.info.version:X}"),
    "EXTCAP": Row(_extcap, frozenset({Attribute.BUTTON}), learn=True),
    "MANUFACTURER": _info("MANUFACTURER", _manufacturer),
    "DISP-NAME": _escaped("DISP-NAME", Attribute.DISP_NAME, bare=True),
    "DISP-LANG": _escaped("DISP-LANG", Attribute.DISP_LANG, bare=True),
    "DISP-SEX": _escaped("DISP-SEX", Attribute.DISP_SEX, bare=True),
    "PUBKEY-URL": _escaped("PUBKEY-URL", Attribute.PUBKEY_URL),
    "LOGIN-DATA": _escaped("LOGIN-DATA", Attribute.LOGIN_DATA),
    "KEY-FPR": _each("KEY-FPR", Attribute.KEY_FPR, 20, _hexadecimal),
    "KEY-TIME": _each("KEY-TIME", Attribute.KEY_TIME, 4, _decimal),
    "CA-FPR": _each("CA-FPR", Attribute.CA_FPR, 20, _hexadecimal),
    "CHV-STATUS": Row(_chv_status, frozenset({Attribute.CHV_STATUS}), learn=True),
    "SIG-COUNTER": Row(_sig_counter, frozenset({Attribute.SIG_COUNTER}), learn=True),
    "KDF": _escaped("KDF", Attribute.KDF),
    "UIF-1": _escaped("UIF-1", Attribute.UIF_1),
    "UIF-2": _escaped("UIF-2", Attribute.UIF_2),
    "UIF-3": _escaped("UIF-3", Attribute.UIF_3),
    "PRIVATE-DO-1": _escaped("PRIVATE-DO-1", Attribute.PRIVATE_DO_1),
    "PRIVATE-DO-2": _escaped("PRIVATE-DO-2", Attribute.PRIVATE_DO_2),
    "PRIVATE-DO-3": _escaped("PRIVATE-DO-3", Attribute.PRIVATE_DO_3),
    "PRIVATE-DO-4": _escaped("PRIVATE-DO-4", Attribute.PRIVATE_DO_4),
    "UIF": Row(_uif, _TOUCH_SWITCHES),
    "AID": _escaped("AID", Attribute.AID, learn=False),
    "KEY-ATTR": Row(_key_attr, algorithms=True),
    "KEY-STATUS": Row(_key_status, frozenset({Attribute.KEY_STATUS})),
    "KEY-ATTR-INFO": Row(_key_attr_info, frozenset({Attribute.ALGORITHM_INFORMATION})),
    "$SIGNKEYID": _constant("$SIGNKEYID", "OPENPGP.1"),
    "$ENCRKEYID": _constant("$ENCRKEYID", "OPENPGP.2"),
    "$AUTHKEYID": _constant("$AUTHKEYID", "OPENPGP.3"),
    "$DISPSERIALNO": Row(_display_serial),
}


def _put_keys(facts: Facts) -> Iterator[Line]:
    assert facts.view is not None
    for number, (key, reason) in enumerate(zip(facts.view.slots, facts.view.reasons, strict=True)):
        if key and key.fingerprint and reason is Reason.PUT:
            yield "KEY-FPR", f"{number + 1} {_hexadecimal(key.fingerprint)}".encode()


#: GETATTR KEY-FPR of a token that has no slots of its own.  gpg takes the first key of this list
#: for its default key, and without -u fails if that is not in the keyring; and it asks before it
#: has a key replaced that is named here.  So this names those only that gpg has put there.
KEYS_PUT = Row(_put_keys, frozenset({Attribute.KEY_FPR}))

#: What a card is, rather than what is on it: ``LEARN --keypairinfo`` leaves these out.
_IDENTITY = ("CARDTYPE", "CARDVERSION", "APPTYPE", "APPVERSION")


def learn_rows(*, identity: bool) -> list[Row]:
    """What LEARN tells, in its order, with or without the card's identity."""
    rows = [(name, row) for name, row in TABLE.items() if row.learn]
    return [row for name, row in rows if identity or name not in _IDENTITY]
