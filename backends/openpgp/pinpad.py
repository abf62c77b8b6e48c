"""PIN entry at the reader's own pinpad (PC/SC specification part 10): what is said to the reader
and what it answers.  Pure functions; the reader itself is in :mod:`backends.openpgp.pinpad_reader`.

Names are those of part 10, which pcsclite's reader.h has too.
"""

from __future__ import annotations

import enum
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backends import errors


class Feature(enum.IntEnum):
    """What a reader may offer: tags of the answer to GET_FEATURE_REQUEST."""

    VERIFY_PIN_DIRECT = 0x06
    MODIFY_PIN_DIRECT = 0x07
    IFD_PIN_PROPERTIES = 0x0A
    GET_TLV_PROPERTIES = 0x12


class Property(enum.IntEnum):
    """Tags of the answer to GET_TLV_PROPERTIES."""

    ENTRY_VALIDATION_CONDITION = 0x02  # bEntryValidationCondition
    MIN_PIN_SIZE = 0x06  # bMinPINSize
    MAX_PIN_SIZE = 0x07  # bMaxPINSize
    VENDOR = 0x0B  # wIdVendor
    PRODUCT = 0x0C  # wIdProduct


#: SCARD_CTL_CODE(3400) of pcsclite's reader.h, the one control code that is the same everywhere.
GET_FEATURE_REQUEST = 0x42000000 + 3400

#: What GnuPG asks for if the reader names no limit (scd/apdu.c, check_pcsc_pinpad), so this is what
#: readers have seen.
_USUAL_LONGEST = 15
#: Four bits of bmPINBlockString.
_MAX_BLOCK = 15

_VERIFY, _CHANGE_REFERENCE_DATA = 0x20, 0x24
#: bmFormatString: the unit of positions is a byte, PIN at position 0, left-justified, ASCII.
_ASCII_LEFT = 0x82
#: bEntryValidationCondition: the greatest number of digits is reached; the OK key was pressed.
_FULL, _KEY_PRESSED = 0x01, 0x02
#: bConfirmPIN: the new PIN is entered twice; the old one is entered too.
_CONFIRM, _CURRENT = 0x01, 0x02
_ENGLISH = 0x0409
_PADDING = b"\xff"
_NO_PROLOGUE = bytes(3)

