"""What a card says of itself, as the records of the contract."""

from __future__ import annotations

from backends.openpgp.application import PREFIX, Application
from backends.openpgp.data_objects import AID, ExtendedCapabilities
from backends.openpgp.yubikey import is_yubikey, printed_serial
from backends.token import Capabilities, TokenInfo

#: Algorithm of secure messaging in DO C0 (OpenPGP card 3.4 section 4.4.3.7) to OpenPGP's ciphers.
_SM_CIPHERS = {0: 2, 1: 7, 2: 8, 3: 9}
#: A terminated card that tells no AID: all else zero, which is the number range of test cards.
_NAMELESS = AID(PREFIX.ljust(16, b"\0"))
_TERMINATED = 3


def describe(application: Application) -> TokenInfo:
    """Within an operation."""
    assert application.aid is not None
    return _info(application, application.aid, _capabilities(application))


def describe_terminated(application: Application) -> TokenInfo:
    """Of a card that answers nothing but its AID, if that."""
    aid = application.aid or _NAMELESS
    return _info(application, aid, Capabilities(status_indicator=_TERMINATED))


def _info(application: Application, aid: AID, capabilities: Capabilities) -> TokenInfo:
    link = application.session.link
    return TokenInfo(
        serial=aid.raw.hex().upper(),
        app="openpgp",
        place=link.reader,
        name=f"OpenPGP card {aid.printed}",
        display_serial=_display_serial(aid),
        version=aid.version,
        manufacturer=aid.manufacturer,
        card_type=card_type(link.atr, aid),
        atr=link.atr,
        capabilities=capabilities,
    )


def _display_serial(aid: AID) -> str:
    return (printed_serial(aid) if is_yubikey(aid) else None) or aid.printed


def card_type(atr: bytes, aid: AID) -> str:
    """Those that ATR and AID give away (GnuPG scd/app.c, which asks YubiKeys for more)."""
    if is_yubikey(aid):
        return "yubikey"
    if len(atr) == 21 and atr[2] == 0x11:
        return "gnuk"
    if len(atr) > 7 and atr[7] == 0x75:
        return "zeitcontrol"
    return "generic"


def _capabilities(application: Application) -> Capabilities:
    extended = application.capabilities()
    return Capabilities(
        get_challenge=extended.get_challenge,
        key_import=extended.key_import,
        pw_status_changeable=extended.pw_status_changeable,
        private_dos=extended.private_dos,
        max_certificate=extended.max_certificate,
        algorithm_changeable=extended.algorithm_changeable,
        secure_messaging=_secure_messaging(extended),
        status_indicator=application.historical().status_indicator,
        pso_aes=extended.pso_aes,
        button=bool(application.button),
        kdf=extended.has_kdf,
    )


def _secure_messaging(extended: ExtendedCapabilities) -> int:
    return _SM_CIPHERS.get(extended.secure_messaging, 0) if extended.flags & 0x80 else 0
