"""Which data objects of a card can be written, by whom, and what fits into them: one table
(OpenPGP card 3.4 section 4.4.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backends.errors import BadInput, NotSupported
from backends.openpgp.data_objects import DO, VERSION_2, VERSION_3, ExtendedCapabilities
from backends.token import Attribute, PinRef

#: Where the card states no limit of its own.
_SHORT = 254
#: Three salts and two hashes by SHA-512.
_LONGEST_KDF = 174


@dataclass(frozen=True, slots=True)
class WritableObject:
    """``do``: where PUT DATA writes it.  ``shortest``, ``longest``: in bytes; None: what DO C0 says
    of special objects.  ``also``: objects that are then no longer what they were.
    ``possible``: whether a card with these capabilities can have it at all."""

    do: DO
    shortest: int
    longest: int | None
    pin: PinRef = PinRef.PW3
    also: tuple[DO, ...] = ()
    possible: Callable[[ExtendedCapabilities], bool] = lambda capabilities: True
    since: int = 0
    #: Whether it is of use on cards with a button only.
    touch: bool = False


def _private(do: DO, pin: PinRef) -> WritableObject:
    return WritableObject(do, 0, None, pin, possible=lambda c: c.private_dos)


def _ca_fingerprint(do: DO) -> WritableObject:
    return WritableObject(do, 20, 20, also=(DO.CA_FINGERPRINTS,))


def _touch_switch(do: DO) -> WritableObject:
    return WritableObject(do, 2, 2, since=VERSION_2, touch=True)


WRITABLE: dict[Attribute, WritableObject] = {
    Attribute.DISP_NAME: WritableObject(DO.NAME, 0, 39),
    Attribute.DISP_LANG: WritableObject(DO.LANGUAGE, 0, 8),
    Attribute.DISP_SEX: WritableObject(DO.SEX, 0, 1),
    Attribute.PUBKEY_URL: WritableObject(DO.URL, 0, None),
    Attribute.LOGIN_DATA: WritableObject(DO.LOGIN, 0, None),
    Attribute.PRIVATE_DO_1: _private(DO.PRIVATE_1, PinRef.PW1_82),
    Attribute.PRIVATE_DO_2: _private(DO.PRIVATE_2, PinRef.PW3),
    Attribute.PRIVATE_DO_3: _private(DO.PRIVATE_3, PinRef.PW1_82),
    Attribute.PRIVATE_DO_4: _private(DO.PRIVATE_4, PinRef.PW3),
    Attribute.CA_FPR_1: _ca_fingerprint(DO.CA_FINGERPRINT_1),
    Attribute.CA_FPR_2: _ca_fingerprint(DO.CA_FINGERPRINT_2),
    Attribute.CA_FPR_3: _ca_fingerprint(DO.CA_FINGERPRINT_3),
    Attribute.CHV_STATUS_1: WritableObject(
        DO.PW_STATUS, 1, 1, possible=lambda c: c.pw_status_changeable
    ),
    Attribute.UIF_1: _touch_switch(DO.UIF_SIG),
    Attribute.UIF_2: _touch_switch(DO.UIF_DEC),
    Attribute.UIF_3: _touch_switch(DO.UIF_AUT),
    Attribute.KDF: WritableObject(DO.KDF, 3, _LONGEST_KDF, possible=lambda c: c.has_kdf),
    Attribute.SM_KEY_ENC: WritableObject(DO.SM_KEY_ENC, 16, 32, since=VERSION_2),
    Attribute.SM_KEY_MAC: WritableObject(DO.SM_KEY_MAC, 16, 32, since=VERSION_2),
    Attribute.AES_KEY: WritableObject(
        DO.AES_KEY, 16, 32, since=VERSION_2, possible=lambda c: c.pso_aes
    ),
}


def writable(
    attribute: Attribute, value: bytes, capabilities: ExtendedCapabilities, version: int
) -> WritableObject:
    """The row for an attribute.  Raises NotSupported, or BadInput for a value that does not fit."""
    row = WRITABLE.get(attribute)
    if row is None or version < row.since or not row.possible(capabilities):
        raise NotSupported(f"{attribute.value} cannot be written on this card")
    longest = row.longest if row.longest is not None else _longest(capabilities, version)
    if not row.shortest <= len(value) <= longest:
        raise BadInput(
            f"{attribute.value} takes {row.shortest} to {longest} bytes, not {len(value)}"
        )
    return row


def _longest(capabilities: ExtendedCapabilities, version: int) -> int:
    of_version_3 = version >= VERSION_3 and capabilities.max_special
    return capabilities.max_special if of_version_3 else _SHORT
