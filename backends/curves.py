"""The elliptic curves: names, object identifiers and sizes.  Domain parameters are in domain.py.

Names are those that libgcrypt prints and GnuPG parses (libgcrypt cipher/ecc-curves.c).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Form(enum.Enum):
    """How a public point of the curve is written down."""

    #: SEC 1 section 2.3.3, uncompressed: 04 || X || Y, each of field size.
    WEIERSTRASS = enum.auto()
    #: RFC 8032: the native encoding, 32 or 57 bytes.  Signs.
    EDWARDS = enum.auto()
    #: RFC 7748: the u-coordinate, little-endian, 32 or 56 bytes.  Key agreement only.
    MONTGOMERY = enum.auto()


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve.

    ``name``: as GnuPG spells it in S-expressions.  ``algo``: as GnuPG spells it in KEYPAIRINFO.
    ``oid``: dotted form used by OpenPGP cards.  ``aliases``: further dotted OIDs under which
    PKCS#11 modules and certificates name the same curve.  ``bits``: nominal size.
    ``size``: bytes of one field element (Weierstrass) or of a whole encoded point (the others).
    """

    name: str
    algo: str
    oid: str
    form: Form
    bits: int
    size: int
    aliases: tuple[str, ...] = ()

    @property
    def point_size(self) -> int:
        """Bytes of an encoded public point in the form that :class:`Form` describes."""
        return 1 + 2 * self.size if self.form is Form.WEIERSTRASS else self.size

    @property
    def signature_size(self) -> int:
        """Bytes of a raw signature: r || s, or R || S."""
        return 2 * self.size


def _curve(
    name: str, algo: str, oid: str, form: Form, bits: int, size: int, *aliases: str
) -> Curve:
    return Curve(name, algo, oid, form, bits, size, aliases)


_W, _E, _M = Form.WEIERSTRASS, Form.EDWARDS, Form.MONTGOMERY

NIST_P256 = _curve("NIST P-256", "nistp256", "1.2.840.10045.3.1.7", _W, 256, 32)
NIST_P384 = _curve("NIST P-384", "nistp384", "1.3.132.0.34", _W, 384, 48)
NIST_P521 = _curve("NIST P-521", "nistp521", "1.3.132.0.35", _W, 521, 66)
BRAINPOOL_P256 = _curve("brainpoolP256r1", "brainpoolP256r1", "1.3.36.3.3.2.8.1.1.7", _W, 256, 32)
BRAINPOOL_P384 = _curve("brainpoolP384r1", "brainpoolP384r1", "1.3.36.3.3.2.8.1.1.11", _W, 384, 48)
BRAINPOOL_P512 = _curve("brainpoolP512r1", "brainpoolP512r1", "1.3.36.3.3.2.8.1.1.13", _W, 512, 64)
SECP256K1 = _curve("secp256k1", "secp256k1", "1.3.132.0.10", _W, 256, 32)
# 1.3.101.x are the OIDs of RFC 8410; the longer ones those of the OpenPGP card specification.
ED25519 = _curve("Ed25519", "ed25519", "1.3.6.1.4.1.11591.15.1", _E, 255, 32, "1.3.101.112")
CURVE25519 = _curve("Curve25519", "cv25519", "1.3.6.1.4.1.3029.1.5.1", _M, 255, 32, "1.3.101.110")
ED448 = _curve("Ed448", "ed448", "1.3.101.113", _E, 448, 57)
X448 = _curve("X448", "cv448", "1.3.101.111", _M, 448, 56)

CURVES: tuple[Curve, ...] = (
    NIST_P256,
    NIST_P384,
    NIST_P521,
    BRAINPOOL_P256,
    BRAINPOOL_P384,
    BRAINPOOL_P512,
    SECP256K1,
    ED25519,
    CURVE25519,
    ED448,
    X448,
)

BY_OID: dict[str, Curve] = {oid: curve for curve in CURVES for oid in (curve.oid, *curve.aliases)}
BY_NAME: dict[str, Curve] = {
    name.lower(): curve for curve in CURVES for name in (curve.name, curve.algo)
}


def encode_oid(dotted: str) -> bytes:
    """Contents octets of an OBJECT IDENTIFIER (X.690 section 8.19): no tag, no length."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return b"".join(_base128(arc) for arc in (40 * first + second, *rest))


def _base128(number: int) -> bytes:
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(0x80 | number & 0x7F)
    return bytes(reversed(octets))
