"""KEYDATA, the private key that gpg-agent hands over for WRITEKEY: read, and checked in itself.

No exception and no repr holds anything of the key that is not public.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import lcm

from assuan.errors import AssuanError, Code
from backends.changes import ECPrivateKey, PrivateKey, RSAPrivateKey
from backends.curves import BY_NAME, BY_OID, CURVE25519, Curve, Form
from backends.domain import DOMAINS
from backends.token import ECPublicKey, RSAPublicKey
from scd.sexp import Node, SexpError, parse

#: Bits of an RSA modulus; what a token takes of that is the token's to say.
_MIN_BITS, _MAX_BITS = 1024, 8192

#: The time of an OpenPGP key has four bytes (RFC 4880 section 5.5.2).
_MAX_TIME = 2**32 - 1

#: Forms of curve that a flag stands for.
_FLAGGED = {b"eddsa": Form.EDWARDS, b"djb-tweak": Form.MONTGOMERY}


@dataclass(frozen=True, slots=True)
class KeyData:
    """``created``: seconds since the epoch.  ``kdf``: the KDF field of an ECDH key (RFC 6637
    section 9), None if the agent does not tell it."""

    private: PrivateKey
    created: int
    kdf: bytes | None


def read_keydata(data: bytes | bytearray) -> KeyData:
    """Read the canonical expression; that of GnuPG 2.2 to 2.5 (agent/command.c, cmd_keytocard).

    Raises AssuanError: BAD_SECKEY for what is no usable private key, INV_VALUE without a time,
    WRONG_PUBKEY_ALGO and UNKNOWN_CURVE.
    """
    kind, key, *others = _items(_parsed(data))
    if kind != b"private-key":
        raise _bad("this is not a private key without protection")
    algorithm, *parameters = _items(key)
    reader = _READERS.get(algorithm) if isinstance(algorithm, bytes) else None
    if reader is None:
        raise AssuanError(Code.WRONG_PUBKEY_ALGO, "neither RSA nor an elliptic curve")
    about = _fields(others)
    return KeyData(reader(_fields(parameters)), _created(about), _kdf(about))


def _bad(text: str) -> AssuanError:
    return AssuanError(Code.BAD_SECKEY, text)


# -- the expression ----------------------------------------------------------------------------

Fields = Mapping[bytes, Sequence[bytes]]


def _parsed(data: bytes | bytearray) -> Node:
    try:
        return parse(data)
    except SexpError:
        raise _bad("not a canonical S-expression") from None


def _items(node: Node) -> Sequence[Node]:
    if isinstance(node, bytes) or len(node) < 2:
        raise _bad("part of the key is missing")
    return node


def _fields(nodes: Sequence[Node]) -> Fields:
    """Lists of atoms, by the first of them."""
    found: dict[bytes, Sequence[bytes]] = {}
    for node in nodes:
        atoms = [item for item in _items(node) if isinstance(item, bytes)]
        if len(atoms) != len(node) or atoms[0] in found:
            raise _bad("a part of the key is given twice, or not understood")
        found[atoms[0]] = atoms[1:]
    return found


def _one(fields: Fields, name: bytes) -> bytes:
    values = fields.get(name, ())
    if len(values) != 1:
        raise _bad(f"{name.decode()} is missing")
    return values[0]


def _number(fields: Fields, name: bytes) -> int:
    return int.from_bytes(_one(fields, name), "big")


def _created(fields: Fields) -> int:
    text = b"".join(fields.get(b"created-at", ()))
    created = int(text) if text.isdigit() and len(text) <= 10 else 0
    if not 0 < created <= _MAX_TIME:
        raise AssuanError(Code.INV_VALUE, "the key's creation time is missing")
    return created


def _kdf(fields: Fields) -> bytes | None:
    """03 01 hash cipher."""
    if b"ecdh-params" not in fields:
        return None
    kdf = _one(fields, b"ecdh-params")
    if len(kdf) != 4 or not kdf.startswith(b"\x03\x01"):
        raise AssuanError(Code.INV_VALUE, "the parameters for ECDH are not understood")
    return kdf


# -- RSA ---------------------------------------------------------------------------------------


def _rsa(fields: Fields) -> RSAPrivateKey:
    n, e, d, p, q = (_number(fields, name) for name in (b"n", b"e", b"d", b"p", b"q"))
    if not _MIN_BITS <= n.bit_length() <= _MAX_BITS:
        raise _bad("an RSA key of impossible size")
    if p * q != n or p == q or min(p, q) <= 1:
        raise _bad("the primes do not make the modulus")
    if not (e & 1 and 1 < e < n and 1 < d < n and d * e % lcm(p - 1, q - 1) == 1):
        raise _bad("the exponents do not fit each other")
    # libgcrypt's convention: the inverse of p modulo q.
    if b"u" in fields and _number(fields, b"u") * p % q != 1:
        raise _bad("the coefficient does not fit the primes")
    return RSAPrivateKey(RSAPublicKey(n, e), d, p, q)


# -- elliptic curves ---------------------------------------------------------------------------


def _ecc(fields: Fields) -> ECPrivateKey:
    name = _one(fields, b"curve").decode("ascii", "replace")
    curve = BY_NAME.get(name.lower()) or BY_OID.get(name)
    if curve is None:
        raise AssuanError(Code.UNKNOWN_CURVE)
    for flag in fields.get(b"flags", ()):
        if _FLAGGED.get(flag, curve.form) is not curve.form:
            raise _bad("flags of another kind of curve")
    point = _point(_one(fields, b"q"), curve)
    return ECPrivateKey(ECPublicKey(curve, point), _secret(_one(fields, b"d"), curve))


def _point(point: bytes, curve: Curve) -> bytes:
    if curve.form is not Form.WEIERSTRASS and point[:1] == b"\x40":
        # OpenPGP's prefix of a native point (RFC 9580 section 11.2.2).
        point = point[1:] if len(point) == curve.size + 1 else point
    if len(point) != curve.point_size:
        raise _bad("the public point has not the curve's length")
    if curve.form is Form.WEIERSTRASS and not _is_on(point, curve):
        raise _bad("the public point is not on the curve")
    return point


def _is_on(point: bytes, curve: Curve) -> bool:
    """y^2 = x^3 + ax + b modulo p (SEC 1 section 2.2.1)."""
    domain = DOMAINS[curve]
    p, a, b = (int.from_bytes(part, "big") for part in (domain.p, domain.a, domain.b))
    x = int.from_bytes(point[1 : 1 + curve.size], "big")
    y = int.from_bytes(point[1 + curve.size :], "big")
    return point[0] == 4 and max(x, y) < p and (y * y - x * x * x - a * x - b) % p == 0


def _secret(secret: bytes, curve: Curve) -> bytes:
    """In the form of the contract.  What was an integer on its way here has lost its leading
    zeros, or has got one that keeps it positive."""
    value = secret.lstrip(b"\0")
    if not value or len(value) > curve.size:
        raise _bad("the secret has not the curve's length")
    if curve.form is Form.WEIERSTRASS and _value_of(value) >= _value_of(DOMAINS[curve].n):
        raise _bad("the secret is beyond the curve's order")
    value = value.rjust(curve.size, b"\0")
    # libgcrypt keeps the scalar of Curve25519, and of no other such curve, big-endian.
    return value[::-1] if curve is CURVE25519 else value


def _value_of(number: bytes) -> int:
    return int.from_bytes(number, "big")


_READERS: dict[bytes, Callable[[Fields], PrivateKey]] = {b"rsa": _rsa, b"ecc": _ecc}
