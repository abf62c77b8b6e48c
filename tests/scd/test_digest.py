from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from assuan.errors import AssuanError, Code
from backends import curves
from backends.curves import CURVES, Curve, Form
from backends.token import ECPublicKey, PublicKey, RSAPublicKey
from scd.digest import DIGESTS, DigestAlgorithm, decrypt_input, decrypt_output, normalise
from tests.scd import libgcrypt

RSA = RSAPublicKey(2**2047 + 9, 65537)
P256 = ECPublicKey(curves.NIST_P256, b"\4" + bytes(64))
ED25519 = ECPublicKey(curves.ED25519, bytes(32))
CV25519 = ECPublicKey(curves.CURVE25519, bytes(32))
X448 = ECPublicKey(curves.X448, bytes(56))

SHA1 = bytes.fromhex("3021300906052B0E03021A05000414")
TLS = bytes(range(36))

every_digest = pytest.mark.parametrize("digest", DIGESTS, ids=lambda d: d.name)


def refused(key: PublicKey, data: bytes, hash_name: str | None, *, auth: bool = False) -> int:
    with pytest.raises(AssuanError) as caught:
        normalise(key, data, hash_name, auth=auth)
    return caught.value.code


@every_digest
def test_prefixes_are_those_of_libgcrypt(digest: DigestAlgorithm) -> None:
    assert digest.prefix == libgcrypt.digest_prefix(digest.name)
    assert digest.prefix[-1] == digest.length


@every_digest
@pytest.mark.parametrize("named", [True, False])
def test_a_digest_info_is_for_rsa_and_its_hash_for_curves(
    digest: DigestAlgorithm, named: bool
) -> None:
    bare = bytes(range(digest.length))
    name = digest.name if named else None
    assert normalise(RSA, digest.prefix + bare, name, auth=False) == digest.prefix + bare
    assert normalise(P256, digest.prefix + bare, name, auth=False) == bare
    assert normalise(ED25519, digest.prefix + bare, name, auth=False) == bare


def test_a_block_that_is_padded_already_is_left_alone() -> None:
    block = b"\x42" + bytes(RSA.size - 2) + b"\xbc"
    assert normalise(RSA, block, "none", auth=False) == block
    assert refused(RSA, block, "sha256") == Code.INV_VALUE
    for wrong in (block[1:], block + b"\0", b"\xff" * RSA.size):
        assert refused(RSA, wrong, "none") == Code.INV_VALUE


@every_digest
def test_a_bare_hash_is_given_its_prefix_for_rsa(digest: DigestAlgorithm) -> None:
    bare = bytes(digest.length)
    assert normalise(RSA, bare, digest.name, auth=False) == digest.prefix + bare
    assert normalise(P256, bare, digest.name, auth=False) == bare
    assert normalise(ED25519, bare, digest.name, auth=False) == bare


def test_twenty_bare_bytes_without_a_name_are_sha1() -> None:
    assert normalise(RSA, bytes(20), None, auth=False) == SHA1 + bytes(20)


@every_digest
def test_a_hash_of_another_length_is_refused(digest: DigestAlgorithm) -> None:
    for size in (digest.length - 1, digest.length + 1):
        for key in (RSA, P256):
            assert refused(key, bytes(size), digest.name) == Code.INV_VALUE
            assert refused(key, digest.prefix + bytes(size), digest.name) == Code.INV_VALUE
        assert refused(ED25519, bytes(size), digest.name) == Code.INV_VALUE


@pytest.mark.parametrize("key", [RSA, P256, ED25519])
def test_a_digest_info_of_another_algorithm_is_refused(key: PublicKey) -> None:
    sha256 = libgcrypt.digest_prefix("sha256") + bytes(32)
    assert refused(key, sha256, "sha512") == Code.INV_VALUE
    assert refused(key, SHA1 + bytes(20), "sha256") == Code.INV_VALUE
    assert refused(key, SHA1 + bytes(20), "rmd160") == Code.INV_VALUE


@pytest.mark.parametrize("key", [RSA, P256, ED25519])
def test_hashes_that_nobody_signs_any_more_are_refused(key: PublicKey) -> None:
    assert refused(key, bytes(16), "md5") == Code.DIGEST_ALGO


@pytest.mark.parametrize("auth", [True, False])
def test_nothing_is_refused(auth: bool) -> None:
    for key in (RSA, P256, ED25519):
        assert refused(key, b"", None, auth=auth) == Code.INV_VALUE


def test_a_hash_longer_than_the_curve_is_left_whole() -> None:
    assert normalise(P256, bytes(range(64)), "sha512", auth=False) == bytes(range(64))


@pytest.mark.parametrize("hash_name", ["none", "tls-md5sha1"])
def test_rsa_signs_the_36_bytes_of_old_tls_as_they_are(hash_name: str) -> None:
    assert normalise(RSA, TLS, hash_name, auth=False) == TLS
    assert normalise(RSA, TLS, None, auth=True) == TLS
    assert refused(RSA, TLS, None) == Code.INV_VALUE


def test_rsa_leaves_room_for_its_padding() -> None:
    assert len(normalise(RSA, bytes(245), "none", auth=False)) == 245
    assert refused(RSA, bytes(246), "none") == Code.INV_VALUE
    assert refused(RSA, bytes(246), None, auth=True) == Code.INV_VALUE
    assert refused(RSAPublicKey(2**511 + 1, 3), bytes(64), "sha512") == Code.INV_VALUE


