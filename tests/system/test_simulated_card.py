"""GnuPG's own scdaemon, of both generations, uses the simulated card behind a real pcscd."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bed.card import ADMIN_PIN, USER_PIN
from tests.bed.gnupg import GnuPG, Home, generation
from tests.bed.process import ProgramFailed
from tests.bed.recipes import (
    card_edit,
    encrypt_and_decrypt,
    generate_as_set,
    move_to_card,
    set_key_attributes,
    sign_and_verify,
    ssh_login,
)
from tests.bed.simulated import PRESETS, SimulatedCard
from tests.bed.software_key import software_key
from tests.bed.virtual_reader import VirtualReader

PINS = {"Admin": ADMIN_PIN, "": USER_PIN}
NAME = "Karla Card"
KEY_INFORMATION, KDF = 0xDE, 0xF9

#: In the three slots.
KEYS = {
    "rsa2048": ("1 rsa2048", "1 rsa2048", "1 rsa2048"),
    "curve25519": ("22 ed25519", "18 cv25519", "19 nistp384"),
    "nist": ("19 nistp256", "18 nistp384", "19 nistp521"),
    "nist, brainpool": ("19 nistp521", "18 brainpoolP256r1", "19 nistp256"),
    "brainpool, nist": ("19 brainpoolP256r1", "18 nistp521", "22 ed25519"),
}
#: Made by gpg in software.
IMPORTS = ("rsa2048", "curve25519", "nistp384", "brainpoolP256r1")


@pytest.fixture
def modern(reader: VirtualReader) -> Iterator[Home]:
    """GnuPG 2.4, which knows KDF-DO and button, with a quick derivation; ends before the reader."""
    home = Home(generation("2.4"), pins=PINS)
    with (home.path / "gpg-agent.conf").open("a") as options:
        options.write("s2k-count 65536\n")
    with home:
        yield home


def work(home: Home, fingerprint: str) -> None:
    sign_and_verify(home, fingerprint)
    encrypt_and_decrypt(home, fingerprint)


@pytest.mark.parametrize("kind", KEYS)
def test_makes_keys(gnupg: GnuPG, reader: VirtualReader, kind: str) -> None:
    card = SimulatedCard()
    reader.insert(card)
    with Home(gnupg, pins=PINS) as home:
        set_key_attributes(home, KEYS[kind])
        work(home, generate_as_set(home, NAME))
        if kind != "brainpool, nist":  # brainpool is unknown to ssh, and 2.4 lists all that signs
            ssh_login(home)
    assert card.snapshot()[KEY_INFORMATION] == bytes.fromhex("010102010301")


@pytest.mark.parametrize("kind", IMPORTS)
def test_imports_keys(gnupg: GnuPG, reader: VirtualReader, kind: str) -> None:
    card = SimulatedCard()
    reader.insert(card)
    with Home(gnupg, pins=PINS) as home:
        home.gpg("--import", input=software_key(kind))
        work(home, move_to_card(home))
    assert card.snapshot()[KEY_INFORMATION] == bytes.fromhex("010202020302")


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "modern"])
def test_uses_every_preset(reader: VirtualReader, name: str) -> None:
    """GnuPG 2.2 alone: 2.4 takes the word of "fluffy" for an empty slot, 6A82, for "no card"."""
    card = SimulatedCard(PRESETS[name])
    reader.insert(card)
    with Home(generation("2.2"), pins=PINS) as home:
        if name == "v1":
            conf = "cert-digest-algo RIPEMD160\ndigest-algo RIPEMD160\n"
            (home.path / "gpg.conf").write_text(conf)
        work(home, generate_as_set(home, NAME, imports=PRESETS[name].key_import))


@pytest.mark.parametrize("name", ["gnuk", "yubikey5"])
def test_kdf_object_that_sets_the_pins(modern: Home, reader: VirtualReader, name: str) -> None:
    """GnuPG writes the object alone."""
    card = SimulatedCard(PRESETS[name])
    reader.insert(card)
    card_edit(modern, "kdf-setup")
    assert card.snapshot()[KDF].startswith(b"\x81\1\3")
    serial = modern.connect_agent("SCD SERIALNO").stdout.decode().split()[2]
    assert modern.connect_agent(f"SCD CHECKPIN {serial}").stdout.endswith(b"OK\n")
    assert 0x81 in card.pins.verified


def test_kdf_object_that_sets_no_pin(modern: Home, reader: VirtualReader) -> None:
    """GnuPG changes the PINs before it writes the object."""
    card = SimulatedCard()
    reader.insert(card)
    card_edit(modern, "kdf-setup")
    assert card.snapshot()[KDF].startswith(b"\x81\1\3")
    work(modern, generate_as_set(modern, NAME))


def test_waits_for_touch(modern: Home, reader: VirtualReader) -> None:
    card, touches = SimulatedCard(), 0

    def touch() -> bool:
        nonlocal touches
        touches += 1
        return True

    card.touch = touch
    reader.insert(card)
    fingerprint = generate_as_set(modern, NAME)
    card_edit(modern, "uif 1 on", "uif 2 on")
    assert touches == 0
    work(modern, fingerprint)
    assert touches == 2
    card.touch = lambda: False
    with pytest.raises(ProgramFailed):
        sign_and_verify(modern, fingerprint)


def test_resets_to_the_factory(reader: VirtualReader) -> None:
    card = SimulatedCard()
    reader.insert(card)
    with Home(generation("2.2"), pins=PINS) as home:
        generate_as_set(home, NAME)
        card_edit(home, "factory-reset", "y", "yes")
    assert card.snapshot() == SimulatedCard().snapshot()


@pytest.mark.parametrize(("name", "version"), [("modern", "2.4"), ("modern", "2.2"), ("v1", "2.2")])
def test_changes_pins_and_holder(reader: VirtualReader, name: str, version: str) -> None:
    card = SimulatedCard(PRESETS[name])
    reader.insert(card)
    pins = dict.fromkeys(("New Admin PIN", "New PIN", "Repeat"), "new secret") | PINS
    with Home(generation(version), pins=pins) as home:
        card_edit(home, "name", "Card", "Karla", "login", "karla", "lang", "de")
        card_edit(home, "passwd", "1", "3", "q")
    written = card.snapshot()
    assert (written[0x5B], written[0x5E], written[0x5F2D]) == (b"Card<<Karla", b"karla", b"de")
    assert (card.pins.pw1.value, card.pins.pw3.value) == (b"new secret", b"new secret")
