"""Tokens of SoftHSM: what is listed, what the keys do, how the PIN is handled."""

from __future__ import annotations

import hashlib
import logging
import re
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils, x25519

from backends.curves import BY_NAME, Curve
from backends.errors import (
    BadInput,
    BadPin,
    NotFound,
    NotSupported,
    PinNeeded,
    TokenError,
    UseRefused,
)
from backends.pkcs11.provider import PKCS11Provider
from backends.pkcs11.token import PKCS11Token
from backends.token import ECPublicKey, Key, PinRef, PinRequest, RSAPublicKey, Use
from tests.bed.softhsm import SoftHSM
from tests.contract import oracle
from tests.pkcs11.conftest import PIN, SOFTHSM, Make, key_named, labels, pin, refs, token_named

#: DigestInfo of SHA-256 up to the hash (RFC 8017 section 9.2).
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
MESSAGE = b"every key signs this"
DIGEST = hashlib.sha256(MESSAGE).digest()
SIGN = Use.SIGN | Use.CERTIFY | Use.AUTHENTICATE
CURVES: dict[str, ec.EllipticCurve] = {
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
}


def rsa_key(key: Key) -> rsa.RSAPublicKey:
    assert isinstance(key.public, RSAPublicKey)
    return rsa.RSAPublicNumbers(key.public.e, key.public.n).public_key()


def ec_point(key: Key) -> bytes:
    assert isinstance(key.public, ECPublicKey)
    return key.public.point


# -- listing -------------------------------------------------------------------------------------


def test_before_the_login_public_objects_and_certificates_are_listed(
    everyday: PKCS11Token,
) -> None:
    assert labels(everyday) == [
        *("rsa", "p256", "p384", "p521", "ed25519", "careful", "Certificate Only", "x25519")
    ]
    certified = [key.label for key in list(everyday.keys()) if key.certificate]
    assert certified == ["rsa", "Certificate Only"]
    assert all(re.fullmatch(r"P11\.[0-9A-F]{16}", ref) for ref in refs(everyday))


