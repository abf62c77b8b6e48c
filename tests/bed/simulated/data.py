"""GET DATA, PUT DATA and their relatives (sections 7.2.5 to 7.2.8)."""

from __future__ import annotations

from collections.abc import Callable

from tests.bed.simulated import algorithms, importing, objects, tlv
from tests.bed.simulated.algorithms import CurveAttributes, RSAAttributes
from tests.bed.simulated.objects import ALWAYS, CERTIFICATE, NEVER, RULES
from tests.bed.simulated.pins import ADMIN_PIN, PW3, USER_PIN
from tests.bed.simulated.state import State
from tests.bed.simulated.status import SW, require
from tests.bed.simulated.transport import Command

_UIF_PERMANENT = 2
_UIF_BUTTON = 0x20
_KDF_NONE = bytes.fromhex("810100")


def get_data(state: State, command: Command) -> bytes:
    """One object, with or without its own tag around it: cards differ."""
    profile, tag = state.profile, command.p1p2
    require(not command.data, SW.WRONG_LENGTH)
    require(objects.has(profile, tag) and tag not in profile.unreadable, profile.absent)
    _allow(state, RULES[tag].read, profile.absent)
    content = objects.value(state, tag)
    return objects.encoded(state, tag, content) if tag in profile.wrapped else content


def _allow(state: State, condition: int, never: int = SW.SECURITY_STATUS) -> None:
    require(condition != NEVER, never)
    require(condition == ALWAYS or condition in state.pins.verified, state.profile.pin_missing)


def select_data(state: State, command: Command) -> bytes:
    """Which occurrence of 7F21 is meant from now on (section 7.2.5)."""
    require(state.profile.version >= 0x0300 and state.profile.certificates, SW.UNKNOWN_INS)
    require(command.p2 == 4, SW.WRONG_P1_P2)
    tag = tlv.only(0x5C, tlv.only(0x60, command.data))
    require(tag == CERTIFICATE.to_bytes(2, "big"), SW.NOT_FOUND)
    require(command.p1 < state.profile.certificates, SW.NOT_FOUND)
    state.occurrence = command.p1
    return b""


def get_next_data(state: State, command: Command) -> bytes:
    """The next occurrence of 7F21 (section 7.2.7)."""
    require(state.profile.version >= 0x0300 and state.profile.certificates, SW.UNKNOWN_INS)
    require(command.p1p2 == CERTIFICATE, state.profile.absent)
    require(state.occurrence + 1 < state.profile.certificates, state.profile.absent)
    state.occurrence += 1
    return get_data(state, command)


def put_data(state: State, command: Command) -> bytes:
    """One object without its tag; in version 1 also a private key (section 7.2.8)."""
    profile, tag = state.profile, command.p1p2
    if profile.version < 0x0200 and tag in importing.VERSION_1:
        return importing.put_key_version_1(state, importing.VERSION_1[tag], command.data)
    require(objects.has(profile, tag), profile.absent)
    rule = RULES[tag]
    _allow(state, rule.write)
    require(len(command.data) in rule.sizes(profile), SW.WRONG_LENGTH)
    _SPECIAL.get(tag, _store)(state, tag, command.data)
    return b""


def _store(state: State, tag: int, content: bytes) -> None:
    state.stored[tag] = content


def _put_attributes(state: State, tag: int, content: bytes) -> None:
    """What is not on offer is refused; what is new takes the key with it (section 4.4.3.9)."""
    profile, slot = state.profile, tag - 0xC0
    if profile.attributes_ignored:
        return
    require(profile.attributes_changeable, SW.SECURITY_STATUS)
    require(_is_offered(state, content, slot), SW.WRONG_DATA)
    if content != state.stored[tag]:
        state.stored[tag] = content
        state.drop_key(slot)
    if profile.attributes_drop_pw3:
        state.pins.verified.discard(PW3)


def _is_offered(state: State, content: bytes, slot: int) -> bool:
    """Whether it is an algorithm of this card in an import format of this card."""
    profile, wanted = state.profile, algorithms.parse(content, slot)
    if isinstance(wanted, RSAAttributes):
        size = 5 if profile.version < 0x0200 else 6
        known = f"rsa{wanted.bits}" in profile.algorithms and 17 <= wanted.exponent_bits <= 32
        return known and len(content) == size and wanted.form in profile.rsa_forms
    return isinstance(wanted, CurveAttributes) and wanted.name in profile.algorithms


def _put_pw_status(state: State, tag: int, content: bytes) -> None:
    """Only the first byte: whether one VERIFY is good for several signatures."""
    require(state.profile.pw_status_changeable, SW.SECURITY_STATUS)
    require(content in (b"\0", b"\1"), SW.WRONG_DATA)
    state.stored[tag] = content


def _put_reset_code(state: State, tag: int, content: bytes) -> None:
    state.pins.reset_code.set(content or None)


def _put_uif(state: State, tag: int, content: bytes) -> None:
    """Section 4.4.3.6: off, on, or on for good, which only a new card undoes."""
    require(content[0] <= _UIF_PERMANENT and content[1] == _UIF_BUTTON, SW.WRONG_DATA)
    require(objects.value(state, tag)[0] != _UIF_PERMANENT, SW.CONDITIONS)
    state.stored[tag] = content


def _put_kdf(state: State, tag: int, content: bytes) -> None:
    """Section 4.3.2.  The card only keeps it, or also takes the hashes in it for its PINs."""
    fields = dict(tlv.parse(content))
    derives = fields.get(0x81) == b"\3"
    if derives:
        hashes = {b"\x08": 32, b"\x0a": 64}
        require(fields.get(0x82) in hashes and len(fields.get(0x83, b"")) == 4, SW.WRONG_DATA)
        require(len(fields.get(0x84, b"")) == 8, SW.WRONG_DATA)
    else:
        require(content in (b"", _KDF_NONE), SW.WRONG_DATA)
    if state.profile.kdf_sets_pins:
        require(not derives or {0x87, 0x88} <= fields.keys(), SW.WRONG_DATA)
        state.pins.pw1.set(fields.get(0x87, USER_PIN))
        state.pins.pw3.set(fields.get(0x88, ADMIN_PIN))
        state.pins.reset_code.set(None)
        state.pins.verified.clear()
    state.stored[tag] = content


def _put_certificate(state: State, tag: int, content: bytes) -> None:
    state.certificates[state.occurrence] = content


def put_data_odd(state: State, command: Command) -> bytes:
    """Import of a key (section 4.4.3.12), or nothing."""
    require(command.p1p2 == 0x3FFF, SW.WRONG_P1_P2)
    require(state.profile.version >= 0x0200 and state.profile.key_import, SW.UNKNOWN_INS)
    state.require_admin()
    importing.put_key(state, command.data)
    return b""


_SPECIAL: dict[int, Callable[[State, int, bytes], None]] = {
    **dict.fromkeys(objects.ATTRIBUTES, _put_attributes),
    objects.PW_STATUS: _put_pw_status,
    objects.RESET_CODE: _put_reset_code,
    **dict.fromkeys(objects.UIF, _put_uif),
    objects.KDF: _put_kdf,
    CERTIFICATE: _put_certificate,
}
