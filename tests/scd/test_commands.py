"""What each command answers, on fake tokens: numbers, order of lines, and who is not disturbed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric import ed25519

from assuan.client import Client
from assuan.errors import Code
from assuan.events import Inquire
from backends.curves import BRAINPOOL_P256
from backends.errors import Broken, PinNeeded, Removed
from backends.token import ECPublicKey, Key, Use
from scd.commands import COMMANDS
from scd.view import Birth, View, token_view
from tests.fake import FakeToken
from tests.scd.bed import Asked, bed, fails

HASH = bytes(range(32))
SIGN = b"PKSIGN --hash=sha256 "


def view_of(token: FakeToken) -> View:
    return token_view(token.keys(), lambda use, key: False, lambda grip, told: Birth(1))


async def sign(client: Client, token: FakeToken, asked: Asked) -> None:
    """Have a hash signed by keygrip and check the signature."""
    key = view_of(token).slots[0]
    assert key is not None
    await client.transact(b"SETDATA " + HASH.hex().encode())
    reply = await client.transact(SIGN + key.grip.encode(), inquire=asked)
    public = ed25519.Ed25519PublicKey.from_public_bytes(token.keys()[0].public.point)  # type: ignore[union-attr]
    public.verify(reply.data, HASH)


#: Command and error that need no more than a token.
REFUSED = {
    b"FOO": Code.ASS_UNKNOWN_CMD,
    b"GETINFO foo": Code.ASS_PARAMETER,
    b"GETINFO socket_name": Code.NO_DATA,
    b"GETINFO cmd_has_option": Code.MISSING_VALUE,
    b"GETINFO cmd_has_option LEARN x": Code.FALSE,
    b"GETINFO deny_admin": Code.GENERAL,
    b"SETDATA": Code.ASS_PARAMETER,
    b"SETDATA 0G": Code.ASS_PARAMETER,
    b"SETDATA 012": Code.ASS_PARAMETER,
    b"PKSIGN --hash=foo X": Code.ASS_PARAMETER,
    b"PKSIGN OPENPGP.9": Code.INV_VALUE,
    b"PKDECRYPT OPENPGP.2": Code.INV_VALUE,
    b"READKEY 0000000000000000000000000000000000000000": Code.NO_SECKEY,
    b"READKEY foo": Code.INV_ID,
    b"READKEY OPENPGP.9": Code.INV_ID,
    b"READCERT OPENPGP.1": Code.NOT_FOUND,
    b"GETATTR FOO": Code.INV_NAME,
    b"KEYINFO 0000000000000000000000000000000000000000": Code.NOT_FOUND,
    b"KEYINFO foo": Code.INV_ID,
    b"SERIALNO --demand": Code.ASS_PARAMETER,
    b"SERIALNO --demand=D276000124010304FF00123456780000": Code.ENODEV,
    b"SERIALNO piv": Code.NOT_SUPPORTED,
    b"SWITCHCARD D276000124010304FF00123456780000": Code.NOT_FOUND,
    b"SWITCHAPP foo": Code.NOT_FOUND,
    b"CHECKPIN foo": Code.INV_ID,
    b"DISCONNECT": Code.UNSUPPORTED_OPERATION,
    b"RANDOM": Code.ASS_PARAMETER,
    b"RANDOM 100000": Code.ASS_PARAMETER,
    b"APDU 00": Code.UNSUPPORTED_OPERATION,
    b"GENKEY 1": Code.UNSUPPORTED_OPERATION,
    b"GENKEY": Code.ASS_PARAMETER,
    b"GENKEY 4": Code.INV_ID,
    b"WRITEKEY OPENPGP.1": Code.UNSUPPORTED_OPERATION,
    b"WRITECERT OPENPGP.3": Code.UNSUPPORTED_OPERATION,
    b"SETATTR DISP-NAME x": Code.UNSUPPORTED_OPERATION,
    b"PASSWD": Code.ASS_PARAMETER,
    b"PASSWD 2": Code.UNSUPPORTED_OPERATION,
    b"PASSWD --reset 3": Code.INV_ID,
    b"PASSWD --clear --reset 1": Code.UNSUPPORTED_OPERATION,
    b"UNLOCK": Code.NOT_LOCKED,
    b"OPTION event-signal=": Code.ASS_SYNTAX,
    b"HELP FOO": Code.UNKNOWN_COMMAND,
}


@pytest.mark.parametrize(("line", "code"), REFUSED.items(), ids=lambda v: str(v))
async def test_refused_and_the_connection_lives_on(line: bytes, code: Code, tmp_path: Path) -> None:
    async with bed(tmp_path, FakeToken()) as b:
        await fails(await b.client(), line, code)


async def test_no_card_is_no_such_device(tmp_path: Path) -> None:
    async with bed(tmp_path) as b:
        client = await b.client()
        for line in (b"SERIALNO", b"LEARN --force", b"GETATTR SERIALNO", b"READKEY OPENPGP.1"):
            await fails(client, line, Code.ENODEV)
        assert not (await client.transact(b"KEYINFO --list")).status
        assert not (await client.transact(b"GETINFO card_list")).status


async def test_pin_is_asked_once_and_named(tmp_path: Path) -> None:
    token, asked = FakeToken(), Asked()
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await sign(client, token, asked)
        await client.transact(b"RESTART")
        await sign(client, token, asked)
    ((keyword, text),) = asked.questions
    assert keyword == "NEEDPIN"
    assert text == (
        "||Please unlock the token%0A%0A\x1eNumber\x1f: FF00 00000001%0AToken\x1f: fake 1"
    )


async def test_keys_that_ssh_has_no_name_for_are_not_offered_to_it(tmp_path: Path) -> None:
    """One of them would keep gpg-agent 2.4 from listing the others."""
    token = BrainpoolToken()
    (grip,) = (k.grip.encode() for k in view_of(token).keys if k.key.public == token.odd.public)
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await client.transact(b"SERIALNO")
        listed = {
            option: (await client.transact(b"KEYINFO --list%b --data" % option)).data
            for option in (b"", b"=sign", b"=auth")
        }
        assert [grip in data for data in listed.values()] == [True, True, False]
        assert listed[b"=auth"].count(b"\n") == 1
        await fails(client, b"READKEY --format=ssh " + grip, Code.UNKNOWN_CURVE)


class BrainpoolToken(FakeToken):
    """One key more, that signs and authenticates."""

    odd = Key(
        "P11.0DD",
        Use.SIGN | Use.AUTHENTICATE,
        ECPublicKey(BRAINPOOL_P256, b"\4" + bytes(64)),
    )

    def keys(self, *, thorough: bool = False) -> Sequence[Key]:
        return (*super().keys(thorough=thorough), self.odd)


async def test_keys_that_a_token_hides_are_listed_after_the_login(tmp_path: Path) -> None:
    token = FakeToken()
    token.hides = True
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await client.transact(b"SERIALNO")
        assert (await client.transact(b"KEYINFO --list --data")).data.count(b"\n") == 1
        await sign(client, token, Asked())
        assert (await client.transact(b"KEYINFO --list --data")).data.count(b"\n") == 2


async def test_wrong_pin_is_tried_once_and_the_next_prompt_tells(tmp_path: Path) -> None:
    token, asked = FakeToken(), Asked(b"000000")
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await client.transact(b"SETDATA " + HASH.hex().encode())
        grip = view_of(token).keys[0].grip.encode()
        await fails(client, SIGN + grip, Code.BAD_PIN, asked)
        assert token.tries == 2
        await fails(client, SIGN + grip, Code.BAD_PIN, asked)
        assert token.tries == 1
    assert "Remaining attempts" not in asked.questions[0][1]
    assert asked.questions[1][1].endswith("%0A%0ARemaining attempts: 2")


@pytest.mark.parametrize(
    ("answer", "code"),
    [(b"123", Code.BAD_PIN), (b"1" * 65, Code.BAD_PIN), (b"", Code.INV_RESPONSE)],
)
async def test_pin_of_impossible_length_costs_no_try(
    answer: bytes, code: Code, tmp_path: Path
) -> None:
    token = FakeToken()
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await client.transact(b"SETDATA " + HASH.hex().encode())
        await fails(client, SIGN + view_of(token).keys[0].grip.encode(), code, Asked(answer))
    assert token.tries == 3


async def test_cancelled_pin_is_answered_by_exactly_one_line(tmp_path: Path) -> None:
    token = FakeToken()
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await client.transact(b"SETDATA " + HASH.hex().encode())
        line = SIGN + view_of(token).keys[0].grip.encode()
        await fails(client, line, Code.ASS_CANCELED, Asked(None))
        await sign(client, token, Asked())
    assert token.tries == 3


async def test_lost_pin_is_asked_again_once(tmp_path: Path) -> None:
    token, asked = FakeToken(), Asked()
    losses = iter([PinNeeded("another program was here"), None])

    def lose() -> None:
        loss = next(losses, None)
        if loss:
            token.reset()
            raise loss

    async with bed(tmp_path, token) as b:
        client = await b.client()
        token.before = lose
        await sign(client, token, asked)
    assert len(asked.questions) == 2
    assert token.tries == 3


@pytest.mark.parametrize(("error", "code"), [(Removed, Code.CARD_REMOVED), (Broken, Code.CARD)])
async def test_failing_token_is_an_error_and_the_other_one_works(
    error: type[Exception], code: Code, tmp_path: Path
) -> None:
    bad, good = FakeToken(1), FakeToken(2)

    def fail() -> None:
        raise error("as ordered")

    async with bed(tmp_path, bad, good) as b:
        client = await b.client()
        bad.before = fail
        await client.transact(b"SETDATA " + HASH.hex().encode())
        await fails(client, SIGN + view_of(bad).keys[0].grip.encode(), code, Asked())
        await sign(client, good, Asked())


async def test_alternating_signatures_need_no_choice_of_card(tmp_path: Path) -> None:
    one, two = FakeToken(1), FakeToken(2)
    async with bed(tmp_path, one, two) as b:
        client = await b.client()
        for _ in range(3):
            await sign(client, one, Asked())
            await sign(client, two, Asked())


async def test_waiting_token_holds_up_nothing_else(tmp_path: Path) -> None:
    slow, quick = FakeToken(1), FakeToken(2)
    begun, touched = threading.Event(), threading.Event()

    def wait_for_touch() -> None:
        begun.set()
        touched.wait(5)

    async with bed(tmp_path, slow, quick) as b:
        one, two = await b.client(), await b.client()
        await two.transact(b"SERIALNO --all")
        listed = await two.transact(b"KEYINFO --list")
        assert len(listed.status) == 4
        slow.before = wait_for_touch
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sign, one, slow, Asked())
            assert await trio.to_thread.run_sync(begun.wait, 5)
            await two.transact(b"SERIALNO --all")
            assert (await two.transact(b"KEYINFO --list")).status == listed.status
            await sign(two, quick, Asked())
            touched.set()


async def test_two_clients_use_one_token_at_a_time_if_it_can(tmp_path: Path) -> None:
    token = ParallelToken()
    async with bed(tmp_path, token) as b:
        clients = [await b.client(), await b.client()]
        await sign(clients[0], token, Asked())
        both = threading.Barrier(2, timeout=10)

        def meet() -> None:
            both.wait()

        token.before = meet
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(sign, client, token, Asked(None))


class ParallelToken(FakeToken):
    parallel = 2


async def test_open_question_keeps_other_clients_off_that_token_only(tmp_path: Path) -> None:
    one, two = FakeToken(1), FakeToken(2)
    asked, answered = trio.Event(), trio.Event()

    class Slow(Asked):
        async def __call__(self, question: Inquire) -> bytes | None:
            asked.set()
            await answered.wait()
            return await super().__call__(question)

    later = Asked()
    async with bed(tmp_path, one, two) as b:
        first, second, third = await b.client(), await b.client(), await b.client()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sign, first, one, Slow())
            await asked.wait()
            nursery.start_soon(sign, second, one, later)
            await sign(third, two, Asked())
            # What is known without the token is told meanwhile.
            await third.transact(b"SERIALNO --demand=" + one.info.serial.encode())
            for name in (b"SERIALNO", b"$AUTHKEYID", b"$DISPSERIALNO"):
                assert (await third.transact(b"GETATTR " + name)).status
            assert not later.questions
            answered.set()
    assert not later.questions, "the PIN of the first client serves the second"


async def test_decrypt_tells_that_the_padding_is_gone(tmp_path: Path) -> None:
    token = FakeToken()
    key = view_of(token).slots[1]
    assert key is not None
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await client.transact(b"SETDATA " + key.key.public.point.hex().encode())  # type: ignore[union-attr]
        reply = await client.transact(b"PKDECRYPT " + key.grip.encode(), inquire=Asked())
    assert [(s.keyword, s.text) for s in reply.status] == [(b"PADDING", b"0")]
    assert (reply.data[:1], len(reply.data)) == (b"A", 33)


async def test_key_for_another_use_is_refused_before_the_pin(tmp_path: Path) -> None:
    token, asked = FakeToken(), Asked()
    signer, decrypter = (key.grip.encode() for key in view_of(token).keys)
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await client.transact(b"SETDATA " + HASH.hex().encode())
        await fails(client, SIGN + decrypter, Code.WRONG_KEY_USAGE, asked)
        await fails(client, b"PKDECRYPT " + signer, Code.WRONG_KEY_USAGE, asked)
    assert not asked.questions


async def test_setdata_appends_up_to_its_limit(tmp_path: Path) -> None:
    async with bed(tmp_path, FakeToken()) as b:
        client = await b.client()
        await client.transact(b"SETDATA " + b"00" * 400)
        for _ in range(9):
            await client.transact(b"SETDATA --append " + b"00" * 400)
        await fails(client, b"SETDATA --append " + b"00" * 97, Code.TOO_LARGE)


async def test_card_that_was_looked_at_is_found_first_by_later_clients(tmp_path: Path) -> None:
    one, two = FakeToken(1), FakeToken(2)
    async with bed(tmp_path, one, two) as b:
        client = await b.client()
        for token, other in ((two, one), (one, two), (two, one)):
            await client.transact(b"SERIALNO --demand=" + token.info.serial.encode())
            await client.transact(b"LEARN --force")
            await client.transact(b"SERIALNO --demand=" + other.info.serial.encode())
            reply = await (await b.client()).transact(b"SERIALNO")
            assert reply.status[0].text == token.info.serial.encode()


async def test_token_offers_no_default_key(tmp_path: Path) -> None:
    """Its keys stand in LEARN, but not where gpg looks for the key to use without -u."""
    async with bed(tmp_path, FakeToken()) as b:
        client = await b.client()
        learned = (await client.transact(b"LEARN --force")).status
        assert sum(line.keyword == b"KEY-FPR" for line in learned) == 3
        assert not (await client.transact(b"GETATTR KEY-FPR")).status


async def test_options_are_known_by_the_help(tmp_path: Path) -> None:
    async with bed(tmp_path) as b:
        client = await b.client()
        for option in (b"SERIALNO all", b"learn multi", b"READKEY format", b"KEYINFO list"):
            await client.transact(b"GETINFO cmd_has_option " + option)


async def test_killscd_ends_the_daemon_after_its_answer(tmp_path: Path) -> None:
    async with bed(tmp_path) as b:
        client = await b.client()
        assert (await client.transact(b"killscd")).text == b"closing connection"
        await b.stop.wait()


async def test_every_command_has_help(tmp_path: Path) -> None:
    async with bed(tmp_path) as b:
        client = await b.client()
        for keyword, command in COMMANDS.items():
            assert command.help.startswith(keyword)
            await client.transact(b"HELP " + keyword.encode())
