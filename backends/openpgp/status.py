"""Status words of ISO 7816-4 and what they mean in the words of the contract: one table."""

from __future__ import annotations

import enum

from backends import errors


class SW(enum.IntEnum):
    """Status words that are told apart, SW1 SW2 as one big-endian number."""

    OK = 0x9000
    END_OF_FILE = 0x6282
    TERMINATED = 0x6285
    TOUCH_TIMEOUT = 0x6600
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    NO_SECURE_MESSAGING = 0x6882
    NO_CHAINING = 0x6884
    COMMAND_INCOMPATIBLE = 0x6981
    SECURITY_STATUS = 0x6982
    BLOCKED = 0x6983
    CONDITIONS_OF_USE = 0x6985
    NOT_ALLOWED = 0x6986
    WRONG_DATA = 0x6A80
    FUNCTION_NOT_SUPPORTED = 0x6A81
    FILE_NOT_FOUND = 0x6A82
    RECORD_NOT_FOUND = 0x6A83
    WRONG_PARAMETERS = 0x6A86
    REFERENCED_DATA_NOT_FOUND = 0x6A88
    WRONG_P1_P2 = 0x6B00
    INS_NOT_SUPPORTED = 0x6D00
    CLA_NOT_SUPPORTED = 0x6E00


#: The meaning outside of VERIFY, which has its own reading of 63Cx and 6982.  After GnuPG's map
#: of status words (scd/iso7816.c map_sw, scd/apdu.h); what is not listed is a broken card.
_MEANING: dict[int, tuple[type[errors.TokenError], str]] = {
    SW.TERMINATED: (errors.Terminated, "the card is terminated"),
    SW.TOUCH_TIMEOUT: (errors.TimedOut, "the button was not touched in time"),
    SW.MEMORY_FAILURE: (errors.HardwareFailure, "memory failure on the card"),
    SW.WRONG_LENGTH: (errors.BadInput, "wrong length for the card"),
    SW.NO_SECURE_MESSAGING: (errors.NotSupported, "no secure messaging on this card"),
    SW.NO_CHAINING: (errors.NotSupported, "no command chaining on this card"),
    SW.COMMAND_INCOMPATIBLE: (errors.Broken, "command does not fit the file"),
    SW.SECURITY_STATUS: (errors.PinNeeded, "the PIN is not verified"),
    SW.BLOCKED: (errors.PinBlocked, "the PIN is blocked"),
    SW.CONDITIONS_OF_USE: (errors.UseRefused, "conditions of use not satisfied"),
    SW.NOT_ALLOWED: (errors.NotFound, "command not allowed here"),
    SW.WRONG_DATA: (errors.BadInput, "wrong data for the card"),
    SW.FUNCTION_NOT_SUPPORTED: (errors.NotSupported, "function not on this card"),
    SW.FILE_NOT_FOUND: (errors.NotFound, "not on the card"),
    SW.RECORD_NOT_FOUND: (errors.NotFound, "not on the card"),
    SW.WRONG_PARAMETERS: (errors.BadInput, "wrong parameters for the card"),
    SW.REFERENCED_DATA_NOT_FOUND: (errors.NotFound, "not on the card"),
    SW.WRONG_P1_P2: (errors.BadInput, "wrong parameters for the card"),
    SW.INS_NOT_SUPPORTED: (errors.Broken, "instruction not known to the card"),
    SW.CLA_NOT_SUPPORTED: (errors.Broken, "class not known to the card"),
}


def is_ok(sw: int) -> bool:
    """Whether the command did what it should; the end of a shorter object is no failure."""
    return sw in (SW.OK, SW.END_OF_FILE)


def tries_left(sw: int) -> int | None:
    """The counter of a 63Cx, else None."""
    return sw & 0x0F if sw & 0xFFF0 == 0x63C0 else None


def to_error(sw: int) -> errors.TokenError:
    """The exception for a status word that is not :func:`is_ok`."""
    if tries_left(sw) is not None:
        return errors.BadPin(tries_left=tries_left(sw))
    kind, text = _MEANING.get(sw, (errors.Broken, "unexpected answer of the card"))
    return kind(f"{text} (SW {sw:04X})")
