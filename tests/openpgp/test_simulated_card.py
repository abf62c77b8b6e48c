"""The simulated card against recordings of real ones, pyca/cryptography, and its specification.

That GnuPG can use it is in tests/system/test_simulated_card.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (
    ec,
    ed448,
    ed25519,
    padding,
    rsa,
    utils,
    x448,
    x25519,
)

from tests.bed.simulated import PRESETS, Profile, SimulatedCard
from tests.bed.simulated.algorithms import OIDS, curve_bytes, rsa_bytes
from tests.bed.simulated.keys import WEIERSTRASS
from tests.bed.simulated.tlv import encode, header, only, parse
from tests.openpgp.links import Recording
from tests.openpgp.raw import OK, SELECT, Hand

RECORDED = ("canokey", "fluffy", "gnuk", "smartpgp", "ykneo")
MODERN = PRESETS["modern"]
USER, ADMIN, WRONG = b"123456", b"12345678", b"654321"
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_CRT = {1: b"\xb6\0", 2: b"\xb8\0", 3: b"\xa4\0"}


def hand(profile: Profile = MODERN, **changes: Any) -> Hand:
    return Hand(SimulatedCard(replace(profile, **changes)))


def card_of(holder: Hand) -> SimulatedCard:
    assert isinstance(holder.card, SimulatedCard)
    return holder.card


def tries(holder: Hand) -> list[int]:
    return list(holder.get(0xC4).data[4:])


def generate(holder: Hand, slot: int, attributes: bytes | None = None) -> bytes:
    """Content of 7F49."""
    holder.admin()
    if attributes is not None:
        assert holder.put(0xC0 + slot, attributes) == OK
        holder.admin()
    answer = holder.send("00478000", _CRT[slot])
    assert answer.sw == OK
    return only(0x7F49, answer.data)


# Beside real cards


@pytest.mark.parametrize("name", RECORDED)
def test_answers_are_those_of_the_real_card(name: str) -> None:
    """To the byte: selection, every data object in short and extended form, PIN status, keys."""
    recording = Recording.load(f"{name}-empty.apdu")
    card = SimulatedCard(PRESETS[name])
    card.power_on()
    assert card.get_atr() == recording.atr
    assert len(recording.exchanges) > 40
    for request, answer in recording.exchanges:
        assert (request.hex(), card.process_apdu(request).hex()) == (request.hex(), answer.hex())


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_tells_who_it_is(name: str) -> None:
    holder, profile = hand(PRESETS[name]), PRESETS[name]
    aid = holder.get(0x4F).data
    assert aid.hex().startswith(f"d27600012401{profile.version:04x}{profile.manufacturer:04x}")
    atr = holder.card.get_atr()
    check = 0
    for octet in atr[1:]:
        check ^= octet
    assert check == 0 or profile.atr is not None


# PINs


def test_wrong_pin_costs_a_try_and_the_right_one_gives_them_back() -> None:
    holder = hand()
    assert holder.verify(0x81, WRONG) == 0x6982
    assert tries(holder) == [2, 0, 3]
    assert holder.verify(0x82, WRONG) == 0x6982
    assert tries(holder) == [1, 0, 3]
    assert holder.raw("00200081").sw == 0x63C1
    assert holder.verify(0x82, USER) == OK
    assert tries(holder) == [3, 0, 3]
    assert card_of(holder).verifications == {"PW1": 3}


def test_blocked_pin_takes_no_pin_any_more() -> None:
    holder = hand()
    assert [holder.verify(0x83, b"87654321") for _ in range(3)] == [0x6982] * 3
    assert holder.verify(0x83, ADMIN) == 0x6983
    assert holder.raw("00200083").sw == 0x6983
    assert tries(holder) == [3, 0, 0]


def test_both_uses_of_pw1_are_verified_apart_and_a_wrong_pin_drops_its_own() -> None:
    holder = hand()
    assert holder.verify(0x81, USER) == OK
    assert (holder.is_verified(0x81), holder.is_verified(0x82)) == (True, False)
    assert holder.verify(0x82, USER) == OK
    assert holder.verify(0x81, WRONG) == 0x6982
    assert (holder.is_verified(0x81), holder.is_verified(0x82)) == (False, True)


@pytest.mark.parametrize("how", ["power", "select", "drop"])
def test_verification_ends(how: str) -> None:
    holder = hand().user()
    if how == "power":
        holder.card.power_off()
        assert Hand(holder.card).raw("00200082").sw == 0x63C3
    elif how == "select":
        holder.raw(SELECT)
    else:
        assert holder.raw("0020FF82").sw == OK
    assert not holder.is_verified(0x82)
    assert holder.is_verified(0x81) == (how == "drop")


def test_version_2_cannot_drop_a_pin() -> None:
    assert hand(PRESETS["v2"]).raw("0020FF82").sw == 0x6B00


@pytest.mark.parametrize(
    ("short_pin", "sw", "left"), [(0x6700, 0x6700, 3), (0x6A80, 0x6A80, 3), (None, 0x6982, 2)]
)
def test_short_pin(short_pin: int | None, sw: int, left: int) -> None:
    holder = hand(short_pin=short_pin)
    assert holder.verify(0x81, b"1234") == sw
    assert tries(holder)[0] == left


@pytest.mark.parametrize(("wrong_pin", "sw"), [(0x6982, 0x6982), (0x63C0, 0x63C2)])
def test_wrong_pin(wrong_pin: int, sw: int) -> None:
    assert hand(wrong_pin=wrong_pin).verify(0x81, WRONG) == sw


def test_change_splits_by_the_length_of_the_right_old_pin() -> None:
    holder = hand()
    assert holder.change(0x81, b"12345", b"6new-one") == OK  # the right one all the same
    assert holder.verify(0x81, b"new-one") == OK
    assert holder.change(0x81, b"new", b"1234567") == 0x6982
    assert tries(holder)[0] == 2
    assert not holder.is_verified(0x82)
    assert holder.change(0x81, b"new-one", b"short") == 0x6700
    assert tries(holder)[0] == 3
    assert holder.verify(0x81, b"new-one") == OK
    assert holder.change(0x83, ADMIN, b"another one") == OK
    assert holder.verify(0x83, b"another one") == OK
    assert holder.change(0x82, b"new-one", USER) == 0x6A88  # section 7.2.3: PW1 is P2 81


def test_change_drops_what_was_verified() -> None:
    holder = hand().user().admin()
    assert holder.change(0x81, USER, b"234567") == OK
    assert [holder.is_verified(p2) for p2 in (0x81, 0x82, 0x83)] == [False, False, True]


def test_admin_resets_a_blocked_pin() -> None:
    holder = hand()
    for _ in range(3):
        holder.verify(0x81, WRONG)
    assert holder.reset(b"111111") == 0x6982
    holder.admin()
    assert holder.reset(b"11111") == 0x6700
    assert holder.reset(b"111111") == OK
    assert tries(holder)[0] == 3
    assert holder.verify(0x81, b"111111") == OK


def test_resetting_code() -> None:
    holder = hand().admin()
    assert holder.reset(b"resetting" + USER, by_code=True) == 0x6983  # none is set
    assert holder.put(0xD3, b"1234567") == 0x6700
    assert holder.put(0xD3, b"resetting") == OK
    assert tries(holder) == [3, 3, 3]
    assert holder.reset(b"restating" + b"222222", by_code=True) == 0x6982
    assert tries(holder) == [3, 2, 3]
    assert holder.reset(b"resetting" + b"222222", by_code=True) == OK
    assert tries(holder) == [3, 3, 3]
    assert holder.verify(0x82, b"222222") == OK
    assert holder.put(0xD3, b"") == OK
    assert tries(holder) == [3, 0, 3]
    assert card_of(holder).verifications == {"PW3": 1, "RC": 3, "PW1": 1}


def test_version_1_has_two_user_pins() -> None:
    holder = hand(PRESETS["v1"])
    assert holder.verify(0x82, WRONG) == 0x6982
    assert tries(holder) == [3, 2, 3]
    assert holder.verify(0x81, USER) == OK
    assert holder.raw(b"\x00\x24\x01\x81\x06777777").sw == OK  # the new one alone
    assert holder.raw(b"\x00\x24\x01\x82\x06777777").sw == 0x6982
    holder.admin()
    assert holder.raw(b"\x00\x2c\x02\x82\x06777777").sw == OK
    assert holder.verify(0x82, b"777777") == OK
    assert holder.verify(0x81, b"777777") == OK


@pytest.mark.parametrize("verified", [True, False])
def test_terminate_and_activate(verified: bool) -> None:
    holder = hand().admin()
    fresh = SimulatedCard().snapshot()
    assert holder.put(0x5B, b"Doe<<Jane") == OK
    if not verified:
        assert holder.raw(SELECT).sw == OK
        assert holder.raw("00E60000").sw == 0x6985
        for p2, pin in ((0x81, WRONG), (0x83, b"wrong one")):
            assert [holder.verify(p2, pin) for _ in range(3)] == [0x6982] * 3
    assert holder.raw("00E60000").sw == OK
    holder.card.power_off()
    again = Hand(holder.card, select=False)
    assert again.raw(SELECT).sw == 0x6285
    assert again.get(0x4F).sw == 0x6985
    assert again.raw("00440000").sw == OK
    assert again.raw("00440000").sw == OK  # no harm to a card that lives
    assert card_of(again).snapshot() == fresh
    assert again.verify(0x83, ADMIN) == OK


def test_some_cards_cannot_be_terminated() -> None:
    assert hand(PRESETS["v1"]).admin().raw("00E60000").sw == 0x6D00


# Data objects


def test_private_objects_have_four_conditions() -> None:
    holder = hand()
    expected = {0x0101: (OK, 0x82), 0x0102: (OK, 0x83), 0x0103: (0x82, 0x82), 0x0104: (0x83, 0x83)}
    for tag, (read, write) in expected.items():
        holder.raw(SELECT)
        assert holder.put(tag, b"x") == 0x6982
        assert holder.get(tag).sw == (OK if read == OK else 0x6982)
        assert holder.verify(write, USER if write == 0x82 else ADMIN) == OK
        assert holder.put(tag, b"secret") == OK
        assert holder.get(tag).data == b"secret"
    written = card_of(holder).snapshot()
    assert [written[tag] for tag in expected] == [b"secret"] * 4


@pytest.mark.parametrize(
    ("tag", "good", "bad"),
    [
        (0x5B, b"n" * 39, b"n" * 40),
        (0x5F2D, b"deen", b"d"),
        (0x5F35, b"1", b"12"),
        (0xC7, bytes(20), bytes(21)),
        (0xCB, bytes(20), bytes(19)),
        (0xCF, bytes(4), bytes(5)),
        (0xC4, b"\1", b"\1\x7f"),
        (0xD5, bytes(32), bytes(31)),
        (0xD7, b"\1\x20", b"\1"),
    ],
)
def test_lengths_and_pw3(tag: int, good: bytes, bad: bytes) -> None:
    holder = hand()
    assert holder.put(tag, good) == 0x6982
    holder.admin()
    assert holder.put(tag, good) == OK
    assert holder.put(tag, bad) == 0x6700


def test_long_objects() -> None:
    holder = hand().admin()
    url = b"u" * 2048
    assert holder.send("00DA5F50", url, le=None).sw == OK
    assert holder.send("00CA5F50").data == url
    assert holder.chain("00DA5F50", url + b"u").sw == 0x6700
    assert holder.send("00CA5F50").data == url


@pytest.mark.parametrize("tag", [0x4F, 0xC0, 0xC5, 0x93, 0xFA])
def test_what_the_card_makes_itself_is_not_written(tag: int) -> None:
    assert hand().admin().put(tag, bytes(16)) == 0x6982


@pytest.mark.parametrize("absent", [0x6A88, 0x6A83])
def test_absent_object(absent: int) -> None:
    holder = hand(absent=absent, kdf=False).admin()
    assert holder.get(0xF9).sw == holder.get(0x1234).sw == absent
    assert holder.put(0xF9, b"\x81\1\0") == absent


def test_objects_with_and_without_their_tag() -> None:
    wrapped, bare = hand(), hand(wrapped=frozenset())
    for tag in (0x65, 0x7A):
        assert only(tag, wrapped.get(tag).data) == bare.get(tag).data
    assert only(0x6E, wrapped.send("00CA006E").data) == bare.send("00CA006E").data


def test_uif_in_73_or_behind_it() -> None:
    behind = replace(
        MODERN,
        wrapped=frozenset(),
        application=(0x4F, 0x5F52, 0x73, 0xD6, 0xD7, 0xD8),
        discretionary=(0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xCD),
    )
    for profile, place in ((replace(MODERN, wrapped=frozenset()), 0x73), (behind, 0x6E)):
        outer = dict(parse(hand(profile).send("00CA006E").data))
        inner = dict(parse(outer[0x73]))
        assert (0xD6 in inner, 0xD6 in outer) == (place == 0x73, place == 0x6E)


@pytest.mark.parametrize("padding_length", [0, 20])
def test_algorithm_information(padding_length: int) -> None:
    content = hand(algorithm_information_padding=padding_length).send("00CA00FA").data
    assert content.endswith(bytes(padding_length))
    listed = parse(content[: len(content) - padding_length])
    names = [name for name in OIDS if name not in ("cv25519", "x448")]
    assert [value for tag, value in listed if tag == 0xC1][-9:] == [
        curve_bytes(name, 1) for name in names
    ]
    assert hand(algorithm_information=False).get(0xFA).sw == 0x6A88


def test_three_certificates() -> None:
    holder = hand().admin()
    certificates = [bytes([0x30, 0x82, 7, 0xFC, *[number] * 2044]) for number in range(3)]
    for number, certificate in enumerate(certificates):
        assert holder.raw(f"00A50{number:X}0406 60045C027F21 00").sw == OK
        assert holder.send("00DA7F21", certificate, le=None).sw == OK
    assert holder.raw("00A5030406 60045C027F21 00").sw == 0x6A88
    assert holder.raw("00A5000405 60035C015E 00").sw == 0x6A88
    assert holder.raw("00A5000406 60045C027F21").sw == OK
    assert holder.send("00CA7F21").data == certificates[0]
    assert [holder.send("00CC7F21").data for _ in range(2)] == certificates[1:]
    assert holder.send("00CC7F21").sw == 0x6A88
    holder.raw(SELECT)
    assert holder.send("00CA7F21").data == certificates[0]
    assert holder.admin().send("00DA7F21", bytes(2049), le=None).sw == 0x6700
    found = card_of(holder).snapshot()
    assert [found[tag] for tag in (0x7F21, 0x7F2101, 0x7F2102)] == certificates


def test_one_certificate_or_none() -> None:
    assert hand(PRESETS["v2"]).raw("00A5000406 60045C027F21").sw == 0x6D00
    assert hand(certificates=0).get(0x7F21).sw == 0x6A88


def test_touch_flag_for_good() -> None:
    holder = hand().admin()
    assert holder.put(0xD6, b"\3\x20") == 0x6A80
    assert holder.put(0xD6, b"\2\x20") == OK
    assert holder.put(0xD6, b"\0\x20") == 0x6985
    assert hand(button=False).admin().put(0xD6, b"\1\x20") == 0x6A88


KDF_OBJECT = (
    bytes.fromhex("810103 820108 830400000100 8408") + b"saltsalt"
    + encode(0x87, b"u" * 32) + encode(0x88, b"a" * 32)
)  # fmt: skip


def test_kdf_object_that_sets_the_pins() -> None:
    holder = hand(kdf_sets_pins=True).admin()
    assert holder.put(0xF9, KDF_OBJECT) == OK
    assert not holder.is_verified(0x83)
    assert holder.verify(0x83, ADMIN) == 0x6982
    assert holder.verify(0x83, b"a" * 32) == OK
    assert holder.verify(0x81, b"u" * 32) == OK
    assert holder.put(0xF9, bytes.fromhex("810100")) == OK
    assert holder.verify(0x83, ADMIN) == OK


def test_kdf_object_that_sets_no_pin() -> None:
    holder = hand().admin()
    assert holder.put(0xF9, b"\x81\1\3") == 0x6A80
    assert holder.put(0xF9, KDF_OBJECT) == OK
    assert holder.get(0xF9).data == KDF_OBJECT
    assert holder.verify(0x83, ADMIN) == OK


def test_snapshots_tell_cards_apart() -> None:
    one, other = hand(), hand()
    assert card_of(one).snapshot() == card_of(other).snapshot()
    one.admin().put(0x0104, b"x")
    differing = card_of(one).snapshot().items() ^ card_of(other).snapshot().items()
    assert {tag for tag, _ in differing} == {0x0104}


# Transport


def test_chained_and_extended_commands_do_the_same() -> None:
    holder = hand().admin()
    content = bytes(range(256)) * 2
    assert holder.chain("00DA0102", content).sw == OK
    assert holder.send("00CA0102").data == content
    assert holder.send("00DA0104", content, le=None).sw == OK
    assert holder.send("00CA0104").data == content


def test_another_command_ends_a_chain() -> None:
    holder = hand().admin()
    assert holder.raw("10DA0102024142").sw == OK
    assert holder.get(0x4F).sw == OK
    assert holder.raw("00DA01020143").sw == OK
    assert holder.get(0x0102).data == b"C"


def test_long_answers_come_in_pieces() -> None:
    holder = hand().admin()
    holder.chain("00DA0102", b"x" * 600)
    first = holder.get(0x0102)
    assert (len(first.data), first.sw) == (256, 0x6100)
    second = holder.raw("00C0000000")
    assert (len(second.data), second.sw) == (256, 0x6158)
    third = holder.raw("00C0000050")
    assert (len(third.data), third.sw) == (0x50, 0x6108)
    assert holder.raw("00C0000008").sw == OK
    assert holder.raw("00C0000008").sw == 0x6985


def test_answer_that_is_not_fetched_is_gone() -> None:
    holder = hand()
    assert holder.get(0x6E).sw >> 8 == 0x61
    holder.get(0x4F)
    assert holder.raw("00C0000000").sw == 0x6985


def test_exact_le() -> None:
    holder = hand(exact_le=True)
    assert (holder.get(0x4F).sw, holder.get(0x4F).data) == (0x6C10, b"")
    assert len(holder.raw("00CA004F10").data) == 16


def test_exact_le_of_a_chain() -> None:
    holder = hand(exact_le=True)
    generate(holder, 2, curve_bytes("cv25519", 2))
    data = cipher_object(peer_of("cv25519"))
    holder.user()
    assert holder.raw(bytes.fromhex("102A808610") + data[:16]).sw == OK
    last = bytes.fromhex("002A8086") + bytes([len(data) - 16]) + data[16:]
    assert holder.raw(last + b"\0").sw == 0x6C20
    assert len(holder.raw(last + b"\x20").data) == 32


def test_exact_le_does_nothing_twice() -> None:
    holder = hand(exact_le=True)
    generate(holder, 1, curve_bytes("ed25519", 1))
    holder.user()
    assert holder.raw("002A9E9A024142 00").sw == 0x6C40
    assert len(holder.raw("002A9E9A024142 40").data) == 64
    assert holder.raw("00CA009303").data == b"\0\0\1"


@pytest.mark.parametrize(
    ("changes", "apdu", "sw"),
    [
        ({"extended_length": False}, "00CA004F000000", 0x6700),
        ({"extended_length": False, "no_extended": 0x6F00}, "00CA004F000000", 0x6F00),
        ({"chaining": False}, "10DA00C70100", 0x6884),
        ({}, "0CCA004F00", 0x6882),
        ({}, "80CA004F00", OK),
        ({"any_class": False}, "80CA004F00", 0x6E00),
        ({}, "40CA004F00", 0x6E00),
        ({}, "00CA00", 0x6700),
        ({}, "00DA005B054142", 0x6700),
        ({}, "00990000", 0x6D00),
        ({}, "00A4040006D27600012402", 0x6A82),
        ({}, "00A4040005D276000124", OK),
        ({}, "00A40400 10 D2760001240103 04FF00000000010000", OK),
        ({"whole_aid": False}, "00A40400 10 D2760001240103 04FF00000000010000", 0x6A82),
    ],
)
def test_what_is_not_understood(changes: dict[str, Any], apdu: str, sw: int) -> None:
    assert hand(**changes).raw(apdu).sw == sw


def test_chain_that_is_too_long() -> None:
    holder = hand(chain_buffer=512, chain_overflow=0x6581).admin()
    assert holder.chain("00DA5F50", bytes(600)).sw == 0x6581
    assert holder.put(0x5F50, b"") == OK


def test_nothing_is_understood_before_select_or_after_that_of_another() -> None:
    holder = Hand(SimulatedCard(PRESETS["canokey"]), select=False)
    assert holder.get(0x4F).sw == 0x6D00
    assert holder.raw(SELECT).sw == OK
    assert holder.raw("00A4040005A000000308").sw == OK
    assert holder.get(0x4F).sw == 0x6D00


# Keys

CURVE_NAMES = list(OIDS)
Native = (
    ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | x25519.X25519PrivateKey
    | x448.X448PrivateKey
)
_NATIVE: dict[str, Callable[[], Native]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "cv25519": x25519.X25519PrivateKey.generate,
    "x448": x448.X448PrivateKey.generate,
}


def secret_of(name: str) -> tuple[bytes, bytes]:
    """A new secret as it is imported, and the point that belongs to it."""
    if name in WEIERSTRASS:
        private = ec.generate_private_key(WEIERSTRASS[name])
        size = (private.key_size + 7) // 8
        point = private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return private.private_numbers().private_value.to_bytes(size, "big"), point
    native = _NATIVE[name]()
    secret = native.private_bytes_raw()
    point = native.public_key().public_bytes_raw()
    return (secret[::-1] if name == "cv25519" else secret), point


def template(slot: int, *fields: tuple[int, bytes]) -> bytes:
    """Extended header list (section 4.4.3.12)."""
    lengths = b"".join(header(tag, len(value)) for tag, value in fields)
    values = b"".join(value for _, value in fields)
    return encode(0x4D, _CRT[slot] + encode(0x7F48, lengths) + encode(0x5F48, values))


def use(holder: Hand, slot: int, name: str, point: bytes) -> None:
    """Sign or agree on a secret, and check with the public key alone."""
    holder.user()
    if slot == 2:
        check_agreement(holder, name, point)
        return
    digest = hashlib.sha512(b"message").digest()
    command = "002A9E9A" if slot == 1 else "00880000"
    check_signature(name, point, digest, holder.send(command, digest).data)


def cipher_object(point: bytes) -> bytes:
    return encode(0xA6, encode(0x7F49, encode(0x86, point)))


def peer_of(name: str) -> bytes:
    return secret_of(name)[1]


def check_signature(name: str, point: bytes, digest: bytes, signature: bytes) -> None:
    if name == "ed25519":
        ed25519.Ed25519PublicKey.from_public_bytes(point).verify(signature, digest)
    elif name == "ed448":
        ed448.Ed448PublicKey.from_public_bytes(point).verify(signature, digest)
    else:
        half = len(signature) // 2
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        public = ec.EllipticCurvePublicKey.from_encoded_point(WEIERSTRASS[name], point)
        algorithm = ec.ECDSA(utils.Prehashed(hashes.SHA512()))
        public.verify(utils.encode_dss_signature(r, s), digest, algorithm)


def check_agreement(holder: Hand, name: str, point: bytes) -> None:
    if name == "cv25519":
        mine = x25519.X25519PrivateKey.generate()
        expected = mine.exchange(x25519.X25519PublicKey.from_public_bytes(point))
        sent = mine.public_key().public_bytes_raw()
    elif name == "x448":
        other = x448.X448PrivateKey.generate()
        expected = other.exchange(x448.X448PublicKey.from_public_bytes(point))
        sent = other.public_key().public_bytes_raw()
    else:
        ours = ec.generate_private_key(WEIERSTRASS[name])
        public = ec.EllipticCurvePublicKey.from_encoded_point(WEIERSTRASS[name], point)
        expected = ours.exchange(ec.ECDH(), public)
        sent = ours.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
    assert holder.send("002A8086", cipher_object(sent)).data == expected


def slots_of(name: str) -> list[int]:
    if name in ("ed25519", "ed448"):
        return [1, 3]
    return [2] if name in ("cv25519", "x448") else [1, 2, 3]


@pytest.mark.parametrize("name", CURVE_NAMES)
def test_curve_keys_are_made_and_used(name: str) -> None:
    holder = hand()
    for slot in slots_of(name):
        point = only(0x86, generate(holder, slot, curve_bytes(name, slot)))
        use(holder, slot, name, point)
        assert only(0x7F49, holder.send("00478100", _CRT[slot]).data) == encode(0x86, point)
    assert holder.get(0xDE).data == bytes(
        octet for slot in (1, 2, 3) for octet in (slot, int(slot in slots_of(name)))
    )


@pytest.mark.parametrize("name", CURVE_NAMES)
def test_curve_keys_are_imported_and_used(name: str) -> None:
    holder = hand().admin()
    slot = slots_of(name)[-1]
    assert holder.put(0xC0 + slot, curve_bytes(name, slot)) == OK
    secret, point = secret_of(name)
    assert holder.send("00DB3FFF", template(slot, (0x92, secret)), le=None).sw == OK
    assert only(0x7F49, holder.send("00478100", _CRT[slot]).data) == encode(0x86, point)
    use(holder, slot, name, point)
    assert holder.get(0xDE).data[2 * slot - 1] == 2


@pytest.mark.parametrize("wanted", [b"\xff", b""])
@pytest.mark.parametrize("always", [True, False])
def test_public_point_is_wanted_on_import(wanted: bytes, always: bool) -> None:
    holder = hand(point_wanted=always).admin()
    assert holder.put(0xC1, curve_bytes("nistp256", 1) + wanted) == OK
    secret, point = secret_of("nistp256")
    required = bool(wanted) or always
    alone = holder.send("00DB3FFF", template(1, (0x92, secret)), le=None).sw
    assert alone == (0x6A80 if required else OK)
    other = secret_of("nistp256")[1]
    with_other = template(1, (0x92, secret), (0x99, other))
    assert holder.send("00DB3FFF", with_other, le=None).sw == 0x6A80
    assert holder.send("00DB3FFF", template(1, (0x92, secret), (0x99, point)), le=None).sw == OK


def test_imports_that_are_refused() -> None:
    holder = hand()
    secret, _ = secret_of("nistp256")
    good = template(1, (0x92, secret))
    assert holder.send("00DB3FFF", good, le=None).sw == 0x6982
    holder.admin().put(0xC1, curve_bytes("nistp256", 1))
    for bad in (
        good + b"\0",
        good[:-1],
        template(1, (0x92, secret[1:])),
        template(1, (0x92, bytes(32))),
        template(1, (0x91, b"\0\1\0\1"), (0x92, secret)),
        good.replace(b"\xb6\0", b"\xb7\0"),
        encode(0x4D, b"\xb6\0"),
        b"",
    ):
        assert holder.send("00DB3FFF", bad, le=None).sw in (0x6A80, 0x6700)
    assert holder.get(0xDE).data[1] == 0
    assert holder.send("00DB3FFE", good, le=None).sw == 0x6B00
    assert holder.send("00DB3FFF", good, le=None).sw == OK


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateNumbers:
    """Of the size that is quickest."""
    return rsa.generate_private_key(65537, 1024).private_numbers()  # noqa: S505


def rsa_fields(key: rsa.RSAPrivateNumbers, form: int) -> list[tuple[int, bytes]]:
    e, n = key.public_numbers.e, key.public_numbers.n
    fields = [(0x91, e.to_bytes(4, "big")), (0x92, key.p.to_bytes(64)), (0x93, key.q.to_bytes(64))]
    if form in (2, 3):
        crt = (key.iqmp, key.dmp1, key.dmq1)
        fields += [
            (tag, value.to_bytes(64)) for tag, value in zip((0x94, 0x95, 0x96), crt, strict=True)
        ]
    return fields + ([(0x97, n.to_bytes(128))] if form in (1, 3) else [])


@pytest.mark.parametrize("form", range(4))
def test_rsa_is_imported_in_its_format_alone(form: int, rsa_key: rsa.RSAPrivateNumbers) -> None:
    holder = hand().admin()
    assert holder.put(0xC2, rsa_bytes(1024, 32, form)) == OK
    for other in range(4):
        fields = rsa_fields(rsa_key, other)
        sw = holder.chain("00DB3FFF", template(2, *fields)).sw
        assert sw == (OK if other == form else 0x6A80)
    broken = [*rsa_fields(rsa_key, form)[:-1], (0x93 if form == 0 else 0x97, bytes(64))]
    assert holder.chain("00DB3FFF", template(2, *broken)).sw == 0x6A80
    check_decryption(holder, rsa_key.public_numbers.public_key())


def check_decryption(holder: Hand, public: rsa.RSAPublicKey) -> None:
    holder.user()
    cryptogram = public.encrypt(b"secret", padding.PKCS1v15())
    assert holder.send("002A8086", b"\0" + cryptogram).data == b"secret"
    assert holder.send("002A8086", cryptogram).sw in (0x6A80, 0x6700)
    assert holder.send("002A8086", b"\0" + cryptogram[:-1]).sw == 0x6700
    garbage = (1).to_bytes(len(cryptogram), "big")
    assert holder.send("002A8086", b"\0" + garbage).sw == 0x6A80


@pytest.mark.parametrize("bits", [1024, 2048, 3072, 4096])
def test_rsa_keys_are_made_and_used(bits: int) -> None:
    holder = hand()
    fields = dict(parse(generate(holder, 1, rsa_bytes(bits, 32, 0))))
    assert len(fields[0x81]) == bits // 8
    assert fields[0x82] == b"\0\1\0\1"
    public = rsa.RSAPublicNumbers(65537, int.from_bytes(fields[0x81], "big")).public_key()
    holder.user()
    info = SHA256_INFO + hashlib.sha256(b"message").digest()
    signature = holder.send("002A9E9A", info).data
    public.verify(signature, b"message", padding.PKCS1v15(), hashes.SHA256())


def test_rsa_signs_digest_infos_of_no_more_than_forty_percent(
    rsa_key: rsa.RSAPrivateNumbers,
) -> None:
    holder = hand().admin()
    for slot in (1, 3):
        assert holder.put(0xC0 + slot, rsa_bytes(1024, 32, 0)) == OK
        assert holder.send("00DB3FFF", template(slot, *rsa_fields(rsa_key, 0)), le=None).sw == OK
    holder.user()
    assert holder.send("002A9E9A", bytes(20)).sw == 0x6A80  # the bare hash
    assert holder.send("00880000", bytes(51)).sw == OK
    assert holder.send("00880000", bytes(52)).sw == 0x6700
    assert holder.send("00880000", b"").sw == 0x6700


def test_version_1_imports_in_its_own_way(rsa_key: rsa.RSAPrivateNumbers) -> None:
    holder = hand(PRESETS["v1"])
    key = encode(0xC0, b"\0\1\0\1") + encode(0xC1, rsa_key.p.to_bytes(64))
    key += encode(0xC2, rsa_key.q.to_bytes(64))
    assert holder.put(0xE0, key) == 0x6982
    holder.admin()
    assert holder.put(0xE0, key[:-1]) == 0x6A80
    assert holder.put(0xE0, key) == OK
    assert holder.verify(0x81, USER) == OK
    info = bytes.fromhex("3021300906052b0e03021a05000414") + bytes(20)
    assert len(holder.raw(bytes.fromhex("002A9E9A23") + info + b"\0").data) == 128
    assert holder.verify(0x81, USER) == OK
    longer = SHA256_INFO + bytes(32)
    assert holder.raw(bytes.fromhex("002A9E9A33") + longer + b"\0").sw == 0x6700


def test_signature_counter_and_a_pin_for_each_signature() -> None:
    holder = hand()
    generate(holder, 1, curve_bytes("ed25519", 1))
    assert holder.send("002A9E9A", b"x").sw == 0x6982
    holder.user()
    assert holder.send("002A9E9A", b"x").sw == OK
    assert holder.send("002A9E9A", b"x").sw == 0x6982
    assert holder.is_verified(0x82)
    assert holder.put(0xC4, b"\1") == OK
    holder.user()
    assert [holder.send("002A9E9A", b"x").sw for _ in range(2)] == [OK, OK]
    assert only(0x93, only(0x7A, holder.get(0x7A).data)) == b"\0\0\3"
    generate(holder, 1)
    assert holder.get(0x93).data == b"\0\0\0"


def test_used_up_pin_in_other_words() -> None:
    holder = hand(used_up_pin=0x6985)
    generate(holder, 1, curve_bytes("ed25519", 1))
    assert holder.send("002A9E9A", b"x").sw == 0x6982
    assert holder.user().send("002A9E9A", b"x").sw == OK
    assert holder.send("002A9E9A", b"x").sw == 0x6985


def test_empty_slots() -> None:
    holder = hand(empty_slot=0x6F00, no_key=0x6A82).user()
    assert holder.send("00478100", _CRT[1]).sw == 0x6F00
    assert holder.send("002A9E9A", b"x").sw == 0x6A82
    assert holder.send("00880000", b"x").sw == 0x6A82
    assert holder.send("00478000", _CRT[1]).sw == 0x6982


@pytest.mark.parametrize("clears", [True, False])
@pytest.mark.parametrize("drops", [True, False])
def test_new_attributes_take_the_key(clears: bool, drops: bool) -> None:
    holder = hand(clears_fingerprints=clears, attributes_drop_pw3=drops)
    generate(holder, 3, curve_bytes("ed25519", 3))
    assert holder.put(0xC9, b"f" * 20) == OK
    assert holder.put(0xC3, curve_bytes("ed25519", 3)) == OK  # nothing new
    assert holder.get(0xDE).data[5] == 1
    holder.admin()
    assert holder.put(0xC3, curve_bytes("nistp256", 3)) == OK
    assert holder.is_verified(0x83) != drops
    assert holder.send("00478100", _CRT[3]).sw == 0x6A88
    assert holder.get(0xC5).data[40:] == (bytes(20) if clears else b"f" * 20)


@pytest.mark.parametrize(
    ("slot", "attributes"),
    [
        (1, curve_bytes("cv25519", 2)),
        (2, curve_bytes("nistp256", 1)),
        (1, rsa_bytes(2048, 32, 4)),
        (1, rsa_bytes(2040, 32, 0)),
        (1, rsa_bytes(2048, 32, None)),
        (1, b"\x13\x2a"),
        (1, b""),
    ],
)
def test_attributes_that_are_not_on_offer(slot: int, attributes: bytes) -> None:
    holder = hand().admin()
    assert holder.put(0xC0 + slot, attributes) == 0x6A80
    assert holder.get(0xC0 + slot).data == rsa_bytes(2048, 32, 0)


def test_attributes_that_are_fixed() -> None:
    assert (
        hand(PRESETS["v2"], attributes_changeable=False).admin().put(0xC1, rsa_bytes(4096, 32, 0))
        == 0x6982
    )
    ignoring = hand(PRESETS["ykneo"]).admin()
    assert ignoring.put(0xC1, rsa_bytes(4096, 17, 3)) == OK
    assert card_of(ignoring).snapshot()[0xC1] == rsa_bytes(2048, 17, 3)


def test_shared_secret_as_whole_point() -> None:
    holder = hand(whole_point=True)
    point = only(0x86, generate(holder, 2, curve_bytes("nistp384", 2)))
    mine = ec.generate_private_key(ec.SECP384R1())
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
    sent = mine.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    answer = holder.user().send("002A8086", cipher_object(sent)).data
    assert answer[:49] == b"\4" + mine.exchange(ec.ECDH(), public)
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), answer)


@pytest.mark.parametrize("name", ["nistp256", "cv25519"])
def test_points_that_are_none(name: str) -> None:
    holder = hand()
    generate(holder, 2, curve_bytes(name, 2))
    holder.user()
    good = peer_of(name)
    for data in (
        good,
        cipher_object(good[:-1]),
        cipher_object(b"\x40" + good),
        cipher_object(bytes(len(good))),
        cipher_object(good)[:-1],
        cipher_object(good) + b"\0",
    ):
        assert holder.send("002A8086", data).sw == 0x6A80


def test_aes_key() -> None:
    holder = hand().user()
    assert holder.send("002A8680", bytes(16)).sw == 0x6A88
    assert holder.admin().put(0xD5, bytes(range(16))) == OK
    cryptogram = holder.send("002A8680", b"sixteen bytes ok").data
    assert cryptogram[0] == 2
    assert holder.send("002A8086", cryptogram).data == b"sixteen bytes ok"
    assert hand(aes=False).user().send("002A8680", bytes(16)).sw == 0x6B00


def test_touch() -> None:
    holder = hand().admin()
    answers = [True, False]
    card_of(holder).touch = lambda: answers.pop(0)
    for slot, command in ((1, "002A9E9A"), (3, "00880000")):
        generate(holder, slot, curve_bytes("ed25519", slot))
        holder.user()
        assert holder.send(command, b"x").sw == OK  # nobody is asked
        assert holder.put(0xD5 + slot, b"\1\x20") == OK
        answers[:] = [True, False]
        assert holder.user().send(command, b"x").sw == OK
        assert holder.user().send(command, b"x").sw == 0x6600
    assert holder.get(0x93).data == b"\0\0\2"


def test_get_challenge() -> None:
    holder = hand(get_challenge=300)
    one, other = holder.raw("0084000020"), holder.raw("0084000020")
    assert len(one.data) == len(other.data) == 32
    assert one.data != other.data
    assert len(holder.send("00840000", le=300).data) == 300
    assert holder.send("00840000", le=301).sw == 0x6700
    assert hand(get_challenge=0).raw("0084000020").sw == 0x6D00


def test_yubikey_attests_what_it_made() -> None:
    holder = hand(PRESETS["yubikey5"])
    assert holder.raw("00F1000000").data == bytes([5, 4, 3])
    point = only(0x86, generate(holder, 1, curve_bytes("ed25519", 1)))
    assert holder.raw("80FB010000").sw == 0x6982
    holder.user()
    assert holder.raw("80FB020000").sw == 0x6A88
    assert holder.raw("80FB010000").sw == OK
    certificate = x509.load_der_x509_certificate(card_of(holder).snapshot()[0x7F2102])
    public = certificate.public_key()
    assert isinstance(public, ed25519.Ed25519PublicKey)
    assert public.public_bytes_raw() == point
    assert hand().raw("00F1000000").sw == 0x6D00


def test_yubikey_has_a_management_application() -> None:
    holder = hand(PRESETS["yubikey5"])
    assert holder.raw("00A4000C023F00").sw == 0x6D00
    assert holder.raw("00A4040008A000000527471117").sw == OK
    told = dict(parse(holder.raw("001D000000").data[1:]))
    assert int.from_bytes(told[0x02], "big") == 12345678
    assert told[0x05] == bytes([5, 4, 3])
