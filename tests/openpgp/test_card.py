"""A card in this process: its keys, its data, raw APDUs."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from backends.curves import BRAINPOOL_P256, NIST_P256, NIST_P384, NIST_P521, SECP256K1, Curve
from backends.errors import (
    BadInput,
    NotFound,
    NotSupported,
)
from backends.openpgp import tlv
from backends.token import Attribute, PinRef, RawCard, Token, Use
from tests.bed.weierstrass import WeierstrassKeys
from tests.contract.oracle import check_signature
from tests.openpgp.bench import (
    AUTHENTICATE,
    DECRYPT,
    GET_DATA,
    MESSAGE,
    PSO,
    SELECT,
    SIGN,
    Bench,
    Faulty,
)
from tests.openpgp.certificate import self_signed
from tests.openpgp.links import VirtualLink
from tests.openpgp.virtual_card import (
    ADMIN,
    CURVE25519_KEYS,
    PIN,
    ecc,
    issue,
    make_card,
    make_keys,
    put,
    rsa,
)


def test_it_meets_the_contract(bench: Bench) -> None:
    token: Token = bench.card
    assert isinstance(token, RawCard)


@pytest.mark.parametrize("nbits", [2048, 3072, 4096])
def test_rsa(tmp_path: Path, nbits: int) -> None:
    keys = {slot: rsa(nbits) for slot in ((1, 2, 3) if nbits == 2048 else (1, 2))}
    bench = Bench(VirtualLink(make_card(tmp_path / "card", keys)))
    for slot in keys:
        bench.use(f"OPENPGP.{slot}", PIN if slot == 1 else None)


@pytest.mark.parametrize("slot", [1, 2, 3])
def test_curve25519(bench: Bench, slot: int) -> None:
    bench.use(f"OPENPGP.{slot}", PIN)


@pytest.mark.parametrize("whole_point", [False, True])
@pytest.mark.parametrize(
    "curve",
    [NIST_P256, NIST_P384, NIST_P521, BRAINPOOL_P256, SECP256K1],
    ids=lambda curve: curve.algo,
)
def test_weierstrass_curves(tmp_path: Path, curve: Curve, whole_point: bool) -> None:
    card = make_card(tmp_path / "card", {})
    WeierstrassKeys(card, curve, whole_point=whole_point)
    make_keys(card, {1: ecc(curve), 2: ecc(curve, decrypts=True), 3: ecc(curve)})
    bench = Bench(VirtualLink(card))
    bench.use(SIGN, PIN)
    bench.use(AUTHENTICATE)
    if curve is not NIST_P521:  # jcecard takes no point of more than 127 bytes
        bench.use(DECRYPT)


def test_long_message_for_eddsa(bench: Bench) -> None:
    key = bench.key(AUTHENTICATE)
    signature = bench.card.sign(key, MESSAGE * 100, bytearray(PIN))
    check_signature(key.public, MESSAGE * 100, signature)


def test_uses_and_origin_of_keys(bench: Bench) -> None:
    keys = bench.card.keys()
    assert [key.use for key in keys] == [
        Use.SIGN | Use.CERTIFY,
        Use.DECRYPT,
        Use.SIGN | Use.AUTHENTICATE,
    ]
    assert all(key.fingerprint and key.created for key in keys)


def test_keys_do_only_what_they_are_for(bench: Bench) -> None:
    with pytest.raises(NotSupported):
        bench.card.sign(bench.key(DECRYPT), MESSAGE, bytearray(PIN))
    with pytest.raises(NotSupported):
        bench.card.decrypt(bench.key(SIGN), bytes(32), bytearray(PIN))
    assert bench.tries() == 3


def test_attributes_that_change_are_read_afresh(bench: Bench) -> None:
    wanted = [Attribute.SIG_COUNTER, Attribute.CHV_STATUS, Attribute.DISP_LANG]
    before = bench.card.attributes(wanted)
    bench.use(SIGN, PIN)
    after = bench.card.attributes(wanted)
    assert after[Attribute.SIG_COUNTER] == b"\0\0\1"
    assert before[Attribute.SIG_COUNTER] == b"\0\0\0"


def test_private_objects_are_read_when_their_pin_is_verified(tmp_path: Path) -> None:
    card = make_card(tmp_path / "card", {})
    card.power_on()
    issue(card, *ADMIN, put(0x0103, b"three"), put(0x0104, b"four"))
    card.power_off()
    bench, wanted = Bench(VirtualLink(card)), [Attribute.PRIVATE_DO_3, Attribute.PRIVATE_DO_4]
    assert bench.card.attributes(wanted) == {}
    bench.card.verify_pin(PinRef.PW1_82, bytearray(PIN))
    assert bench.card.attributes(wanted) == {Attribute.PRIVATE_DO_3: b"three"}
    bench.card.verify_pin(PinRef.PW3, bytearray(b"12345678"))
    assert bench.card.attributes(wanted)[Attribute.PRIVATE_DO_4] == b"four"


def test_random(bench: Bench) -> None:
    assert bench.card.random(0) == b""
    assert len(set(bench.card.random(600))) > 100
    assert bench.sent(lambda: bench.card.random(600)) == [0x84] * 3


def test_raw_apdus(bench: Bench) -> None:
    assert bench.card.transmit(bytes.fromhex("00CA004F00"))[-2:] == b"\x90\x00"
    assert bench.card.transmit(bytes.fromhex("00F1000000")) == b"\x6d\x00"
    with pytest.raises(BadInput):
        bench.card.transmit(b"\0\xca\0")


def test_raw_apdu_that_only_reads_leaves_the_pin(bench: Bench) -> None:
    bench.use(SIGN, PIN)
    bench.card.transmit(bytes.fromhex("00CA006E00"))
    assert bench.sent(lambda: bench.use(SIGN)) == [PSO]


def test_raw_apdu_may_have_changed_everything(bench: Bench) -> None:
    bench.use(SIGN, PIN)
    bench.card.transmit(bytes.fromhex("00A4040005A000000308"))
    assert not bench.card.is_verified(PinRef.PW1_81)
    assert bench.sent(lambda: bench.card.pin_for(bench.key(SIGN)))[0] == SELECT
    bench.use(SIGN, PIN)


def test_raw_apdus_follow_each_other(bench: Bench) -> None:
    apdus = [bytes.fromhex("00A4040005A000000308"), bytes.fromhex("00CA004F00")]
    assert bench.sent(lambda: [bench.card.transmit(apdu) for apdu in apdus]) == [SELECT, GET_DATA]


def test_no_such_key(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.card.certificate("OPENPGP.4")


def test_certificate(tmp_path: Path) -> None:
    der = self_signed()
    card = make_card(tmp_path / "card", CURVE25519_KEYS)
    card.power_on()
    size = len(der).to_bytes(2, "big").hex()
    issue(card, *ADMIN, f"00DA7F2100{size}{der.hex()}")
    bench = Bench(VirtualLink(card))
    found = bench.card.certificate(AUTHENTICATE)
    assert found is not None
    assert x509.load_der_x509_certificate(found) == x509.load_der_x509_certificate(der)
    assert bench.sent(lambda: bench.card.certificate(AUTHENTICATE)) == []


class CertificatesLink(VirtualLink):
    """A card with three certificates.  ``prefix``: what it wants before the data of SELECT DATA,
    as YubiKeys before 5.4.3 do."""

    prefix = b""
    occurrence = 0

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        command = bytes(apdu)
        if command[1] == 0xA5:
            self.sent.append(command)
            if command[5:] != self.prefix + bytes.fromhex("60045C027F21"):
                return b"\x6a\x80"
            self.occurrence = command[2]
            return b"\x90\x00"
        if command[1:4] == b"\xca\x7f\x21":
            self.sent.append(command)
            return tlv.encode(0x30, bytes([4, 1, self.occurrence])) + b"\x90\x00"
        return super().transmit(command)


@pytest.mark.parametrize("prefix", [b"", b"\6"])
def test_certificates_of_all_keys(tmp_path: Path, prefix: bytes) -> None:
    link = CertificatesLink(make_card(tmp_path / "card", {}))
    link.prefix = prefix
    bench = Bench(link)
    found = [bench.card.certificate(ref) for ref in (SIGN, DECRYPT, AUTHENTICATE)]
    # OpenPGP card 3.4 section 7.2.7: occurrence 0 is that of the authentication key.
    assert found == [tlv.encode(0x30, bytes([4, 1, occurrence])) for occurrence in (2, 1, 0)]


def test_refused_private_object_is_asked_for_again(tmp_path: Path) -> None:
    card = make_card(tmp_path / "card", {})
    card.power_on()
    issue(card, *ADMIN, put(0x0103, b"three"))
    card.power_off()
    link = Faulty(card)
    bench = Bench(link)
    bench.card.verify_pin(PinRef.PW1_82, bytearray(PIN))
    link.strike(GET_DATA, b"\x69\x82")
    assert bench.card.attributes([Attribute.PRIVATE_DO_3]) == {}
    assert bench.card.attributes([Attribute.PRIVATE_DO_3]) == {Attribute.PRIVATE_DO_3: b"three"}
