"""What is sent to the card to use its keys, and what its answers mean: pure functions.

OpenPGP card 3.4 sections 7.2.10 (PSO: COMPUTE DIGITAL SIGNATURE), 7.2.11 (PSO: DECIPHER) and
7.2.13 (INTERNAL AUTHENTICATE).
"""

from __future__ import annotations

from backends.curves import Curve, Form
from backends.errors import BadInput, Broken
from backends.openpgp import tlv
from backends.openpgp.apdu import SHORT_ANSWER, Command
from backends.token import PublicKey, RSAPublicKey

_PSO = 0x2A
_INTERNAL_AUTHENTICATE = 0x88
_RSA_PADDING_INDICATOR = b"\x00"
_CIPHER_DO, _PUBLIC_KEY_DO, _POINT = 0xA6, 0x7F49, 0x86
#: PKCS#1 v1.5 padding takes this much (RFC 8017 section 9.2).
_PKCS1_OVERHEAD = 11


def compute_signature(public: PublicKey, tbs: bytes) -> Command:
    """``tbs``: DigestInfo for RSA, the bare hash for ECDSA, the message for EdDSA."""
    return Command(_PSO, 0x9E, 0x9A, _to_be_signed(public, tbs), _answer_size(public))


def internal_authenticate(public: PublicKey, tbs: bytes) -> Command:
    """The same with the authentication key."""
    return Command(_INTERNAL_AUTHENTICATE, 0, 0, _to_be_signed(public, tbs), _answer_size(public))


def parse_signature(public: PublicKey, answer: bytes) -> bytes:
    """The signature at its full length.  Raises Broken if the answer cannot be one."""
    size = public.size if isinstance(public, RSAPublicKey) else public.curve.signature_size
    if isinstance(public, RSAPublicKey):
        answer = answer.rjust(size, b"\0")
    if len(answer) != size:
        raise Broken(f"signature of {len(answer)} bytes where {size} are due")
    return answer


def decipher(public: PublicKey, ciphertext: bytes) -> Command:
    """``ciphertext``: of the modulus' length, or the peer's public point."""
    if isinstance(public, RSAPublicKey):
        if len(ciphertext) != public.size:
            raise BadInput(f"ciphertext of {len(ciphertext)} bytes for a key of {public.size}")
        data = _RSA_PADDING_INDICATOR + ciphertext
    else:
        _check_point(public.curve, ciphertext)
        point = tlv.encode(_POINT, ciphertext)
        data = tlv.encode(_CIPHER_DO, tlv.encode(_PUBLIC_KEY_DO, point))
    return Command(_PSO, 0x80, 0x86, data, _answer_size(public))


def parse_deciphered(public: PublicKey, answer: bytes) -> bytes:
    """The plaintext; or the shared secret, which cards give as X, 04 X Y, or 40 and u."""
    if isinstance(public, RSAPublicKey):
        return answer
    size, form = public.curve.size, public.curve.form
    if form is Form.WEIERSTRASS and len(answer) == 1 + 2 * size and answer[0] == 0x04:
        return answer[1 : 1 + size]
    if form is Form.MONTGOMERY and len(answer) == 1 + size and answer[0] == 0x40:
        return answer[1:]
    if len(answer) != size:
        raise Broken(f"shared secret of {len(answer)} bytes where {size} are due")
    return answer


def _to_be_signed(public: PublicKey, tbs: bytes) -> bytes:
    if not tbs:
        raise BadInput("nothing to sign")
    if isinstance(public, RSAPublicKey) and len(tbs) > public.size - _PKCS1_OVERHEAD:
        raise BadInput(f"{len(tbs)} bytes are too many for a key of {public.size}")
    return tbs


def _check_point(curve: Curve, point: bytes) -> None:
    if len(point) != curve.point_size or (curve.form is Form.WEIERSTRASS and point[0] != 0x04):
        raise BadInput(f"not a point on {curve.name}")


def _answer_size(public: PublicKey) -> int:
    return max(public.size, SHORT_ANSWER) if isinstance(public, RSAPublicKey) else SHORT_ANSWER
