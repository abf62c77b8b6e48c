"""Using keys: what is sent and what comes back, on a real YubiKey and at the edges."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from backends.curves import CURVE25519, ED25519, NIST_P256, NIST_P384, NIST_P521, X448, Curve
from backends.errors import BadInput, Broken
from backends.openpgp import operations, tlv
from backends.openpgp.algorithms import parse_algorithm, parse_public_key
from backends.openpgp.apdu import Response
from backends.token import ECPublicKey, PublicKey, RSAPublicKey
from tests.openpgp.links import CARDS

RSA = RSAPublicKey(1 << 2047 | 1, 65537)
HASHES = {32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}
OPENSSL = {NIST_P256: ec.SECP256R1(), NIST_P384: ec.SECP384R1(), NIST_P521: ec.SECP521R1()}


@dataclass(frozen=True)
class Recorded:
    """``sent``: without Le, which this recording's driver left out."""

    public: PublicKey
    sent: bytes
    answer: bytes


def recorded(p1p2: str) -> list[Recorded]:
    found, public, sent = [], None, b""
    for line in (CARDS / "yubikey-5.4.3.txt").read_text().splitlines():
        mark, *rest = line.split()[:3] or [""]
        if mark == "key":
            attributes, template = map(bytes.fromhex, rest)
            public = parse_public_key(template, parse_algorithm(attributes))
        elif mark == ">":
            sent = bytes.fromhex(rest[0])
        elif mark == "<" and sent[1:4].hex() == p1p2 and public is not None:
            answer = Response.parse(bytes.fromhex(rest[0]))
            found.append(Recorded(public, sent, answer.data))
    return found


def verify(public: ECPublicKey, tbs: bytes, signature: bytes) -> None:
    if public.curve is ED25519:
        ed25519.Ed25519PublicKey.from_public_bytes(public.point).verify(signature, tbs)
        return
    size = public.curve.size
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    key = ec.EllipticCurvePublicKey.from_encoded_point(OPENSSL[public.curve], public.point)
    algorithm = ec.ECDSA(utils.Prehashed(HASHES[len(tbs)]))
    key.verify(utils.encode_dss_signature(r, s), tbs, algorithm)


def test_signatures_of_a_yubikey() -> None:
    cases = recorded("2a9e9a")
    assert len(cases) == 12
    for case in cases:
        assert isinstance(case.public, ECPublicKey)
        tbs = case.sent[5:]
        command = operations.compute_signature(case.public, tbs)
        assert command.short() == case.sent + b"\0"
        verify(case.public, tbs, operations.parse_signature(case.public, case.answer))


def test_key_agreements_of_a_yubikey() -> None:
    cases = recorded("2a8086")
    assert len(cases) == 4
    for case in cases:
        assert isinstance(case.public, ECPublicKey)
        point = case.sent[-case.public.curve.point_size :]
        command = operations.decipher(case.public, point)
        assert command.short() == case.sent + b"\0"
        secret = operations.parse_deciphered(case.public, case.answer)
        assert len(secret) == case.public.curve.size


def test_authentication_differs_in_its_instruction_only() -> None:
    sign = operations.compute_signature(RSA, b"x" * 51)
    authenticate = operations.internal_authenticate(RSA, b"x" * 51)
    assert authenticate.short()[:4].hex() == "00880000"
    assert authenticate.short()[4:] == sign.short()[4:]


def test_short_rsa_signature_is_filled_up() -> None:
    assert operations.parse_signature(RSA, b"\1") == b"\1".rjust(256, b"\0")


@pytest.mark.parametrize("size", [0, 63, 65])
def test_signature_of_the_wrong_size(size: int) -> None:
    with pytest.raises(Broken):
        operations.parse_signature(ECPublicKey(NIST_P256, b"\4" + bytes(64)), bytes(size))


@pytest.mark.parametrize(
    ("curve", "answer"),
    [
        (NIST_P256, b"X" * 32),
        (NIST_P256, b"\4" + b"X" * 32 + b"Y" * 32),
        (NIST_P521, b"X" * 66),
        (CURVE25519, b"X" * 32),
        (CURVE25519, b"\x40" + b"X" * 32),
        (X448, b"X" * 56),
    ],
)
def test_shared_secrets_are_stripped_to_x(curve: Curve, answer: bytes) -> None:
    public = ECPublicKey(curve, b"")
    assert operations.parse_deciphered(public, answer) == b"X" * curve.size


@pytest.mark.parametrize("answer", [b"", b"X" * 31, b"\x40" + b"X" * 32, b"\2" + b"X" * 64])
def test_shared_secret_of_the_wrong_size(answer: bytes) -> None:
    with pytest.raises(Broken):
        operations.parse_deciphered(ECPublicKey(NIST_P256, b""), answer)


def test_rsa_ciphertext_has_a_padding_indicator() -> None:
    command = operations.decipher(RSA, b"c" * 256)
    assert command.data == b"\0" + b"c" * 256
    assert operations.parse_deciphered(RSA, b"session key") == b"session key"


@pytest.mark.parametrize(
    ("public", "ciphertext"),
    [
        (RSA, b"c" * 255),
        (RSA, b"c" * 257),
        (ECPublicKey(NIST_P256, b""), b"\4" + bytes(63)),
        (ECPublicKey(NIST_P256, b""), b"\2" + bytes(64)),
        (ECPublicKey(NIST_P256, b""), b""),
        (ECPublicKey(CURVE25519, b""), b"\x40" + bytes(32)),
    ],
)
def test_ciphertext_that_does_not_fit(public: PublicKey, ciphertext: bytes) -> None:
    with pytest.raises(BadInput):
        operations.decipher(public, ciphertext)


@pytest.mark.parametrize("tbs", [b"", b"x" * 246])
def test_nothing_and_too_much_to_sign(tbs: bytes) -> None:
    with pytest.raises(BadInput):
        operations.compute_signature(RSA, tbs)


def test_answers_of_big_keys_are_asked_for_whole() -> None:
    big = RSAPublicKey(1 << 4095 | 1, 65537)
    assert operations.compute_signature(big, b"x").le == 512
    assert operations.compute_signature(RSA, b"x").le == 256
    command = operations.decipher(ECPublicKey(CURVE25519, b""), bytes(32))
    assert tlv.find(bytes(command.data), 0xA6)
