"""Names of algorithms, and what cards say that they offer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assuan.errors import AssuanError, Code
from backends.curves import CURVES, Curve, Form
from backends.token import Attribute, ECAlgorithm
from scd.algorithms import key_attr, named_algorithm, offered, slot_ref
from tests.fake import FakeCard
from tests.scd.bed import bed

CARDS = Path(__file__).parent.parent / "openpgp" / "cards"

#: Content of DO FA as a YubiKey 5 gives it, shortened: RSA, P-256 and Ed25519, Cv25519.
PLAIN = bytes.fromhex(
    "C106010800001100C106010C00001100C109132A8648CE3D030107C10A162B06010401DA470F01"
    "C20B122B060104019755010501DA06010800001100"
)
NAMES = [
    (1, "rsa2048"),
    (1, "rsa3072"),
    (1, "nistp256"),
    (1, "ed25519"),
    (2, "cv25519"),
    (129, "rsa2048"),
]


def recorded(name: str) -> bytes:
    """The answer of a recorded card to GET DATA FA, without its status words."""
    text = CARDS.joinpath(name).read_text()
    found = re.search(r"> 00ca00fa00\n< ([0-9a-f]*)9000\n", text)
    assert found is not None
    return bytes.fromhex(found[1])


def test_offered_with_and_without_a_tag() -> None:
    assert list(offered(PLAIN)) == NAMES
    assert list(offered(b"\xfa\x81" + bytes([len(PLAIN)]) + PLAIN)) == NAMES
    assert list(offered(b"\xfa\x82" + len(PLAIN).to_bytes(2) + PLAIN)) == NAMES
    assert list(offered(b"\xfa" + b"\x10" + PLAIN)) == NAMES


def test_padding_and_what_is_cut_off() -> None:
    assert list(offered(PLAIN + bytes(20))) == NAMES
    assert list(offered(PLAIN[:-1])) == NAMES[:-1]
    assert list(offered(PLAIN[:1])) == []
    assert list(offered(b"")) == []
    assert list(offered(b"\xc1\x02\x16\x2b" + PLAIN)) == NAMES


@given(st.binary(max_size=300))
def test_garbage_offers_nothing_or_something_known(data: bytes) -> None:
    for number, name in offered(data):
        assert number in (1, 2, 3, 129)
        assert name.startswith("rsa") or name in {curve.algo for curve in CURVES}


def test_offers_of_recorded_cards() -> None:
    gnuk = list(offered(recorded("gnuk-ed25519.apdu")))
    assert gnuk[:3] == [(1, "secp256k1"), (1, "ed25519"), (1, "ed448")]
    assert (2, "cv448") in gnuk
    cano = [name for number, name in offered(recorded("canokey-mixed.apdu")) if number == 1]
    assert cano[:4] == ["rsa2048", "rsa3072", "rsa4096", "nistp256"]


async def test_getattr(tmp_path: Path) -> None:
    card = FakeCard()
    card.data[Attribute.ALGORITHM_INFORMATION] = PLAIN
    async with bed(tmp_path, card) as b:
        client = await b.client()
        reply = await client.transact(b"GETATTR KEY-ATTR-INFO")
    assert [f"{s.keyword.decode()} {s.text.decode()}" for s in reply.status] == [
        f"KEY-ATTR-INFO OPENPGP.{number} {name}" for number, name in NAMES
    ]


@pytest.mark.parametrize("curve", CURVES, ids=lambda c: c.name)
def test_names_of_curves(curve: Curve) -> None:
    for ref in ("OPENPGP.1", "OPENPGP.2", "OPENPGP.3"):
        agrees = curve.form is Form.MONTGOMERY
        if curve.form is not Form.WEIERSTRASS and agrees is not (ref == "OPENPGP.2"):
            with pytest.raises(AssuanError) as caught:
                named_algorithm(curve.algo, ref)
            assert caught.value.code == Code.WRONG_PUBKEY_ALGO
            continue
        algorithm = named_algorithm(curve.algo, ref)
        assert isinstance(algorithm, ECAlgorithm)
        assert algorithm.name == curve.algo
        value = f"--force {ref[-1]} {algorithm.algo} {curve.algo}"
        assert key_attr(value.encode()) == (ref, algorithm)


def test_slots() -> None:
    assert slot_ref("openpgp.2") == slot_ref("2", number=True) == "OPENPGP.2"
    for bad in ("", "0", "4", "11", "OPENPGP.", "OPENPGP.4", "PIV.1", "2 ", "\u0662"):
        with pytest.raises(AssuanError):
            slot_ref(bad, number=True)
    with pytest.raises(AssuanError):
        slot_ref("2")
