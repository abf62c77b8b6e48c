"""KEYDATA: the keys of agents and libraries are taken as they are, and nothing else is."""

from __future__ import annotations

import re
import traceback
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from assuan.errors import AssuanError, Code
from assuan.lines import unescape
from backends.changes import ECPrivateKey, RSAPrivateKey
from backends.curves import (
    CURVE25519,
    CURVES,
    ED448,
    ED25519,
    NIST_P256,
    NIST_P521,
    X448,
    Curve,
    Form,
)
from scd.keydata import KeyData, read_keydata
from scd.sexp import Expression, encode, parse, unsigned
from tests.bed.weierstrass import CURVES as WEIERSTRASS
from tests.dialogues.record import RECORDED
from tests.fake.keys import load, public_key
from tests.scd import libgcrypt
from tests.scd.keydata import CREATED, MAKERS, ec_parts, keydata, new_parts, rsa_parts

RSA = rsa.generate_private_key(65537, 1024)  # noqa: S505  # the smallest that is taken
KNOWN = [*MAKERS, *WEIERSTRASS]


def refused(data: bytes, code: Code = Code.BAD_SECKEY) -> AssuanError:
    with pytest.raises(AssuanError) as caught:
        read_keydata(data)
    assert caught.value.code == code
    return caught.value


def ec_key(data: bytes) -> ECPrivateKey:
    private = read_keydata(data).private
    assert isinstance(private, ECPrivateKey)
    return private


def changed(parts: tuple[Expression, ...], name: str, *value: Expression) -> tuple[Expression, ...]:
    """The parameters with another value of one of them; without it, if there is none."""
    kept = [part for part in parts if not (isinstance(part, tuple) and part[0] == name)]
    return (*kept, *([(name, *value)] if value else []))


# -- what is taken -----------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [1024, 2048, 3072, 4096])
def test_rsa(bits: int) -> None:
    key = RSA if bits == 1024 else rsa.generate_private_key(65537, bits)
    read = read_keydata(keydata(*rsa_parts(key)))
    assert (read.created, read.kdf) == (1700000000, None)
    assert isinstance(read.private, RSAPrivateKey)
    assert read.private.public == public_key(key)
    assert read.private.d == key.private_numbers().d
    assert read.private.p * read.private.q == key.public_key().public_numbers().n


def test_rsa_without_coefficient_and_primes_in_any_order() -> None:
    numbers = RSA.private_numbers()
    for p, q in ((numbers.p, numbers.q), (numbers.q, numbers.p)):
        parts = changed(rsa_parts(RSA, p=p, q=q), "u")
        assert isinstance(read_keydata(keydata(*parts)).private, RSAPrivateKey)
        parts = rsa_parts(RSA, p=p, q=q, u=pow(p, -1, q))
        assert isinstance(read_keydata(keydata(*parts)).private, RSAPrivateKey)


@pytest.mark.parametrize("curve", KNOWN, ids=lambda c: c.name)
def test_secret_gives_the_public_key(curve: Curve) -> None:
    private = ec_key(keydata(*new_parts(curve)))
    assert private.public.curve is curve
    assert len(private.secret) == curve.size
    if curve in MAKERS:
        key = MAKERS[curve].from_private_bytes(private.secret)
        assert key.public_key().public_bytes_raw() == private.public.point
    else:
        scalar = int.from_bytes(private.secret)
        assert public_key(ec.derive_private_key(scalar, WEIERSTRASS[curve])) == private.public


@pytest.mark.parametrize("curve", [c for c in CURVES if c in KNOWN], ids=lambda c: c.name)
def test_keys_of_libgcrypt(curve: Curve) -> None:
    flags = {ED25519: (("flags", "eddsa"),), CURVE25519: (("flags", "djb-tweak"),)}.get(curve, ())
    wanted = encode(("genkey", ("ecc", ("curve", curve.name), *flags)))
    made = parse(libgcrypt.generate(wanted))
    (private,) = (part for part in made if isinstance(part, list) and part[0] == b"private-key")
    read = ec_key(encode((*private, CREATED)))
    if curve in MAKERS:
        key = MAKERS[curve].from_private_bytes(read.secret)
        assert key.public_key().public_bytes_raw() == read.public.point
    else:
        scalar = int.from_bytes(read.secret)
        assert public_key(ec.derive_private_key(scalar, WEIERSTRASS[curve])) == read.public


