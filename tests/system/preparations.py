"""What was done to a card before a scenario begins, by raw commands past any daemon."""

from __future__ import annotations

from collections.abc import Callable

from backends.token import PinRef
from tests.bed.card import ADMIN_PIN
from tests.bed.key_maker import allow_several_signatures, make_key, set_algorithm
from tests.bed.raw_card import SUCCESS, RawCard
from tests.bed.virtual_reader import Card
from tests.system.scenario import RESET_CODE, WRONG_ADMIN_PIN, WRONG_USER_PIN

CURVE_KEYS = ("ed25519", "cv25519", "ed25519")


def curve_attributes(card: Card) -> None:
    """No keys yet, and such as are made quickly."""
    for slot, kind in enumerate(CURVE_KEYS, 1):
        set_algorithm(card, slot, kind)


def curve_keys(card: Card) -> None:
    """Keys that no OpenPGP key is known for."""
    for slot, kind in enumerate(CURVE_KEYS, 1):
        make_key(card, slot, kind)


def forced_signature_pin(card: Card) -> None:
    allow_several_signatures(card, False)


def reset_code(card: Card) -> None:
    _put(card, "00D3", RESET_CODE.encode())


def cardholder(card: Card) -> None:
    """What a card in use has."""
    for tag, value in (("005B", b"Doe<<Jane"), ("5F2D", b"de"), ("5F50", b"https://example.org/k")):
        _put(card, tag, value)


def wrong_pins(times: int, ref: PinRef = PinRef.PW1_81) -> Callable[[Card], None]:
    """So many tries are used up."""
    pin = WRONG_ADMIN_PIN if ref is PinRef.PW3 else WRONG_USER_PIN

    def use_up(card: Card) -> None:
        raw = RawCard(card)
        for _ in range(times):
            assert raw.verify(ref, pin) != SUCCESS
        card.power_off()

    return use_up


def _put(card: Card, tag: str, value: bytes) -> None:
    raw = RawCard(card)
    assert raw.verify(PinRef.PW3, ADMIN_PIN) == SUCCESS
    assert raw.send(f"00DA{tag}{len(value):02X}{value.hex()}")[1] == SUCCESS
    card.power_off()
