"""Where the words of the device families become the error numbers of GnuPG: one table."""

from __future__ import annotations

from assuan.errors import AssuanError, Code
from backends import errors

#: Most specific first is not needed: every class stands for itself, TokenError for the rest.
CODES: dict[type[errors.TokenError], Code] = {
    errors.BadPin: Code.BAD_PIN,
    errors.PinBlocked: Code.PIN_BLOCKED,
    errors.PinNeeded: Code.BAD_PIN,
    errors.PinCanceled: Code.CANCELED,
    errors.Removed: Code.CARD_REMOVED,
    errors.NotFound: Code.NO_OBJ,
    errors.NotSupported: Code.UNSUPPORTED_OPERATION,
    errors.NoButton: Code.INV_OBJ,
    errors.BadInput: Code.INV_VALUE,
    errors.TooLarge: Code.TOO_LARGE,
    errors.UseRefused: Code.USE_CONDITIONS,
    errors.Occupied: Code.EEXIST,
    errors.Unfinished: Code.CARD,
    errors.TimedOut: Code.TIMEOUT,
    errors.Busy: Code.EBUSY,
    errors.Terminated: Code.OBJ_TERM_STATE,
    errors.HardwareFailure: Code.HARDWARE,
    errors.Broken: Code.CARD,
    errors.TokenError: Code.CARD,
}


def to_assuan(error: errors.TokenError) -> AssuanError:
    """The ERR that a client gets for what happened on the token; the text says it in words."""
    return AssuanError(CODES[type(error)], str(error))
