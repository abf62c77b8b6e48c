"""PKAUTH --challenge-response: only a signature by the key itself will do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, utils

from assuan.errors import Code
from backends.curves import ED448, NIST_P256, NIST_P521, SECP256K1, Curve
from backends.token import ECPublicKey, PublicKey
from scd.challenge import challenge, is_answer
from tests.bed.weierstrass import CURVES
from tests.fake import ADMIN_PIN, USER_PIN, FakeCard
from tests.fake.keys import public_key, sign
from tests.scd.bed import Asked, bed, fails


@pytest.mark.parametrize(("bits", "length"), [(2048, 19 + 32), (3072, 19 + 48), (4096, 19 + 64)])
def test_rsa(bits: int, length: int) -> None:
    key = rsa.generate_private_key(65537, bits)
    check(public_key(key), length, lambda tbs: sign(key, tbs))


@pytest.mark.parametrize(
    ("curve", "length"), [(NIST_P256, 32), (SECP256K1, 32), (NIST_P521, 64)], ids=str
)
def test_ecdsa(curve: Curve, length: int) -> None:
    key = ec.generate_private_key(CURVES[curve])
    digest = hashes.SHA512() if length == 64 else hashes.SHA256()

    def signed(tbs: bytes) -> bytes:
        der = key.sign(tbs, ec.ECDSA(utils.Prehashed(digest)))
        return b"".join(n.to_bytes(curve.size) for n in utils.decode_dss_signature(der))

    check(public_key(key), length, signed)


def test_ed448() -> None:
    key = ed448.Ed448PrivateKey.generate()
    check(ECPublicKey(ED448, key.public_key().public_bytes_raw()), 57, key.sign)


def check(public: PublicKey, length: int, signed: Callable[[bytes], bytes]) -> None:
    tbs = challenge(public)
    assert len(tbs) == length
    assert tbs != challenge(public)
    signature = signed(tbs)
    assert is_answer(public, tbs, signature)
    assert not is_answer(public, challenge(public), signature)
    for bad in (b"", signature[:-1], signature + b"\0", bytes(len(signature))):
        assert not is_answer(public, tbs, bad)


async def test_command_says_ok_and_nothing_else(tmp_path: Path) -> None:
    card = FakeCard()
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"GENKEY 3", inquire=Asked(ADMIN_PIN))
        await client.transact(b"SETDATA 00")
        reply = await client.transact(
            b"PKAUTH --challenge-response OPENPGP.3", inquire=Asked(USER_PIN)
        )
        assert (reply.data, reply.status) == (b"", ())
        # As in GnuPG, the data of SETDATA are gone.
        await fails(client, b"PKAUTH OPENPGP.3", Code.INV_VALUE)
        card.sign = lambda key, tbs, pin: bytes(64)  # type: ignore[method-assign]
        await fails(client, b"PKAUTH --challenge-response OPENPGP.3", Code.BAD_SIGNATURE)
