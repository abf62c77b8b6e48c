"""Private keys on their way to the card: import formats, exponents, and what is too long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.changes import ECPrivateKey, RSAPrivateKey, WriteKey
from backends.curves import CURVE25519, NIST_P256
from backends.errors import BadInput, HardwareFailure, NotSupported, Unfinished
from backends.openpgp.key_import import extended_header_list
from backends.openpgp.slots import SLOTS
from backends.token import ECAlgorithm, RSAAlgorithm
from tests.bed.simulated import PRESETS, Profile
from tests.fake.keys import generate, private_key, public_key
from tests.openpgp.bench import Bench
from tests.openpgp.editor import PUT_DATA_ODD, Editor, algorithm, rsa_key, soft_key, stamp

REF = "OPENPGP.2"
FORMATS = {"standard": 0, "with modulus": 1, "CRT": 2, "CRT with modulus": 3}
ECDH_P256 = ECAlgorithm(18, NIST_P256)
LENGTHS = {
    "extended": PRESETS["modern"],
    "chained": PRESETS["no_extended"],
}


def write(nbits: int, e: int = 65537) -> WriteKey:
    return WriteKey(REF, stamp(REF), private_key(rsa_key(nbits, e)))


def card(base: Profile, form: int, ebits: int = 32, name: str = "rsa1024") -> Profile:
    return replace(
        base, rsa_forms=(form,), rsa_form=form, exponent_bits=ebits, defaults=(name, name, name)
    )


@pytest.mark.parametrize("ebits", [32, 17])
@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("base", LENGTHS.values(), ids=LENGTHS)
def test_rsa_key_in_the_format_of_the_card(base: Profile, form: int, ebits: int) -> None:
    editor = Editor(card(base, form, ebits))
    editor.make(write(1024))
    assert editor.algorithm(REF) == RSAAlgorithm(1024, ebits, form)
    editor.works(REF)


@pytest.mark.parametrize("e", [3, 65539, 0x01000003, 0xFFFFFFFB])
def test_exponents_of_up_to_the_width_of_their_field(e: int) -> None:
    editor = Editor(card(PRESETS["modern"], 0, 32))
    editor.make(write(1024, e))
    assert editor.key(REF).public == public_key(rsa_key(1024, e))
    editor.works(REF)


@pytest.mark.parametrize("name", ["rsa1024", "rsa2048"])
def test_exponent_that_does_not_fit_is_refused_before_anything_changes(name: str) -> None:
    """Also where the field is that of the attributes to come."""
    editor = Editor(card(PRESETS["modern"], 0, 17, name))
    with pytest.raises(BadInput):
        editor.card.pin_for_change(write(1024, 0x01000003))
    assert not editor.written()


@pytest.mark.parametrize("name", ["rsa1024", "ed25519"])
def test_key_too_long_for_a_card_without_chaining_is_refused_before_anything_changes(
    name: str,
) -> None:
    """RSA-1024 would fit; the attributes would have been changed for the longer one."""
    profile = replace(PRESETS["modern"], extended_length=False, chaining=False)
    defaults = (name, name if name[:3] == "rsa" else "cv25519", name)
    editor = Editor(replace(profile, defaults=defaults))
    with pytest.raises(NotSupported):
        editor.card.pin_for_change(write(2048))
    with pytest.raises(NotSupported):
        editor.card.change(write(2048), bytearray(b"12345678"))
    assert not editor.written()
    assert editor.simulated.verifications["PW3"] == 0


def test_extended_length_does_not_help_with_the_protocol_t0() -> None:
    editor = Editor(replace(PRESETS["modern"], chaining=False))
    editor.link.t0 = True
    bench = Bench(editor.link)
    with pytest.raises(NotSupported):
        bench.card.pin_for_change(write(2048))


def test_short_key_on_a_card_without_chaining() -> None:
    editor = Editor(replace(PRESETS["modern"], extended_length=False, chaining=False))
    key = generate(ECAlgorithm(18, CURVE25519))
    editor.make(WriteKey(REF, stamp(REF), private_key(key)))
    editor.works(REF)


def test_card_that_fails_in_the_middle_of_a_chain() -> None:
    """With a buffer shorter than the key that it can hold."""
    editor = Editor(card(PRESETS["smartpgp"], 3, 17, "rsa4096"))
    before = editor.snapshot()
    with pytest.raises(HardwareFailure):
        editor.make(write(4096))
    assert editor.snapshot() == before
    chain = [apdu for apdu in editor.link.sent if apdu[1] == PUT_DATA_ODD]
    assert {apdu[0] for apdu in chain} == {0x10}


def test_card_that_takes_no_keys() -> None:
    editor = Editor("minimal")
    key = private_key(generate(ECAlgorithm(18, NIST_P256)))
    with pytest.raises(NotSupported):
        editor.card.pin_for_change(WriteKey(REF, stamp(REF), key))
    assert not editor.written()


def test_version_1_takes_rsa_keys_only() -> None:
    """Whatever it says of its attributes."""
    editor, wanted = Editor(replace(PRESETS["v1"], attributes_changeable=True)), ECDH_P256
    with pytest.raises(BadInput):
        editor.card.pin_for_change(WriteKey(REF, stamp(REF), private_key(generate(wanted))))
    assert not editor.written()


def test_rsa_key_of_an_odd_size_is_refused_before_anything_changes() -> None:
    editor = Editor()
    while (key := rsa_numbers()).public.n.bit_length() != 2047:
        pass
    with pytest.raises(BadInput, match="2047"):
        editor.card.pin_for_change(WriteKey(REF, stamp(REF), key))
    assert not editor.written()


def rsa_numbers() -> RSAPrivateKey:
    """2047 bits, by a prime of 1023: nobody can use it."""
    key = private_key(rsa_key(2048))
    assert isinstance(key, RSAPrivateKey)
    n = key.public.n >> 1 | 1
    return RSAPrivateKey(replace(key.public, n=n), key.d, key.p, key.q)


def test_primes_of_unequal_length_are_refused_before_anything_changes() -> None:
    editor, key = Editor(), private_key(rsa_key(1024))
    assert isinstance(key, RSAPrivateKey)
    uneven = replace(key, p=key.p << 8 | 1)
    with pytest.raises(BadInput):
        editor.card.pin_for_change(WriteKey(REF, stamp(REF), uneven))
    assert not editor.written()


@pytest.mark.parametrize("name", ["nistp256", "nistp521", "brainpoolP512r1"])
def test_card_that_wants_the_public_point(name: str) -> None:
    editor, wanted = Editor("smartpgp"), algorithm(name, REF)
    assert wanted is not None
    editor.make(WriteKey(REF, stamp(REF), private_key(soft_key(wanted))))
    editor.works(REF)


def test_public_point_is_sent_where_it_is_wanted_only() -> None:
    key = private_key(generate(ECAlgorithm(18, NIST_P256)))
    sizes = [
        len(extended_header_list(SLOTS[1], key, ECAlgorithm(18, NIST_P256, wanted)))
        for wanted in (False, True)
    ]
    assert sizes[1] - sizes[0] == 65 + 2


def test_parts_of_an_imported_key_are_right_for_a_strict_card() -> None:
    """The simulated card compares each part with what it works out itself."""
    for form in FORMATS.values():
        editor = Editor(card(PRESETS["modern"], form))
        key = private_key(rsa_key(1024))
        assert isinstance(key, RSAPrivateKey)
        swapped = replace(key, p=key.q, q=key.p)
        editor.make(WriteKey(REF, stamp(REF), swapped))
        editor.works(REF)


def test_import_is_read_back() -> None:
    """A card that made another key of what it was sent, and says that all is well."""
    editor, wanted = Editor(), algorithm("cv25519", REF)
    assert wanted is not None
    right, wrong = (private_key(soft_key(wanted)) for _ in range(2))
    assert isinstance(wrong, ECPrivateKey)
    editor.make(WriteKey(REF, stamp(REF), right))
    assert isinstance(right, ECPrivateKey)
    mixed = replace(right, secret=wrong.secret)
    with pytest.raises(Unfinished):
        editor.make(WriteKey(REF, stamp(REF), mixed))
