"""The PINs of a token on the daemon's side: what is asked for, and how they are changed."""

from __future__ import annotations

from dataclasses import dataclass

from backends.errors import NotSupported, PinBlocked
from backends.pkcs11 import messages
from backends.pkcs11.bound import Bound
from backends.pkcs11.cka import CKF
from backends.token import PinRef, PinRequest

#: PIN lengths in bytes that are believed; GnuPG's own limit is below the upper one.
_MAX_PIN = 255


@dataclass(frozen=True, slots=True)
class _Flags:
    """The flags of CK_TOKEN_INFO that tell of one PIN."""

    locked: CKF
    final_try: CKF
    count_low: CKF
    to_be_changed: CKF


_FLAGS = {
    PinRef.USER: _Flags(
        CKF.USER_PIN_LOCKED,
        CKF.USER_PIN_FINAL_TRY,
        CKF.USER_PIN_COUNT_LOW,
        CKF.USER_PIN_TO_BE_CHANGED,
    ),
    PinRef.SO: _Flags(
        CKF.SO_PIN_LOCKED, CKF.SO_PIN_FINAL_TRY, CKF.SO_PIN_COUNT_LOW, CKF.SO_PIN_TO_BE_CHANGED
    ),
}


def pin_request(
    status: messages.TokenRecord, ref: PinRef = PinRef.USER, key_label: str = ""
) -> PinRequest:
    """How to ask for that PIN.  Raises PinBlocked."""
    flags = _FLAGS[ref]
    if status.flags & flags.locked:
        raise PinBlocked("the PIN of the token is blocked")
    label = f"{status.label} / {key_label}" if key_label else status.label
    if status.flags & flags.to_be_changed:
        label += " (PIN to be changed)"
    least, most = _lengths(status)
    return PinRequest(
        ref,
        label=label,
        tries_left=_tries_left(status.flags, flags),
        min_length=least,
        max_length=most,
        pinpad=bool(status.flags & CKF.PROTECTED_AUTHENTICATION_PATH),
    )


def _lengths(status: messages.TokenRecord) -> tuple[int, int]:
    known = 0 < status.max_pin <= _MAX_PIN and 0 <= status.min_pin <= status.max_pin
    return (status.min_pin, status.max_pin) if known else (0, _MAX_PIN)


def _tries_left(status: int, flags: _Flags) -> int | None:
    """PKCS#11 knows no number, only "the last one" and "some are gone"; that is told as two."""
    if status & flags.final_try:
        return 1
    return 2 if status & flags.count_low else None


class PinKeeperPart(Bound):
    """The half of the contract that is about PINs.

    Only one worker is asked for what has to do with the security officer, and all others log out
    before: tokens do not have officers and users at the same time.
    """

    def pin_named(self, ref: PinRef) -> PinRequest:
        _check(ref)
        return pin_request(self._status(), ref)

    def verify_pin(self, ref: PinRef, pin: bytearray | None) -> None:
        """Log in with that PIN.  A login that was there before is given up first, so that it is
        this PIN which is verified.  The security officer's login does not last."""
        _check(ref)
        self._keys = None
        if ref is PinRef.SO:
            self._pool.log_out(self._token)
            self._pool.ask(messages.CheckSOPin(self._token, pin), messages.Done)
        else:
            self._pool.log_in(self._token, pin)

    def is_verified(self, ref: PinRef) -> bool:
        """Whether the user is logged in, or the token wants no login."""
        return ref is PinRef.USER and self._knows_login

    def new_pin(self, ref: PinRef) -> PinRequest:
        _check(ref)
        status = self._status()
        least, most = _lengths(status)
        return PinRequest(
            ref, status.label, min_length=least, max_length=most, pinpad=self._has_pad
        )

    def change_pin(self, ref: PinRef, old: bytearray | None, new: bytearray | None) -> None:
        _check(ref)
        if ref is PinRef.SO:
            self._log_out()
        request = messages.ChangePin(self._token, ref is PinRef.SO, old, new)
        self._pool.ask(request, messages.Done)

    def reset_pin(self, ref: PinRef, pin: bytearray | None, new: bytearray) -> None:
        """The user's, by the security officer's."""
        if ref is not PinRef.USER:
            raise NotSupported(f"a PIN {ref.value} cannot be set anew on this token")
        self._log_out()
        self._pool.ask(messages.ResetPin(self._token, pin, new), messages.Done)

    def unblock_pin(self, code: bytearray, new: bytearray) -> None:
        raise NotSupported("the token has no resetting code; its SO PIN sets a new PIN")

    def forget_pin(self, ref: PinRef) -> None:
        """What keys there are stays known, also of those that are hidden without the login: whoever
        gives the PIN again can use them."""
        _check(ref)
        self._pool.log_out(self._token)

    def _log_out(self) -> None:
        self._keys = None
        self._pool.log_out(self._token)


def _check(ref: PinRef) -> None:
    if ref not in _FLAGS:
        raise NotSupported(f"the token has no PIN {ref.value}")
