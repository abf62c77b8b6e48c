"""What gnupg-pkcs11-scd called tokens and keys, recorded from it, and who answers to that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assuan.client import Client
from assuan.errors import Code
from backends.token import Key
from scd.aliases import (
    is_old_reference,
    is_old_reference_of,
    is_old_serial,
    is_old_serial_of,
)
from tests.fake import FakeCard, FakeToken
from tests.scd.bed import Asked, bed, fails

TOKEN = "pkcs11:token={};manufacturer=SoftHSM%20project;model=SoftHSM%20v2;serial={}"
OURS = TOKEN.format("tok%20one%2F%C3%BC", "eb324577ef2e8f75")
EMPTY = TOKEN.format("", "")

#: As Debian's libpkcs11-helper 1.29 and, by Fedora's patch of it, others write the same key.
PATH = r"SoftHSM\x20project/SoftHSM\x20v2/eb324577ef2e8f75/tok\x20one\x2F\xC3\xBC/02"
URI = (
    "pkcs11:model=SoftHSM%20v2;token=tok%20one%2f%c3%bc;manufacturer=SoftHSM%20project;"
    "serial=eb324577ef2e8f75;id=%02"
)
REFERENCES = [PATH, URI]

#: That of an empty slot of SoftHSM, told for every token that is in a slot before it.
SERIAL = b"D27600012401115031319909A5ED1111"


class OldToken(FakeToken):
    """One that gnupg-pkcs11-scd could have known."""

    def __init__(self, number: int = 1) -> None:
        super().__init__(number)
        self.info = replace(self.info, uri=OURS)

    def keys(self, *, thorough: bool = False) -> Sequence[Key]:
        keys = super().keys(thorough=thorough)
        return [replace(key, uri=f"{OURS};id=%{n:02X}") for n, key in enumerate(keys, 2)]


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_key_is_known_by_its_reference_and_by_no_other(reference: str) -> None:
    assert is_old_reference(reference)
    assert is_old_reference_of(reference, f"{OURS};id=%02;object=x;type=private")
    assert not is_old_reference_of(reference, f"{OURS};id=%03")
    assert not is_old_reference_of(reference, f"{EMPTY};id=%02")
    assert not is_old_reference_of(reference, OURS)


def test_a_serial_number_is_that_of_one_token() -> None:
    assert is_old_serial(SERIAL.decode())
    assert is_old_serial_of(SERIAL.decode().lower(), EMPTY)
    assert not is_old_serial_of(SERIAL.decode(), OURS)
    assert not is_old_serial("D2760001240103040006123456780000")


@pytest.mark.parametrize("name", ["OPENPGP.1", "P11.0123456789ABCDEF", "0" * 40, "a/b"])
def test_other_names_are_not_taken_for_references(name: str) -> None:
    assert not is_old_reference(name)


@pytest.mark.parametrize("reference", REFERENCES)
async def test_the_key_is_found_whatever_token_the_number_brought(
    reference: str, tmp_path: Path
) -> None:
    other, old, asked = FakeToken(1), OldToken(2), Asked()
    async with bed(tmp_path, other, old) as b:
        client = await b.client()
        assert await told(client, b"SERIALNO --demand=" + SERIAL) == [SERIAL]
        assert await told(client, b"GETATTR READER") == [b"fake 1"]
        await client.transact(b"SETDATA " + bytes(32).hex().encode())
        signature = await client.transact(b"PKSIGN " + reference.encode(), inquire=asked)
        assert len(signature.data) == 64
    assert asked.questions[0][1].endswith("fake 2")


async def test_the_token_itself_goes_before_any_other(tmp_path: Path) -> None:
    old = OldToken(2)
    old.info = replace(old.info, uri=EMPTY)
    async with bed(tmp_path, FakeToken(1), old) as b:
        client = await b.client()
        assert await told(client, b"SERIALNO --demand=" + SERIAL) == [SERIAL]
        assert await told(client, b"GETATTR READER") == [b"fake 2"]
        # Whoever is told of the token anew is told its own name.
        assert await told(client, b"SERIALNO") == [FakeToken(1).info.serial.encode()]


async def test_no_card_stands_in_for_a_token_and_no_token_for_a_key(tmp_path: Path) -> None:
    async with bed(tmp_path, FakeCard()) as b:
        await fails(await b.client(), b"SERIALNO --demand=" + SERIAL, Code.ENODEV)
    async with bed(tmp_path, FakeToken()) as b:
        for reference in REFERENCES:
            line = b"READKEY " + reference.encode()
            await fails(await b.client(), line, Code.CARD_NOT_PRESENT)


async def told(client: Client, line: bytes) -> list[bytes]:
    """The texts of the status lines."""
    return [bytes(status.text) for status in (await client.transact(line)).status]
