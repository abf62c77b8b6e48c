"""A simulated card in the hand of somebody who changes it, with the PINs of the factory."""

from __future__ import annotations

import hashlib
from functools import lru_cache, partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from backends.changes import Change, Stamp
from backends.curves import BY_NAME, Form
from backends.errors import PinNeeded
from backends.openpgp.memory import Memory
from backends.token import (
    Algorithm,
    Attribute,
    ECAlgorithm,
    Key,
    PinRef,
    PublicKey,
    RSAAlgorithm,
    RSAPublicKey,
    Use,
)
from scd.fingerprint import fingerprint
from tests.bed.simulated import PRESETS, Profile, SimulatedCard
from tests.fake.keys import SoftKey, generate
from tests.openpgp.bench import AUTHENTICATE, DECRYPT, MESSAGE, SIGN, Bench, Faulty
from tests.openpgp.links import VirtualLink

REFS = (SIGN, DECRYPT, AUTHENTICATE)
USES = {SIGN: Use.SIGN, DECRYPT: Use.DECRYPT, AUTHENTICATE: Use.AUTHENTICATE}
CREATED = 1_700_000_000
USER_PIN, ADMIN_PIN = b"123456", b"12345678"
#: DER of DigestInfo for SHA-1 up to the hash (RFC 8017 section 9.2, note 1).
SHA1_PREFIX = bytes.fromhex("3021300906052b0e03021a05000414")
PUT_DATA, PUT_DATA_ODD, GENERATE, CHANGE, RESET_RETRY = 0xDA, 0xDB, 0x47, 0x24, 0x2C


class Editor(Bench):
    """``asked``: the PINs that changes wanted, in their order."""

    link: Faulty

    def __init__(self, profile: Profile | str = "modern", memory: Memory | None = None) -> None:
        self.simulated = SimulatedCard(PRESETS[profile] if isinstance(profile, str) else profile)
        super().__init__(Faulty(self.simulated), memory)
        self.pins = {
            PinRef.PW1_81: USER_PIN,
            PinRef.PW1_82: USER_PIN,
            PinRef.PW3: ADMIN_PIN,
        }
        self.asked: list[PinRef] = []

    def make(self, change: Change) -> PublicKey | None:
        """Make a change as the daemon does."""
        for _ in range(2):
            request = self.card.pin_for_change(change)
            if request is not None:
                self.asked.append(request.ref)
            pin = bytearray(self.pins[request.ref]) if request else None
            try:
                return self.card.change(change, pin)
            except PinNeeded:
                continue
        raise AssertionError("the card never has enough of PINs")

    def works(self, ref: str) -> None:
        """Use the key, asking for the PIN as the daemon does, and check what comes out."""
        request = self.card.pin_for(self.key(ref))
        pin = self.pins[request.ref] if request else None
        if ref == SIGN and self.simulated.profile.version < 0x0200:
            self._sign_sha1(pin)
        else:
            self.use(ref, pin)

    def _sign_sha1(self, pin: bytes | None) -> None:
        """All that cards of version 1 do with their signature key."""
        public = self.key(SIGN).public
        assert isinstance(public, RSAPublicKey)
        tbs = SHA1_PREFIX + hashlib.sha1(MESSAGE, usedforsecurity=False).digest()
        signature = self.card.sign(self.key(SIGN), tbs, bytearray(pin) if pin else None)
        key = rsa.RSAPublicNumbers(public.e, public.n).public_key()
        key.verify(signature, MESSAGE, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303

    def read(self, attribute: Attribute) -> bytes:
        return self.card.attributes({attribute}).get(attribute, b"")

    def algorithm(self, ref: str) -> Algorithm | None:
        return self.card.algorithms()[REFS.index(ref)]

    def tries_at_card(self) -> tuple[int, int]:
        """Of PW1 and PW3."""
        return self.simulated.pins.pw1.tries, self.simulated.pins.pw3.tries

    def keys_of_card(self) -> list[Key]:
        """What a daemon that was just started, and remembers nothing, finds."""
        return list(Bench(VirtualLink(self.simulated)).card.keys(thorough=True))

    def written(self) -> list[bytes]:
        """The commands that can change a card."""
        writing = {PUT_DATA, PUT_DATA_ODD, CHANGE, RESET_RETRY}
        return [
            apdu
            for apdu in self.link.sent
            if apdu[1] in writing or apdu[1:3] == bytes((GENERATE, 0x80))
        ]

    def snapshot(self) -> dict[int, bytes]:
        return self.simulated.snapshot()


def stamp(ref: str, created: int = CREATED) -> Stamp:
    return Stamp(created, partial(fingerprint, created=created, use=USES[ref]))


def algorithm(name: str, ref: str) -> Algorithm | None:
    """By the name that profiles give it; None if such a slot cannot have it."""
    if name.startswith("rsa"):
        return RSAAlgorithm(int(name[3:]))
    curve = BY_NAME[name.lower()]
    if ref == DECRYPT:
        return None if curve.form is Form.EDWARDS else ECAlgorithm(18, curve)
    if curve.form is Form.MONTGOMERY:
        return None
    return ECAlgorithm(22 if curve.form is Form.EDWARDS else 19, curve)


@lru_cache
def rsa_key(nbits: int, e: int = 65537) -> rsa.RSAPrivateKey:
    """The same for all tests: large ones take long to make."""
    if e in (3, 65537):
        return rsa.generate_private_key(e, nbits)
    while True:
        parts = rsa.generate_private_key(65537, nbits).private_numbers()
        try:
            return _with_exponent(parts.p, parts.q, e)
        except ValueError:  # has a factor in common with p - 1 or q - 1
            continue


def _with_exponent(p: int, q: int, e: int) -> rsa.RSAPrivateKey:
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    crt = (d % (p - 1), d % (q - 1), pow(q, -1, p))
    return rsa.RSAPrivateNumbers(p, q, d, *crt, public).private_key()


def soft_key(wanted: Algorithm) -> SoftKey:
    return rsa_key(wanted.nbits) if isinstance(wanted, RSAAlgorithm) else generate(wanted)