@given(st.binary(min_size=32, max_size=32), st.integers(0, 3))
def test_seed_may_have_lost_or_got_zeros(seed: bytes, zeros: int) -> None:
    seed = bytes(zeros) + seed[zeros:-1] + b"\x01"
    point = MAKERS[ED25519].from_private_bytes(seed).public_key().public_bytes_raw()
    for written in (seed, seed.lstrip(b"\0"), b"\0" + seed):
        assert ec_key(keydata(*ec_parts(ED25519, b"\x40" + point, written))).secret == seed


@given(st.binary(min_size=32, max_size=32), st.integers(0, 3))
def test_scalar_of_curve25519_is_turned_round(scalar: bytes, zeros: int) -> None:
    scalar = b"\x08" + scalar[1 : 32 - zeros] + bytes(zeros)
    point = MAKERS[CURVE25519].from_private_bytes(scalar).public_key().public_bytes_raw()
    for written in (scalar[::-1], scalar[::-1].lstrip(b"\0"), b"\0" + scalar[::-1]):
        assert ec_key(keydata(*ec_parts(CURVE25519, b"\x40" + point, written))).secret == scalar


@given(st.integers(1, 2**64))
def test_short_scalar_gets_the_size_of_the_field(scalar: int) -> None:
    public = public_key(ec.derive_private_key(scalar, WEIERSTRASS[NIST_P521]))
    parts = ec_parts(NIST_P521, public.point, unsigned(scalar))  # type: ignore[union-attr]
    assert ec_key(keydata(*parts)).secret == scalar.to_bytes(66)


@pytest.mark.parametrize("name", ["nistp256", "NIST P-256", "1.2.840.10045.3.1.7"])
def test_names_of_curves(name: str) -> None:
    parts = changed(new_parts(NIST_P256), "curve", name)
    assert ec_key(keydata(*parts)).public.curve is NIST_P256


def test_parameters_of_ecdh() -> None:
    parts = new_parts(CURVE25519)
    kdf = b"\x03\x01\x08\x07"
    assert read_keydata(encode(("private-key", parts, CREATED, ("ecdh-params", kdf)))).kdf == kdf
    for bad in (b"", b"\x03\x01\x08", b"\x04\x01\x08\x07\x00"):
        data = encode(("private-key", parts, CREATED, ("ecdh-params", bad)))
        refused(data, Code.INV_VALUE)


def test_key_that_an_agent_sent() -> None:
    """GnuPG 2.2.40, keytocard of a key on P-256.  The recording has lost each ``^@``: here that
    before the secret, and in it one behind ``M-``."""
    recording = RECORDED.joinpath("gnupg-2.2.40-keytocard.txt").read_text()
    (line,) = re.findall(r"^C: D (.*10:NIST P-256.*)$", recording, re.MULTILINE)
    whole = line.replace("(1:d33:", "(1:d33:^@").replace("M-M-", "M-^@M-")
    read = read_keydata(unescape(_uncaret(whole)))
    assert read.created == 1795430243
    assert isinstance(read.private, ECPrivateKey)
    assert public_key(load(read.private)) == read.private.public


def _uncaret(text: str) -> bytes:
    """Undo ``cat -v``: M- sets the top bit, ^ makes a control character."""
    data, rest = bytearray(), text.encode()
    while rest:
        meta = rest.startswith(b"M-") and len(rest) > 2
        rest = rest[2:] if meta else rest
        control = rest.startswith(b"^") and rest[1:2] in b"@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_?"
        value = rest[1] ^ 0x40 if control else rest[0]
        data.append(value | 0x80 if meta else value)
        rest = rest[2 if control else 1 :]
    return bytes(data)


# -- what is not -------------------------------------------------------------------------------


def test_expressions_of_another_kind() -> None:
    parts = new_parts(ED25519)
    good = keydata(*parts)
    for data in (b"", b"()", good[:-1], good + b"\0", good.replace(b"(", b"", 1), b"3:foo"):
        refused(data)
    for kind in ("protected-private-key", "shadowed-private-key", "public-key"):
        refused(keydata(*parts, kind=kind))
    for name in ("dsa", "elg", "ecdsa"):
        refused(keydata(name, *parts[1:]), Code.WRONG_PUBKEY_ALGO)


@pytest.mark.parametrize(
    "about", ["x", ("created-at", "0"), ("created-at", "soon"), ("created-at", "9999999999")]
)
def test_time_is_missing(about: Expression) -> None:
    other: Expression = ("comment", "x") if about == "x" else about
    refused(keydata(*new_parts(ED25519), about=other), Code.INV_VALUE)


