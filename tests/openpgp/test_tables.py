"""TLV, status words, data objects and algorithm attributes: vectors of the specifications."""

from __future__ import annotations

import pytest

from backends import errors
from backends.curves import CURVES, ED25519, NIST_P256, Curve, encode_oid
from backends.openpgp import tlv
from backends.openpgp.algorithms import parse_algorithm, parse_public_key
from backends.openpgp.data_objects import (
    DO,
    ExtendedCapabilities,
    HistoricalBytes,
    PWStatus,
    flatten,
    split,
)
from backends.openpgp.status import SW, is_ok, to_error
from backends.token import ECAlgorithm, ECPublicKey, RSAAlgorithm, RSAPublicKey


@pytest.mark.parametrize(
    ("encoded", "objects"),
    [
        ("", []),
        ("5B00", [(0x5B, "")]),
        ("5F3501395B0141", [(0x5F35, "39"), (0x5B, "41")]),
        ("0000C40100FFFF5E0142", [(0xC4, "00"), (0x5E, "42")]),
        ("7F49818101" + "00" * 128, [(0x7F49, "01" + "00" * 128)]),
        ("86820100" + "AB" * 256, [(0x86, "AB" * 256)]),
    ],
)
def test_tlv(encoded: str, objects: list[tuple[int, str]]) -> None:
    expected = [(tag, bytes.fromhex(value)) for tag, value in objects]
    assert list(tlv.parse(bytes.fromhex(encoded))) == expected


