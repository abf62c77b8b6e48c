"""Whether data fit a key, and whether a module's answers do.  Pure functions, on both sides."""

from __future__ import annotations

from backends.curves import Form
from backends.errors import BadInput, Broken, UseRefused
from backends.token import ECPublicKey, PublicKey, RSAPublicKey

#: PKCS #1 v1.5: 00 01 FF..FF 00 takes at least this much of the modulus (RFC 8017 section 9.2).
_PKCS1_OVERHEAD = 11


def check_tbs(public: PublicKey, tbs: bytes) -> None:
    """Raise BadInput for what cannot be signed with this key."""
    if isinstance(public, RSAPublicKey):
        if not (0 < len(tbs) <= public.size - _PKCS1_OVERHEAD or is_block(public, tbs)):
            raise BadInput(f"{len(tbs)} bytes do not fit into a signature of {public.size}")
    elif public.curve.form is Form.MONTGOMERY:
        raise UseRefused(f"a {public.curve.name} key cannot sign")
    elif public.curve.form is Form.WEIERSTRASS and not 16 <= len(tbs) <= 64:
        raise BadInput(f"a hash of {len(tbs)} bytes cannot be signed")


def is_block(public: RSAPublicKey, tbs: bytes) -> bool:
    """Whether this is padded already, as for RSA-PSS: as long as the modulus, and below it."""
    return len(tbs) == public.size and int.from_bytes(tbs) < public.n


def check_signature(public: PublicKey, signature: bytes) -> bytes:
    """The signature in the contract's form; Broken if the module returned something else."""
    if isinstance(public, RSAPublicKey):
        if len(signature) <= public.size:
            return signature.rjust(public.size, b"\0")
    elif len(signature) == public.curve.signature_size:
        return signature
    raise Broken(f"the module returned a signature of {len(signature)} bytes")


def signature_size(public: PublicKey) -> int:
    """Bytes of a signature."""
    return public.size if isinstance(public, RSAPublicKey) else public.curve.signature_size


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


def check_block(public: RSAPublicKey, block: bytes) -> bytes:
    """What bare RSA gave for a ciphertext, at the modulus' length."""
    if len(block) > public.size:
        raise Broken(f"the module returned a block of {len(block)} bytes")
    return block.rjust(public.size, b"\0")


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


def peer_point(public: ECPublicKey, peer: bytes, *, wrapped: bool) -> bytes:
    """The peer's point as CK_ECDH1_DERIVE_PARAMS wants it: as it is (PKCS#11 3.0 section 2.3.17),
    but on Montgomery curves like the token writes its own, in an OCTET STRING if that is
    ``wrapped`` (SoftHSM takes nothing else)."""
    if public.curve.form is Form.MONTGOMERY and wrapped:
        return bytes((4, len(peer))) + peer
    return peer
