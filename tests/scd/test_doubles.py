"""One key by two roads: on an OpenPGP card, and on a token that a module makes of the same card."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from assuan.client import Client
from backends.errors import Broken
from backends.token import Key, PinRef
from tests.fake import PIN, USER_PIN, FakeCard, FakeProvider, FakeReaders, FakeToken
from tests.fake.keys import SoftKey
from tests.scd.bed import Answers, Asked, bed, bed_of
from tests.scd.test_commands import HASH, SIGN, view_of

WHOLE, HALF = ("OPENPGP.1", "OPENPGP.2"), ("OPENPGP.1",)


def card_like(token: FakeToken, slots: Sequence[str] = WHOLE, number: int = 7) -> FakeCard:
    """A card on which some of the token's keys are too."""
    card = FakeCard(number)
    keys: dict[str, SoftKey] = {"OPENPGP.1": token._signer, "OPENPGP.2": token._decrypter}
    for slot in slots:
        card.slots[slot].key = keys[slot]
    return card


async def listed(client: Client) -> list[tuple[str, str]]:
    """Serial numbers and references of KEYINFO --list."""
    lines = (await client.transact(b"KEYINFO --list")).status
    fields = [line.text.decode().split() for line in lines]
    return [(serial, ref) for _, _, serial, ref, *_ in fields]


async def serials(client: Client) -> list[str]:
    await client.transact(b"SERIALNO --all")
    lines = (await client.transact(b"GETINFO card_list")).status
    return [line.text.decode() for line in lines]


async def signs(client: Client, token: FakeToken, prompt: str, pin: bytes) -> None:
    """With the token's first key, wherever that is; whose PIN is asked for tells."""
    asked = Asked(pin)
    await client.transact(b"SETDATA " + HASH.hex().encode())
    await client.transact(SIGN + view_of(token).keys[0].grip.encode(), inquire=asked)
    ((_, text),) = asked.questions
    assert text.startswith(f"||Please unlock the {prompt}")


async def test_token_that_is_a_card_is_hidden(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    token, other = FakeToken(1), FakeToken(2)
    card = card_like(token)
    async with bed(tmp_path, token, card, other) as b:
        client = await b.client()
        for _ in range(2):
            assert set(await serials(client)) == {card.info.serial, other.info.serial}
            assert {serial for serial, _ in await listed(client)} == set(await serials(client))
        await signs(client, token, "card", USER_PIN)
    said = f"token {token.info.serial}: 2 of 2 keys are also on an OpenPGP card, which wins"
    assert caplog.text.count(said) == caplog.text.count("which wins") == 1


async def test_keys_that_differ_stay(tmp_path: Path) -> None:
    token = FakeToken()
    card = card_like(token, HALF)
    async with bed(tmp_path, token, card) as b:
        client = await b.client()
        assert await serials(client) == [card.info.serial, token.info.serial]
        expected = [(card.info.serial, "OPENPGP.1"), (token.info.serial, "OPENPGP.2")]
        assert await listed(client) == expected
        await client.transact(b"SERIALNO --demand=" + token.info.serial.encode())
        known = Answers(KNOWNCARDP=b"")
        learned = (await client.transact(b"LEARN", inquire=known)).status
        pairs = [line.text.split()[1] for line in learned if line.keyword == b"KEYPAIRINFO"]
        assert pairs == [b"OPENPGP.2"]
        await signs(client, token, "card", USER_PIN)


async def test_token_serves_while_the_card_is_away(tmp_path: Path) -> None:
    token = FakeToken()
    card = card_like(token)
    readers, module = FakeReaders("readers"), FakeProvider("module", t=token)
    async with bed_of(tmp_path, readers, module) as b:
        client = await b.client()
        for prompt, pin in (("token", PIN), ("card", USER_PIN), ("token", PIN)):
            readers.tokens = {"card": card} if prompt == "card" else {}
            card._closed = False
            expected = card if prompt == "card" else token
            assert await serials(client) == [expected.info.serial]
            assert {serial for serial, _ in await listed(client)} == {expected.info.serial}
            await signs(client, token, prompt, pin)
            token.reset()


async def test_hidden_token_is_reached_by_its_serial_number(tmp_path: Path) -> None:
    """As by the stub of a key that was used there before."""
    token = FakeToken()
    async with bed(tmp_path, token, card_like(token)) as b:
        client = await b.client()
        await client.transact(b"SERIALNO --demand=" + token.info.serial.encode())
        await client.transact(b"SETDATA " + HASH.hex().encode())
        await client.transact(SIGN + b"OPENPGP.1", inquire=Asked())
    assert token.is_verified(PinRef.USER)


async def test_one_key_on_two_cards_is_there_twice(tmp_path: Path) -> None:
    token = FakeToken()
    one, two = card_like(token, number=1), card_like(token, number=2)
    async with bed(tmp_path, one, two) as b:
        client = await b.client()
        assert await serials(client) == [one.info.serial, two.info.serial]
        assert len(await listed(client)) == 4


async def test_one_key_on_two_tokens_is_there_twice(tmp_path: Path) -> None:
    one, two = FakeToken(1), FakeToken(2)
    two._signer, two._decrypter = one._signer, one._decrypter
    async with bed(tmp_path, one, two, FakeCard()) as b:
        client = await b.client()
        assert len(await serials(client)) == 3
        assert len(await listed(client)) == 4


async def test_token_that_cannot_be_read_spoils_nothing(tmp_path: Path) -> None:
    class Unreadable(FakeToken):
        def keys(self, *, thorough: bool = False) -> Sequence[Key]:
            raise Broken("as ordered")

    token, bad = FakeToken(1), Unreadable(2)
    card = card_like(token)
    async with bed(tmp_path, token, card, bad) as b:
        client = await b.client()
        assert set(await serials(client)) == {card.info.serial, bad.info.serial}
        assert {serial for serial, _ in await listed(client)} == {card.info.serial}


async def test_card_that_is_made_equal_hides_the_token(tmp_path: Path) -> None:
    """As by keys that are moved to the card."""
    token, card = FakeToken(), FakeCard()
    async with bed(tmp_path, token, card) as b:
        client = await b.client()
        assert len(await serials(client)) == 2
        card.slots.update(card_like(token).slots)
        b.shared.registry.altered(b.shared.registry.cards[0])
        await listed(client)
        assert await serials(client) == [card.info.serial]
