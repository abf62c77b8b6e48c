"""GENKEY and WRITEKEY on a fake card."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from cryptography.hazmat.primitives.asymmetric import rsa

from assuan.client import Client
from assuan.errors import Code
from backends.curves import CURVE25519, ED25519, NIST_P256
from backends.errors import Unfinished
from backends.token import Attribute, PinRef, Use
from scd.fingerprint import fingerprint
from scd.sexp import encode
from tests.fake import ADMIN_PIN, FakeCard, FakeToken
from tests.fake.keys import public_key
from tests.scd.bed import Answers, Asked, Bed, bed, fails
from tests.scd.keydata import CREATED, keydata, new_parts, rsa_parts

WHEN = b"--timestamp=20231114T221320"


def lines(reply: object) -> list[tuple[bytes, bytes]]:
    return [(s.keyword, s.text) for s in reply.status]  # type: ignore[attr-defined]


def fingerprint_of(card: FakeCard, ref: str, use: Use, kdf: bytes | None = None) -> bytes:
    key = card.slots[ref].key
    assert key is not None
    return fingerprint(public_key(key), 1700000000, use, kdf)


@asynccontextmanager
async def at_work(
    b: Bed, card: FakeCard, client: Client, line: bytes
) -> AsyncIterator[list[object]]:
    """The client's command is under way, and the card at work, as long as this lasts."""
    begun, ready = threading.Event(), threading.Event()
    replies: list[object] = []

    def work() -> None:
        begun.set()
        assert ready.wait(10)

    async def ask() -> None:
        replies.append(await client.transact(line, inquire=Asked(ADMIN_PIN)))

    card.before = work
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        assert await trio.to_thread.run_sync(begun.wait, 10)
        try:
            yield replies
        finally:
            ready.set()


async def test_generate_tells_what_gnupg_tells(tmp_path: Path) -> None:
    card, asked = FakeCard(), Asked(ADMIN_PIN)
    async with bed(tmp_path, card) as b:
        client = await b.client()
        reply = await client.transact(b"GENKEY " + WHEN + b"  1", inquire=asked)
        other = await client.transact(b"GENKEY " + WHEN + b" OPENPGP.2", inquire=asked)
    signer, decrypter = (key.public for key in card.keys())
    assert lines(reply) == [
        (b"KEY-CREATED-AT", b"1700000000"),
        (b"KEY-DATA", b"q 40" + signer.point.hex().upper().encode()),  # type: ignore[union-attr]
        (b"KEY-DATA", b"curve 092B06010401DA470F01"),
        (b"KEY-FPR", fingerprint_of(card, "OPENPGP.1", Use.SIGN).hex().upper().encode()),
    ]
    assert lines(other)[1:] == [
        (b"KEY-DATA", b"q 40" + decrypter.point.hex().upper().encode()),  # type: ignore[union-attr]
        (b"KEY-DATA", b"curve 0A2B060104019755010501"),
        (b"KEY-DATA", b"kdf/kek 03010807"),
        (b"KEY-FPR", fingerprint_of(card, "OPENPGP.2", Use.DECRYPT).hex().upper().encode()),
    ]
    assert len(asked.questions) == 1


async def test_long_modulus_comes_in_parts(tmp_path: Path) -> None:
    card = FakeCard()
    async with bed(tmp_path, card) as b:
        client = await b.client()
        reply = await client.transact(b"GENKEY --algo=rsa4096 3", inquire=Asked(ADMIN_PIN))
    data = [text.split() for keyword, text in lines(reply) if keyword == b"KEY-DATA"]
    assert [(name, len(digits)) for name, digits in data] == [(b"-", 768), (b"n", 256), (b"e", 6)]
    public = card.keys()[0].public
    assert int(data[0][1] + data[1][1], 16) == public.n  # type: ignore[union-attr]
    assert data[2][1] == b"010001"


