from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import curves
from backends.curves import CURVES, Curve, Form
from backends.domain import DOMAINS
from backends.token import ECPublicKey, RSAPublicKey
from scd.keygrip import keygrip
from scd.sexp import public_key
from tests.scd import libgcrypt

# Keys made by gpg 2.2.40, with the keygrips that it showed.
VECTORS = [
    (
        curves.ED25519,
        "57A437CED51C5ECDCDCE952B81ADAEB61E1B6D032DB180A06F2BE5ACCD86F3C8",
        "EBE9FF1756DD690CAD411005C7CE73FBD90D94E6",
    ),
    (
        curves.CURVE25519,
        "70D9C5DA638BDCF9BF4A99BC6B497D91A5DAE54FD21F50E5E2CAC51F50B0313F",
        "AECADFFBA7C83EFD53A4511D9AC38B2FEDAD6404",
    ),
    (
        curves.NIST_P256,
        "04E5A1887DC12B5CA136EBFCF52CBB95721408CEA30D5241A2974B5BA36E66750C"
        "27BD9AD9F97D571A64E599D1D22B7518DFF930BD40756277F7F9D12572398BBB",
        "B48D6C28A9A1BA233D7532DCA07630AC5EC5CDCB",
    ),
]


@pytest.mark.parametrize(("curve", "point", "grip"), VECTORS)
def test_keygrips_of_gpg(curve: Curve, point: str, grip: str) -> None:
    assert keygrip(ECPublicKey(curve, bytes.fromhex(point))) == grip


@pytest.mark.parametrize("curve", CURVES, ids=lambda c: c.name)
def test_keygrips_on_every_curve_are_those_of_libgcrypt(curve: Curve) -> None:
    # A first byte of 2 or 3 makes libgcrypt see a compressed point in an Ed448 key, and fail.
    first = b"\x04" if curve.form is Form.WEIERSTRASS else b"\x7f"
    point = first + secrets.token_bytes(curve.point_size - 1)
    key = ECPublicKey(curve, point)
    assert keygrip(key) == libgcrypt.keygrip(public_key(key))


@given(st.integers(min_value=2**100), st.sampled_from([3, 17, 65537]))
def test_rsa_keygrips_are_those_of_libgcrypt(n: int, e: int) -> None:
    key = RSAPublicKey(n, e)
    assert keygrip(key) == libgcrypt.keygrip(public_key(key))


@pytest.mark.parametrize(
    "curve", [c for c in CURVES if c.form is Form.WEIERSTRASS], ids=lambda c: c.name
)
def test_base_points_are_on_their_curves(curve: Curve) -> None:
    domain = DOMAINS[curve]
    p, a, b = (int.from_bytes(v, "big") for v in (domain.p, domain.a, domain.b))
    x = int.from_bytes(domain.g[1 : 1 + curve.size], "big")
    y = int.from_bytes(domain.g[1 + curve.size :], "big")
    assert (y * y - (x**3 + a * x + b)) % p == 0
