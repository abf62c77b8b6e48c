"""A token's keys as GnuPG sees them: references, keygrips, usage letters and three OpenPGP slots.

Pure functions; nothing here talks to a token.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backends.token import (
    Algorithm,
    ECAlgorithm,
    Key,
    PublicKey,
    RSAAlgorithm,
    RSAPublicKey,
    Use,
)
from scd.aliases import is_old_reference, is_old_reference_of
from scd.fingerprint import ec_algo, fingerprint
from scd.keygrip import keygrip

#: What the three slots of an OpenPGP card are for, in their order.
SLOT_USES = (Use.SIGN, Use.DECRYPT, Use.AUTHENTICATE)

#: Usage letters of KEYPAIRINFO and KEYINFO, in the order in which GnuPG writes them.
_LETTERS = ((Use.SIGN, "s"), (Use.CERTIFY, "c"), (Use.DECRYPT, "e"), (Use.AUTHENTICATE, "a"))


@dataclass(frozen=True, slots=True)
class CardKey:
    """A key with everything that GnuPG wants to know of it.

    ``ref``: ``OPENPGP.1`` to ``.3`` for a key in a slot, else the token's own reference.
    ``grip``: 40 upper-case hex digits.  ``use``: what is told of the key; it may be able to do
    more.  ``created``: seconds since the epoch, 0 if unknown.  ``fingerprint``: 20 bytes of the
    OpenPGP v4 key that this card key makes, or None.
    """

    ref: str
    grip: str
    key: Key
    use: Use
    created: int
    fingerprint: bytes | None

    def is_called(self, name: str) -> bool:
        """By its reference or keygrip, in any case of letters, or by a name of old."""
        if name.upper() in (self.grip, self.ref.upper()):
            return True
        if not (self.key.uri and is_old_reference(name)):
            return False
        return is_old_reference_of(name, self.key.uri)

    @property
    def usage(self) -> str:
        return "".join(letter for use, letter in _LETTERS if use in self.use)

    @property
    def algo(self) -> str:
        """The algorithm as KEYPAIRINFO spells it: ``rsa2048``, ``nistp256``, ``cv25519``."""
        public = self.key.public
        if isinstance(public, RSAPublicKey):
            return f"rsa{public.n.bit_length()}"
        return public.curve.algo


@dataclass(frozen=True, slots=True)
class Birth:
    """When an OpenPGP key was made of a key; and its fingerprint, unless it is the usual one."""

    created: int
    fingerprint: bytes | None = None


class Reason(enum.Enum):
    """Why a key is shown in a slot."""

    CONFIGURED = enum.auto()
    #: It was made for the slot, or moved there.
    PUT = enum.auto()
    #: It can do what the slot is for; or the slot is empty.
    ABLE = enum.auto()


@dataclass(frozen=True, slots=True)
class View:
    """All keys of a token, those in slots first; ``slots`` may name one key more than once.

    ``reasons``, ``wishes``: for each slot of a token that has none of its own, why that key is
    shown there, and what algorithm was set for the next one.
    """

    keys: tuple[CardKey, ...]
    slots: tuple[CardKey | None, CardKey | None, CardKey | None]
    reasons: Sequence[Reason] = (Reason.ABLE, Reason.ABLE, Reason.ABLE)
    wishes: Sequence[Algorithm | None] = (None, None, None)

    def find(self, name: str, use: Use | None = None) -> CardKey | None:
        """The key of that reference, keygrip or slot name, in any case of letters, or of a name
        that gnupg-pkcs11-scd gave it.

        ``use``: what it is wanted for, if one key was put into several slots.
        """
        for number, slot in enumerate(self.slots, 1):
            if name.upper() == f"OPENPGP.{number}":
                return slot
        found = [key for key in self.keys if key.is_called(name)]
        able = [k for k in found if use is None or use in k.key.use]
        return next(iter(able or found), None)

    def algorithms(self) -> tuple[Algorithm, ...]:
        """The slots' algorithms as a card would state them; those of a new card if nothing else is
        known."""
        told = zip(self.wishes, self.slots, SLOT_USES, strict=True)
        return tuple(
            wish or (slot_algorithm(key.key.public, use) if key else RSAAlgorithm(2048))
            for wish, key, use in told
        )

    def without(self, grips: Collection[str]) -> View:
        """The view that leaves out keys; the others stay where they are."""
        first, second, third = (k if k and k.grip not in grips else None for k in self.slots)
        keys = tuple(k for k in self.keys if k.grip not in grips)
        return replace(self, keys=keys, slots=(first, second, third))

    def able(self, use: Use | None) -> Iterator[CardKey]:
        """The keys that can be used so; all of them for None."""
        return (k for k in self.keys if use is None or use in k.use)


def native_view(keys: Sequence[Key]) -> View:
    """The view of an OpenPGP card, whose keys bear the slots' names, fingerprints and times."""
    known = {
        k.ref: CardKey(k.ref, keygrip(k.public), k, k.use, k.created or 0, k.fingerprint)
        for k in keys
    }
    first, second, third = (known.get(f"OPENPGP.{n}") for n in (1, 2, 3))
    return View(tuple(known.values()), (first, second, third))


