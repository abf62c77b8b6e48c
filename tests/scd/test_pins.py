"""PASSWD and CHECKPIN on fake cards and tokens: what is asked, in what order, and what it costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from assuan.errors import Code
from assuan.events import Inquire
from backends.token import PinRef
from tests.fake import ADMIN_PIN, PIN, SO_PIN, USER_PIN, FakeCard, FakeToken
from tests.scd.bed import bed, fails

CODE = b"resetting code"
PW1, PW3, RC = PinRef.PW1_81, PinRef.PW3, PinRef.RC


class Dialogue:
    """Gives one answer after the other; remembers the questions, without what tells the card."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, question: Inquire) -> bytes | None:
        self.asked.append(f"{question.keyword.decode()} {question.text.decode()}".strip())
        if question.keyword != b"NEEDPIN":
            return b""
        answer = self.answers.pop(0)
        return None if answer is None else answer.ljust(90, b"\0")

    @property
    def texts(self) -> list[str]:
        return [line.partition("%0A")[0].removeprefix("NEEDPIN ") for line in self.asked]


def card_with_code() -> FakeCard:
    card = FakeCard()
    card.pins.set(RC, CODE)
    return card


ADMIN = "|A|Please enter the Admin PIN"

#: Command, answers, questions, and the PIN that is another one then.
FORMS = [
    (b" 1", (USER_PIN, b"654321"), ["||Please enter the PIN", "|N|New PIN"], PW1),
    (b" OPENPGP.1", (USER_PIN, b"654321"), ["||Please enter the PIN", "|N|New PIN"], PW1),
    (b" 3", (ADMIN_PIN, b"87654321"), [ADMIN, "|AN|New Admin PIN"], PW3),
    (b"2", (CODE, b"654321"), ["|R|Please enter the Reset Code for the card", "|N|New PIN"], PW1),
    (b"--reset 1", (ADMIN_PIN, b"654321"), [ADMIN, "|N|New PIN"], PW1),
    (b"--reset 2", (ADMIN_PIN, b"87654321"), [ADMIN, "|RN|New Reset Code"], RC),
    (b"--reset 2", (ADMIN_PIN, b""), [ADMIN, "|RN|New Reset Code"], RC),
    (b"--nullpin 1", (USER_PIN, b"654321"), ["||Please enter the PIN", "|N|New PIN"], PW1),
]


@pytest.mark.parametrize(("form", "answers", "texts", "ref"), FORMS, ids=lambda v: str(v))
async def test_card(
    form: bytes, answers: tuple[bytes, ...], texts: list[str], ref: PinRef, tmp_path: Path
) -> None:
    card, dialogue = card_with_code(), Dialogue(*answers)
    before = dict(card.pins.values)
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"PASSWD " + form, inquire=dialogue)
    assert dialogue.texts == texts
    assert card.pins.values == before | {ref: answers[-1]}
    assert card.pins.sent == 1


@pytest.mark.parametrize(
    ("form", "answers", "ref"),
    [
        (b"1", (PIN, b"2718"), PinRef.USER),
        (b"3", (SO_PIN, b"31415926"), PinRef.SO),
        (b"--reset 1", (SO_PIN, b"2718"), PinRef.USER),
    ],
)
async def test_token(form: bytes, answers: tuple[bytes, ...], ref: PinRef, tmp_path: Path) -> None:
    token, dialogue = FakeToken(), Dialogue(*answers)
    before = dict(token.pins.values)
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await client.transact(b"PASSWD " + form, inquire=dialogue)
    assert token.pins.values == before | {ref: answers[-1]}
    assert "fake 1" in dialogue.asked[0]


@pytest.mark.parametrize("form", [b"1", b"3", b"2", b"--reset 1", b"--reset 2"])
async def test_wrong_pin_costs_one_try_and_changes_nothing(form: bytes, tmp_path: Path) -> None:
    card, dialogue = card_with_code(), Dialogue(b"00000000", b"87654321")
    before = dict(card.pins.values)
    async with bed(tmp_path, card) as b:
        await fails(await b.client(), b"PASSWD " + form, Code.BAD_PIN, dialogue)
    assert card.pins.values == before
    assert sorted(card.pins.tries.values()) == [2, 3, 3]


@pytest.mark.parametrize(
    ("form", "answers", "code"),
    [
        (b"1", (b"12345",), Code.BAD_PIN),
        (b"1", (b"",), Code.INV_RESPONSE),
        (b"1", (USER_PIN, b"12345"), Code.BAD_PIN),
        (b"1", (USER_PIN, b"1" * 65), Code.BAD_PIN),
        (b"1", (USER_PIN, b""), Code.INV_RESPONSE),
        (b"1", (USER_PIN, None), Code.ASS_CANCELED),
        (b"1", (None,), Code.ASS_CANCELED),
        (b"3", (ADMIN_PIN, b"1234567"), Code.BAD_PIN),
        (b"2", (b"1234567",), Code.BAD_PIN),
        (b"2", (b"",), Code.INV_RESPONSE),
        (b"0", (), Code.INV_ID),
        (b"4", (), Code.INV_ID),
        (b"foo", (), Code.INV_ID),
        (b"OPENPGP.", (), Code.INV_ID),
        (b"--reset 3", (), Code.INV_ID),
        (b"--clear 4", (), Code.INV_ID),
    ],
    ids=str,
)
async def test_refused_before_a_pin_is_sent(
    form: bytes, answers: tuple[bytes | None, ...], code: Code, tmp_path: Path
) -> None:
    card = card_with_code()
    async with bed(tmp_path, card) as b:
        await fails(await b.client(), b"PASSWD " + form, code, Dialogue(*answers))
    assert card.pins.sent == 0


