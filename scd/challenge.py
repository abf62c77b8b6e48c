"""PKAUTH --challenge-response: whether a card has the private key, asked of it and checked here.

Nothing else in the daemon verifies signatures: so the library for it is imported when it is needed.
"""

from __future__ import annotations

import secrets

from backends.curves import ED448, Form
from backends.token import ECPublicKey, PublicKey, RSAPublicKey
from scd.digest import BY_NAME

#: The hash whose length a challenge has, up to that many bits of the key (scd/app-openpgp.c,
#: gen_challenge; for curves FIPS 186-5 section 6.1.1).
_RSA_HASHES = ((2048, "sha256"), (3072, "sha384"))
_CURVE_HASHES = ((256, "sha256"), (384, "sha384"))


def challenge(public: PublicKey) -> bytes:
    """Random data to be signed, as :meth:`backends.token.Token.sign` wants them."""
    if isinstance(public, RSAPublicKey):
        digest = BY_NAME[_by_size(public.n.bit_length(), _RSA_HASHES)]
        return digest.prefix + secrets.token_bytes(digest.length)
    if public.curve.form is Form.EDWARDS:
        return secrets.token_bytes(public.curve.size)
    return secrets.token_bytes(BY_NAME[_by_size(public.curve.bits, _CURVE_HASHES)].length)


def _by_size(bits: int, table: tuple[tuple[int, str], ...]) -> str:
    return next((name for limit, name in table if bits <= limit), "sha512")


def is_answer(public: PublicKey, tbs: bytes, signature: bytes) -> bool:
    """Whether that is a signature of it by the key."""
    from cryptography.exceptions import InvalidSignature

    try:
        if isinstance(public, RSAPublicKey):
            return _recovered(public, signature) == tbs
        if public.curve.form is Form.EDWARDS:
            _verify_eddsa(public, tbs, signature)
        else:
            _verify_ecdsa(public, tbs, signature)
    except (InvalidSignature, ValueError):
        return False
    return True


def _recovered(public: RSAPublicKey, signature: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key = rsa.RSAPublicNumbers(public.e, public.n).public_key()
    return key.recover_data_from_signature(signature, padding.PKCS1v15(), None)


def _verify_eddsa(public: ECPublicKey, tbs: bytes, signature: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric import ed448, ed25519

    if public.curve is ED448:
        ed448.Ed448PublicKey.from_public_bytes(public.point).verify(signature, tbs)
    else:
        ed25519.Ed25519PublicKey.from_public_bytes(public.point).verify(signature, tbs)


def _verify_ecdsa(public: ECPublicKey, tbs: bytes, signature: bytes) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.x509 import ObjectIdentifier

    size = public.curve.size
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    by_length = {32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}
    curve = ec.get_curve_for_oid(ObjectIdentifier(public.curve.oid))()
    key = ec.EllipticCurvePublicKey.from_encoded_point(curve, public.point)
    prehashed = ec.ECDSA(utils.Prehashed(by_length[len(tbs)]))
    key.verify(utils.encode_dss_signature(r, s), tbs, prehashed)
