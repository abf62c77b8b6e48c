"""RESET, and the steps of gpg's factory reset (g10/card-util.c, factory_reset)."""

from __future__ import annotations

from pathlib import Path

from assuan.errors import Code
from backends.errors import Terminated
from backends.token import Attribute, PinRef, Place, Token
from tests.fake import FakeCard, FakeProvider, FakeToken
from tests.scd.bed import bed, bed_of, fails


class Slot(FakeProvider):
    """A reader with one card that is another object whenever it is opened."""

    def __init__(self) -> None:
        self.card = FakeCard()
        self.opened: list[FakeCard] = []
        super().__init__("reader", card=self.card)

    def open(self, place: Place) -> Token | None:
        self.opened.append(FakeCard())
        return self.opened[-1]


async def test_reset_forgets_pins_and_keeps_the_token(tmp_path: Path) -> None:
    slot = Slot()
    async with bed_of(tmp_path, slot) as b:
        client = await b.client()
        await client.transact(b"SERIALNO")
        slot.opened[0].pins.verified.add(PinRef.PW3)
        await client.transact(b"RESET")
        await client.transact(b"SERIALNO")
    (card,) = slot.opened
    assert not card.pins.verified


async def test_factory_reset(tmp_path: Path) -> None:
    slot = Slot()
    async with bed_of(tmp_path, slot) as b:
        client, other = await b.client(), await b.client()
        await other.transact(b"SERIALNO")
        await client.transact(b"LEARN --force")
        slot.opened[0].data[Attribute.LOGIN_DATA] = b"old"
        await client.transact(b"LOCK --wait")
        await client.transact(b"RESET --keep-lock")
        await client.transact(b"SERIALNO undefined")
        for apdu in (b"00A4040006D27600012401", b"00e60000", b"00440000"):
            assert (await client.transact(b"APDU " + apdu)).data == b"\x90\x00"
        await fails(other, b"LEARN --force", Code.LOCKED)
        await client.transact(b"RESET --keep-lock")
        reply = await client.transact(b"SERIALNO")
        assert reply.status[0].text == slot.card.info.serial.encode()
        await client.transact(b"UNLOCK")
        assert not (await client.transact(b"GETATTR LOGIN-DATA")).status
        # The other client's card is another one now.
        await fails(other, b"LEARN --force", Code.CARD_REMOVED)
        await other.transact(b"LEARN --force")
    assert len(slot.opened) == 2
    assert slot.opened[0]._closed


async def test_terminated_card_is_found_anew(tmp_path: Path) -> None:
    slot = Slot()
    async with bed_of(tmp_path, slot) as b:
        client = await b.client()
        await client.transact(b"SERIALNO")

        def refuse(names: object) -> dict[Attribute, bytes]:
            raise Terminated("the card is terminated")

        slot.opened[0].attributes = refuse  # type: ignore[method-assign]
        await fails(client, b"LEARN --force", Code.OBJ_TERM_STATE)
        await client.transact(b"SERIALNO undefined")
        await client.transact(b"APDU 00440000")
        await client.transact(b"RESET")
        await client.transact(b"SERIALNO")
        await client.transact(b"LEARN --force")


async def test_raw_commands_go_to_the_card_that_was_looked_at(tmp_path: Path) -> None:
    """Another card must not be set back in place of this one, nor in place of a token."""
    one, two, token = FakeCard(1), FakeCard(2), FakeToken(3)
    async with bed(tmp_path, one, two, token) as b:
        client = await b.client()
        for meant in (two, one, token):
            serial = meant.info.serial.encode()
            await client.transact(b"SERIALNO --demand=" + serial)
            await client.transact(b"LEARN --force")
            await client.transact(b"RESET --keep-lock")
            reply = await client.transact(b"SERIALNO undefined")
            assert reply.status[0].text == serial
        await fails(client, b"APDU 00e60000", Code.UNSUPPORTED_OPERATION)


async def test_card_that_does_not_come_back_is_gone(tmp_path: Path) -> None:
    slot = Slot()
    async with bed_of(tmp_path, slot) as b:
        client = await b.client()
        await client.transact(b"SERIALNO")
        await client.transact(b"APDU 00e60000")
        slot.tokens.clear()
        await client.transact(b"RESET")
        await fails(client, b"SERIALNO", Code.ENODEV)