@pytest.mark.parametrize(
    ("form", "new", "code"),
    [
        (b"--reset 1", b"", Code.INV_RESPONSE),
        (b"--reset 1", b"12345", Code.BAD_PIN),
        (b"--reset 2", b"1234567", Code.BAD_PIN),
        (b"--reset 1", None, Code.ASS_CANCELED),
    ],
)
async def test_unfit_new_pin_changes_nothing(
    form: bytes, new: bytes | None, code: Code, tmp_path: Path
) -> None:
    card = card_with_code()
    before = dict(card.pins.values)
    async with bed(tmp_path, card) as b:
        await fails(await b.client(), b"PASSWD " + form, code, Dialogue(ADMIN_PIN, new))
    assert card.pins.values == before
    assert set(card.pins.tries.values()) == {3}


@pytest.mark.parametrize("form", [b"--reset 1", b"--reset 2"])
async def test_no_new_pin_is_asked_for_behind_a_wrong_admin_pin(
    form: bytes, tmp_path: Path
) -> None:
    card, dialogue = card_with_code(), Dialogue(b"00000000")
    async with bed(tmp_path, card) as b:
        await fails(await b.client(), b"PASSWD " + form, Code.BAD_PIN, dialogue)
    assert dialogue.texts == [ADMIN]


async def test_blocked_pin_and_missing_code_are_not_asked(tmp_path: Path) -> None:
    card, dialogue = FakeCard(), Dialogue()
    card.pins.tries[PW1] = 0
    async with bed(tmp_path, card) as b:
        client = await b.client()
        for form in (b"1", b"2"):
            await fails(client, b"PASSWD " + form, Code.PIN_BLOCKED, dialogue)
        await client.transact(b"PASSWD --reset 1", inquire=Dialogue(ADMIN_PIN, b"654321"))
        await client.transact(b"PASSWD 1", inquire=Dialogue(b"654321", USER_PIN))
    assert not dialogue.asked


async def test_prompts_tell_when_tries_run_out(tmp_path: Path) -> None:
    card = card_with_code()
    card.pins.tries = dict.fromkeys(card.pins.tries, 2)
    async with bed(tmp_path, card) as b:
        client = await b.client()
        for form in (b"1", b"2", b"3"):
            dialogue = Dialogue(None)
            await fails(client, b"PASSWD " + form, Code.ASS_CANCELED, dialogue)
            assert dialogue.asked[0].endswith("%0A%0ARemaining attempts: 2")


async def test_both_pins_at_the_pinpad(tmp_path: Path) -> None:
    card, dialogue = FakeCard(), Dialogue()
    card.pins.pad = [USER_PIN, b"654321"]
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"PASSWD 1", inquire=dialogue)
    assert dialogue.asked == [
        "POPUPPINPADPROMPT ||Please enter the PIN and New PIN",
        "DISMISSPINPADPROMPT",
    ]
    assert card.pins.values[PW1] == b"654321"


async def test_pinpad_takes_the_admin_pin_before_the_new_one_is_asked_for(tmp_path: Path) -> None:
    card, dialogue = FakeCard(), Dialogue(b"654321")
    card.pins.pad = [ADMIN_PIN]
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"PASSWD --reset 1", inquire=dialogue)
    assert [line.partition(" ")[0] for line in dialogue.asked] == [
        "POPUPPINPADPROMPT",
        "DISMISSPINPADPROMPT",
        "NEEDPIN",
    ]
    assert card.pins.values[PW1] == b"654321"


async def test_clear_takes_back_what_was_verified(tmp_path: Path) -> None:
    card, token = FakeCard(), FakeToken()
    async with bed(tmp_path, card, token) as b:
        client = await b.client()
        card.pins.verified = {PinRef.PW1_81, PinRef.PW1_82, PinRef.PW3}
        await client.transact(b"SERIALNO openpgp")
        await client.transact(b"PASSWD --clear 3")
        assert card.pins.verified == {PinRef.PW1_81, PinRef.PW1_82}
        await client.transact(b"PASSWD --clear OPENPGP.1")
        assert not card.pins.verified
        token.pins.verified = {PinRef.USER}
        await client.transact(b"SERIALNO --demand=" + token.info.serial.encode())
        await client.transact(b"PASSWD --clear 1")
        assert not token.pins.verified


async def test_keygrip_names_the_card(tmp_path: Path) -> None:
    card, token = FakeCard(), FakeToken()
    async with bed(tmp_path, card, token) as b:
        client = await b.client()
        await client.transact(b"SERIALNO openpgp")
        (await client.transact(b"SERIALNO --all"))
        grips = (await client.transact(b"KEYINFO --list")).status
        grip = grips[0].text.split()[0]
        await client.transact(b"PASSWD 1 " + grip, inquire=Dialogue(PIN, b"2718"))
        await fails(client, b"PASSWD 1 " + b"0" * 40, Code.NO_SECKEY)
    assert token.pins.values[PinRef.USER] == b"2718"


async def test_admin_pin_is_checked_when_no_harm_can_come_of_it(tmp_path: Path) -> None:
    card = FakeCard()
    line = b"CHECKPIN " + card.info.serial.encode() + b"[CHV3]"
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(line, inquire=Dialogue(ADMIN_PIN))
        assert card.is_verified(PW3)
        card.pins.tries[PW3] = 2
        await fails(client, line, Code.GENERAL)
        card.pins.tries[PW3] = 0
        await fails(client, line, Code.PIN_BLOCKED)
