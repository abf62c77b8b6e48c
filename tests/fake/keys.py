"""Software keys, to and from the records of the contract."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import (
    ec,
    ed448,
    ed25519,
    padding,
    rsa,
    x448,
    x25519,
)

from backends.changes import ECPrivateKey, PrivateKey, RSAPrivateKey
from backends.curves import CURVE25519, ED448, ED25519, NIST_P256, X448, Curve
from backends.errors import BadInput, NotSupported
from backends.token import Algorithm, ECPublicKey, PublicKey, RSAAlgorithm, RSAPublicKey
from tests.bed.weierstrass import CURVES

NativeKey = (
    ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | x25519.X25519PrivateKey
    | x448.X448PrivateKey
)
SoftKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | NativeKey
#: Curves whose keys are strings of bytes.
_NATIVE: dict[Curve, type[NativeKey]] = {
    ED25519: ed25519.Ed25519PrivateKey,
    ED448: ed448.Ed448PrivateKey,
    CURVE25519: x25519.X25519PrivateKey,
    X448: x448.X448PrivateKey,
}
_POINT = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def generate(algorithm: Algorithm) -> SoftKey:
    if isinstance(algorithm, RSAAlgorithm):
        return rsa.generate_private_key(65537, algorithm.nbits)
    if algorithm.curve in _NATIVE:
        return _NATIVE[algorithm.curve].generate()
    if algorithm.curve in CURVES:
        return ec.generate_private_key(CURVES[algorithm.curve])
    raise NotSupported("this card has no such curve")


def load(private: PrivateKey) -> SoftKey:
    """Raises BadInput if the public key belongs to another one."""
    key = _load(private)
    if public_key(key) != private.public:
        raise BadInput("the secret does not belong to the public key")
    return key


def _load(private: PrivateKey) -> SoftKey:
    if isinstance(private, RSAPrivateKey):
        p, q, d = private.p, private.q, private.d
        public = rsa.RSAPublicNumbers(private.public.e, private.public.n)
        crt = (d % (p - 1), d % (q - 1), pow(q, -1, p))
        return rsa.RSAPrivateNumbers(p, q, d, *crt, public).private_key()
    if private.public.curve in _NATIVE:
        return _NATIVE[private.public.curve].from_private_bytes(private.secret)
    return ec.derive_private_key(int.from_bytes(private.secret), CURVES[private.public.curve])


def private_key(key: SoftKey) -> PrivateKey:
    public = public_key(key)
    if isinstance(public, RSAPublicKey):
        assert isinstance(key, rsa.RSAPrivateKey)
        numbers = key.private_numbers()
        return RSAPrivateKey(public, numbers.d, numbers.p, numbers.q)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        scalar = key.private_numbers().private_value
        return ECPrivateKey(public, scalar.to_bytes(public.curve.size))
    assert isinstance(key, NativeKey)
    return ECPrivateKey(public, key.private_bytes_raw())


def public_key(key: SoftKey) -> PublicKey:
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return RSAPublicKey(numbers.n, numbers.e)
    if isinstance(key, NativeKey):
        curve = next(curve for curve, kind in _NATIVE.items() if isinstance(key, kind))
        return ECPublicKey(curve, key.public_key().public_bytes_raw())
    curve = next(c for c, known in CURVES.items() if known.name == key.curve.name)
    return ECPublicKey(curve, key.public_key().public_bytes(*_POINT))


def sign(key: SoftKey, tbs: bytes) -> bytes:
    """As :meth:`backends.token.Token.sign` says."""
    if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return key.sign(tbs)
    if isinstance(key, rsa.RSAPrivateKey):
        return _pkcs1(key, tbs)
    raise NotSupported("this fake signs with no such key")


def _pkcs1(key: rsa.RSAPrivateKey, tbs: bytes) -> bytes:
    numbers = key.private_numbers()
    size = (key.key_size + 7) // 8
    padded = b"\x00\x01" + b"\xff" * (size - len(tbs) - 3) + b"\x00" + tbs
    value = pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n)
    return value.to_bytes(size, "big")


def decrypt(key: SoftKey, ciphertext: bytes) -> bytes:
    """As :meth:`backends.token.Token.decrypt` says."""
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            return key.decrypt(ciphertext, padding.PKCS1v15())
        if isinstance(key, x448.X448PrivateKey):
            return key.exchange(x448.X448PublicKey.from_public_bytes(ciphertext))
        if isinstance(key, x25519.X25519PrivateKey):
            return key.exchange(x25519.X25519PublicKey.from_public_bytes(ciphertext))
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        peer = ec.EllipticCurvePublicKey.from_encoded_point(CURVES[NIST_P256], ciphertext)
        return key.exchange(ec.ECDH(), peer)
    except ValueError:
        raise BadInput("this fits no such key") from None
