"""What backends/token.py promises, held by every family of devices alike.

The specimens are in conftest.py: two OpenPGP cards behind a real pcscd, tokens of PKCS#11 modules,
and the fake token of the daemon's own tests.
"""

from __future__ import annotations

import pytest

from backends.errors import BadInput, BadPin, NotSupported, PinNeeded, TokenError
from backends.token import Attribute, Key, PinRequest, Use
from tests.contract.oracle import check_signature, riddle, to_be_signed
from tests.contract.specimens import Specimen

MESSAGE = b"What a token signs, it signs for everybody to see."


def pin_if_asked(specimen: Specimen, key: Key) -> bytearray | None:
    return bytearray(specimen.pin) if specimen.token.pin_for(key) else None


def signing_keys(specimen: Specimen) -> list[Key]:
    return [k for k in specimen.token.keys() if k.use & (Use.SIGN | Use.AUTHENTICATE)]


def decryption_keys(specimen: Specimen) -> list[Key]:
    return [k for k in specimen.token.keys() if Use.DECRYPT in k.use]


def sign(specimen: Specimen, key: Key) -> bytes:
    tbs = to_be_signed(key.public, MESSAGE)
    return specimen.token.sign(key, tbs, pin_if_asked(specimen, key))


def test_serial_number_has_the_openpgp_form(specimen: Specimen) -> None:
    serial = specimen.token.info.serial
    assert serial == serial.upper()
    assert len(bytes.fromhex(serial)) == 16
    assert serial.startswith("D27600012401")


def test_keys_are_listed_the_same_each_time_and_named_without_blanks(specimen: Specimen) -> None:
    keys = specimen.token.keys()
    assert keys
    assert list(specimen.token.keys()) == list(keys)
    assert len({key.ref for key in keys}) == len(keys)
    for key in keys:
        assert key.ref.isascii()
        assert key.ref.isprintable()
        assert " " not in key.ref
        assert len(key.ref) <= 32


def test_every_signing_key_signs(specimen: Specimen) -> None:
    assert signing_keys(specimen)
    for key in signing_keys(specimen):
        check_signature(key.public, MESSAGE, sign(specimen, key))


def test_every_decryption_key_decrypts(specimen: Specimen) -> None:
    assert decryption_keys(specimen)
    for key in decryption_keys(specimen):
        puzzle = riddle(key)
        plain = specimen.token.decrypt(key, puzzle.ciphertext, pin_if_asked(specimen, key))
        assert plain == puzzle.solution


def test_pin_is_not_asked_again_once_it_is_verified(specimen: Specimen) -> None:
    key = decryption_keys(specimen)[0]
    for _ in range(2):
        request = specimen.token.pin_for(key)
        specimen.token.decrypt(key, riddle(key).ciphertext, pin_if_asked(specimen, key))
    assert request is None


def test_wrong_pin_costs_one_try_and_nothing_else(specimen: Specimen) -> None:
    key = decryption_keys(specimen)[0]
    assert isinstance(specimen.token.pin_for(key), PinRequest)
    before = specimen.tries_left()
    with pytest.raises(BadPin):
        specimen.token.decrypt(key, riddle(key).ciphertext, bytearray(specimen.wrong_pin))
    if before is not None:
        assert specimen.tries_left() == before - 1
    puzzle = riddle(key)
    assert specimen.token.decrypt(key, puzzle.ciphertext, bytearray(specimen.pin)) == (
        puzzle.solution
    )
    assert specimen.tries_left() == before


def test_missing_pin_is_asked_for_and_costs_nothing(specimen: Specimen) -> None:
    key = decryption_keys(specimen)[0]
    before = specimen.tries_left()
    with pytest.raises(PinNeeded):
        specimen.token.decrypt(key, riddle(key).ciphertext, None)
    assert specimen.tries_left() == before


def test_ciphertext_that_fits_no_key_is_bad_input(specimen: Specimen) -> None:
    for key in decryption_keys(specimen):
        pin = pin_if_asked(specimen, key)
        with pytest.raises(BadInput):
            specimen.token.decrypt(key, b"\x04short", pin)
        puzzle = riddle(key)
        pin = pin_if_asked(specimen, key)
        assert specimen.token.decrypt(key, puzzle.ciphertext, pin) == puzzle.solution


def test_errors_do_not_tell_the_pin(specimen: Specimen) -> None:
    key = decryption_keys(specimen)[0]
    with pytest.raises(BadPin) as caught:
        specimen.token.decrypt(key, riddle(key).ciphertext, bytearray(specimen.wrong_pin))
    error: BaseException | None = caught.value
    while error is not None:
        assert specimen.wrong_pin.decode() not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__


def test_reset_forgets_the_pin(specimen: Specimen) -> None:
    key = decryption_keys(specimen)[0]
    specimen.token.decrypt(key, riddle(key).ciphertext, pin_if_asked(specimen, key))
    assert specimen.token.pin_for(key) is None
    specimen.token.reset()
    assert isinstance(specimen.token.pin_for(key), PinRequest)


def test_verify_pin_serves_the_keys(specimen: Specimen) -> None:
    key = decryption_keys(specimen)[0]
    request = specimen.token.pin_for(key)
    assert request is not None
    named = specimen.token.pin_named(request.ref)
    assert named.ref is request.ref
    assert not specimen.token.is_verified(request.ref)
    specimen.token.verify_pin(request.ref, bytearray(specimen.pin))
    assert specimen.token.is_verified(request.ref)
    assert specimen.token.pin_for(key) is None


def test_attributes_are_a_subset_of_what_was_asked(specimen: Specimen) -> None:
    wanted = {Attribute.DISP_NAME, Attribute.CHV_STATUS, Attribute.SIG_COUNTER}
    assert set(specimen.token.attributes(wanted)) <= wanted
    assert specimen.token.attributes(()) == {}


def test_certificates_are_there_where_they_are_told(specimen: Specimen) -> None:
    for key in specimen.token.keys():
        assert (specimen.token.certificate(key.ref) is not None) == key.certificate


def test_random_bytes(specimen: Specimen) -> None:
    try:
        one, other = specimen.token.random(32), specimen.token.random(32)
    except NotSupported:
        assert not specimen.token.info.capabilities.get_challenge
    else:
        assert len(one) == len(other) == 32
        assert one != other


def test_close_is_final_and_quiet(specimen: Specimen) -> None:
    key = decryption_keys(specimen)[0]
    specimen.token.close()
    specimen.token.close()
    with pytest.raises(TokenError):
        specimen.token.decrypt(key, riddle(key).ciphertext, None)
