"""The three OpenPGP slots of a token that has none of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from assuan.client import Client
from assuan.errors import Code
from backends.curves import CURVE25519, ED25519, NIST_P256
from backends.token import Use
from scd.choices import TokenOptions
from scd.fingerprint import fingerprint
from scd.keygrip import keygrip
from scd.sexp import encode
from tests.fake import WritableToken
from tests.scd.bed import Answers, Asked, bed, fails
from tests.scd.keydata import CREATED, keydata, new_parts

WHEN = b"--timestamp=20231114T221320"
GENERATE = b"GENKEY " + WHEN + b" --algo=ed25519 --force 1"


async def told(client: Client, line: bytes, keyword: bytes) -> list[bytes]:
    reply = await client.transact(line)
    return [status.text for status in reply.status if status.keyword == keyword]


def name(token: WritableToken, number: int, use: Use, kdf: bytes | None = None) -> bytes:
    """The fingerprint of the token's key of that number."""
    public = token.keys()[number].public
    return fingerprint(public, 1700000000, use, kdf).hex().upper().encode()


async def test_the_key_that_was_made_is_shown_after_a_restart(tmp_path: Path) -> None:
    token = WritableToken()
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await client.transact(b"GENKEY --algo=nistp256 3", inquire=Asked())
        made = await told(client, GENERATE, b"KEY-FPR")
    async with bed(tmp_path, token) as b:
        client = await b.client()
        learned = await told(client, b"LEARN --force", b"KEY-FPR")
        assert await told(client, b"GETATTR KEY-FPR", b"KEY-FPR") == learned
        pairs = await told(client, b"LEARN --keypairinfo", b"KEYPAIRINFO")
    assert made == [name(token, 1, Use.SIGN)]
    assert learned[0] == b"1 " + made[0]
    assert pairs[0].endswith(b" OPENPGP.1 sca 1700000000 ed25519")


async def test_keys_that_are_only_shown_are_no_default_keys_and_give_way(tmp_path: Path) -> None:
    token = WritableToken()
    async with bed(tmp_path, token) as b:
        await (await b.client()).transact(GENERATE, inquire=Asked())
    (tmp_path / "anyscd-tokens").unlink()
    async with bed(tmp_path, token) as b:
        client = await b.client()
        assert len(await told(client, b"LEARN --force", b"KEY-FPR")) == 2
        assert not await told(client, b"GETATTR KEY-FPR", b"KEY-FPR")
        await client.transact(b"GENKEY 1")
        assert len(await told(client, b"GETATTR KEY-FPR", b"KEY-FPR")) == 1
        await fails(client, b"GENKEY 1", Code.EEXIST)
    assert len(token.keys()) == 2


async def test_the_next_key_takes_the_slot_and_the_old_one_is_found_by_its_grip(
    tmp_path: Path,
) -> None:
    token = WritableToken()
    async with bed(tmp_path, token) as b:
        client = await b.client()
        for _ in range(2):
            await client.transact(GENERATE, inquire=Asked())
        old, new = token.keys()
        read = await client.transact(b"READKEY OPENPGP.1")
        assert read.data == (await client.transact(b"READKEY " + grip(new.public))).data
        assert read.data != (await client.transact(b"READKEY " + grip(old.public))).data


def grip(public: object) -> bytes:
    return keygrip(public).encode()  # type: ignore[arg-type]


async def test_a_key_that_is_gone_from_the_token_leaves_the_slot(tmp_path: Path) -> None:
    token = WritableToken()
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await client.transact(GENERATE, inquire=Asked())
        token.remove(token.keys()[0].ref)
        assert not await told(client, b"LEARN --force --reread", b"KEY-FPR")
        await client.transact(b"GENKEY --algo=ed25519 1")


@pytest.mark.parametrize("kdf", [b"\x03\x01\x08\x07", b"\x03\x01\x0a\x09"])
async def test_an_imported_key_keeps_its_fingerprint(tmp_path: Path, kdf: bytes) -> None:
    token = WritableToken()
    data = encode(("private-key", new_parts(CURVE25519), CREATED, ("ecdh-params", kdf)))
    answers = Answers(KEYDATA=data, NEEDPIN=b"314159")
    async with bed(tmp_path, token) as b:
        await (await b.client()).transact(b"WRITEKEY OPENPGP.2", inquire=answers)
    async with bed(tmp_path, token) as b:
        learned = await told(await b.client(), b"LEARN --force", b"KEY-FPR")
    assert learned == [b"2 " + name(token, 0, Use.DECRYPT, kdf)]


