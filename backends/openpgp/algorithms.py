"""Algorithm attributes and public keys of the card, to and from the records of the contract."""

from __future__ import annotations

from collections.abc import Iterator

from backends.curves import BY_OID, Curve, Form, encode_oid
from backends.errors import Broken
from backends.openpgp import tlv
from backends.token import (
    Algorithm,
    ECAlgorithm,
    ECPublicKey,
    PublicKey,
    RSAAlgorithm,
    RSAPublicKey,
)

RSA, ECDH, ECDSA, EDDSA = 1, 18, 19, 22
_PUBLIC_WANTED = 0xFF
_INFORMATION = 0xFA
_MODULUS, _EXPONENT, _POINT = 0x81, 0x82, 0x86
_PUBLIC_KEY = 0x7F49


def parse_algorithm(data: bytes) -> Algorithm | None:
    """DO C1 to C3 (OpenPGP card 3.4 section 4.4.3.10); None where it is not understood.

    RSA: 01, bits of modulus and exponent (two bytes each), import format, which may be missing.
    Others: 12, 13 or 16 (hex), the OID without tag and length, perhaps one byte more: FF says that
    the public key is wanted on import.
    """
    if len(data) >= 5 and data[0] == RSA:
        nbits, ebits = int.from_bytes(data[1:3], "big"), int.from_bytes(data[3:5], "big")
        return RSAAlgorithm(nbits, ebits, data[5] if len(data) > 5 else 0)
    if len(data) >= 2 and data[0] in (ECDH, ECDSA, EDDSA):
        if curve := _CURVES.get(data[1:]):
            return ECAlgorithm(data[0], curve)
        if curve := _CURVES.get(data[1:-1]):
            return ECAlgorithm(data[0], curve, public_wanted=data[-1] == _PUBLIC_WANTED)
    return None


def encode_algorithm(algorithm: Algorithm) -> bytes:
    """The content of DO C1 to C3."""
    if isinstance(algorithm, ECAlgorithm):
        wanted = bytes((_PUBLIC_WANTED,)) if algorithm.public_wanted else b""
        return bytes((algorithm.algo,)) + encode_oid(algorithm.curve.oid) + wanted
    numbers = (algorithm.nbits, algorithm.ebits)
    middle = b"".join(number.to_bytes(2, "big") for number in numbers)
    return bytes((RSA,)) + middle + bytes((algorithm.import_format,))


def parse_information(data: bytes) -> Iterator[tuple[int, Algorithm]]:
    """DO FA (section 4.4.3.11): tag and algorithm of each entry, DO C1 to C3 among them.

    Cards give it with or without its own tag and length, padded with zeros, or cut off; what is
    not understood is left out.
    """
    at = _start_of_information(data)
    while at + 2 <= len(data):
        tag, length = data[at], data[at + 1]
        value = data[at + 2 : at + 2 + length]
        at += 2 + length
        algorithm = parse_algorithm(value) if len(value) == length else None
        if algorithm is not None:
            yield tag, algorithm


def _start_of_information(data: bytes) -> int:
    """Where the content begins; a length that does not agree is the card's mistake (GnuPG
    scd/app-openpgp.c, do_getattr, on YubiKeys)."""
    if data[:1] != bytes((_INFORMATION,)):
        return 0
    return 2 + {0x81: 1, 0x82: 2}.get(data[1] if len(data) > 1 else 0, 0)


def parse_public_key(data: bytes, algorithm: Algorithm | None) -> PublicKey:
    """The answer to GENERATE ASYMMETRIC KEY PAIR: 7F49 with 81 modulus and 82 exponent, or 86
    point.  Raises Broken where the two do not fit together."""
    template = dict(tlv.parse(tlv.unwrap(_PUBLIC_KEY, data)))
    if _MODULUS in template and _EXPONENT in template:
        modulus, exponent = template[_MODULUS], template[_EXPONENT]
        return RSAPublicKey(int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big"))
    if _POINT in template and isinstance(algorithm, ECAlgorithm):
        return ECPublicKey(algorithm.curve, _point(template[_POINT], algorithm.curve))
    raise Broken("public key does not fit the algorithm attributes")


def _point(point: bytes, curve: Curve) -> bytes:
    if curve.form is not Form.WEIERSTRASS and len(point) == curve.size + 1 and point[0] == 0x40:
        return point[1:]
    if len(point) != curve.point_size or (curve.form is Form.WEIERSTRASS and point[0] != 0x04):
        raise Broken("public point does not fit the curve")
    return point


def is_of(public: PublicKey, algorithm: Algorithm | None) -> bool:
    """Whether the key is one that a slot with these attributes holds."""
    if isinstance(public, RSAPublicKey):
        return isinstance(algorithm, RSAAlgorithm) and algorithm.nbits == public.n.bit_length()
    return isinstance(algorithm, ECAlgorithm) and algorithm.curve == public.curve


_CURVES: dict[bytes, Curve] = {encode_oid(oid): curve for oid, curve in BY_OID.items()}
