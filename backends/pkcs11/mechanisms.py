"""Which mechanism serves which key, and whether data fit a key.  No module is called here."""

from __future__ import annotations

from backends.curves import Form
from backends.errors import BadInput, Broken, NotSupported, UseRefused
from backends.pkcs11.cka import CKM
from backends.token import ECPublicKey, PublicKey, RSAPublicKey

#: PKCS #1 v1.5: 00 01 FF..FF 00 takes at least this much of the modulus (RFC 8017 section 9.2).
_PKCS1_OVERHEAD = 11

_SIGN = {Form.WEIERSTRASS: CKM.ECDSA, Form.EDWARDS: CKM.EDDSA}


def sign_mechanism(public: PublicKey) -> CKM:
    """For what :meth:`backends.token.Token.sign` takes.  Raises UseRefused."""
    if isinstance(public, RSAPublicKey):
        return CKM.RSA_PKCS
    if public.curve.form not in _SIGN:
        raise UseRefused(f"a {public.curve.name} key cannot sign")
    return _SIGN[public.curve.form]


def check_tbs(public: PublicKey, tbs: bytes) -> None:
    """Raise BadInput for what cannot be signed with this key."""
    sign_mechanism(public)
    if isinstance(public, RSAPublicKey):
        if not 0 < len(tbs) <= public.size - _PKCS1_OVERHEAD:
            raise BadInput(f"{len(tbs)} bytes do not fit into a signature of {public.size}")
    elif public.curve.form is Form.WEIERSTRASS and not 16 <= len(tbs) <= 64:
        raise BadInput(f"a hash of {len(tbs)} bytes cannot be signed")


def check_signature(public: PublicKey, signature: bytes) -> bytes:
    """The signature in the contract's form; Broken if the module returned something else."""
    if isinstance(public, RSAPublicKey):
        if len(signature) <= public.size:
            return signature.rjust(public.size, b"\0")
    elif len(signature) == public.curve.signature_size:
        return signature
    raise Broken(f"the module returned a signature of {len(signature)} bytes")


def check_ciphertext(public: PublicKey, ciphertext: bytes) -> None:
    """Raise BadInput for an RSA ciphertext, or a peer's point, that does not fit the key."""
    if isinstance(public, RSAPublicKey):
        if len(ciphertext) != public.size or int.from_bytes(ciphertext) >= public.n:
            raise BadInput(f"a ciphertext of {public.size} bytes, below the modulus, is wanted")
        return
    curve = public.curve
    if curve.form is Form.EDWARDS:
        raise UseRefused(f"a {curve.name} key cannot decrypt")
    if len(ciphertext) != curve.point_size:
        raise BadInput(f"a {curve.name} point has {curve.point_size} bytes")
    if curve.form is Form.WEIERSTRASS and ciphertext[0] != 4:
        raise BadInput("the point is not uncompressed")


def shared_secret(public: ECPublicKey, secret: bytes) -> bytes:
    """The derived secret at field size: some modules drop leading zeros of X."""
    size = public.curve.size
    if not secret or len(secret) > size:
        raise Broken(f"the module derived a secret of {len(secret)} bytes")
    if public.curve.form is Form.WEIERSTRASS:
        return secret.rjust(size, b"\0")
    if len(secret) != size:
        raise Broken(f"the module derived a secret of {len(secret)} bytes")
    return secret


def derive_parameter(public: ECPublicKey, peer: bytes, *, wrapped: bool) -> bytes:
    """The peer's point as CK_ECDH1_DERIVE_PARAMS wants it: as it is (PKCS#11 3.0 section 2.3.17),
    but on Montgomery curves like the token writes its own, in an OCTET STRING if that is
    ``wrapped`` (SoftHSM takes nothing else)."""
    if public.curve.form is Form.EDWARDS:
        raise NotSupported("no key agreement on Edwards curves")
    if public.curve.form is Form.MONTGOMERY and wrapped:
        return bytes((4, len(peer))) + peer
    return peer