@pytest.mark.parametrize(
    "encoded", ["5B", "5B02", "5B0241", "5F", "7F81", "5B80", "5B85", "5B8201"]
)
def test_tlv_that_is_cut_off(encoded: str) -> None:
    with pytest.raises(errors.Broken):
        list(tlv.parse(bytes.fromhex(encoded)))


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 70000])
@pytest.mark.parametrize("tag", [0x5B, 0x7F49])
def test_tlv_encodes_what_it_parses(tag: int, size: int) -> None:
    value = bytes(range(1, 256)) * (size // 255 + 1)
    assert list(tlv.parse(tlv.encode(tag, value[:size]))) == [(tag, value[:size])]


def test_own_tag_is_taken_off_only_if_it_is_all() -> None:
    assert tlv.unwrap(0x6E, bytes.fromhex("6E02C400")) == bytes.fromhex("C400")
    for other in ("4F01006E00", "6E03C400", "6E00C400", ""):
        assert tlv.unwrap(0x6E, bytes.fromhex(other)) == bytes.fromhex(other)


@pytest.mark.parametrize(
    ("sw", "kind"),
    [
        (0x6285, errors.Terminated),
        (0x63C2, errors.BadPin),
        (0x6581, errors.HardwareFailure),
        (0x6600, errors.TimedOut),
        (0x6700, errors.BadInput),
        (0x6881, errors.Broken),
        (0x6882, errors.NotSupported),
        (0x6982, errors.PinNeeded),
        (0x6983, errors.PinBlocked),
        (0x6985, errors.UseRefused),
        (0x6A80, errors.BadInput),
        (0x6A81, errors.NotSupported),
        (0x6A82, errors.NotFound),
        (0x6A83, errors.NotFound),
        (0x6A88, errors.NotFound),
        (0x6B00, errors.BadInput),
        (0x6D00, errors.Broken),
        (0x6E00, errors.Broken),
        (0x6F00, errors.Broken),
    ],
)
def test_status_words(sw: int, kind: type[errors.TokenError]) -> None:
    assert not is_ok(sw)
    assert type(to_error(sw)) is kind


def test_every_named_status_word_has_a_meaning() -> None:
    for sw in SW:
        assert is_ok(sw) or "unexpected" not in str(to_error(sw))


def test_tries_in_the_status_word() -> None:
    error = to_error(0x63C2)
    assert isinstance(error, errors.BadPin)
    assert error.tries_left == 2


@pytest.mark.parametrize("own_tag", [True, False])
def test_application_related_data_on_one_level(own_tag: bool) -> None:
    inner = bytes.fromhex("4F01AA 7306C00101C10102 D6020020")
    found = flatten(DO.APPLICATION, tlv.encode(0x6E, inner) if own_tag else inner)
    assert found == {0x4F: b"\xaa", 0xC0: b"\x01", 0xC1: b"\x02", 0xD6: b"\x00\x20"}


def test_pw_status() -> None:
    status = PWStatus.parse(bytes.fromhex("0020FF400300 02"))
    assert status == PWStatus(False, (0x20, 0x7F, 0x40), (3, 0, 2))
    with pytest.raises(errors.Broken):
        PWStatus.parse(bytes(6))


@pytest.mark.parametrize(
    ("data", "chaining", "extended", "life"),
    [
        ("0031c573c0014005 9000", False, True, 5),  # CanoKey
        ("0031c573c0018005 9000", True, False, 5),
        ("0073c0408000 9000", True, False, 0),  # FluffyKaon
        ("00730000e005 9000", True, True, 5),  # YubiKey
        ("007300008000000000000000000000 9000", True, False, 0),  # YubiKey NEO
        ("0031c5 059000", False, False, 5),
        ("8031c573c0014005", False, False, 0),
        ("00", False, False, 0),
        ("", False, False, 0),
    ],
)
def test_historical_bytes(data: str, chaining: bool, extended: bool, life: int) -> None:
    parsed = HistoricalBytes.parse(bytes.fromhex(data))
    assert parsed == HistoricalBytes(chaining, extended, life)


def test_extended_capabilities_of_version_1_are_short() -> None:
    assert ExtendedCapabilities.parse(b"\x70") == ExtendedCapabilities(flags=0x70)


def test_split_takes_the_first_three_and_fills_up() -> None:
    assert split(b"aabbccdd", 2) == (b"aa", b"bb", b"cc")
    assert split(b"", 2) == (b"\0\0", b"\0\0", b"\0\0")


@pytest.mark.parametrize(
    ("oid", "encoded"),
    [
        ("1.2.840.10045.3.1.7", "2A8648CE3D030107"),
        ("1.3.132.0.10", "2B8104000A"),
        ("1.3.36.3.3.2.8.1.1.7", "2B2403030208010107"),
        ("1.3.6.1.4.1.11591.15.1", "2B06010401DA470F01"),
        ("1.3.6.1.4.1.3029.1.5.1", "2B060104019755010501"),
        ("1.3.101.113", "2B6571"),
    ],
)
def test_oids_of_the_card_specification(oid: str, encoded: str) -> None:
    assert encode_oid(oid).hex().upper() == encoded


@pytest.mark.parametrize(
    ("data", "algorithm"),
    [
        ("010800002000", RSAAlgorithm(2048, 32, 0)),
        ("0110000011 03", RSAAlgorithm(4096, 17, 3)),
        ("0108000020", RSAAlgorithm(2048, 32, 0)),
        ("132A8648CE3D030107", ECAlgorithm(19, NIST_P256)),
        ("132A8648CE3D030107FF", ECAlgorithm(19, NIST_P256, public_wanted=True)),
        ("132A8648CE3D03010700", ECAlgorithm(19, NIST_P256)),
        ("162B06010401DA470F01", ECAlgorithm(22, ED25519)),
        ("162B6570", ECAlgorithm(22, ED25519)),
        ("1306082A811CCF5501822D", None),  # SM2, as CanoKey has it
        ("132A8648CE3D0301", None),
        ("FF", None),
        ("", None),
    ],
)
def test_algorithm_attributes(data: str, algorithm: RSAAlgorithm | ECAlgorithm | None) -> None:
    assert parse_algorithm(bytes.fromhex(data)) == algorithm


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.algo)
@pytest.mark.parametrize("algo", [18, 19, 22])
@pytest.mark.parametrize("trailing", [b"", b"\xff", b"\x00"])
def test_every_curve_is_known(curve: Curve, algo: int, trailing: bytes) -> None:
    parsed = parse_algorithm(bytes([algo]) + encode_oid(curve.oid) + trailing)
    assert parsed == ECAlgorithm(algo, curve, public_wanted=trailing == b"\xff")


def test_public_keys() -> None:
    rsa = bytes.fromhex("7F4909810300C0DE82020101")
    assert parse_public_key(rsa, None) == RSAPublicKey(0xC0DE, 0x0101)
    point = bytes(range(32))
    for given in (point, b"\x40" + point):
        template = tlv.encode(0x7F49, tlv.encode(0x86, given))
        assert parse_public_key(template, ECAlgorithm(22, ED25519)) == ECPublicKey(ED25519, point)


@pytest.mark.parametrize("point", [b"", bytes(65), b"\x04" + bytes(63), b"\x04" + bytes(65)])
def test_points_that_are_none(point: bytes) -> None:
    template = tlv.encode(0x7F49, tlv.encode(0x86, point))
    for algorithm in (ECAlgorithm(19, NIST_P256), None):
        with pytest.raises(errors.Broken):
            parse_public_key(template, algorithm)