def token_view(
    keys: Sequence[Key],
    choice: Callable[[Use, Key], bool],
    birth: Callable[[str, int | None], Birth],
    put: Mapping[int, str] | None = None,
    wishes: Sequence[Algorithm | None] = (None, None, None),
) -> View:
    """The view of a token without slots of its own.

    ``choice``: whether the configuration wants this key in the slot for that use.
    ``birth``: of the OpenPGP key of a keygrip, for which the token tells that time, if any.
    ``put``: keygrips of the keys that were put into slots.  ``wishes``: see :class:`View`.
    """
    reasons, chosen = _fill_slots(keys, choice, put or {})
    made: dict[str, CardKey] = {}
    for number, (use, key) in enumerate(zip(SLOT_USES, chosen, strict=True), 1):
        if key is not None and key.ref not in made:
            made[key.ref] = _card_key(f"OPENPGP.{number}", key, use, birth)
    slots = tuple(made[key.ref] if key else None for key in chosen)
    for key in keys:
        if key.ref not in made:
            made[key.ref] = _card_key(key.ref, key, key.use & ~Use.DECRYPT or key.use, birth)
    return View(tuple(made.values()), (slots[0], slots[1], slots[2]), reasons, wishes)


def _card_key(ref: str, key: Key, use: Use, birth: Callable[[str, int | None], Birth]) -> CardKey:
    grip = keygrip(key.public)
    born = birth(grip, key.created)
    name = born.fingerprint or fingerprint(key.public, born.created, use)
    return CardKey(ref, grip, key, _told(key, use), born.created, name)


def _told(key: Key, use: Use) -> Use:
    """What GnuPG is told that the key is for.

    OpenPGP has different algorithms for signing and encrypting with an elliptic curve, so a key
    that can do both is told of for what it serves here; otherwise gpg ends with "Wrong key usage"
    when it makes an OpenPGP key of it.
    """
    if isinstance(key.public, RSAPublicKey):
        return key.use
    return Use.DECRYPT if Use.DECRYPT in use else key.use & ~Use.DECRYPT


def _fill_slots(
    keys: Sequence[Key], choice: Callable[[Use, Key], bool], put: Mapping[int, str]
) -> tuple[list[Reason], list[Key | None]]:
    """One key for each slot: the configured one, else the one that was put there, else the newest
    one that was made for it elsewhere, else the most specialised one still free, else one that
    already serves in another slot (a token may hold one RSA key for everything)."""
    claims = [_claim(n, use, keys, choice, put) for n, use in enumerate(SLOT_USES, 1)]
    chosen = [key for _, key in claims]
    for index, use in enumerate(SLOT_USES):
        if chosen[index] is None:
            able = [key for key in keys if use in key.use]
            free = [key for key in able if key not in chosen]
            shared = [key for key in able if _may_share(key, use, chosen)]
            chosen[index] = min(free or shared, key=lambda k: k.use.value.bit_count(), default=None)
    return [reason for reason, _ in claims], chosen


def _claim(
    number: int,
    use: Use,
    keys: Sequence[Key],
    choice: Callable[[Use, Key], bool],
    put: Mapping[int, str],
) -> tuple[Reason, Key | None]:
    """The key that somebody wanted in that slot, if it is there and can do what the slot is for."""
    for key in (k for k in keys if use in k.use):
        if choice(use, key):
            return Reason.CONFIGURED, key
    for key in (k for k in keys if use in k.use and number in put):
        if keygrip(key.public) == put[number]:
            return Reason.PUT, key
    return Reason.ABLE, _made_for(number, use, keys)


def _made_for(number: int, use: Use, keys: Sequence[Key]) -> Key | None:
    """The key that GENKEY or WRITEKEY, of another computer perhaps, put on the token for that slot:
    its label begins with the slot's name, and goes on with the time, so that the newest one can be
    told."""
    made = [k for k in keys if k.label.startswith(f"OPENPGP.{number} ") and use in k.use]
    return max(made, key=lambda key: key.label, default=None)


def _may_share(key: Key, use: Use, chosen: Sequence[Key | None]) -> bool:
    """Whether a key in one slot may serve in this one too: not a curve key, if one of the two is
    the slot for decryption."""
    if isinstance(key.public, RSAPublicKey):
        return True
    return use is not Use.DECRYPT and key is not chosen[SLOT_USES.index(Use.DECRYPT)]


def slot_algorithm(public: PublicKey, use: Use) -> Algorithm:
    """The algorithm attributes that a card would state for this key in a slot of that use."""
    if isinstance(public, RSAPublicKey):
        return RSAAlgorithm(public.n.bit_length(), 32)
    return ECAlgorithm(ec_algo(public.curve, use), public.curve)