async def test_another_algorithm_asks_for_the_pin_again(tmp_path: Path) -> None:
    """As the card wants it, which forgets its PINs when its attributes change."""
    card, asked = FakeCard(), Asked(ADMIN_PIN)
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"GENKEY --algo=nistp256 1", inquire=asked)
        await client.transact(b"GENKEY --force --algo=nistp256 1", inquire=asked)
    assert len(asked.questions) == 2
    assert card.keys()[0].public.curve is NIST_P256  # type: ignore[union-attr]


async def test_key_that_is_there_is_only_replaced_by_force(tmp_path: Path) -> None:
    card, asked = FakeCard(), Asked(ADMIN_PIN)
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"GENKEY 1", inquire=asked)
        before = card.keys()[0]
        await fails(client, b"GENKEY 1", Code.EEXIST, asked)
        answers = Answers(KEYDATA=keydata(*new_parts(ED25519)))
        await fails(client, b"WRITEKEY OPENPGP.1", Code.EEXIST, answers)
        assert card.keys()[0] == before
        await client.transact(b"GENKEY --force 1", inquire=asked)
        assert card.keys()[0] != before


REFUSED = {
    b"GENKEY": Code.ASS_PARAMETER,
    b"GENKEY 0": Code.INV_ID,
    b"GENKEY 11": Code.INV_ID,
    b"GENKEY OPENPGP.7": Code.INV_ID,
    b"GENKEY --timestamp 1": Code.ASS_PARAMETER,
    b"GENKEY --timestamp=yesterday 1": Code.ASS_PARAMETER,
    b"GENKEY --timestamp=19691231T235959 1": Code.ASS_PARAMETER,
    b"GENKEY --timestamp=22000101T000000 1": Code.ASS_PARAMETER,
    b"GENKEY --algo=elg2048 1": Code.PUBKEY_ALGO,
    b"GENKEY --algo=foo 1": Code.INV_DATA,
    b"GENKEY --algo=cv25519 1": Code.WRONG_PUBKEY_ALGO,
    b"GENKEY --algo=rsa512 1": Code.TOO_SHORT,
    b"WRITEKEY": Code.ASS_PARAMETER,
    b"WRITEKEY 1": Code.INV_ID,
    b"WRITEKEY OPENPGP.4": Code.INV_ID,
}


@pytest.mark.parametrize(("line", "code"), REFUSED.items(), ids=lambda v: str(v))
async def test_refused_before_anything_is_asked(line: bytes, code: Code, tmp_path: Path) -> None:
    card, asked = FakeCard(), Asked(ADMIN_PIN)
    async with bed(tmp_path, card) as b:
        await fails(await b.client(), line, code, asked)
    assert not asked.questions


