"""SETATTR and WRITECERT on a fake card."""

from __future__ import annotations

from pathlib import Path

import pytest

from assuan.errors import Code
from backends.changes import SetAlgorithm, SetAttribute
from backends.curves import BRAINPOOL_P256, CURVE25519, NIST_P256
from backends.token import Attribute, ECAlgorithm, PinRef, RSAAlgorithm
from tests.fake import ADMIN_PIN, USER_PIN, FakeCard
from tests.scd.bed import Answers, Asked, bed, fails


async def test_value_is_unescaped_and_the_admin_pin_asked_once(tmp_path: Path) -> None:
    card, asked = FakeCard(), Asked(ADMIN_PIN)
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"SETATTR DISP-NAME Doe<<Jane+%2B%41%ff", inquire=asked)
        await client.transact(b"SETATTR CHV-STATUS-1 %01", inquire=asked)
        assert card.data == {
            Attribute.DISP_NAME: b"Doe<<Jane +A\xff",
            Attribute.CHV_STATUS_1: b"\x01",
        }
    ((_, text),) = asked.questions
    assert text.startswith("|A|Please enter the Admin PIN%0A%0A\x1eNumber\x1f: FF01 00000001")


async def test_empty_value_and_value_by_inquiry(tmp_path: Path) -> None:
    card, answers = FakeCard(), Answers(VALUE=b"100% + raw\0")
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"SETATTR PUBKEY-URL", inquire=answers)
        await client.transact(b"SETATTR --inquire LOGIN-DATA", inquire=answers)
    assert card.data == {Attribute.PUBKEY_URL: b"", Attribute.LOGIN_DATA: b"100% + raw\0"}
    assert answers.asked == ["NEEDPIN", "VALUE"]


async def test_private_data_of_the_user_take_the_users_pin(tmp_path: Path) -> None:
    card, asked = FakeCard(), Asked(USER_PIN)
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"SETATTR PRIVATE-DO-1 mine", inquire=asked)
        assert asked.questions[0][1].startswith("||Please unlock the card")
        await fails(client, b"SETATTR PRIVATE-DO-2 mine", Code.BAD_PIN, Asked(b"87654321"))
    assert card.data == {Attribute.PRIVATE_DO_1: b"mine"}
    assert card.pins.tries[PinRef.PW3] == 2


#: What is refused before any PIN is asked.
REFUSED = {
    b"SETATTR FOO x": Code.INV_NAME,
    b"SETATTR": Code.INV_NAME,
    b"SETATTR KEY-FPR x": Code.INV_NAME,
    b"SETATTR CHV-STATUS x": Code.INV_NAME,
    b"SETATTR UIF-1 %01%20": Code.INV_OBJ,
    b"SETATTR DISP-NAME " + b"x" * 40: Code.INV_VALUE,
    b"SETATTR CHV-STATUS-1 %01%02": Code.INV_VALUE,
    b"SETATTR GEN-ATTST OPENPGP.1": Code.UNSUPPORTED_OPERATION,
    b"SETATTR GEN-ATTST OPENPGP.4": Code.INV_ID,
    b"SETATTR KEY-ATTR 1 22 ed25519": Code.INV_DATA,
    b"SETATTR KEY-ATTR --force+1+22": Code.INV_DATA,
    b"SETATTR KEY-ATTR --force+1+22+ed25518": Code.INV_DATA,
    b"SETATTR KEY-ATTR --force+1+17+dsa2048": Code.PUBKEY_ALGO,
    b"SETATTR KEY-ATTR --force+4+22+ed25519": Code.INV_ID,
    b"SETATTR KEY-ATTR --force+0+1+rsa2048": Code.INV_ID,
    b"SETATTR KEY-ATTR --force+1+1+rsa1023": Code.TOO_SHORT,
    b"SETATTR KEY-ATTR --force+1+1+rsa": Code.TOO_SHORT,
    b"SETATTR KEY-ATTR --force+1+1+rsa4097": Code.TOO_LARGE,
    b"SETATTR KEY-ATTR --force+1+18+cv25519": Code.WRONG_PUBKEY_ALGO,
    b"SETATTR KEY-ATTR --force+2+22+ed25519": Code.WRONG_PUBKEY_ALGO,
    b"SETATTR KEY-ATTR --force+2+19+nistp256": Code.WRONG_PUBKEY_ALGO,
    b"SETATTR KEY-ATTR --force+1+22+nistp256": Code.WRONG_PUBKEY_ALGO,
    b"WRITECERT": Code.INV_ID,
    b"WRITECERT OPENPGP.4": Code.INV_ID,
}


@pytest.mark.parametrize(("line", "code"), REFUSED.items(), ids=lambda v: str(v))
async def test_refused_before_the_pin(line: bytes, code: Code, tmp_path: Path) -> None:
    card, asked = FakeCard(), Asked(ADMIN_PIN)
    async with bed(tmp_path, card) as b:
        await fails(await b.client(), line, code, asked)
    assert not asked.questions
    assert not card.done
    assert not card.pins.sent


