"""A card that was reset, deselected, changed, exchanged or terminated behind our back."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.errors import (
    Broken,
    PinNeeded,
    Removed,
    Terminated,
)
from backends.openpgp.link import LinkLost
from backends.openpgp.opening import open_card
from backends.token import Attribute
from tests.openpgp.bench import (
    GET_DATA,
    PSO,
    SIGN,
    VERIFY,
    Bench,
    Faulty,
)
from tests.openpgp.links import VirtualLink
from tests.openpgp.virtual_card import (
    CURVE25519_KEYS,
    PIN,
    make_card,
    make_keys,
)


def test_card_without_openpgp_is_left_alone(tmp_path: Path) -> None:
    link = VirtualLink(make_card(tmp_path / "card", {}))
    link.transmit = lambda apdu: b"\x6a\x82"  # type: ignore[method-assign]
    assert open_card(link) is None
    assert link.closed


def test_terminated_card_takes_raw_apdus_only(faulty: tuple[Bench, Faulty]) -> None:
    _, link = faulty
    link.strike(0xA4, *[b"\x62\x85"] * 3)
    card = open_card(link)
    assert card is not None
    assert card.info.capabilities.status_indicator == 3
    with pytest.raises(Terminated):
        card.keys()
    with pytest.raises(Terminated):
        card.attributes([Attribute.AID])
    card.transmit(bytes.fromhex("00A4040006D27600012401"))
    with pytest.raises(Removed):  # It lives again: the provider opens it anew.
        card.keys()


def test_lost_during_verify_is_not_verified_again(faulty: tuple[Bench, Faulty]) -> None:
    bench, link = faulty
    link.strike(VERIFY, LinkLost("pcscd went away"))
    with pytest.raises(Broken):
        bench.use(SIGN, PIN)
    assert len(bench.verifications()) == 1
    bench.use(SIGN, PIN)


def test_lost_after_verify_asks_for_the_pin_again(faulty: tuple[Bench, Faulty]) -> None:
    bench, link = faulty
    link.strike(PSO, LinkLost("card was reset"))
    with pytest.raises(PinNeeded):
        bench.use(SIGN, PIN)
    assert len(bench.verifications()) == 1
    bench.card.settle()
    assert len(bench.verifications()) == 1  # what was put off is void


@pytest.mark.parametrize("ins", [GET_DATA, 0x47, 0x84])
def test_lost_while_reading_is_read_again(faulty: tuple[Bench, Faulty], ins: int) -> None:
    bench, link = faulty
    link.strike(ins, LinkLost("card was reset"))
    bench.card.attributes([Attribute.DISP_LANG])
    assert len(bench.card.keys()) == 3
    assert len(bench.card.random(8)) == 8


def test_lost_again_and_again_ends(faulty: tuple[Bench, Faulty]) -> None:
    bench, link = faulty
    link.strike(0x84, *[LinkLost("card was reset")] * 2)
    with pytest.raises(Broken):
        bench.card.random(8)
    assert len(bench.card.random(8)) == 8


def select_other_application(bench: Bench) -> None:
    """As another program does, behind our back."""
    answer = bench.link.card.process_apdu(bytes.fromhex("00A4040005A000000308"))
    assert answer[-2:] == b"\x90\x00"


def test_deselected_before_a_signature(bench: Bench) -> None:
    bench.use(SIGN, PIN)
    select_other_application(bench)
    with pytest.raises(PinNeeded):
        bench.use(SIGN)
    bench.use(SIGN, PIN)


def test_deselected_before_reading(bench: Bench) -> None:
    select_other_application(bench)
    assert len(bench.card.keys()) == 3
    select_other_application(bench)
    assert bench.tries() == 3
    select_other_application(bench)
    assert bench.card.attributes([Attribute.DISP_LANG]) == {Attribute.DISP_LANG: b"en"}


def test_pin_goes_to_no_other_application(bench: Bench) -> None:
    key = bench.key(SIGN)
    bench.card.pin_for(key)
    select_other_application(bench)
    sent = bench.sent(lambda: bench.use(SIGN, PIN))
    assert sent.index(0xA4) < sent.index(VERIFY)


def test_keys_that_another_program_made_are_seen(bench: Bench) -> None:
    old = bench.card.keys()
    make_keys(bench.link.card, {1: CURVE25519_KEYS[1]})
    select_other_application(bench)
    bench.card.random(1)
    new = bench.card.keys()
    assert [a.public == b.public for a, b in zip(old, new, strict=True)] == [False, True, True]


def test_another_card_under_the_same_link(tmp_path: Path, faulty: tuple[Bench, Faulty]) -> None:
    bench, link = faulty
    link.card = make_card(tmp_path / "other", CURVE25519_KEYS, serial=2)
    link.card.power_on()
    with pytest.raises(Removed):
        bench.use(SIGN, PIN)
    assert not bench.verifications()
    with pytest.raises(Removed):
        bench.card.keys()
