"""KEYDATA as gpg-agent writes it, from keys of pyca/cryptography."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x448, x25519

from backends.curves import CURVE25519, ED448, ED25519, X448, Curve
from backends.token import ECPublicKey
from scd.sexp import Expression, encode, prefixed_point, unsigned
from tests.bed.weierstrass import CURVES
from tests.fake.keys import public_key

CREATED: Expression = ("created-at", "1700000000")

Native = (
    ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | x25519.X25519PrivateKey
    | x448.X448PrivateKey
)
MAKERS: dict[Curve, type[Native]] = {
    ED25519: ed25519.Ed25519PrivateKey,
    ED448: ed448.Ed448PrivateKey,
    CURVE25519: x25519.X25519PrivateKey,
    X448: x448.X448PrivateKey,
}
_FLAGS = {ED25519: "eddsa", CURVE25519: "djb-tweak"}


def keydata(*parts: Expression, about: Expression = CREATED, kind: str = "private-key") -> bytes:
    """``parts``: the algorithm and its parameters."""
    return encode((kind, parts, about))


def rsa_parts(key: rsa.RSAPrivateKey, **replaced: int) -> tuple[Expression, ...]:
    """With libgcrypt's coefficient: the inverse of p modulo q."""
    numbers = key.private_numbers()
    public = numbers.public_numbers
    p, q = sorted((numbers.p, numbers.q))
    values = {"n": public.n, "e": public.e, "d": numbers.d, "p": p, "q": q, "u": pow(p, -1, q)}
    return ("rsa", *((name, unsigned(value)) for name, value in (values | replaced).items()))


def ec_parts(curve: Curve, point: bytes, secret: bytes) -> tuple[Expression, ...]:
    flags = (("flags", _FLAGS[curve]),) if curve in _FLAGS else ()
    return ("ecc", ("curve", curve.name), *flags, ("q", point), ("d", secret))


def new_parts(curve: Curve) -> tuple[Expression, ...]:
    """Of a fresh key on that curve, the secret as libgcrypt keeps it."""
    if curve in MAKERS:
        native = MAKERS[curve].generate()
        public = ECPublicKey(curve, native.public_key().public_bytes_raw())
        secret = native.private_bytes_raw()
        return ec_parts(
            curve, prefixed_point(public), secret[::-1] if curve is CURVE25519 else secret
        )
    key = ec.generate_private_key(CURVES[curve])
    weierstrass = public_key(key)
    assert isinstance(weierstrass, ECPublicKey)
    return ec_parts(curve, weierstrass.point, unsigned(key.private_numbers().private_value))