def test_after_the_login_private_keys_without_public_objects_are_listed_too(
    everyday: PKCS11Token,
) -> None:
    everyday.verify_pin(PinRef.USER, pin())
    hidden = key_named(everyday, "hidden")
    signature = everyday.sign(hidden, SHA256_INFO + DIGEST, None)
    rsa_key(hidden).verify(signature, MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    assert hidden.use == SIGN


def test_hidden_key_is_of_use_after_its_pin_was_forgotten(everyday: PKCS11Token) -> None:
    everyday.verify_pin(PinRef.USER, pin())
    hidden = key_named(everyday, "hidden")
    everyday.forget_pin(PinRef.USER)
    assert everyday.pin_for(hidden)
    assert len(everyday.sign(hidden, SHA256_INFO + DIGEST, pin())) == 256
    assert len(everyday.keys()) == 9


def test_use_comes_from_the_private_key_once_it_is_seen(everyday: PKCS11Token) -> None:
    assert key_named(everyday, "careful").use == SIGN | Use.DECRYPT
    everyday.verify_pin(PinRef.USER, pin())
    assert key_named(everyday, "careful").use == SIGN
    assert key_named(everyday, "rsa").use == SIGN | Use.DECRYPT
    assert key_named(everyday, "ed25519").use == SIGN


def test_certificate_gives_date_name_and_public_key(everyday: PKCS11Token) -> None:
    key = key_named(everyday, "Certificate Only")
    assert key.created == int(datetime(2024, 1, 2, tzinfo=UTC).timestamp())
    der = everyday.certificate(key.ref)
    assert der is not None
    public = x509.load_der_x509_certificate(der).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert key.public == ECPublicKey(
        BY_NAME["nistp256"], b"\x04" + _pair(public.public_numbers(), 32)
    )
    assert everyday.certificate(key_named(everyday, "p256").ref) is None


def _pair(numbers: ec.EllipticCurvePublicNumbers, size: int) -> bytes:
    return numbers.x.to_bytes(size) + numbers.y.to_bytes(size)


def test_odd_objects_do_not_spoil_the_listing(
    odd: PKCS11Token, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    # Whose the second is cannot be known before the login.
    assert labels(odd) == ["", "stranger"]
    for what in ("certificate 'broken' (id 04)", "public key 'odd' (id 06)", "(id 07)", "(id 08)"):
        assert f"{what} left out" in caplog.text
    odd.verify_pin(PinRef.USER, pin())
    assert labels(odd) == [""]
    assert "private key 'bare' (id 03) left out" in caplog.text
    assert len(odd.sign(odd.keys()[0], DIGEST, None)) == 64


def test_an_authority_s_certificate_is_told_apart_from_those_of_keys(
    odd: PKCS11Token, everyday: PKCS11Token
) -> None:
    for login in (False, True):
        if login:
            odd.verify_pin(PinRef.USER, pin())
        (authority,) = odd.authorities()
        assert authority.label == "Some Authority"
        assert authority.ref not in refs(odd)
        der = odd.certificate(authority.ref)
        assert der is not None
        name = x509.load_der_x509_certificate(der).subject.rfc4514_string()
        assert name == "CN=Some Authority"
    assert everyday.authorities() == []


def test_token_names_and_serials_stay(
    softhsm: PKCS11Provider, everyday: PKCS11Token, make: Make
) -> None:
    again = token_named(make("other", SOFTHSM), "everyday")
    assert again.info.serial == everyday.info.serial
    assert re.fullmatch(r"D276000124010304FF11[0-9A-F]{8}0000", again.info.serial)
    assert again.info.display_serial == f"FF11 {again.info.serial[20:28]}"
    assert again.info.place == "other: everyday"
    assert refs(again) == refs(everyday)
    serials = {softhsm.open(place).info.serial for place in softhsm.present()}  # type: ignore[union-attr]
    assert len(serials) == 3  # The empty slot that SoftHSM always shows is not a token.
    assert softhsm.present() == softhsm.present()


def test_tokens_that_are_made_later_are_seen(
    softhsm: PKCS11Provider, everyday: PKCS11Token, store: SoftHSM
) -> None:
    everyday.verify_pin(PinRef.USER, pin())
    before = list(softhsm.present())
    store.init_token("late", PIN.decode())
    try:
        assert softhsm.present() == before  # A login is not given up for it.
        everyday.reset()
        (new,) = set(softhsm.present()) - set(before)
        assert new.name == "softhsm2: late"
        assert len(everyday.sign(key_named(everyday, "p256"), DIGEST, pin())) == 64
    finally:
        everyday.reset()
        store.delete_token("late")


# -- operations ----------------------------------------------------------------------------------


def test_rsa_signature(everyday: PKCS11Token) -> None:
    key = key_named(everyday, "rsa")
    signature = everyday.sign(key, SHA256_INFO + DIGEST, pin())
    rsa_key(key).verify(signature, MESSAGE, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("name", CURVES)
def test_ecdsa_signature(everyday: PKCS11Token, name: str) -> None:
    key = key_named(everyday, name)
    signature = everyday.sign(key, DIGEST, pin())
    half = len(signature) // 2
    r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
    public = ec.EllipticCurvePublicKey.from_encoded_point(CURVES[name], ec_point(key))
    der = utils.encode_dss_signature(r, s)
    public.verify(der, DIGEST, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    assert isinstance(key.public, ECPublicKey)
    assert half == key.public.curve.size


def test_eddsa_signature(everyday: PKCS11Token) -> None:
    key = key_named(everyday, "ed25519")
    signature = everyday.sign(key, MESSAGE, pin())
    ed25519.Ed25519PublicKey.from_public_bytes(ec_point(key)).verify(signature, MESSAGE)


def test_rsa_decryption(everyday: PKCS11Token) -> None:
    key = key_named(everyday, "rsa")
    ciphertext = rsa_key(key).encrypt(b"session key", padding.PKCS1v15())
    assert everyday.decrypt(key, ciphertext, pin()) == b"session key"


@pytest.mark.parametrize("name", CURVES)
def test_key_agreement(everyday: PKCS11Token, name: str) -> None:
    key = key_named(everyday, name)
    ours = ec.derive_private_key(0xA11CE, CURVES[name])
    size = _curve(key).size
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(CURVES[name], ec_point(key))
    peer = b"\x04" + _pair(ours.public_key().public_numbers(), size)
    secret = everyday.decrypt(key, peer, pin())
    assert secret == ours.exchange(ec.ECDH(), theirs)
    assert len(secret) == size


def test_key_agreement_on_curve25519(everyday: PKCS11Token) -> None:
    key = key_named(everyday, "x25519")
    assert (key.use, _curve(key)) == (Use.DECRYPT, BY_NAME["cv25519"])
    ours = x25519.X25519PrivateKey.generate()
    theirs = x25519.X25519PublicKey.from_public_bytes(ec_point(key))
    secret = everyday.decrypt(key, ours.public_key().public_bytes_raw(), pin())
    assert secret == ours.exchange(theirs)


def _curve(key: Key) -> Curve:
    assert isinstance(key.public, ECPublicKey)
    return key.public.curve


def test_keys_of_every_kind(kinds: PKCS11Token) -> None:
    kinds.verify_pin(PinRef.USER, pin())
    keys = list(kinds.keys())
    assert len(keys) == 14
    for key in keys:
        if key.use & Use.SIGN:
            tbs = oracle.to_be_signed(key.public, MESSAGE)
            oracle.check_signature(key.public, MESSAGE, kinds.sign(key, tbs, wanted(kinds, key)))
        if key.use & Use.DECRYPT:
            puzzle = oracle.riddle(key)
            plain = kinds.decrypt(key, puzzle.ciphertext, wanted(kinds, key))
            assert plain == puzzle.solution


def wanted(token: PKCS11Token, key: Key) -> bytearray | None:
    """The PIN, if it is asked for, as it is for these keys each time."""
    asked = token.pin_for(key) is not None
    assert asked is key.label.startswith("careful")
    return pin() if asked else None


@pytest.mark.parametrize("label", ["careful curve", "careful rsa"])
def test_decryption_takes_the_pin_each_time_too(kinds: PKCS11Token, label: str) -> None:
    kinds.verify_pin(PinRef.USER, pin())
    key = key_named(kinds, label)
    puzzle = oracle.riddle(key)
    with pytest.raises(PinNeeded):
        kinds.decrypt(key, puzzle.ciphertext, None)
    if label == "careful rsa":  # SoftHSM does not look at the PIN of a key agreement.
        with pytest.raises(BadPin):
            kinds.decrypt(key, puzzle.ciphertext, bytearray(b"654321"))
    assert kinds.decrypt(key, puzzle.ciphertext, pin()) == puzzle.solution


def test_random(everyday: PKCS11Token) -> None:
    assert everyday.info.capabilities.get_challenge
    first, second = everyday.random(70_000), everyday.random(70_000)
    assert len(first) == len(second) == 70_000
    assert first != second
    assert everyday.random(0) == b""


@pytest.mark.parametrize(
    ("name", "operation", "data"),
    [
        ("rsa", "sign", bytes(246)),
        ("rsa", "sign", b""),
        ("p256", "sign", bytes(65)),
        ("rsa", "decrypt", bytes(255)),
        ("rsa", "decrypt", b"\xff" * 256),
        ("p256", "decrypt", b"\x04" + bytes(63)),
        ("p256", "decrypt", b"\x02" + bytes(64)),
    ],
)
def test_data_that_do_not_fit_are_refused_before_the_pin_is_sent(
    everyday: PKCS11Token, name: str, operation: str, data: bytes
) -> None:
    with pytest.raises(BadInput):
        getattr(everyday, operation)(key_named(everyday, name), data, pin())
    assert not everyday.is_verified(PinRef.USER)


def test_uses_that_a_key_does_not_have_are_refused(everyday: PKCS11Token) -> None:
    with pytest.raises(UseRefused):
        everyday.decrypt(key_named(everyday, "ed25519"), bytes(32), pin())
    point = ec_point(key_named(everyday, "p256"))
    with pytest.raises(UseRefused):
        everyday.decrypt(key_named(everyday, "Certificate Only"), point, pin())


def test_a_point_that_is_not_on_the_curve_costs_nothing_but_an_error(
    everyday: PKCS11Token,
) -> None:
    everyday.verify_pin(PinRef.USER, pin())
    key = key_named(everyday, "p256")
    with pytest.raises(TokenError):
        everyday.decrypt(key, b"\x04" + b"\x11" * 64, None)
    assert len(everyday.sign(key, DIGEST, None)) == 64


# -- PINs ----------------------------------------------------------------------------------------


def test_the_pin_is_wanted_once(everyday: PKCS11Token) -> None:
    key = key_named(everyday, "p256")
    request = everyday.pin_for(key)
    assert request == PinRequest(PinRef.USER, label="everyday", min_length=4, max_length=255)
    assert not everyday.is_verified(PinRef.USER)
    everyday.sign(key, DIGEST, pin())
    assert everyday.pin_for(key) is None
    assert everyday.is_verified(PinRef.USER)
    everyday.sign(key, DIGEST, None)


def test_without_the_pin_nothing_is_done(everyday: PKCS11Token) -> None:
    with pytest.raises(PinNeeded):
        everyday.sign(key_named(everyday, "p256"), DIGEST, None)


def test_wrong_pin(everyday: PKCS11Token) -> None:
    key = key_named(everyday, "p256")
    with pytest.raises(BadPin):
        everyday.sign(key, DIGEST, bytearray(b"654321"))
    assert everyday.pin_for(key) is not None
    everyday.sign(key, DIGEST, pin())


def test_verify_pin_looks_at_that_very_pin(everyday: PKCS11Token) -> None:
    everyday.verify_pin(PinRef.USER, pin())
    everyday.verify_pin(PinRef.USER, pin())
    with pytest.raises(BadPin):
        everyday.verify_pin(PinRef.USER, bytearray(b"654321"))
    assert not everyday.is_verified(PinRef.USER)
    with pytest.raises(NotSupported):
        everyday.pin_named(PinRef.PW3)


def test_a_login_is_shared_by_all_who_opened_the_token(
    softhsm: PKCS11Provider, everyday: PKCS11Token, odd: PKCS11Token
) -> None:
    everyday.verify_pin(PinRef.USER, pin())
    other = token_named(softhsm, "everyday")
    assert other.is_verified(PinRef.USER)
    assert not odd.is_verified(PinRef.USER)
    other.sign(key_named(other, "p256"), DIGEST, None)


def test_reset_and_close_forget_the_pin(softhsm: PKCS11Provider, everyday: PKCS11Token) -> None:
    for forget in (everyday.reset, everyday.close):
        everyday.verify_pin(PinRef.USER, pin())
        forget()
        assert not everyday.is_verified(PinRef.USER)


def test_a_key_that_is_always_authenticated_takes_the_pin_each_time(everyday: PKCS11Token) -> None:
    everyday.verify_pin(PinRef.USER, pin())
    key = key_named(everyday, "careful")
    for _ in range(2):
        request = everyday.pin_for(key)
        assert request is not None
        assert request.label == "everyday / careful"
        assert len(everyday.sign(key, DIGEST, pin())) == 64
    with pytest.raises(PinNeeded):
        everyday.sign(key, DIGEST, None)


def test_one_question_does_for_login_and_key(everyday: PKCS11Token) -> None:
    everyday.verify_pin(PinRef.USER, pin())  # Only now is the key known to be special.
    key = key_named(everyday, "careful")
    everyday.reset()
    assert len(everyday.sign(key, DIGEST, pin())) == 64
    assert everyday.is_verified(PinRef.USER)


def test_a_wrong_pin_for_the_key_does_not_block_the_session(everyday: PKCS11Token) -> None:
    everyday.verify_pin(PinRef.USER, pin())
    key = key_named(everyday, "careful")
    with pytest.raises(BadPin):
        everyday.sign(key, DIGEST, bytearray(b"654321"))
    assert everyday.is_verified(PinRef.USER)
    assert len(everyday.sign(key, DIGEST, pin())) == 64
    assert len(everyday.sign(key_named(everyday, "p256"), DIGEST, None)) == 64


def test_a_key_that_is_not_there(everyday: PKCS11Token, odd: PKCS11Token) -> None:
    stranger = key_named(odd, "stranger")
    for ask in (everyday.pin_for, lambda key: everyday.certificate(key.ref)):
        _raises_not_found(ask, stranger)
    _raises_not_found(lambda key: everyday.sign(key, DIGEST, pin()), stranger)


def _raises_not_found(ask: Callable[[Key], object], key: Key) -> None:
    with pytest.raises(NotFound):
        ask(key)


def test_pins_are_nowhere_to_be_read(
    softhsm: PKCS11Provider,
    make: Make,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(0)
    secret = "hunter2-hunter2"
    token = token_named(make("again", SOFTHSM), "everyday")
    with pytest.raises(BadPin) as caught:
        token.sign(key_named(token, "p256"), DIGEST, bytearray(secret.encode()))
    token.verify_pin(PinRef.USER, pin())
    shown = "".join(traceback.format_exception(caught.value))
    output = capfd.readouterr()
    for text in (caplog.text, shown, output.out, output.err):
        assert secret not in text
        assert PIN.decode() not in text
