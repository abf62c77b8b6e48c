"""PKCS #1 v1.5 for tokens that have the bare RSA function only (RFC 8017 sections 7.2 and 9.2)."""

from __future__ import annotations

import hashlib
import hmac
import os

#: 00 01 FF..FF 00 before what is signed, 00 02 .. 00 before what is encrypted: at least so much.
OVERHEAD = 11

#: What stands in for the plaintext of a forged ciphertext is derived from this and from it.
_SECRET = os.urandom(32)


def pad_for_signature(tbs: bytes, size: int) -> bytes:
    """The block that is signed: EMSA-PKCS1-v1_5 without its hashing."""
    return b"\x00\x01" + b"\xff" * (size - 3 - len(tbs)) + b"\x00" + tbs


def unpad(block: bytes, ciphertext: bytes) -> bytes:
    """The plaintext in a decrypted block.

    A block that is not padded rightly raises no error, by which an attacker who may send any
    number of ciphertexts could decrypt others (Bleichenbacher's attack): it gives a plaintext out
    of thin air, always the same one for the same ciphertext, which nobody can tell from one that
    was encrypted (implicit rejection: draft-irtf-cfrg-rsa-guidance, OpenSSL 3.2).  All bytes are
    looked at in the same way whatever they are, as far as Python's numbers allow.
    """
    wrong = block[0] | (block[1] ^ 2)
    start, found = 0, 0
    for index in range(2, len(block)):
        zero = ((block[index] - 1) >> 8) & 1
        start |= index & -(zero & ~found & 1)
        found |= zero
    # The zero byte must be there, with eight others at least before it.
    wrong |= (found ^ 1) | ((start - (OVERHEAD - 1)) >> 31 & 1)
    mask = -((wrong + 0xFF) >> 8 & 1)
    invented, length = _invented(ciphertext, len(block))
    begin = (start + 1) & ~mask | (len(block) - length) & mask
    mixed = bytes((b & ~mask | i & mask) & 0xFF for b, i in zip(block, invented, strict=True))
    return mixed[begin:]


def _invented(ciphertext: bytes, size: int) -> tuple[bytes, int]:
    """A block of that size, and how many bytes at its end are the plaintext."""
    seed = hmac.digest(_SECRET, ciphertext, "sha256")
    stream = hashlib.shake_256(seed).digest(size + 4)
    return stream[4:], int.from_bytes(stream[:4]) % (size - OVERHEAD + 1)
