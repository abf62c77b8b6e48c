"""The data objects: who may read and write which, how long they may be, what they are made of
(sections 4.4.1 and 4.4.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.bed.simulated import algorithms, tlv
from tests.bed.simulated.pins import PW1_OTHER, PW3
from tests.bed.simulated.profile import Profile
from tests.bed.simulated.state import State, offered_attributes

ALWAYS, NEVER = 0, -1

AID_PREFIX = bytes.fromhex("D27600012401")
CERTIFICATE, KDF, RESET_CODE, PW_STATUS = 0x7F21, 0xF9, 0xD3, 0xC4
AES_KEY, COUNTER, KEY_INFORMATION, ALGORITHM_INFORMATION = 0xD5, 0x93, 0xDE, 0xFA
ATTRIBUTES = (0xC1, 0xC2, 0xC3)
UIF = (0xD6, 0xD7, 0xD8)
_BUTTON = bytes.fromhex("810120")
_SMALL = 254
_POINT_WANTED = bytes([algorithms.POINT_WANTED])


@dataclass(frozen=True, slots=True)
class Rule:
    """``read``, ``write``: ALWAYS, NEVER or the P2 of a PIN.  ``sizes``: lengths that are allowed.
    ``has``: whether cards of a profile know the object."""

    read: int
    write: int
    sizes: Callable[[Profile], range | tuple[int, ...]] = lambda p: range(0)
    has: Callable[[Profile], bool] = lambda p: True


def _sizes(*sizes: int) -> Callable[[Profile], tuple[int, ...]]:
    return lambda p: sizes


def _special(p: Profile) -> range:
    return range((p.max_special if p.version >= 0x0300 else _SMALL) + 1)


def _up_to(size: int) -> Callable[[Profile], range]:
    return lambda p: range(size + 1)


def _three(p: Profile) -> bool:
    return p.version >= 0x0300


def _two(p: Profile) -> bool:
    return p.version >= 0x0200


def _made(has: Callable[[Profile], bool] = lambda p: True) -> Rule:
    return Rule(ALWAYS, NEVER, has=has)


RULES: dict[int, Rule] = {
    0x0101: Rule(ALWAYS, PW1_OTHER, _special, lambda p: p.private_objects),
    0x0102: Rule(ALWAYS, PW3, _special, lambda p: p.private_objects),
    0x0103: Rule(PW1_OTHER, PW1_OTHER, _special, lambda p: p.private_objects),
    0x0104: Rule(PW3, PW3, _special, lambda p: p.private_objects),
    0x5B: Rule(ALWAYS, PW3, _up_to(39)),
    0x5E: Rule(ALWAYS, PW3, _special),
    0x5F2D: Rule(ALWAYS, PW3, _sizes(0, 2, 4, 6, 8)),
    0x5F35: Rule(ALWAYS, PW3, _sizes(0, 1)),
    0x5F50: Rule(ALWAYS, PW3, _special),
    0xC1: Rule(ALWAYS, PW3, _up_to(16)),
    0xC2: Rule(ALWAYS, PW3, _up_to(16)),
    0xC3: Rule(ALWAYS, PW3, _up_to(16)),
    PW_STATUS: Rule(ALWAYS, PW3, _sizes(1)),
    **dict.fromkeys((0xC7, 0xC8, 0xC9, 0xCA, 0xCB, 0xCC), Rule(NEVER, PW3, _sizes(0, 20))),
    **dict.fromkeys((0xCE, 0xCF, 0xD0), Rule(NEVER, PW3, _sizes(0, 4))),
    0xD1: Rule(NEVER, PW3, _sizes(0, 16, 32), lambda p: p.secure_messaging is not None),
    0xD2: Rule(NEVER, PW3, _sizes(0, 16, 32), lambda p: p.secure_messaging is not None),
    RESET_CODE: Rule(NEVER, PW3, lambda p: (0, *range(8, p.max_reset_code + 1)), _two),
    AES_KEY: Rule(NEVER, PW3, _sizes(0, 16, 32), lambda p: p.aes),
    **dict.fromkeys(UIF, Rule(ALWAYS, PW3, _sizes(2), lambda p: p.button)),
    KDF: Rule(ALWAYS, PW3, _up_to(512), lambda p: p.kdf),
    CERTIFICATE: Rule(
        ALWAYS, PW3, lambda p: range(p.max_certificate + 1), lambda p: bool(p.certificates)
    ),
    # Made of others, or of what the card is.
    0x4F: _made(),
    0x5F52: _made(),
    0x65: _made(),
    0x6E: _made(),
    0x73: _made(),
    0x7A: _made(),
    0x7F66: _made(lambda p: p.extended_length_information),
    0x7F74: _made(lambda p: p.button),
    COUNTER: _made(),
    0xC0: _made(),
    0xC5: _made(),
    0xC6: _made(),
    0xCD: _made(),
    KEY_INFORMATION: _made(lambda p: p.key_information),
    ALGORITHM_INFORMATION: _made(lambda p: p.algorithm_information),
    # Of the attestation key.
    0xDA: _made(lambda p: p.attestation),
    0xD9: _made(lambda p: p.attestation),
}

#: What objects are that nobody has written.
UNSET: dict[int, bytes] = {
    **dict.fromkeys((0xC7, 0xC8, 0xC9, 0xCA, 0xCB, 0xCC), bytes(20)),
    **dict.fromkeys((0xCE, 0xCF, 0xD0), bytes(4)),
    **dict.fromkeys((*UIF, 0xD9), bytes.fromhex("0020")),
    0xDA: algorithms.curve_bytes("nistp256", algorithms.SIGN),
}


def has(profile: Profile, tag: int) -> bool:
    """Whether the card knows the object at all."""
    return tag in RULES and (RULES[tag].has(profile) or tag in profile.initial)


def value(state: State, tag: int) -> bytes:
    """The content, without tag and length, whoever asks."""
    if tag in _MADE:
        return _MADE[tag](state)
    if tag == CERTIFICATE:
        return state.certificates[state.occurrence]
    unset = state.profile.kdf_object if tag == KDF else UNSET.get(tag, b"")
    return state.stored.get(tag) or unset


def encoded(state: State, tag: int, content: bytes) -> bytes:
    """With tag and length."""
    if tag in state.profile.long_lengths:
        return tlv.encode_long(tag, content)
    return tlv.encode(tag, content)


def historical(state: State) -> bytes:
    """Section 6.1: selection methods, how long commands may be, and the state of life."""
    profile = state.profile
    flags = 0x80 * profile.chaining | 0x40 * profile.extended_length
    made = bytes.fromhex("0031C573C001") + bytes([flags, 5 * profile.life_cycle]) + b"\x90\0"
    octets = bytearray(profile.historical or made)
    if state.terminated:
        octets[-3] = 3
    return bytes(octets)


def _aid(state: State) -> bytes:
    profile = state.profile
    return (
        AID_PREFIX
        + profile.version.to_bytes(2, "big")
        + profile.manufacturer.to_bytes(2, "big")
        + profile.serial.to_bytes(4, "big")
        + bytes(2)
    )


def _capabilities(state: State) -> bytes:
    """Section 4.4.3.7: ten bytes; one in version 1."""
    p = state.profile
    if p.capabilities is not None:
        return p.capabilities
    bits = (
        p.secure_messaging is not None,
        bool(p.get_challenge),
        p.key_import,
        p.pw_status_changeable,
        p.private_objects,
        p.attributes_changeable,
        p.aes,
        p.kdf,
    )
    flags = bytes([sum(0x80 >> at for at, bit in enumerate(bits) if bit)])
    if p.version < 0x0200:
        return flags
    certificate = p.max_certificate if p.certificates else 0
    lengths = _words(p.get_challenge, certificate)
    tail = _words(p.max_special) + bytes(2) if _three(p) else _words(p.max_command, p.max_response)
    return flags + bytes([p.secure_messaging or 0]) + lengths + tail


def _words(*numbers: int) -> bytes:
    return b"".join(min(number, 0xFFFF).to_bytes(2, "big") for number in numbers)


def _pw_status(state: State) -> bytes:
    first = state.stored.get(PW_STATUS, b"\0")
    return first + state.pins.status


def _joined(*tags: int) -> Callable[[State], bytes]:
    """C5, C6 and CD; YubiKeys add those of the attestation key."""

    def make(state: State) -> bytes:
        parts = [value(state, tag) for tag in tags]
        if state.profile.attestation:
            parts.append(bytes(len(parts[0])))
        return b"".join(parts)

    return make


def _key_information(state: State) -> bytes:
    """Section 4.4.3.8: number and state of each key."""
    states = [(slot, state.keys[slot].origin if slot in state.keys else 0) for slot in (1, 2, 3)]
    octets = b"".join(bytes(pair) for pair in states)
    return octets + (bytes.fromhex("8102") if state.profile.attestation else b"")


def _algorithm_information(state: State) -> bytes:
    """Section 4.4.3.11."""
    profile = state.profile
    if profile.algorithm_list is not None:
        return profile.algorithm_list
    listed = b""
    for slot in algorithms.SLOTS:
        for name in profile.algorithms:
            for offer in offered_attributes(profile, name, slot):
                wanted = profile.point_wanted and offer[0] != algorithms.RSA
                listed += tlv.encode(0xC0 + slot, offer + _POINT_WANTED * wanted)
    return listed + bytes(profile.algorithm_information_padding)


def _extended_length(state: State) -> bytes:
    """Section 4.1.3.1: the most bytes of a command and of an answer."""
    lengths = (state.profile.max_command, state.profile.max_response)
    return b"".join(tlv.encode(0x02, _words(length)) for length in lengths)


def _listing(state: State, tags: tuple[int, ...], unset: bool = True) -> bytes:
    """Those of the objects that the card has, each with its tag."""
    found = ((tag, value(state, tag)) for tag in tags if has(state.profile, tag))
    return b"".join(encoded(state, tag, content) for tag, content in found if content or unset)


_MADE: dict[int, Callable[[State], bytes]] = {
    0x4F: _aid,
    0x5F52: historical,
    0x65: lambda s: _listing(s, (0x5B, 0x5F2D, 0x5F35), s.profile.lists_unset),
    0x6E: lambda s: _listing(s, s.profile.application),
    0x73: lambda s: _listing(s, s.profile.discretionary),
    0x7A: lambda s: tlv.encode(COUNTER, value(s, COUNTER)),
    0x7F66: _extended_length,
    0x7F74: lambda s: _BUTTON,
    COUNTER: lambda s: s.counter.to_bytes(3, "big"),
    0xC0: _capabilities,
    PW_STATUS: _pw_status,
    0xC5: _joined(0xC7, 0xC8, 0xC9),
    0xC6: _joined(0xCA, 0xCB, 0xCC),
    0xCD: _joined(0xCE, 0xCF, 0xD0),
    KEY_INFORMATION: _key_information,
    ALGORITHM_INFORMATION: _algorithm_information,
}