async def test_a_key_that_is_on_the_token_already_only_changes_its_slot(tmp_path: Path) -> None:
    token = WritableToken()
    answers = Answers(KEYDATA=keydata(*new_parts(NIST_P256)), NEEDPIN=b"314159")
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await client.transact(b"WRITEKEY OPENPGP.1", inquire=answers)
        await fails(client, b"WRITEKEY OPENPGP.1", Code.EEXIST, answers)
        await client.transact(b"GENKEY --force --algo=ed25519 1")
        await client.transact(b"WRITEKEY --force OPENPGP.1", inquire=answers)
        await fails(client, b"WRITEKEY OPENPGP.2", Code.USE_CONDITIONS, answers)
        assert await told(client, b"GETATTR KEY-FPR", b"KEY-FPR") == [
            b"1 " + name(token, 0, Use.SIGN)
        ]
    assert len(token.keys()) == 2


async def test_key_attr_is_the_wish_for_the_next_key(tmp_path: Path) -> None:
    token = WritableToken()
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await fails(client, b"SETATTR KEY-ATTR --force 1 1 rsa2048", Code.UNSUPPORTED_OPERATION)
        await fails(client, b"SETATTR KEY-ATTR --force 1 18 cv25519", Code.WRONG_PUBKEY_ALGO)
        await fails(client, b"GENKEY 1", Code.UNSUPPORTED_OPERATION)
        await client.transact(b"SETATTR KEY-ATTR --force 1 22 ed25519")
        await client.transact(b"SETATTR KEY-ATTR --force 2 18 nistp256")
    async with bed(tmp_path, token) as b:
        client = await b.client()
        shown = await told(client, b"GETATTR KEY-ATTR", b"KEY-ATTR")
        assert shown == [b"1 22 Ed25519", b"2 18 NIST P-256", b"3 1 rsa2048 32 1"]
        await client.transact(b"GENKEY 1", inquire=Asked())
        await client.transact(b"GENKEY --algo=cv25519 2")
        shown = await told(client, b"GETATTR KEY-ATTR", b"KEY-ATTR")
        assert shown[1] == b"2 18 Curve25519", "the wish was for one key"
    assert [key.public.curve for key in token.keys()] == [  # type: ignore[union-attr]
        *(ED25519, CURVE25519)
    ]


async def test_certificates_go_to_the_key_in_the_slot(tmp_path: Path) -> None:
    token = WritableToken()
    answers = Answers(CERTDATA=b"a certificate", NEEDPIN=b"314159")
    async with bed(tmp_path, token) as b:
        client = await b.client()
        await fails(client, b"WRITECERT OPENPGP.3", Code.NO_OBJ, answers)
        await client.transact(b"GENKEY --algo=ed25519 3", inquire=answers)
        await client.transact(b"WRITECERT OPENPGP.3", inquire=answers)
        assert (await client.transact(b"READCERT OPENPGP.3")).data == b"a certificate"
        (certificate,) = await told(client, b"LEARN --force", b"CERTINFO")
    assert certificate.startswith(b"100 OPENPGP.")


async def test_a_slot_that_is_configured_is_not_for_new_keys(tmp_path: Path) -> None:
    token = WritableToken()
    async with bed(tmp_path, token) as b:
        await (await b.client()).transact(GENERATE, inquire=Asked())
    options = TokenOptions(token.info.name, sign=token.keys()[0].ref)
    async with bed(tmp_path, token, tokens=(options,)) as b:
        client = await b.client()
        for line in (GENERATE, b"SETATTR KEY-ATTR --force 1 22 ed25519"):
            await fails(client, line, Code.UNSUPPORTED_OPERATION)
        await client.transact(b"GENKEY --algo=ed25519 3", inquire=Asked())
        fingerprints = await told(client, b"GETATTR KEY-FPR", b"KEY-FPR")
    assert [text[:2] for text in fingerprints] == [b"3 "]