@every_digest
def test_authentication_takes_a_digest_info(digest: DigestAlgorithm) -> None:
    """What the agent's SSH sends for RSA and ECDSA."""
    bare = bytes(digest.length)
    assert normalise(RSA, digest.prefix + bare, None, auth=True) == digest.prefix + bare
    assert normalise(P256, digest.prefix + bare, None, auth=True) == bare


@given(st.binary(min_size=0, max_size=500))
def test_an_ssh_message_loses_the_prefix_that_the_agent_invents(message: bytes) -> None:
    """Whatever the message looks like, and be it a DigestInfo itself."""
    assert normalise(ED25519, SHA1 + message, None, auth=True) == message


@pytest.mark.parametrize("size", [36, 52, 68])
def test_a_message_of_unlucky_length_is_not_cut(size: int) -> None:
    """With the prefix these are as long as the DigestInfo of a longer hash."""
    message = bytes(range(size))
    assert normalise(ED25519, SHA1 + message, None, auth=True) == message


@every_digest
def test_a_message_that_is_a_digest_info_survives_behind_the_prefix(
    digest: DigestAlgorithm,
) -> None:
    message = digest.prefix + bytes(digest.length)
    assert normalise(ED25519, SHA1 + message, None, auth=True) == message


def test_an_ssh_message_without_prefix_is_signed_as_it_is() -> None:
    assert normalise(ED25519, b"message", None, auth=True) == b"message"
    assert normalise(ED25519, b"message", "none", auth=False) == b"message"
    assert refused(ED25519, b"message", None) == Code.INV_VALUE


@pytest.mark.parametrize("key", [CV25519, X448])
def test_montgomery_keys_cannot_sign(key: ECPublicKey) -> None:
    assert refused(key, bytes(32), "sha256") == Code.WRONG_PUBKEY_ALGO


def no_ciphertext(key: PublicKey, data: bytes) -> int:
    with pytest.raises(AssuanError) as caught:
        decrypt_input(key, data)
    return caught.value.code


@given(st.integers(min_value=1, max_value=RSA.n - 1), st.integers(0, 3))
def test_rsa_ciphertexts_have_the_length_of_the_modulus(value: int, zeros: int) -> None:
    short = bytes(zeros) + value.to_bytes((value.bit_length() + 7) // 8, "big")
    assume(short[0] != 2 or len(short) not in (17, 33))  # that is for AES
    assert decrypt_input(RSA, short) == value.to_bytes(256, "big")


def test_rsa_refuses_what_is_no_less_than_the_modulus() -> None:
    assert no_ciphertext(RSA, RSA.n.to_bytes(256, "big")) == Code.INV_VALUE
    assert no_ciphertext(RSA, bytes([1]) + bytes(256)) == Code.INV_VALUE


@pytest.mark.parametrize(
    "curve", [c for c in CURVES if c.form is Form.WEIERSTRASS], ids=lambda c: c.name
)
def test_a_point_goes_in_whole_and_x_comes_out_with_prefix_41(curve: Curve) -> None:
    point = b"\4" + bytes(2 * curve.size)
    key = ECPublicKey(curve, point)
    assert decrypt_input(key, point) == point
    assert decrypt_output(key, bytes(curve.size)) == b"\x41" + bytes(curve.size)
    for wrong in (point[:-1], point + b"\0", b"\x40" + point[1:], point[1:], b"\2" + point[1:]):
        assert no_ciphertext(key, wrong) == Code.INV_VALUE


def test_a_recorded_curve25519_point_loses_its_prefix() -> None:
    """What the agent of 2.2.40 sent, and the forms of older and newer ones."""
    point = bytes.fromhex("0086110DF0F44B8A6D11B395C802DC22FDFA7A8CF3E4E570CEFE7F7AF875A0")
    point = point.rjust(32, b"\0")
    for form in (b"\x40" + point, point, b"\0" + point, point.lstrip(b"\0")):
        assert decrypt_input(CV25519, form) == point
    assert decrypt_output(CV25519, point) == b"\x40" + point


def test_what_is_no_curve25519_point_is_refused() -> None:
    for wrong in (b"\x41" + bytes(32), bytes(34), b"\4" + bytes(64)):
        assert no_ciphertext(CV25519, wrong) == Code.INV_VALUE


def test_x448_has_no_prefix_either_way() -> None:
    point = bytes(range(56))
    assert decrypt_input(X448, point) == point
    assert decrypt_output(X448, point) == point


def test_an_rsa_plaintext_is_handed_on() -> None:
    assert decrypt_output(RSA, b"\x09session key") == b"\x09session key"


@pytest.mark.parametrize("key", [RSA, P256, CV25519, ED25519])
def test_no_ciphertext_is_refused(key: PublicKey) -> None:
    assert no_ciphertext(key, b"") == Code.INV_VALUE


@pytest.mark.parametrize("key", [RSA, P256, CV25519, ED25519])
@pytest.mark.parametrize("blocks", [1, 2])
def test_cryptograms_for_aes_are_refused(key: PublicKey, blocks: int) -> None:
    assert no_ciphertext(key, b"\2" + bytes(16 * blocks)) == Code.UNSUPPORTED_ALGORITHM


def test_edwards_keys_cannot_decrypt() -> None:
    assert no_ciphertext(ED25519, bytes(32)) == Code.WRONG_PUBKEY_ALGO
