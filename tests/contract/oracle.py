"""Checks signatures and decryptions with pyca/cryptography, from a contract public key alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (
    ec,
    ed448,
    ed25519,
    padding,
    rsa,
    utils,
    x448,
    x25519,
)
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from backends.curves import (
    BRAINPOOL_P256,
    BRAINPOOL_P384,
    BRAINPOOL_P512,
    CURVE25519,
    ED448,
    ED25519,
    NIST_P256,
    NIST_P384,
    NIST_P521,
    SECP256K1,
    X448,
    Curve,
)
from backends.token import ECPublicKey, Key, PublicKey, RSAPublicKey

#: DER of DigestInfo for SHA-256 up to the hash (RFC 8017 section 9.2, note 1).
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")

_WEIERSTRASS: dict[Curve, ec.EllipticCurve] = {
    NIST_P256: ec.SECP256R1(),
    NIST_P384: ec.SECP384R1(),
    NIST_P521: ec.SECP521R1(),
    BRAINPOOL_P256: ec.BrainpoolP256R1(),
    BRAINPOOL_P384: ec.BrainpoolP384R1(),
    BRAINPOOL_P512: ec.BrainpoolP512R1(),
    SECP256K1: ec.SECP256K1(),
}


_EDWARDS: dict[Curve, Callable[[bytes], ed25519.Ed25519PublicKey | ed448.Ed448PublicKey]] = {
    ED25519: ed25519.Ed25519PublicKey.from_public_bytes,
    ED448: ed448.Ed448PublicKey.from_public_bytes,
}


def to_be_signed(public: PublicKey, message: bytes) -> bytes:
    """``tbs`` of the contract for SHA-256 of the message; the message itself for EdDSA."""
    if isinstance(public, RSAPublicKey):
        return SHA256_PREFIX + hashlib.sha256(message).digest()
    return message if public.curve in _EDWARDS else hashlib.sha256(message).digest()


def check_signature(public: PublicKey, message: bytes, signature: bytes) -> None:
    """Raises InvalidSignature, or AssertionError if the form is not the contract's."""
    if isinstance(public, RSAPublicKey):
        assert len(signature) == public.size
        _rsa(public).verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    elif public.curve in _EDWARDS:
        _EDWARDS[public.curve](public.point).verify(signature, message)
    else:
        size = public.curve.size
        assert len(signature) == 2 * size
        r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
        der = utils.encode_dss_signature(r, s)
        _ec(public).verify(der, message, ec.ECDSA(hashes.SHA256()))


@dataclass(frozen=True)
class Riddle:
    """A ciphertext of the contract and what :meth:`Token.decrypt` must make of it."""

    ciphertext: bytes
    solution: bytes


def riddle(key: Key) -> Riddle:
    """A fresh one for the key."""
    public = key.public
    if isinstance(public, RSAPublicKey):
        secret = b"a session key of 32 bytes or so."
        return Riddle(_rsa(public).encrypt(secret, padding.PKCS1v15()), secret)
    if public.curve is CURVE25519:
        mine = x25519.X25519PrivateKey.generate()
        peer = x25519.X25519PublicKey.from_public_bytes(public.point)
        return Riddle(mine.public_key().public_bytes_raw(), mine.exchange(peer))
    if public.curve is X448:
        ours = x448.X448PrivateKey.generate()
        theirs = x448.X448PublicKey.from_public_bytes(public.point)
        return Riddle(ours.public_key().public_bytes_raw(), ours.exchange(theirs))
    private = ec.generate_private_key(_WEIERSTRASS[public.curve])
    point = private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return Riddle(point, private.exchange(ec.ECDH(), _ec(public)))


def native(public: PublicKey) -> CertificatePublicKeyTypes:
    """The same public key for pyca/cryptography."""
    if isinstance(public, RSAPublicKey):
        return _rsa(public)
    return _EDWARDS[public.curve](public.point) if public.curve in _EDWARDS else _ec(public)


def _rsa(public: RSAPublicKey) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(public.e, public.n).public_key()


def _ec(public: ECPublicKey) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(_WEIERSTRASS[public.curve], public.point)
