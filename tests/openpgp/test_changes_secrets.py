"""Secrets on their way to the card: in no error, and nowhere once it has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from backends.changes import Change, ECPrivateKey, RSAPrivateKey, SetAttribute, WriteKey
from backends.errors import BadPin, NotSupported, TokenError
from backends.openpgp import key_changes
from backends.openpgp.key_import import extended_header_list
from backends.openpgp.link import LinkLost
from backends.openpgp.pins import Pins
from backends.token import Attribute, PinRef
from tests.bed.simulated import PRESETS, SimulatedCard
from tests.fake.keys import private_key
from tests.openpgp.bench import VERIFY, Bench, Faulty
from tests.openpgp.editor import (
    ADMIN_PIN,
    CHANGE,
    PUT_DATA,
    PUT_DATA_ODD,
    RESET_RETRY,
    USER_PIN,
    Editor,
    algorithm,
    rsa_key,
    soft_key,
    stamp,
)
from tests.openpgp.test_changes_kdf import kdf_do

REF = "OPENPGP.2"
CV25519 = algorithm("cv25519", REF)
assert CV25519 is not None
KEYS = {"rsa": private_key(rsa_key(1024)), "cv25519": private_key(soft_key(CV25519))}
SECRET_PINS = (b"secret user PIN", b"secret admin PIN", b"secret reset PIN")


def written_forms(secret: bytes) -> Iterator[str]:
    """Ways in which it might be shown."""
    yield secret.hex()
    yield repr(secret)[2:-1]
    yield str(int.from_bytes(secret, "big"))
    yield str(int.from_bytes(secret, "little"))
    yield f"{int.from_bytes(secret, 'big'):x}"


def secrets_of(key: RSAPrivateKey | ECPrivateKey) -> list[bytes]:
    if isinstance(key, ECPrivateKey):
        return [key.secret, key.secret[::-1]]
    return [number.to_bytes(128, "big").lstrip(b"\0") for number in (key.p, key.q, key.d)]


def check_silent(error: BaseException | None, secrets: list[bytes]) -> None:
    """Nothing of it in the error, nor in what led to it."""
    while error is not None:
        text = f"{error!r} {error} {error.args!r}".lower()
        for secret in secrets:
            for form in written_forms(secret):
                assert form.lower() not in text
        error = error.__cause__ or error.__context__


ANSWERS: list[bytes | Exception] = [b"\x65\x81", b"\x6f\x00", b"\x6a\x80", LinkLost("reset")]


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_errors_tell_nothing_of_a_key(
    key: RSAPrivateKey | ECPrivateKey, answer: bytes | Exception
) -> None:
    editor, change = Editor(), WriteKey(REF, stamp(REF), key)
    editor.link.strike(PUT_DATA_ODD, answer)
    with pytest.raises(TokenError) as caught:
        editor.make(change)
    check_silent(caught.value, [*secrets_of(key), ADMIN_PIN])
    for form in (secret.hex() for secret in secrets_of(key)):
        assert form not in repr(change)


ACTIONS: dict[str, tuple[int, Callable[[Bench], object]]] = {
    "verify": (
        VERIFY,
        lambda it: it.card.verify_pin(PinRef.PW1_81, bytearray(SECRET_PINS[0])),
    ),
    "change": (
        CHANGE,
        lambda it: it.card.change_pin(
            PinRef.PW1_81, bytearray(USER_PIN), bytearray(SECRET_PINS[0])
        ),
    ),
    "wrong": (
        -1,
        lambda it: it.card.change_pin(
            PinRef.PW3, bytearray(SECRET_PINS[1]), bytearray(SECRET_PINS[0])
        ),
    ),
    "reset": (
        RESET_RETRY,
        lambda it: it.card.reset_pin(
            PinRef.PW1_81, bytearray(ADMIN_PIN), bytearray(SECRET_PINS[0])
        ),
    ),
    "code": (
        PUT_DATA,
        lambda it: it.card.reset_pin(PinRef.RC, bytearray(ADMIN_PIN), bytearray(SECRET_PINS[2])),
    ),
    "KDF-DO": (
        RESET_RETRY,
        lambda it: it.card.change(SetAttribute(Attribute.KDF, kdf_do()), bytearray(ADMIN_PIN)),
    ),
}


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
@pytest.mark.parametrize("name", ACTIONS)
def test_errors_tell_nothing_of_a_pin(name: str, answer: bytes | Exception) -> None:
    editor, (ins, action) = Editor(), ACTIONS[name]
    editor.link.strike(ins, answer)
    with pytest.raises(TokenError) as caught:
        action(editor)
    check_silent(caught.value, [*SECRET_PINS, USER_PIN, ADMIN_PIN])


class Keeping(Faulty):
    """Keeps the very buffers that it was given."""

    def __init__(self, card: SimulatedCard) -> None:
        self.buffers: list[bytes | bytearray] = []
        super().__init__(card)

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        self.buffers.append(apdu)
        return super().transmit(apdu)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("name", ACTIONS)
def test_forms_of_pins_are_wiped_where_they_were_made(
    monkeypatch: pytest.MonkeyPatch, name: str, fails: bool
) -> None:
    made: list[bytearray] = []
    secret, exchange = Pins.secret, Pins.exchange

    def kept_secret(self: Pins, *args: Any) -> bytearray:
        made.append(secret(self, *args))
        return made[-1]

    def kept_exchange(self: Pins, ins: int, p1: int, p2: int, data: bytearray) -> int:
        made.append(data)
        return exchange(self, ins, p1, p2, data)

    monkeypatch.setattr(Pins, "secret", kept_secret)
    monkeypatch.setattr(Pins, "exchange", kept_exchange)
    editor, (ins, action) = Editor(), ACTIONS[name]
    if fails:
        editor.link.strike(ins, b"\x6f\x00")
    with suppress(TokenError):
        action(editor)
    assert made
    assert not any(any(data) for data in made)


SECRET_INS = {VERIFY, CHANGE, RESET_RETRY, PUT_DATA_ODD}


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("name", [name for name in ACTIONS if name != "wrong"])
def test_buffers_with_pins_are_wiped(name: str, fails: bool) -> None:
    link, (ins, action) = Keeping(SimulatedCard()), ACTIONS[name]
    bench = Bench(link)
    if fails:
        link.strike(ins, b"\x6f\x00")
        with pytest.raises(TokenError):
            action(bench)
    elif name == "verify":
        with pytest.raises(BadPin):
            action(bench)
    else:
        action(bench)
    check_wiped(link)


@pytest.mark.parametrize("preset", ["modern", "no_extended"])
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("fails", [False, True])
def test_buffers_with_keys_are_wiped(
    preset: str, key: RSAPrivateKey | ECPrivateKey, fails: bool
) -> None:
    editor = Editor(preset)
    link = Keeping(editor.simulated)
    bench, change = Bench(link), WriteKey(REF, stamp(REF), key)
    if fails:
        link.strike(PUT_DATA_ODD, b"\x6f\x00")
        with pytest.raises(TokenError):
            make(bench, change)
    else:
        make(bench, change)
    assert [each for each in link.buffers if each[0] | each[1]]
    check_wiped(link)


@pytest.mark.parametrize("chaining", [False, True])
def test_what_is_sent_of_a_key_is_wiped_where_it_was_made(
    monkeypatch: pytest.MonkeyPatch, chaining: bool
) -> None:
    """Also for the check that it can be sent at all."""
    made: list[bytearray] = []

    def kept(*args: Any) -> bytearray:
        made.append(extended_header_list(*args))
        return made[-1]

    monkeypatch.setattr(key_changes, "extended_header_list", kept)
    editor = Editor(replace(PRESETS["no_extended"], chaining=chaining))
    change = WriteKey(REF, stamp(REF), private_key(rsa_key(2048)))
    if chaining:
        editor.make(change)
    else:
        with pytest.raises(NotSupported):
            editor.make(change)
    assert made
    assert not any(any(data) for data in made)


def make(bench: Bench, change: Change) -> None:
    bench.card.pin_for_change(change)
    bench.card.change(change, bytearray(ADMIN_PIN))


def check_wiped(link: Keeping) -> None:
    sent = zip(link.buffers, link.sent[-len(link.buffers) :], strict=True)
    secret = [buffer for buffer, apdu in sent if apdu[1] in SECRET_INS]
    assert secret
    for buffer in secret:
        assert isinstance(buffer, bytearray)
        assert not any(buffer)
