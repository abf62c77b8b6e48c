"""What can be changed on a token, as records, and the contract of tokens that can do it.

The contract's other half, reading and using, is in :mod:`backends.token`; what is said there of
calls, PINs and failures holds here too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from backends.token import (
    Algorithm,
    Attribute,
    ECPublicKey,
    PinRef,
    PinRequest,
    PublicKey,
    RSAPublicKey,
)


@dataclass(frozen=True, slots=True)
class RSAPrivateKey:
    """``d``: the private exponent; ``p`` and ``q``: the primes, in any order.  That the numbers
    belong together has been checked."""

    public: RSAPublicKey
    d: int = field(repr=False)
    p: int = field(repr=False)
    q: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class ECPrivateKey:
    """``secret``: Weierstrass curves: the scalar, big-endian, of field size; Edwards curves: the
    seed (RFC 8032 section 5.1.5); Montgomery curves: the scalar, little-endian (RFC 7748)."""

    public: ECPublicKey
    secret: bytes = field(repr=False)


PrivateKey = RSAPrivateKey | ECPrivateKey


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an OpenPGP card keeps beside a new key.

    ``created``: seconds since the epoch.  ``fingerprint``: makes the OpenPGP v4 fingerprint, 20
    bytes, once the public key is known.
    """

    created: int
    fingerprint: Callable[[PublicKey], bytes]


@dataclass(frozen=True, slots=True)
class SetAttribute:
    """Replace the content of a data object."""

    attribute: Attribute
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SetAlgorithm:
    """Change the algorithm attributes of a slot, which deletes its key."""

    ref: str
    algorithm: Algorithm


@dataclass(frozen=True, slots=True)
class GenerateKey:
    """Make a key pair in a slot, in place of the one there.  ``algorithm``: None for what the
    slot's attributes say."""

    ref: str
    stamp: Stamp
    algorithm: Algorithm | None = None


@dataclass(frozen=True, slots=True)
class WriteKey:
    """Import a key pair into a slot, in place of the one there."""

    ref: str
    stamp: Stamp
    private: PrivateKey


@dataclass(frozen=True, slots=True)
class WriteCertificate:
    """Store the X.509 certificate (DER) of a key; no bytes at all remove it."""

    ref: str
    der: bytes


@dataclass(frozen=True, slots=True)
class Attest:
    """Have the token certify that a key was made on it; the certificate is then that of the key."""

    ref: str


Change = SetAttribute | SetAlgorithm | GenerateKey | WriteKey | WriteCertificate | Attest


@runtime_checkable
class Writable(Protocol):
    """A token whose content can be changed.

    Nothing here asks whether something is overwritten: see :meth:`is_occupied`.  On a token without
    slots of its own nothing ever is: a slot's name says what a new key is for, it gets a reference
    of its own, and WriteKey of one that is there already raises Occupied.
    """

    def is_occupied(self, ref: str) -> bool:
        """Whether there is a key in that slot, even one that :meth:`Token.keys` leaves out."""

    def pin_for_change(self, change: Change) -> PinRequest | None:
        """The PIN that must be given with this change; None: no PIN.

        Checks all that can be checked with nothing written: raises BadInput for values that do not
        fit, NotSupported for what this token cannot do, NotFound for a slot it does not have,
        PinBlocked.
        """

    def change(self, change: Change, pin: bytearray | None) -> PublicKey | None:
        """Do it; the new public key of :class:`GenerateKey`.

        ``pin`` as for :meth:`Token.sign`.  Raises PinNeeded if another one must be given: what is
        done by then need not be done again.  A change of a key that fails half-way raises
        :class:`backends.errors.Unfinished`, which says what is on the token now.
        """


@runtime_checkable
class PinKeeper(Protocol):
    """A token whose PINs can be changed.  All PINs are bytearrays of UTF-8, wiped by the caller."""

    def new_pin(self, ref: PinRef) -> PinRequest:
        """The lengths that a new value of that PIN may have.  Raises NotSupported."""

    def change_pin(self, ref: PinRef, old: bytearray | None, new: bytearray | None) -> None:
        """By who knows the old one.  Both None: they are entered at the reader's pinpad.

        Raises BadPin, after one try, if the old one is wrong; nothing is changed then."""

    def reset_pin(self, ref: PinRef, pin: bytearray | None, new: bytearray) -> None:
        """Set that PIN, and its tries, by the right of ``pin``: PW3 or the SO PIN, which may have
        been verified just before; None if it was, at a pinpad.  An empty resetting code removes it.
        """

    def unblock_pin(self, code: bytearray, new: bytearray) -> None:
        """Set PW1, and its tries, by the resetting code."""

    def forget_pin(self, ref: PinRef) -> None:
        """Let the token take back that the PIN was verified."""
