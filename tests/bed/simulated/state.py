"""All that one card knows: what survives power-off, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.bed.simulated import algorithms
from tests.bed.simulated.algorithms import Attributes, CurveAttributes
from tests.bed.simulated.keys import PrivateKey
from tests.bed.simulated.pins import PW3, Pins
from tests.bed.simulated.profile import Profile
from tests.bed.simulated.status import require

GENERATED, IMPORTED = 1, 2


@dataclass
class Key:
    """``origin``: as DO DE tells it."""

    private: PrivateKey
    origin: int


class State:
    """``stored``: data objects that are not made of something else.  ``certificates``: by
    occurrence.  ``used_up``: the last signature took the PIN with it.  ``touch``: whether the
    button is pressed in time; may block."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.touch: Callable[[], bool] = lambda: True
        self.terminated = False
        #: AID of the selected application, or what stands for it.
        self.selected = b""
        self.occurrence = 0
        self.used_up = False
        self.pins = Pins(profile)
        self.keys: dict[int, Key] = {}
        self.counter = 0
        self.certificates: list[bytes] = []
        self.stored: dict[int, bytes] = {}
        self.reset()

    def reset(self) -> None:
        """As it left the factory; counts of verifications go on."""
        self.pins = Pins(self.profile, self.pins.verifications)
        self.keys.clear()
        self.counter = 0
        self.certificates = [b""] * self.profile.certificates
        self.stored = dict(self.profile.initial)
        for slot in algorithms.SLOTS:
            self.stored[0xC0 + slot] = default_attributes(self.profile, slot)

    def forget(self) -> None:
        """What a reset of the card, or selecting an application, takes away."""
        self.pins.verified.clear()
        self.occurrence = 0
        self.used_up = False

    def attributes(self, slot: int) -> Attributes:
        """Parsed algorithm attributes of the slot."""
        parsed = algorithms.parse(self.stored[0xC0 + slot], slot)
        assert parsed is not None
        if isinstance(parsed, CurveAttributes) and self.profile.point_wanted:
            return replace(parsed, point_wanted=True)
        return parsed

    def require_admin(self) -> None:
        """Access condition PW3."""
        require(PW3 in self.pins.verified, self.profile.pin_missing)

    def put_key(self, slot: int, key: Key) -> None:
        """A new key; that of signatures starts to count anew (section 4.4.3.5)."""
        self.keys[slot] = key
        if slot == algorithms.SIGN:
            self.counter = 0

    def drop_key(self, slot: int) -> None:
        """The key goes with its attributes."""
        self.keys.pop(slot, None)
        if self.profile.clears_fingerprints:
            self.stored.pop(0xC6 + slot, None)
            self.stored.pop(0xCD + slot, None)


def default_attributes(profile: Profile, slot: int) -> bytes:
    """What the slot has before anything is written to it."""
    name = profile.defaults[slot - 1]
    if name.startswith("rsa"):
        form = profile.rsa_form if profile.version >= 0x0200 else None
        return algorithms.rsa_bytes(_bits(name), profile.exponent_bits, form)
    return algorithms.curve_bytes(name, slot)


def offered_attributes(profile: Profile, name: str, slot: int) -> list[bytes]:
    """The attributes under which an algorithm is on offer for a slot, if it is."""
    if algorithms.identifier(name, slot) is None:
        return []
    if name.startswith("rsa"):
        forms: tuple[int | None, ...] = profile.rsa_forms if profile.version >= 0x0200 else (None,)
        return [algorithms.rsa_bytes(_bits(name), profile.exponent_bits, form) for form in forms]
    return [algorithms.curve_bytes(name, slot)]


def _bits(name: str) -> int:
    return int(name.removeprefix("rsa"))
