"""Points of elliptic curves in the forms in which modules give them.

CKA_EC_POINT is the DER of an OCTET STRING (PKCS#11 3.0 section 2.3.3) that some leave out, and that
others replace by a BIT STRING; in it may be a compressed point, or one that begins with 40.
"""

from __future__ import annotations

from backends.curves import Curve, Form
from backends.domain import DOMAINS

_OCTET_STRING, _BIT_STRING = 0x04, 0x03


class Unreadable(Exception):
    """The object cannot be understood; the text says why, for the log."""


def read_point(curve: Curve, written: bytes) -> bytes:
    """The point as :class:`backends.curves.Form` says for its curve.  Raises Unreadable."""
    for candidate in (written, _unwrapped(written)):
        point = candidate and _normal(curve, candidate)
        if point:
            return point
    raise Unreadable("point not understood")


def is_wrapped(curve: Curve, written: bytes) -> bool:
    """Whether this CKA_EC_POINT has the OCTET STRING around the point."""
    return len(written) != curve.point_size


def _normal(curve: Curve, point: bytes) -> bytes | None:
    if curve.form is Form.WEIERSTRASS:
        if len(point) == 1 + curve.size and point[0] in (2, 3):
            return _decompressed(curve, point)
        return point if len(point) == curve.point_size and point[0] == 4 else None
    if len(point) == 1 + curve.size and point[0] == 0x40:  # As OpenPGP writes it.
        return point[1:]
    return point if len(point) == curve.size else None


def _decompressed(curve: Curve, point: bytes) -> bytes | None:
    """SEC 1 section 2.3.4.  The primes of all our curves are 3 modulo 4, so that a power is the
    square root."""
    domain = DOMAINS[curve]
    p, a, b = (int.from_bytes(number) for number in (domain.p, domain.a, domain.b))
    x = int.from_bytes(point[1:])
    square = (x * x * x + a * x + b) % p
    y = pow(square, (p + 1) // 4, p)
    if y * y % p != square:
        return None
    y = p - y if y & 1 != point[0] & 1 else y
    return b"\x04" + point[1:] + y.to_bytes(curve.size)


def _unwrapped(der: bytes) -> bytes | None:
    """What is in an OCTET STRING or a BIT STRING of whole bytes, which must be all there is."""
    if len(der) < 3 or der[0] not in (_OCTET_STRING, _BIT_STRING):
        return None
    start = 3 if der[1] == 0x81 else 2
    if len(der) - start != der[start - 1] or (start == 2 and der[1] > 0x7F):
        return None
    if der[0] == _OCTET_STRING:
        return der[start:]
    return der[start + 1 :] if der[start] == 0 else None
