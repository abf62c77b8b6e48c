"""The PINs: values, retry counters, and which are verified (sections 4.3 and 7.2.2 to 7.2.4)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.bed.simulated.profile import Profile
from tests.bed.simulated.status import SW, Refused, require

USER_PIN, ADMIN_PIN = b"123456", b"12345678"
TRIES = 3
PW1_SIGN, PW1_OTHER, PW3 = 0x81, 0x82, 0x83
MIN_USER, MIN_ADMIN = 6, 8


@dataclass
class Pin:
    """``value`` None: not set.  ``minimum`` and ``maximum``: of its length."""

    name: str
    value: bytes | None
    tries: int
    minimum: int
    maximum: int

    def fits(self, value: bytes) -> bool:
        return self.minimum <= len(value) <= self.maximum

    def set(self, value: bytes | None) -> None:
        self.value, self.tries = value, TRIES if value is not None else 0


class Pins:
    """``verified``: P2 values of VERIFY.  ``verifications``: of each PIN, how often a value was
    presented, by VERIFY, CHANGE REFERENCE DATA or RESET RETRY COUNTER."""

    def __init__(self, profile: Profile, verifications: Counter[str] | None = None) -> None:
        self._profile = profile
        self.verified: set[int] = set()
        self.verifications = Counter() if verifications is None else verifications
        self.pw1 = Pin("PW1", USER_PIN, TRIES, MIN_USER, profile.max_pin)
        self.pw3 = Pin("PW3", ADMIN_PIN, TRIES, MIN_ADMIN, profile.max_admin_pin)
        self.reset_code = Pin("RC", None, 0, MIN_ADMIN, profile.max_reset_code)
        # Of version 1, CHV2 is a PIN of its own, and there is no resetting code.
        self.chv2 = Pin("CHV2", USER_PIN, TRIES, MIN_USER, profile.max_pin)

    def named(self, p2: int) -> Pin:
        """The PIN that P2 of a command means."""
        other = self.chv2 if self._profile.version < 0x0200 else self.pw1
        pins = {PW1_SIGN: self.pw1, PW1_OTHER: other, PW3: self.pw3}
        require(p2 in pins, SW.NOT_FOUND)
        return pins[p2]

    @property
    def status(self) -> bytes:
        """DO C4 without its first byte."""
        second = self.chv2 if self._profile.version < 0x0200 else self.reset_code
        unset = self._profile.unset_reset_code_tries
        pins = (self.pw1, second, self.pw3)
        tries = [pin.tries if pin.value is not None else unset for pin in pins]
        return bytes([*(pin.maximum for pin in pins), *tries])

    def compare(self, pin: Pin, value: bytes) -> None:
        """Spend a try; get it and the others back if the value is right."""
        self.verifications[pin.name] += 1
        require(pin.tries, SW.BLOCKED)
        if self._profile.short_pin is not None:
            require(pin.fits(value), self._profile.short_pin)
        self._compare(pin, value)

    def split(self, pin: Pin, data: bytes) -> bytes:
        """Old and new value stand one after the other: only the length of the right old one tells
        where the new one starts (section 7.2.3)."""
        self.verifications[pin.name] += 1
        require(pin.tries and pin.value is not None, SW.BLOCKED)
        assert pin.value is not None
        size = len(pin.value)
        self._compare(pin, data[:size])
        return data[size:]

    def _compare(self, pin: Pin, value: bytes) -> None:
        pin.tries -= 1
        if value != pin.value:
            raise Refused(self.wrong(pin))
        pin.tries = TRIES

    def wrong(self, pin: Pin) -> int:
        """The answer to a wrong PIN, by what is left of it."""
        sw = self._profile.wrong_pin
        return sw | pin.tries if sw == SW.WRONG_PIN else sw

    def drop(self, pin: Pin) -> None:
        """It is not verified any more, for whatever use."""
        self.verified -= {p2 for p2 in (PW1_SIGN, PW1_OTHER, PW3) if self.named(p2) is pin}