ALGORITHMS = {
    b"--force+1+22+ed25519": ("OPENPGP.1", "Ed25519"),
    b"--force+2+18+cv25519": ("OPENPGP.2", "Curve25519"),
    b"--force 2 18 Curve25519": ("OPENPGP.2", "Curve25519"),
    b"--force+3+19+NIST+P-256": ("OPENPGP.3", "NIST P-256"),
    b"--force+1+19+brainpoolP256r1": ("OPENPGP.1", "brainpoolP256r1"),
    b"--force+1+19+secp256k1": ("OPENPGP.1", "secp256k1"),
    b"--force+2+18+nistp384": ("OPENPGP.2", "NIST P-384"),
    b"--force+1+22+1.3.6.1.4.1.11591.15.1": ("OPENPGP.1", "Ed25519"),
    b"--force+1+1+rsa2048": ("OPENPGP.1", 2048),
    b"--force+3+1+rsa3000": ("OPENPGP.3", 3008),
}


@pytest.mark.parametrize(("value", "wanted"), ALGORITHMS.items(), ids=lambda v: str(v))
async def test_key_attributes(value: bytes, wanted: tuple[str, str | int], tmp_path: Path) -> None:
    card = FakeCard()
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"SETATTR KEY-ATTR " + value, inquire=Asked(ADMIN_PIN))
    (change,) = card.done
    assert isinstance(change, SetAlgorithm)
    match change.algorithm:
        case RSAAlgorithm(nbits):
            assert (change.ref, nbits) == wanted
        case ECAlgorithm(_, curve):
            assert (change.ref, curve.name) == wanted


async def test_algorithms_of_the_slots(tmp_path: Path) -> None:
    card = FakeCard()
    async with bed(tmp_path, card) as b:
        client = await b.client()
        for value in (b"1+19+nistp256", b"2+18+cv25519", b"3+19+brainpoolP256r1"):
            line = b"SETATTR KEY-ATTR --force+" + value
            await client.transact(line, inquire=Asked(ADMIN_PIN))
        reply = await client.transact(b"GETATTR KEY-ATTR")
    assert [slot.algorithm for slot in card.slots.values()] == [
        ECAlgorithm(19, NIST_P256),
        ECAlgorithm(18, CURVE25519),
        ECAlgorithm(19, BRAINPOOL_P256),
    ]
    assert [s.text for s in reply.status] == [
        b"1 19 NIST P-256",
        b"2 18 Curve25519",
        b"3 19 brainpoolP256r1",
    ]


async def test_touch_switch_of_a_card_with_a_button(tmp_path: Path) -> None:
    card = FakeCard(button=True)
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"SETATTR UIF-2 %01%20", inquire=Asked(ADMIN_PIN))
    assert card.done == [SetAttribute(Attribute.UIF_2, b"\x01\x20")]


async def test_certificate_is_written_read_and_removed(tmp_path: Path) -> None:
    card, der = FakeCard(), b"\x30\x82\x01\x00" + bytes(256)
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await client.transact(b"WRITECERT OPENPGP.3", inquire=Answers(CERTDATA=der))
        assert (await client.transact(b"READCERT OPENPGP.3")).data == der
        await client.transact(b"SETATTR CERT-1 %30%00", inquire=Answers())
        assert (await client.transact(b"READCERT OPENPGP.1")).data == b"\x30\x00"
        await client.transact(b"WRITECERT OPENPGP.3", inquire=Answers(CERTDATA=b""))
        await fails(client, b"READCERT OPENPGP.3", Code.NOT_FOUND)


async def test_certificate_that_is_too_long_costs_no_pin(tmp_path: Path) -> None:
    card, answers = FakeCard(), Answers(CERTDATA=bytes(2000))
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await fails(client, b"WRITECERT OPENPGP.3", Code.INV_VALUE, answers)
        answers.by_keyword = {"CERTDATA": bytes(16385)}
        await fails(client, b"WRITECERT OPENPGP.3", Code.ASS_TOO_MUCH_DATA, answers)
    assert answers.asked == ["CERTDATA", "CERTDATA"]


async def test_denied_admin_is_asked_nothing(tmp_path: Path) -> None:
    card, asked = FakeCard(), Asked(ADMIN_PIN)
    serial = card.info.serial.encode()
    lines = (
        b"SETATTR DISP-NAME x",
        b"SETATTR KEY-ATTR --force+1+1+rsa2048",
        b"WRITECERT OPENPGP.3",
        b"WRITEKEY OPENPGP.1",
        b"GENKEY 1",
        b"PASSWD 3",
        b"PASSWD --reset 1",
        b"PASSWD --reset 2",
        b"CHECKPIN " + serial + b"[CHV3]",
    )
    async with bed(tmp_path, card, deny_admin=True) as b:
        client = await b.client()
        for line in lines:
            await fails(client, line, Code.EACCES, asked)
        assert not asked.questions
        await client.transact(b"SETATTR PRIVATE-DO-3 x", inquire=Asked(USER_PIN))


async def test_cancelled_change_changes_nothing(tmp_path: Path) -> None:
    card = FakeCard()
    async with bed(tmp_path, card) as b:
        client = await b.client()
        await fails(client, b"SETATTR DISP-NAME x", Code.ASS_CANCELED, Asked(None))
    assert not card.done
