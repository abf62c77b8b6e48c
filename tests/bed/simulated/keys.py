"""Private keys: what each kind does with the data field of a command."""

from __future__ import annotations

import math
import os
from typing import Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, utils, x448, x25519

from tests.bed.simulated import tlv
from tests.bed.simulated.algorithms import Attributes, RSAAttributes
from tests.bed.simulated.status import SW, Refused, require

PublicKey = (
    rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | x25519.X25519PublicKey
    | x448.X448PublicKey
)

WEIERSTRASS: dict[str, ec.EllipticCurve] = {
    "nistp256": ec.SECP256R1(),
    "nistp384": ec.SECP384R1(),
    "nistp521": ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
    "secp256k1": ec.SECP256K1(),
}
SECRET_SIZES = {"ed25519": 32, "ed448": 57, "cv25519": 32, "x448": 56}
_EXPONENT = 65537


class PrivateKey(Protocol):
    """``public``: content of 7F49 (section 7.2.14).  ``sign`` and ``decipher`` take the input after
    the command's own framing: DigestInfo, hash or message; cryptogram or peer's point."""

    @property
    def public(self) -> bytes: ...
    @property
    def public_key(self) -> PublicKey: ...
    def sign(self, data: bytes) -> bytes: ...
    def decipher(self, data: bytes) -> bytes: ...


class RSAKey:
    """PKCS#1 v1.5 (sections 7.2.10.2 and 7.2.11); ``exponent_size``: bytes of e when shown."""

    def __init__(self, private: rsa.RSAPrivateKey, exponent_size: int) -> None:
        self._numbers = private.private_numbers()
        self._size = private.key_size // 8
        self._exponent_size = exponent_size
        self.public_key: PublicKey = private.public_key()

    @property
    def public(self) -> bytes:
        numbers = self._numbers.public_numbers
        exponent = numbers.e.to_bytes(self._exponent_size, "big")
        return tlv.encode(0x81, numbers.n.to_bytes(self._size, "big")) + tlv.encode(0x82, exponent)

    def sign(self, data: bytes) -> bytes:
        # Section 7.2.10: no more than 40 percent of the modulus, for the hash that is shown.
        require(data and 10 * len(data) <= 4 * self._size, SW.WRONG_LENGTH)
        padding = b"\xff" * (self._size - len(data) - 3)
        return self._power(b"\0\1" + padding + b"\0" + data)

    def decipher(self, data: bytes) -> bytes:
        require(len(data) == self._size, SW.WRONG_LENGTH)
        require(int.from_bytes(data, "big") < self._numbers.public_numbers.n, SW.WRONG_DATA)
        padded = self._power(data)
        end = padded.find(b"\0", 2)
        require(padded[:2] == b"\0\2" and end >= 10, SW.WRONG_DATA)
        return padded[end + 1 :]

    def _power(self, block: bytes) -> bytes:
        key, base = self._numbers, int.from_bytes(block, "big")
        one, two = pow(base, key.dmp1, key.p), pow(base, key.dmq1, key.q)
        result = two + key.q * ((one - two) * key.iqmp % key.p)
        return result.to_bytes(self._size, "big")