#: PIN_VERIFY_STRUCTURE and PIN_MODIFY_STRUCTURE up to abData, little-endian.
_PIN_VERIFY = struct.Struct("<5B H 2B H B 3s I")
_PIN_MODIFY = struct.Struct("<7B H 3B H 3B 3s I")


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many digits the reader takes.  ``block``: bytes of the PIN in the command, padded by FF;
    0: as many as digits were entered, and the reader writes the length."""

    shortest: int
    longest: int
    block: int = 0


@dataclass(frozen=True, slots=True)
class PinpadOptions:
    """``disabled``: leave the pinpad alone.  ``varlen``: believe every reader to be able to take
    PINs of any length (GnuPG's enable-pinpad-varlen)."""

    disabled: bool = False
    varlen: bool = False


def parse_features(answer: bytes) -> dict[int, int]:
    """Control codes by tag; the values are big-endian (part 10 section 2.2)."""
    return {tag: int.from_bytes(value, "big") for tag, value in _entries(answer)}


def parse_properties(answer: bytes) -> dict[int, int]:
    """Properties by tag; the values are little-endian."""
    return {tag: int.from_bytes(value, "little") for tag, value in _entries(answer)}


def parse_pin_properties(answer: bytes) -> dict[int, int]:
    """The same from a PIN_PROPERTIES_STRUCTURE: wLcdLayout in two bytes, then
    bEntryValidationCondition and bTimeOut2."""
    return {Property.ENTRY_VALIDATION_CONDITION: answer[2]} if len(answer) >= 4 else {}


def _entries(answer: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and length in a byte each.  What is cut off is left out."""
    at = 0
    while at + 2 <= len(answer):
        tag, end = answer[at], at + 2 + answer[at + 1]
        if end <= len(answer):
            yield tag, answer[at + 2 : end]
        at = end


def fitting(
    properties: Mapping[int, int], *, varlen: bool, within: Lengths, fixed: int | None
) -> Lengths | None:
    """What to ask of a reader, or None if it cannot take this PIN.

    ``varlen``: whether the reader is known to take PINs of any length.  ``within``: what the card
    allows.  ``fixed``: the length that the card says the PIN has.
    """
    shortest = max(within.shortest, properties.get(Property.MIN_PIN_SIZE, 0))
    longest = min(within.longest, properties.get(Property.MAX_PIN_SIZE) or _USUAL_LONGEST)
    if fixed is None:
        return Lengths(shortest, longest) if varlen and shortest <= longest else None
    fits = shortest <= fixed <= min(longest, _MAX_BLOCK)
    return Lengths(fixed, fixed, fixed) if fits else None


def preferred_lengths(login_data: bytes) -> tuple[int, int] | None:
    """Lengths of user PIN and admin PIN by the control sequence ``P=n[,m]`` in DO 5E; 0: the
    pinpad shall not be used.

    Behind the first LF comes DC4, then sequences with 18 between, up to the next LF
    (scd/app-openpgp.c, parse_login_data).
    """
    _, _, control = login_data.partition(b"\n")
    found = None
    if control.startswith(b"\x14"):
        for sequence in control[1:].partition(b"\n")[0].split(b"\x18"):
            if match := re.fullmatch(rb"P=(\d{1,4})(?:,(\d{1,4}))?", sequence):
                found = int(match[1]), int(match[2] or match[1])
    return found


def pin_verify_structure(p2: int, lengths: Lengths, conditions: int = 0xFF) -> bytes:
    """For VERIFY (OpenPGP card 3.4 section 7.2.2).  ``conditions``: which ends of the entry the
    reader knows."""
    command = _template(_VERIFY, p2, lengths.block)
    fields = _PIN_VERIFY.pack(
        0,  # bTimeOut: the reader's own
        0,  # bTimeOut2
        _ASCII_LEFT,  # bmFormatString
        lengths.block,  # bmPINBlockString: no length field in the block, its size
        0,  # bmPINLengthFormat: no length field
        lengths.shortest << 8 | lengths.longest,  # wPINMaxExtraDigit
        _condition(lengths, conditions),  # bEntryValidationCondition
        1,  # bNumberMessage
        _ENGLISH,  # wLangId
        0,  # bMsgIndex
        _NO_PROLOGUE,  # bTeoPrologue
        len(command),  # ulDataLength
    )
    return fields + command


def pin_modify_structure(p2: int, lengths: Lengths, conditions: int = 0xFF) -> bytes:
    """For CHANGE REFERENCE DATA (OpenPGP card 3.4 section 7.2.3): old PIN, then the new one,
    entered twice."""
    command = _template(_CHANGE_REFERENCE_DATA, p2, 2 * lengths.block)
    fields = _PIN_MODIFY.pack(
        0,  # bTimeOut: the reader's own
        0,  # bTimeOut2
        _ASCII_LEFT,  # bmFormatString
        lengths.block,  # bmPINBlockString: no length field in the block, its size
        0,  # bmPINLengthFormat: no length field
        0,  # bInsertionOffsetOld
        lengths.block,  # bInsertionOffsetNew: behind the old one
        lengths.shortest << 8 | lengths.longest,  # wPINMaxExtraDigit
        _CONFIRM | _CURRENT,  # bConfirmPIN
        _condition(lengths, conditions),  # bEntryValidationCondition
        3,  # bNumberMessage: old, new, new again
        _ENGLISH,  # wLangId
        0,  # bMsgIndex1
        1,  # bMsgIndex2
        2,  # bMsgIndex3
        _NO_PROLOGUE,  # bTeoPrologue
        len(command),  # ulDataLength
    )
    return fields + command


def _template(ins: int, p2: int, block: int) -> bytes:
    """The command that the reader completes."""
    return bytes((0, ins, 0, p2, block)) + block * _PADDING


def _condition(lengths: Lengths, known: int) -> int:
    wanted = _KEY_PRESSED | (_FULL if lengths.shortest == lengths.longest else 0)
    return wanted & known or wanted


#: Status words of the reader itself: the card has seen no PIN.
_REFUSALS: dict[int, tuple[type[errors.TokenError], str]] = {
    0x6400: (errors.TimedOut, "no PIN was entered at the pinpad in time"),
    0x6401: (errors.PinCanceled, "PIN entry was cancelled at the pinpad"),
    0x6402: (errors.BadInput, "the new PIN was not repeated correctly at the pinpad"),
    0x6403: (errors.BadPin, "PIN too short or too long at the pinpad, not tried"),
    0x6B80: (errors.Broken, "the reader does not understand how the PIN is to be sent"),
}


def refusal(sw: int) -> errors.TokenError | None:
    """The exception for a status word of the reader; None if it is one of the card."""
    if sw not in _REFUSALS:
        return None
    kind, text = _REFUSALS[sw]
    return kind(text)
