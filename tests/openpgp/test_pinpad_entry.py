"""PINs that are entered at the reader, in this process: when it is asked, what a mistake costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.errors import (
    BadInput,
    BadPin,
    Broken,
    NotSupported,
    PinBlocked,
    PinCanceled,
    PinNeeded,
    TimedOut,
    TokenError,
    UseRefused,
)
from backends.openpgp.link import LinkLost
from backends.openpgp.opening import open_card
from backends.openpgp.pinpad import PinpadOptions
from backends.token import PinRef
from tests.openpgp.bench import DECRYPT, GET_DATA, PSO, SIGN, VERIFY, Bench
from tests.openpgp.pinpad_link import PinpadLink
from tests.openpgp.test_pins import KDFLink
from tests.openpgp.test_recovery import select_other_application
from tests.openpgp.virtual_card import ADMIN, CURVE25519_KEYS, PIN, issue, make_card, put

WRONG_PIN = b"654321"


@pytest.fixture
def link(tmp_path: Path) -> PinpadLink:
    return PinpadLink(make_card(tmp_path / "card", CURVE25519_KEYS))


@pytest.fixture
def bench(link: PinpadLink) -> Bench:
    return Bench(link)


def use(bench: Bench, ref: str = SIGN) -> None:
    """As the daemon does it: ask, tell the user, sign."""
    request = bench.card.pin_for(bench.key(ref))
    assert request is None or request.pinpad
    bench.use(ref)


def test_entry_serves_until_the_pin_is_lost(bench: Bench, link: PinpadLink) -> None:
    link.typed = [PIN]
    use(bench)
    use(bench)
    assert len(link.entries) == 1
    assert bench.verifications() == [bytes.fromhex("0020008106") + PIN]


def test_other_use_of_the_pin_is_not_opened_along(bench: Bench, link: PinpadLink) -> None:
    link.typed = [PIN, PIN]
    use(bench, SIGN)
    use(bench, DECRYPT)
    assert [entry[3] for entry in link.entries] == [0x81, 0x82]


def test_costs(bench: Bench, link: PinpadLink) -> None:
    key = bench.key(SIGN)
    link.typed = [PIN]
    assert bench.sent(lambda: bench.card.pin_for(key)) == [GET_DATA]  # login data
    assert bench.sent(lambda: bench.use(SIGN)) == [GET_DATA, VERIFY, PSO]
    assert link.looks == 1


def test_ordinary_reader_costs_nothing_more(bench: Bench, link: PinpadLink) -> None:
    link.features = b""
    key = bench.key(SIGN)
    assert bench.sent(lambda: bench.card.pin_for(key)) == []
    bench.card.pin_for(key)
    assert link.looks == 1


def test_wrong_pin_is_one_try(bench: Bench, link: PinpadLink) -> None:
    link.typed = [WRONG_PIN, PIN]
    with pytest.raises(BadPin) as caught:
        use(bench)
    assert caught.value.tries_left == 2
    assert bench.tries() == 2
    use(bench)
    assert bench.tries() == 3


def test_tries_are_read_after_a_wrong_pin(bench: Bench, link: PinpadLink) -> None:
    """And not taken from the PW status that came with a selection just before the entry."""
    assert bench.card.pin_for(bench.key(SIGN)) is not None
    select_other_application(bench)
    link.typed = [WRONG_PIN]
    link.strike(VERIFY, b"\x69\x82")
    with pytest.raises(BadPin):
        bench.use(SIGN)
    assert [apdu[1] for apdu in link.sent[-2:]] == [VERIFY, GET_DATA]


@pytest.mark.parametrize(
    ("sw", "error"),
    [(0x6400, TimedOut), (0x6401, PinCanceled), (0x6403, BadPin), (0x6B80, Broken)],
)
def test_words_of_the_reader(
    bench: Bench, link: PinpadLink, sw: int, error: type[TokenError]
) -> None:
    link.typed = [sw]
    with pytest.raises(error):
        use(bench)
    assert not bench.verifications()


def test_blocked_pin(bench: Bench, link: PinpadLink) -> None:
    link.typed = [WRONG_PIN] * 3
    for _ in range(3):
        with pytest.raises((BadPin, PinBlocked)):
            use(bench)
    with pytest.raises(PinBlocked):
        bench.card.pin_for(bench.key(SIGN))


def test_without_an_announcement_no_entry_is_begun(bench: Bench, link: PinpadLink) -> None:
    with pytest.raises(PinNeeded):
        bench.use(SIGN)
    assert bench.card.pin_for(bench.key(DECRYPT)) is not None
    with pytest.raises(PinNeeded):
        bench.use(SIGN)
    assert link.entries == []


def test_announcement_is_good_for_one_entry(bench: Bench, link: PinpadLink) -> None:
    link.typed = [0x6401]
    with pytest.raises(PinCanceled):
        use(bench)
    with pytest.raises(PinNeeded):
        bench.use(SIGN)
    assert len(link.entries) == 1


def test_announcement_of_a_blocked_pin_takes_back_the_last(bench: Bench, link: PinpadLink) -> None:
    link.typed = [b"87654321"] * 3
    for _ in range(3):
        assert bench.card.pin_named(PinRef.PW3).pinpad
        with pytest.raises((BadPin, PinBlocked)):
            bench.card.verify_pin(PinRef.PW3, None)
    bench.card.pin_named(PinRef.PW1_81)
    with pytest.raises(PinBlocked):
        bench.card.pin_named(PinRef.PW3)
    with pytest.raises(PinNeeded):
        bench.use(SIGN)


def test_pin_that_is_given_all_the_same_is_used(bench: Bench, link: PinpadLink) -> None:
    assert bench.card.pin_named(PinRef.PW1_81).pinpad
    bench.use(SIGN, PIN)
    with pytest.raises(PinNeeded):
        bench.card.verify_pin(PinRef.PW1_81, None)
    assert link.entries == []


@pytest.mark.parametrize("loss", [LinkLost("card was reset"), NotSupported("driver failed")])
def test_entry_is_not_repeated(bench: Bench, link: PinpadLink, loss: Exception) -> None:
    link.typed = [loss, PIN]
    with pytest.raises(Broken):
        use(bench)
    assert len(link.entries) == 1
    use(bench)


def test_loss_after_the_entry_asks_again(bench: Bench, link: PinpadLink) -> None:
    link.typed = [PIN]
    link.strike(PSO, LinkLost("card was reset"))
    with pytest.raises(PinNeeded):
        use(bench)
    assert len(link.entries) == 1


def test_entry_goes_to_no_other_application(bench: Bench, link: PinpadLink) -> None:
    key = bench.key(SIGN)
    assert bench.card.pin_for(key) is not None
    select_other_application(bench)
    link.typed = [PIN]
    sent = bench.sent(lambda: bench.use(SIGN))
    assert sent.index(0xA4) < sent.index(VERIFY)
    assert len(link.entries) == 1


def test_refusal_with_the_pin_just_entered_is_no_new_question(
    bench: Bench, link: PinpadLink
) -> None:
    link.typed = [PIN]
    link.strike(PSO, b"\x69\x82")
    with pytest.raises(UseRefused):
        use(bench)


def test_pin_for_each_signature(bench: Bench, link: PinpadLink) -> None:
    issue(link.card, *ADMIN, put(0xC4, b"\0"))
    bench = Bench(link)
    link.typed = [PIN, PIN]
    use(bench)
    use(bench)
    assert len(link.entries) == 2


def request_pinpad(link: PinpadLink, ref: PinRef = PinRef.PW1_81, **options: bool) -> bool:
    card = open_card(link, pinpad=PinpadOptions(**options))
    assert card is not None
    return card.pin_named(ref).pinpad


def test_disabled(link: PinpadLink) -> None:
    assert not request_pinpad(link, disabled=True)
    assert link.looks == 0


def test_reader_that_may_not_take_any_length(link: PinpadLink) -> None:
    link.reader = "Gemalto GemPC Pinpad 00 00"
    assert not request_pinpad(link)
    assert request_pinpad(link, varlen=True)


def test_length_that_the_card_names(link: PinpadLink) -> None:
    link.reader = "Gemalto GemPC Pinpad 00 00"
    issue(link.card, *ADMIN, put(0x5E, b"me\n\x14P=6,8"))
    bench = Bench(link)
    link.typed = [PIN, b"12345678"]
    use(bench)
    assert bench.card.pin_named(PinRef.PW3).pinpad
    bench.card.verify_pin(PinRef.PW3, None)
    assert [len(entry) for entry in link.entries] == [5 + 6, 5 + 8]


@pytest.mark.parametrize("login", [b"me\n\x14P=0", b"me\n\x14P=5", b"me\n\x14P=16"])
def test_card_that_does_not_want_the_pinpad(link: PinpadLink, login: bytes) -> None:
    issue(link.card, *ADMIN, put(0x5E, login))
    assert not request_pinpad(link)


class KDFPinpadLink(KDFLink, PinpadLink):
    """A card that wants the hash of its PIN, in a reader that cannot make it."""


def test_reader_cannot_derive(tmp_path: Path) -> None:
    link = KDFPinpadLink(make_card(tmp_path / "card", CURVE25519_KEYS))
    assert not request_pinpad(link)
    link.DO = bytes.fromhex("810100")
    assert request_pinpad(link)


def test_derivation_that_another_program_set_up_after_the_question(tmp_path: Path) -> None:
    link = KDFPinpadLink(make_card(tmp_path / "card", CURVE25519_KEYS))
    wanted, link.DO = link.DO, bytes.fromhex("810100")
    bench = Bench(link)
    key = bench.key(SIGN)
    assert bench.card.pin_for(key) is not None
    link.DO = wanted
    select_other_application(bench)
    with pytest.raises(PinNeeded):
        bench.use(SIGN)
    assert link.entries == []


def change(bench: Bench, ref: PinRef) -> None:
    assert bench.card.new_pin(ref).pinpad
    bench.card.change_pin(ref, None, None)


def test_change(bench: Bench, link: PinpadLink) -> None:
    link.typed = [PIN, PIN + b"7654321"]
    use(bench)
    change(bench, PinRef.PW1_81)
    assert not bench.card.is_verified(PinRef.PW1_81)
    bench.use(SIGN, b"7654321")


def test_change_that_fails(bench: Bench, link: PinpadLink) -> None:
    link.typed = [0x6402, WRONG_PIN + b"7654321"]
    with pytest.raises(BadInput):
        change(bench, PinRef.PW1_81)
    with pytest.raises(BadPin) as caught:
        change(bench, PinRef.PW1_81)
    assert caught.value.tries_left == 2


def test_change_is_announced_and_not_repeated(bench: Bench, link: PinpadLink) -> None:
    assert bench.card.pin_named(PinRef.PW1_81).pinpad
    with pytest.raises(PinNeeded):
        bench.card.change_pin(PinRef.PW1_81, None, None)
    link.typed = [LinkLost("card was reset")]
    with pytest.raises(Broken):
        change(bench, PinRef.PW1_81)
    assert len(link.entries) == 1


def test_resetting_code_is_not_changed_at_the_pinpad(bench: Bench) -> None:
    assert not bench.card.new_pin(PinRef.RC).pinpad


def test_reader_that_cannot_change(bench: Bench, link: PinpadLink) -> None:
    link.features = bytes.fromhex("060442330006")
    assert not bench.card.new_pin(PinRef.PW1_81).pinpad
    assert bench.card.pin_named(PinRef.PW1_81).pinpad