class WeierstrassKey:
    """ECDSA of the bare hash, ECDH that gives X, or 04 X Y if ``whole_point``."""

    def __init__(self, private: ec.EllipticCurvePrivateKey, whole_point: bool) -> None:
        self._private = private
        self._whole_point = whole_point
        self._size = (private.key_size + 7) // 8
        self.public_key: PublicKey = private.public_key()

    @property
    def public(self) -> bytes:
        return tlv.encode(0x86, point_of(self._private.public_key()))

    def sign(self, data: bytes) -> bytes:
        require(1 <= len(data) <= 64, SW.WRONG_LENGTH)
        digest, algorithm = self._truncated(data)
        signature = self._private.sign(digest, ec.ECDSA(utils.Prehashed(algorithm)))
        r, s = utils.decode_dss_signature(signature)
        return r.to_bytes(self._size, "big") + s.to_bytes(self._size, "big")

    def decipher(self, data: bytes) -> bytes:
        require(len(data) == 1 + 2 * self._size and data[0] == 4, SW.WRONG_DATA)
        try:
            peer = ec.EllipticCurvePublicKey.from_encoded_point(self._private.curve, data)
        except ValueError:
            raise Refused(SW.WRONG_DATA) from None
        x = self._private.exchange(ec.ECDH(), peer)
        return b"\4" + x + self._ordinate(x) if self._whole_point else x

    def _truncated(self, data: bytes) -> tuple[bytes, hashes.HashAlgorithm]:
        """The leftmost bits (FIPS 186-5 section 6.4.1), as long as some hash of the library."""
        bits = self._private.key_size
        number = int.from_bytes(data, "big") >> max(0, 8 * len(data) - bits)
        kinds = (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
        fitting = (kind for kind in kinds if 8 * kind.digest_size >= min(bits, 512))
        algorithm: hashes.HashAlgorithm = next(fitting)
        return number.to_bytes(algorithm.digest_size, "big"), algorithm

    def _ordinate(self, x: bytes) -> bytes:
        """Either Y that X can have: nobody can use which one it is."""
        point = ec.EllipticCurvePublicKey.from_encoded_point(self._private.curve, b"\2" + x)
        return point_of(point)[1 + self._size :]


class EdwardsKey:
    """EdDSA of the message itself (section 7.2.10.4)."""

    def __init__(self, private: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) -> None:
        self._private = private
        self.public_key: PublicKey = private.public_key()

    @property
    def public(self) -> bytes:
        return tlv.encode(0x86, self._private.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        require(data, SW.WRONG_LENGTH)
        return self._private.sign(data)

    def decipher(self, data: bytes) -> bytes:
        raise Refused(SW.CONDITIONS)


class MontgomeryKey:
    """Key agreement of RFC 7748."""

    def __init__(self, private: x25519.X25519PrivateKey | x448.X448PrivateKey) -> None:
        self._private = private
        self.public_key: PublicKey = private.public_key()

    @property
    def public(self) -> bytes:
        return tlv.encode(0x86, self._private.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        raise Refused(SW.CONDITIONS)

    def decipher(self, data: bytes) -> bytes:
        try:
            if isinstance(self._private, x25519.X25519PrivateKey):
                return self._private.exchange(x25519.X25519PublicKey.from_public_bytes(data))
            return self._private.exchange(x448.X448PublicKey.from_public_bytes(data))
        except ValueError:  # of the wrong length, or of small order
            raise Refused(SW.WRONG_DATA) from None


def point_of(public: ec.EllipticCurvePublicKey) -> bytes:
    """04 X Y."""
    return public.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def generate(attributes: Attributes, whole_point: bool = False) -> PrivateKey:
    """A new key."""
    if isinstance(attributes, RSAAttributes):
        private = rsa.generate_private_key(_EXPONENT, attributes.bits)
        return RSAKey(private, exponent_size(attributes))
    if attributes.name in WEIERSTRASS:
        return WeierstrassKey(ec.generate_private_key(WEIERSTRASS[attributes.name]), whole_point)
    return curve_of_secret(attributes.name, os.urandom(SECRET_SIZES[attributes.name]))


def rsa_of_primes(attributes: RSAAttributes, e: int, p: int, q: int) -> RSAKey:
    """The key of these primes; refused if they are none, or not for that size."""
    n, totient = p * q, (p - 1) * (q - 1)
    require(p != q and n.bit_length() == attributes.bits, SW.WRONG_DATA)
    require(e > 2 and math.gcd(e, totient) == 1, SW.WRONG_DATA)
    d = pow(e, -1, totient)
    public = rsa.RSAPublicNumbers(e, n)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    try:
        return RSAKey(numbers.private_key(), exponent_size(attributes))
    except ValueError:
        raise Refused(SW.WRONG_DATA) from None


def curve_of_secret(name: str, secret: bytes, whole_point: bool = False) -> PrivateKey:
    """The key of an imported secret of the exact length of its curve."""
    try:
        if name in WEIERSTRASS:
            curve = WEIERSTRASS[name]
            require(len(secret) == (curve.key_size + 7) // 8, SW.WRONG_DATA)
            number = int.from_bytes(secret, "big")
            return WeierstrassKey(ec.derive_private_key(number, curve), whole_point)
        return _native(name, secret)
    except ValueError:
        raise Refused(SW.WRONG_DATA) from None


def exponent_size(attributes: RSAAttributes) -> int:
    """Bytes of the public exponent on the wire."""
    return (attributes.exponent_bits + 7) // 8


def _native(name: str, secret: bytes) -> PrivateKey:
    """Curve25519's secret travels big-endian, as in OpenPGP packets; others as in their RFCs."""
    if name == "ed25519":
        return EdwardsKey(ed25519.Ed25519PrivateKey.from_private_bytes(secret))
    if name == "ed448":
        return EdwardsKey(ed448.Ed448PrivateKey.from_private_bytes(secret))
    if name == "cv25519":
        return MontgomeryKey(x25519.X25519PrivateKey.from_private_bytes(secret[::-1]))
    return MontgomeryKey(x448.X448PrivateKey.from_private_bytes(secret))