@pytest.mark.parametrize("name", ["n", "e", "d", "p", "q"])
def test_rsa_part_is_missing_double_or_wrong(name: str) -> None:
    parts = rsa_parts(RSA)
    refused(keydata(*changed(parts, name)))
    refused(keydata(*parts, (name, b"\x01")))
    values = {part[0]: part[1] for part in parts[1:]}
    value = values[name]
    assert isinstance(value, bytes)
    for wrong in (0, 1, int.from_bytes(value) + 2, int.from_bytes(value) >> 1):
        refused(keydata(*rsa_parts(RSA, **{name: wrong})))


def test_rsa_of_swapped_or_impossible_primes() -> None:
    numbers = RSA.private_numbers()
    p, q = sorted((numbers.p, numbers.q))
    refused(keydata(*rsa_parts(RSA, p=q, q=p)))
    refused(keydata(*rsa_parts(RSA, p=p * q, q=1)))
    refused(keydata(*rsa_parts(RSA, u=1)))
    small = rsa.RSAPrivateNumbers(7, 11, 43, 1, 5, 8, rsa.RSAPublicNumbers(7, 77))
    parts = [(k, unsigned(v)) for k, v in (("n", 77), ("e", 7), ("d", 43), ("p", 7), ("q", 11))]
    assert small.d * 7 % 60 == 1
    refused(keydata("rsa", *parts))


def test_curve_that_nobody_knows() -> None:
    for name in ("Curve41417", "", b"\xff\0"):
        refused(keydata(*changed(new_parts(ED25519), "curve", name)), Code.UNKNOWN_CURVE)
    refused(keydata(*changed(new_parts(ED25519), "curve")))


@pytest.mark.parametrize("curve", KNOWN, ids=lambda c: c.name)
def test_points_and_secrets_of_another_curve(curve: Curve) -> None:
    parts = new_parts(curve)
    point, secret = parts[-2][1], parts[-1][1]
    assert isinstance(point, bytes)
    assert isinstance(secret, bytes)
    for wrong in (b"", point[:-2], point + b"\0", b"\x04" * 300):
        refused(keydata(*ec_parts(curve, wrong, secret)))
    for wrong in (b"", b"\0", bytes(curve.size), b"\x7f" * (curve.size + 1)):
        refused(keydata(*ec_parts(curve, point, wrong)))
    if curve.form is Form.WEIERSTRASS:
        refused(keydata(*ec_parts(curve, point[:-1] + bytes([point[-1] ^ 1]), secret)))
        refused(keydata(*ec_parts(curve, b"\x02" + point[1:], secret)))
        refused(keydata(*ec_parts(curve, point, b"\xff" * curve.size)))


def test_flags_of_another_kind_of_curve() -> None:
    refused(keydata(*changed(new_parts(ED25519), "flags", "djb-tweak")))
    refused(keydata(*changed(new_parts(CURVE25519), "flags", "eddsa")))
    refused(keydata(*new_parts(NIST_P256), ("flags", "param", "eddsa")))
    assert ec_key(keydata(*new_parts(NIST_P256), ("flags", "param")))


@given(st.binary(max_size=400))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(AssuanError):
        read_keydata(data)


@given(st.data())
def test_damaged_key_is_refused_or_still_whole(data: st.DataObject) -> None:
    """One byte in the key changed: never anything but a key or an AssuanError."""
    good = keydata(*rsa_parts(RSA))
    position = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[position] ^= data.draw(st.integers(1, 255))
    try:
        read = read_keydata(bad)
    except AssuanError:
        return
    assert isinstance(read.private, RSAPrivateKey)
    assert replace(read, created=1) == replace(read_keydata(good), created=1)


def test_nothing_of_the_key_is_shown() -> None:
    secret = b"\x11" * 31 + b"\x22"
    point = MAKERS[ED25519].from_private_bytes(secret).public_key().public_bytes_raw()
    read = read_keydata(keydata(*ec_parts(ED25519, point, secret)))
    assert repr(secret)[2:20] not in repr(read)
    assert str(RSA.private_numbers().p) not in repr(read_keydata(keydata(*rsa_parts(RSA))))
    error = refused(keydata(*ec_parts(ED25519, point[1:], secret)))
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert "1111" not in shown
    assert "\\x11" not in shown


def test_record_is_a_record() -> None:
    assert isinstance(read_keydata(keydata(*new_parts(X448))), KeyData)
    assert isinstance(read_keydata(keydata(*new_parts(ED448))), KeyData)
