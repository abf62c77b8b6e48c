"""The three OpenPGP slots of a token that has none of its own: what is put into them, and changed
there, is done on the token and remembered here.

Nothing is ever overwritten on the token: a new key takes the slot, and the old one stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from assuan.errors import AssuanError
from backends.changes import (
    Change,
    GenerateKey,
    SetAlgorithm,
    Stamp,
    Writable,
    WriteCertificate,
    WriteKey,
)
from backends.errors import NotFound, NotSupported, Occupied, UseRefused
from backends.token import Algorithm, PinRequest, PublicKey
from scd.algorithms import named_algorithm, slot_use
from scd.keygrip import keygrip
from scd.tokenmemory import TokenMemory
from scd.view import Birth, Reason, View


def algorithm_wishes(memory: TokenMemory, serial: str) -> Sequence[Algorithm | None]:
    """For each slot of that token the algorithm that was set for the next key."""
    wishes: list[Algorithm | None] = [None, None, None]
    for slot, name in memory.wishes(serial).items():
        with suppress(AssuanError):
            wishes[slot - 1] = named_algorithm(name, f"OPENPGP.{slot}")
    return wishes


class SlottedToken:
    """The token, to be changed as if it had slots.  ``view``: reads what is in them (blocking)."""

    def __init__(
        self, token: Writable, serial: str, view: Callable[[], View], memory: TokenMemory
    ) -> None:
        self._token = token
        self._serial = serial
        self._view = view
        self._memory = memory

    def is_occupied(self, ref: str) -> bool:
        """Whether a key was put there.  One that is only shown there gives way to it."""
        return self._view().reasons[_index(ref)] is Reason.PUT

    def pin_for_change(self, change: Change) -> PinRequest | None:
        view = self._view()
        if isinstance(change, SetAlgorithm):
            # Whether a key could be made so; a PIN is wanted when it is made.
            change = GenerateKey(change.ref, Stamp(0, lambda public: b""), change.algorithm)
            self._token.pin_for_change(_on_token(change, view))
            return None
        with suppress(Occupied):
            return self._token.pin_for_change(_on_token(change, view))
        return None

    def change(self, change: Change, pin: bytearray | None) -> PublicKey | None:
        view = self._view()
        match change:
            case SetAlgorithm(ref, algorithm):
                self._memory.wish(self._serial, _index(ref) + 1, algorithm.name)
                return None
            case WriteKey(ref, stamp, private):
                self._import(change, pin)
                self._remember(ref, private.public, stamp)
                return None
            case GenerateKey(ref, stamp):
                public = self._token.change(_on_token(change, view), pin)
                assert public is not None
                self._remember(ref, public, stamp)
                return public
            case _:
                return self._token.change(_on_token(change, view), pin)

    def _import(self, change: WriteKey, pin: bytearray | None) -> None:
        """A key that is on the token already only changes its slot."""
        try:
            self._token.change(change, pin)
        except Occupied:
            key = self._view().find(keygrip(change.private.public))
            if key is None or slot_use(change.ref) not in key.key.use:
                raise UseRefused("the key is on the token already, and not for this use") from None

    def _remember(self, ref: str, public: PublicKey, stamp: Stamp) -> None:
        birth = Birth(stamp.created, stamp.fingerprint(public))
        self._memory.put(self._serial, _index(ref) + 1, keygrip(public), birth)


def _on_token(change: Change, view: View) -> Change:
    """The change in the token's own terms.  Raises NotSupported, NotFound."""
    match change:
        case GenerateKey(ref, _, algorithm):
            _check_free(view, ref)
            return replace(change, algorithm=algorithm or view.algorithms()[_index(ref)])
        case WriteKey(ref):
            _check_free(view, ref)
        case WriteCertificate(ref):
            key = view.slots[_index(ref)]
            if key is None:
                raise NotFound(f"there is no key in {ref}")
            return replace(change, ref=key.key.ref)
    return change


def _check_free(view: View, ref: str) -> None:
    """A new key would not be seen in a slot that is configured."""
    if view.reasons[_index(ref)] is Reason.CONFIGURED:
        raise NotSupported(f"the configuration says which key is in {ref}")


def _index(ref: str) -> int:
    return int(ref[-1]) - 1
