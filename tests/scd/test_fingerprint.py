from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from backends import curves
from backends.curves import BY_NAME, CURVES, Curve, Form, encode_oid
from backends.token import ECPublicKey, PublicKey, RSAPublicKey, Use
from scd import sexp
from scd.fingerprint import fingerprint, kek_params
from scd.keygrip import keygrip
from tests.bed.gnupg import Home, generation

_CURVES = [c for c in CURVES if c.form is Form.WEIERSTRASS]
_KEY = """\
%no-protection
Key-Type: {0}
Subkey-Type: {1}
{2}
Name-Real: Test
Expire-Date: 0
%commit
"""


def _parameters() -> str:
    """Something for gpg --generate-key to chew: one pair of keys of every kind that it has."""
    texts = [_KEY.format("RSA", "RSA", "Key-Length: 1024\nSubkey-Length: 2048")]
    texts += [
        _KEY.format("ECDSA", "ECDH", f"Key-Curve: {c.algo}\nSubkey-Curve: {c.algo}")
        for c in _CURVES
    ]
    texts.append(_KEY.format("EdDSA", "ECDH", "Key-Curve: ed25519\nSubkey-Curve: cv25519"))
    return "".join(texts)


@dataclass(frozen=True)
class GnuPGKey:
    """A key as gpg lists it and as gpg-agent tells it by READKEY."""

    grip: str
    fingerprint: bytes
    created: int
    encrypts: bool
    expression: bytes


@pytest.fixture(scope="module")
def gpg_keys() -> Iterator[list[GnuPGKey]]:
    with Home(generation("2.2")) as home:
        home.gpg("--quiet", "--generate-key", input=_parameters())
        listing = home.gpg("--with-colons", "--with-keygrip", "--list-keys").stdout
        yield list(_parse(home, listing.decode()))


def _parse(home: Home, listing: str) -> Iterator[GnuPGKey]:
    """GnuPG doc/DETAILS, "Format of the colon listings"."""
    created, uses, print_ = 0, "", b""
    for line in listing.splitlines():
        fields = line.split(":")
        if fields[0] in ("pub", "sub"):
            created, uses = int(fields[5]), fields[11]
        elif fields[0] == "fpr":
            print_ = bytes.fromhex(fields[9])
        elif fields[0] == "grp":
            expression = _readkey(home, fields[9])
            yield GnuPGKey(fields[9], print_, created, "s" not in uses, expression)


def _readkey(home: Home, grip: str) -> bytes:
    output = home.connect_agent(f"READKEY {grip}").stdout
    data = output.removeprefix(b"D ").removesuffix(b"\nOK\n")
    return re.sub(rb"%([0-9A-F]{2})", lambda m: bytes.fromhex(m[1].decode()), data)


def _public(expression: bytes) -> PublicKey:
    """The other way round than scd.sexp.public_key."""
    match sexp.parse(expression):
        case [b"public-key", [b"rsa", [b"n", bytes(n)], [b"e", bytes(e)]]]:
            return RSAPublicKey(int.from_bytes(n, "big"), int.from_bytes(e, "big"))
        case [b"public-key", [b"ecc", [b"curve", bytes(name)], *_, [b"q", bytes(q)]]]:
            curve = BY_NAME[name.decode().lower()]
            return ECPublicKey(curve, q[-curve.point_size :])
    raise AssertionError(expression)


def test_gpg_made_a_key_of_every_kind(gpg_keys: list[GnuPGKey]) -> None:
    assert len(gpg_keys) == 2 + 2 * len(_CURVES) + 2


def test_fingerprints_are_those_of_gpg(gpg_keys: list[GnuPGKey]) -> None:
    for key in gpg_keys:
        public = _public(key.expression)
        use = Use.DECRYPT if key.encrypts else Use.SIGN
        if not (key.encrypts and isinstance(public, ECPublicKey) and public.curve.bits == 384):
            assert fingerprint(public, key.created, use) == key.fingerprint


def test_gnupg_2_2_wraps_keys_of_384_bits_with_aes_192(
    gpg_keys: list[GnuPGKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one difference: with GnuPG 2.2's parameters the remaining fingerprints agree too."""
    monkeypatch.setattr("scd.fingerprint.kek_params", lambda _: b"\x03\x01\x09\x08")
    for key in gpg_keys:
        public = _public(key.expression)
        if key.encrypts and isinstance(public, ECPublicKey) and public.curve.bits == 384:
            assert fingerprint(public, key.created, Use.DECRYPT) == key.fingerprint


def test_keygrips_are_those_of_gpg(gpg_keys: list[GnuPGKey]) -> None:
    for key in gpg_keys:
        assert keygrip(_public(key.expression)) == key.grip


def test_public_keys_are_spelled_as_gpg_agent_spells_them(gpg_keys: list[GnuPGKey]) -> None:
    for key in gpg_keys:
        assert sexp.public_key(_public(key.expression)) == key.expression


@pytest.mark.parametrize(
    ("curve", "oid"),
    [
        (curves.NIST_P256, "2A8648CE3D030107"),
        (curves.NIST_P521, "2B81040023"),
        (curves.BRAINPOOL_P512, "2B240303020801010D"),
        (curves.ED25519, "2B06010401DA470F01"),
        (curves.CURVE25519, "2B060104019755010501"),
        (curves.X448, "2B656F"),
    ],
    ids=lambda v: getattr(v, "name", None),
)
def test_oids_are_those_of_the_openpgp_card(curve: Curve, oid: str) -> None:
    """OpenPGP card 3.4 section 4.4.3.10."""
    assert encode_oid(curve.oid) == bytes.fromhex(oid)


@pytest.mark.parametrize(
    ("curve", "params"),
    [
        (curves.CURVE25519, "03010807"),
        (curves.NIST_P384, "03010909"),
        (curves.X448, "03010A09"),
        (curves.NIST_P521, "03010A09"),
    ],
    ids=lambda v: getattr(v, "name", None),
)
def test_bigger_curves_have_bigger_kdf_parameters(curve: Curve, params: str) -> None:
    assert kek_params(curve) == bytes.fromhex(params)
