"""What can go wrong on a token, said in the words of PKCS#11 and ISO 7816, not of GnuPG.

Every blocking call of the contract in :mod:`backends.token` raises these and nothing else.  An
exception text says what happened and never holds a PIN, key material or APDU data.
"""

from __future__ import annotations


class TokenError(Exception):
    """Anything that a token, its reader or its module refused or failed to do."""


class BadPin(TokenError):
    """The PIN was wrong.  ``tries_left`` is None where the token does not tell."""

    def __init__(self, message: str = "wrong PIN", tries_left: int | None = None) -> None:
        super().__init__(message)
        self.tries_left = tries_left


class PinBlocked(TokenError):
    """No tries are left for this PIN."""


class PinNeeded(TokenError):
    """The operation needs a PIN that is not, or no longer, verified.  Nothing was spent."""


class PinCanceled(TokenError):
    """The user pressed cancel on the reader's pinpad."""


class Removed(TokenError):
    """The card or token is gone; this Token object will not work again."""


class NotFound(TokenError):
    """The key, certificate or data object is not on the token."""


class NotSupported(TokenError):
    """The token, or its application, lacks this function."""


class NoButton(NotSupported):
    """The token has no button, so nothing can be said about touching it."""


class BadInput(TokenError):
    """The data do not fit the key: wrong length, point not on the curve, value too long."""


class TooLarge(BadInput):
    """The token has no room for something of that size."""


class UseRefused(TokenError):
    """The token refuses this key for this use, or under the present conditions (SW 6985)."""


class Occupied(TokenError):
    """There is something already, and nobody said that it may be overwritten."""


class Unfinished(TokenError):
    """A change failed half-way; the text says what is on the token now."""


class TimedOut(TokenError):
    """The user did not touch the button, or did not answer at the pinpad, in time."""


class Busy(TokenError):
    """Another program holds the reader exclusively, or is in a transaction that does not end."""


class Terminated(TokenError):
    """The card is in the termination state (SW 6285) and wants ACTIVATE FILE."""


class HardwareFailure(TokenError):
    """The card reports a memory failure (SW 6581)."""


class Broken(TokenError):
    """The card, reader or module failed, hung or broke its protocol."""
