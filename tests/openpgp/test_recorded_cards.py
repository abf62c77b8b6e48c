"""Cards by five other hands, replayed: what we say of them is what GnuPG said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import pytest

from backends.openpgp.opening import open_card
from backends.openpgp.writable_card import WritableOpenPGPCard
from backends.token import Algorithm, Attribute, Key, RSAAlgorithm
from scd.keygrip import keygrip
from tests.openpgp.links import CARDS, Recording, ReplayLink

NAMES = sorted(path.name for path in CARDS.glob("*.apdu"))
WITH_KEYS = [name for name in NAMES if "empty" not in name]

#: What the parts of EXTCAP are called in the contract.
EXTCAP = {
    "gc": "get_challenge",
    "ki": "key_import",
    "fc": "pw_status_changeable",
    "pd": "private_dos",
    "mcl3": "max_certificate",
    "aac": "algorithm_changeable",
    "sm": "secure_messaging",
    "si": "status_indicator",
    "dec": "pso_aes",
    "bt": "button",
    "kdf": "kdf",
}


def opened(name: str) -> tuple[WritableOpenPGPCard, ReplayLink]:
    link = ReplayLink(Recording.load(name))
    card = open_card(link)
    assert card is not None
    return card, link


def learned(name: str, keyword: str) -> list[str]:
    return [text for found, text in Recording.load(name).learn if found == keyword]


def numbered(name: str, keyword: str) -> list[str]:
    """The lines with a number in front, in the order of the numbers."""
    return [line.split()[1] for line in sorted(learned(name, keyword))]


def algorithm_name(algorithm: Algorithm | None) -> str:
    if isinstance(algorithm, RSAAlgorithm):
        return f"rsa{algorithm.nbits}"
    return algorithm.curve.algo if algorithm else "?"


def decimals(octets: Iterable[int]) -> str:
    return "".join(f"+{octet}" for octet in octets)


@pytest.mark.parametrize("name", NAMES)
def test_every_card_is_opened_and_listed(name: str) -> None:
    card, link = opened(name)
    assert len(link.sent) <= 4  # SELECT, 6E (twice where it is long), 7F74 where 6E lacks it
    keys = card.keys()
    refs = [] if "empty" in name else ["OPENPGP.1", "OPENPGP.2", "OPENPGP.3"]
    assert [key.ref for key in keys] == refs
    assert not link.closed


@pytest.mark.parametrize("name", WITH_KEYS)
def test_identity(name: str) -> None:
    info = opened(name)[0].info
    assert [info.serial, info.serial] == learned(name, "SERIALNO")
    assert str(info.manufacturer) == learned(name, "MANUFACTURER")[0].split()[0]
    assert info.version == int(info.serial[12:16], 16)
    assert info.display_serial == f"{info.serial[16:20]} {info.serial[20:28]}"
    assert info.card_type == ("gnuk" if name.startswith("gnuk") else "generic")
    assert (info.app, info.place) == ("openpgp", "Recorded 00 00")


@pytest.mark.parametrize("name", WITH_KEYS)
def test_capabilities(name: str) -> None:
    pairs = dict(pair.split("=") for pair in learned(name, "EXTCAP")[0].split("+"))
    capabilities = asdict(opened(name)[0].info.capabilities)
    assert {word: capabilities[EXTCAP[word]] for word in pairs} == {
        word: int(value) for word, value in pairs.items()
    }


@pytest.mark.parametrize("name", WITH_KEYS)
def test_keys(name: str) -> None:
    keys = opened(name)[0].keys()
    grips = [line.split()[0] for line in learned(name, "KEYPAIRINFO")]
    assert [keygrip(key.public) for key in keys] == grips
    assert [hex_fingerprint(key) for key in keys] == numbered(name, "KEY-FPR")
    assert [str(key.created) for key in keys] == numbered(name, "KEY-TIME")


def hex_fingerprint(key: Key) -> str:
    assert key.fingerprint is not None
    return key.fingerprint.hex().upper()


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("canokey-ed25519.apdu", ["ed25519", "cv25519", "ed25519"]),
        ("canokey-mixed.apdu", ["nistp384", "nistp256", "rsa2048"]),
        ("canokey-rsa4096.apdu", ["rsa4096"] * 3),
        ("fluffy-empty.apdu", ["rsa2048"] * 3),
        ("gnuk-empty.apdu", ["ed25519", "cv25519", "ed25519"]),
        ("smartpgp-nist.apdu", ["nistp256", "nistp521", "nistp384"]),
        ("ykneo-rsa2048.apdu", ["rsa2048"] * 3),
    ],
)
def test_algorithms(name: str, names: list[str]) -> None:
    assert [algorithm_name(a) for a in opened(name)[0].algorithms()] == names


@pytest.mark.parametrize("name", WITH_KEYS)
def test_attributes(name: str) -> None:
    found = opened(name)[0].attributes(list(Attribute))
    assert found[Attribute.AID].hex().upper() == learned(name, "SERIALNO")[0]
    assert [found[Attribute.DISP_NAME].decode()] == learned(name, "DISP-NAME")
    assert [found[Attribute.DISP_LANG].decode()] == learned(name, "DISP-LANG")
    sex = found.get(Attribute.DISP_SEX)
    shown = [] if sex is None else [sex.decode().replace("\0", "%00")]
    assert shown == learned(name, "DISP-SEX")
    assert [found[Attribute.PUBKEY_URL].decode()] == learned(name, "PUBKEY-URL")
    assert [found[Attribute.LOGIN_DATA].decode()] == learned(name, "LOGIN-DATA")
    assert [decimals(found[Attribute.CHV_STATUS])] == learned(name, "CHV-STATUS")
    counter = int.from_bytes(found[Attribute.SIG_COUNTER], "big")
    assert [str(counter)] == learned(name, "SIG-COUNTER")
    assert found[Attribute.KEY_FPR].hex().upper() == "".join(numbered(name, "KEY-FPR"))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_stays_is_asked_twice(name: str) -> None:
    card, link = opened(name)
    for _ in range(2):
        card.keys(), card.algorithms(), card.attributes(list(Attribute))
        sent, link.sent = link.sent, []
    volatile = {bytes.fromhex("00ca00c400"), bytes.fromhex("00ca007a00")}
    assert set(sent) == volatile


@pytest.mark.parametrize(
    ("name", "reads"),
    [("canokey-empty.apdu", 0), ("smartpgp-empty.apdu", 3), ("ykneo-empty.apdu", 3)],
)
def test_slots_that_tell_of_no_key_are_read_only_by_a_thorough_look(name: str, reads: int) -> None:
    card, link = opened(name)
    assert card.keys() == []
    assert not [apdu for apdu in link.sent if apdu[1] == 0x47]
    assert card.keys(thorough=True) == card.keys(thorough=True) == []
    assert len([apdu for apdu in link.sent if apdu[1] == 0x47]) == reads


@pytest.mark.parametrize("name", NAMES)
def test_certificate_object_without_certificate(name: str) -> None:
    assert opened(name)[0].certificate("OPENPGP.3") is None
