"""PINs with their tries, and which of them are verified."""

from __future__ import annotations

from collections.abc import Mapping

from backends.errors import BadPin, NotSupported, PinBlocked
from backends.token import PinRef, PinRequest

TRIES = 3

#: Shortest values: those of the OpenPGP card, and of anything else.
_SHORTEST = {PinRef.PW1_81: 6, PinRef.PW1_82: 6, PinRef.PW3: 8, PinRef.RC: 8}
_LONGEST = 64

#: One PIN under two names.
_SAME = {PinRef.PW1_82: PinRef.PW1_81}


class FakePins:
    """``sent``: how many PINs were tried.  ``pad``: the PINs that the user enters at the pinpad,
    None without one."""

    def __init__(self, values: Mapping[PinRef, bytes]) -> None:
        self.values = dict(values)
        self.tries = {ref: TRIES if value else 0 for ref, value in values.items()}
        self.verified: set[PinRef] = set()
        self.sent = 0
        self.pad: list[bytes] | None = None

    def request(self, ref: PinRef, label: str = "") -> PinRequest:
        store = _SAME.get(ref, ref)
        if store not in self.values:
            raise NotSupported("there is no such PIN")
        if not self.tries[store]:
            raise PinBlocked("no tries left")
        return PinRequest(
            ref, label, self.tries[store], _SHORTEST.get(ref, 4), _LONGEST, self.pad is not None
        )

    def limits(self, ref: PinRef) -> PinRequest:
        if _SAME.get(ref, ref) not in self.values:
            raise NotSupported("there is no such PIN")
        shortest = _SHORTEST.get(ref, 4)
        return PinRequest(ref, "", None, shortest, _LONGEST, self.pad is not None)

    def verify(self, ref: PinRef, pin: bytearray | None) -> None:
        store = _SAME.get(ref, ref)
        if not self.tries[store]:
            raise PinBlocked("no tries left")
        self.sent += 1
        if self._entered(pin) != self.values[store]:
            self.tries[store] -= 1
            self.verified.discard(ref)
            raise BadPin(tries_left=self.tries[store])
        self.tries[store] = TRIES
        self.verified.add(ref)

    def change(self, ref: PinRef, old: bytearray | None, new: bytearray | None) -> None:
        self.verify(ref, old)
        self.set(ref, self._entered(new))

    def set(self, ref: PinRef, new: bytes | bytearray) -> None:
        store = _SAME.get(ref, ref)
        self.values[store], self.tries[store] = bytes(new), TRIES if new else 0
        self.verified -= {ref, store}

    def _entered(self, pin: bytearray | None) -> bytes:
        if pin is not None:
            return bytes(pin)
        assert self.pad is not None, "neither a PIN nor a pinpad"
        return self.pad.pop(0)