async def test_progress_is_told_and_other_tokens_are_free(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    card, token = FakeCard(), FakeToken()
    async with bed(tmp_path, card, token) as b:
        client, other = await b.client(), await b.client()
        await client.transact(b"SERIALNO openpgp")
        async with at_work(b, card, client, b"GENKEY 1") as replies:
            for _ in range(3):
                mock_clock.jump(1)
                await trio.testing.wait_all_tasks_blocked()
            await other.transact(b"SERIALNO --demand=" + token.info.serial.encode())
            await other.transact(b"CHECKPIN " + token.info.serial.encode(), inquire=Asked())
        told = lines(replies[0])
    assert told[:3] == [(b"PROGRESS", b"card_busy . %d 0" % n) for n in (1, 2, 3)]
    assert told[3][0] == b"KEY-CREATED-AT"


async def test_client_that_leaves_does_not_leave_the_card(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    """The key is made to the end, and only then another client gets at the card."""
    card = FakeCard()
    begun, ready = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert ready.wait(10)

    async with bed(tmp_path, card) as b:
        client, other = await b.client(), await b.client()
        await client.transact(b"SERIALNO")
        card.before = work
        await leave_when(begun, client, b"GENKEY 1")
        for _ in range(3):
            mock_clock.jump(1)
            await trio.testing.wait_all_tasks_blocked()
        assert not card.done
        ready.set()
        reply = await other.transact(b"LEARN --force")
    assert card.done
    assert b"KEYPAIRINFO" in [s.keyword for s in reply.status]


async def leave_when(begun: threading.Event, client: Client, line: bytes) -> None:
    """Be a client that goes away as soon as its command is at work."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def leave() -> None:
                assert await trio.to_thread.run_sync(begun.wait, 10)
                scope.cancel()

            nursery.start_soon(leave)
            await client.transact(line, inquire=Asked(ADMIN_PIN))
    await client.aclose()


async def test_clients_are_told_that_keys_have_changed(tmp_path: Path) -> None:
    card, told = FakeCard(), []
    async with bed(tmp_path, card) as b:
        b.shared.registry.on_change.append(lambda: told.append(len(card.done)))
        client = await b.client()
        await client.transact(b"LEARN --force")
        before = (await client.transact(b"KEYINFO --list")).status
        told.clear()
        await client.transact(b"GENKEY 1", inquire=Asked(ADMIN_PIN))
        assert told == [1]
        after = (await client.transact(b"KEYINFO --list")).status
    assert (len(before), len(after)) == (0, 1)


async def test_half_done_is_told_and_read_afresh(tmp_path: Path) -> None:
    card = FakeCard()
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"GENKEY 1", inquire=Asked(ADMIN_PIN))
        await client.transact(b"LEARN --force")

        def fail() -> None:
            card.slots["OPENPGP.1"].key = None
            raise Unfinished("OPENPGP.1 is empty now")

        card.before = fail
        await fails(client, b"GENKEY --force 1", Code.CARD, Asked(ADMIN_PIN))
        assert not (await client.transact(b"KEYINFO --list")).status


async def test_imported_key_is_the_one_that_was_sent(tmp_path: Path) -> None:
    card = FakeCard()
    async with bed(tmp_path, card) as b:
        client = await b.client()
        for ref, parts in {
            "OPENPGP.1": rsa_parts(rsa.generate_private_key(65537, 2048)),
            "OPENPGP.2": new_parts(CURVE25519),
            "OPENPGP.3": new_parts(NIST_P256),
        }.items():
            answers = Answers(KEYDATA=keydata(*parts))
            await client.transact(b"WRITEKEY " + ref.encode(), inquire=answers)
            assert answers.asked[0] == "KEYDATA"
        told = (await client.transact(b"LEARN --force")).status
    assert len(card.keys()) == 3
    assert [key.created for key in card.keys()] == [1700000000] * 3
    assert [s.text.split()[-1] for s in told if s.keyword == b"KEYPAIRINFO"] == [
        b"rsa2048",
        b"cv25519",
        b"nistp256",
    ]


async def test_parameters_of_the_agent_go_into_the_fingerprint(tmp_path: Path) -> None:
    card, kdf = FakeCard(), b"\x03\x01\x0a\x09"
    data = encode(("private-key", new_parts(CURVE25519), CREATED, ("ecdh-params", kdf)))
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"WRITEKEY OPENPGP.2", inquire=Answers(KEYDATA=data))
    assert card.keys()[0].fingerprint == fingerprint_of(card, "OPENPGP.2", Use.DECRYPT, kdf)
    assert card.keys()[0].fingerprint != fingerprint_of(card, "OPENPGP.2", Use.DECRYPT)


async def test_bad_keydata_touch_nothing(tmp_path: Path) -> None:
    card = FakeCard()
    good = keydata(*new_parts(ED25519))
    bad = {
        b"": Code.BAD_SECKEY,
        good[:-1]: Code.BAD_SECKEY,
        good + bytes(5000): Code.ASS_TOO_MUCH_DATA,
        keydata(*new_parts(ED25519), kind="shadowed-private-key"): Code.BAD_SECKEY,
        keydata(*new_parts(CURVE25519)): Code.WRONG_PUBKEY_ALGO,
    }
    async with bed(tmp_path, card) as b:
        client = await b.client()
        for data, code in bad.items():
            answers = Answers(KEYDATA=data)
            await fails(client, b"WRITEKEY --force OPENPGP.1", code, answers)
            assert answers.asked == ["KEYDATA"]
    assert not card.done
    assert card.pins.tries[PinRef.PW3] == 3
    assert Attribute.KEY_FPR not in card.data
