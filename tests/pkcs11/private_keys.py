"""Private keys made by pyca/cryptography, as the contract's records."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

from backends.changes import ECPrivateKey, PrivateKey, RSAPrivateKey
from backends.curves import BY_NAME
from backends.token import ECPublicKey, RSAPublicKey

_WEIERSTRASS: dict[str, ec.EllipticCurve] = {
    "nistp256": ec.SECP256R1(),
    "nistp521": ec.SECP521R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "secp256k1": ec.SECP256K1(),
}
Native = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | x25519.X25519PrivateKey
)


def new_key(algo: str) -> tuple[Native, PrivateKey]:
    """``algo``: rsa2048, nistp256, ed25519, cv25519 and so on."""
    if algo.startswith("rsa"):
        return _rsa(int(algo.removeprefix("rsa")))
    if algo == "ed25519":
        return _raw(ed25519.Ed25519PrivateKey.generate(), algo)
    if algo == "cv25519":
        return _raw(x25519.X25519PrivateKey.generate(), algo)
    private = ec.generate_private_key(_WEIERSTRASS[algo])
    curve = BY_NAME[algo.lower()]
    point = private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    secret = private.private_numbers().private_value.to_bytes(curve.size)
    return private, ECPrivateKey(ECPublicKey(curve, point), secret)


def _rsa(bits: int) -> tuple[Native, PrivateKey]:
    private = rsa.generate_private_key(65537, bits)
    numbers = private.private_numbers()
    public = RSAPublicKey(numbers.public_numbers.n, numbers.public_numbers.e)
    return private, RSAPrivateKey(public, numbers.d, numbers.p, numbers.q)


def _raw(
    private: ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey, algo: str
) -> tuple[Native, PrivateKey]:
    public = ECPublicKey(BY_NAME[algo], private.public_key().public_bytes_raw())
    return private, ECPrivateKey(public, private.private_bytes_raw())
