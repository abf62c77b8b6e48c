"""Slots, references and usage letters of a token that has no slots of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from backends.curves import CURVE25519, ED25519, NIST_P256
from backends.token import ECAlgorithm, ECPublicKey, Key, RSAAlgorithm, RSAPublicKey, Use
from scd.keygrip import keygrip
from scd.view import Birth, Reason, View, native_view, slot_algorithm, token_view

SIGN = Use.SIGN | Use.CERTIFY | Use.AUTHENTICATE
ALL = SIGN | Use.DECRYPT

RSA = Key("P11.A", ALL, RSAPublicKey((1 << 2047) + 1, 65537), "rsa", created=1000)
P256 = Key("P11.B", ALL, ECPublicKey(NIST_P256, b"\x04" + bytes(range(64))), "p256")
ED = Key("P11.C", SIGN, ECPublicKey(ED25519, bytes(range(32))), "ed")
CV = Key("P11.D", Use.DECRYPT, ECPublicKey(CURVE25519, bytes(range(32))), "cv")


def view(*keys: Key, put: Mapping[int, str] | None = None, **chosen: str) -> View:
    """``chosen``: label of the key that the configuration wants for a use."""
    return token_view(
        keys,
        lambda use, key: use.name is not None and chosen.get(use.name.lower()) == key.label,
        lambda grip, told: Birth(told or 42),
        put,
    )


def slots(v: View) -> list[str | None]:
    return [slot.key.label if slot else None for slot in v.slots]


def test_most_specialised_keys_fill_the_slots() -> None:
    assert slots(view(RSA, P256, ED)) == ["ed", "rsa", "p256"]
    assert slots(view(RSA, ED, CV)) == ["ed", "cv", "rsa"]


def test_one_key_serves_every_slot_that_it_can() -> None:
    only = view(RSA)
    assert slots(only) == ["rsa", "rsa", "rsa"]
    assert [key.ref for key in only.keys] == ["OPENPGP.1"]
    assert only.find("OPENPGP.3") is only.keys[0]
    assert slots(view(ED)) == ["ed", None, "ed"]
    assert slots(view()) == [None, None, None]


def test_curve_key_is_told_for_signing_or_for_encryption() -> None:
    other = Key("P11.E", ALL, ECPublicKey(NIST_P256, b"\x04" + bytes(range(1, 65))), "other")
    spare = Key("P11.F", ALL, ECPublicKey(NIST_P256, b"\x04" + bytes(range(2, 66))), "spare")
    assert slots(view(P256)) == ["p256", None, "p256"]
    assert slots(view(P256, other)) == ["p256", "other", "p256"]
    told = [key.usage for key in view(P256, other, spare, ED).keys]
    assert told == ["sca", "e", "sca", "sca"]


def test_configuration_goes_first_unless_the_key_cannot() -> None:
    assert slots(view(RSA, P256, ED, sign="p256", authenticate="ed")) == ["p256", "rsa", "ed"]
    assert slots(view(RSA, ED, decrypt="ed"))[1] == "rsa"


def test_keys_made_for_a_slot_fill_it_the_newest_first() -> None:
    old, new = (
        replace(P256, ref=f"P11.{n}", label=f"OPENPGP.1 2024-01-0{n} 00:00:00") for n in (1, 2)
    )
    assert slots(view(ED, old, new))[0] == new.label
    assert slots(view(ED, new, old, sign="ed"))[0] == "ed"
    assert slots(view(ED, replace(old, use=Use.DECRYPT)))[0] == "ed"


def test_keys_that_were_put_into_slots_go_before_guesses_and_after_the_configuration() -> None:
    put = {1: keygrip(RSA.public), 2: keygrip(RSA.public), 3: "0" * 40}
    shown = view(RSA, P256, ED, CV, put=put)
    assert slots(shown) == ["rsa", "rsa", "ed"]
    assert shown.reasons == [Reason.PUT, Reason.PUT, Reason.ABLE]
    shown = view(RSA, P256, ED, CV, put=put, sign="p256")
    assert slots(shown) == ["p256", "rsa", "ed"]
    assert shown.reasons[0] is Reason.CONFIGURED
    assert slots(view(ED, CV, put={1: keygrip(CV.public)}))[0] == "ed", "it cannot sign"


def test_every_key_is_listed_and_found() -> None:
    v = view(RSA, P256, ED, CV)
    assert [key.ref for key in v.keys] == ["OPENPGP.1", "OPENPGP.2", "OPENPGP.3", "P11.B"]
    for key in v.keys:
        assert v.find(key.ref) is key
        assert v.find(key.grip.lower()) is key
    assert v.find("OPENPGP.4") is None
    assert v.find("P11.A") is None, "a key in a slot has one reference only"


def test_usage_letters_and_algorithms() -> None:
    usage = {key.key.label: key.usage for key in view(RSA, ED, CV).keys}
    assert usage == {"rsa": "scea", "ed": "sca", "cv": "e"}
    algos = {key.key.label: key.algo for key in view(RSA, P256, ED, CV).keys}
    assert algos == {"rsa": "rsa2048", "p256": "nistp256", "ed": "ed25519", "cv": "cv25519"}


def test_creation_time_of_the_token_goes_before_the_remembered_one() -> None:
    times = {key.key.label: key.created for key in view(RSA, ED).keys}
    assert times == {"rsa": 1000, "ed": 42}


def test_lists_by_capability() -> None:
    v = view(RSA, ED, CV)
    assert {k.key.label for k in v.able(Use.DECRYPT)} == {"rsa", "cv"}
    assert {k.key.label for k in v.able(None)} == {"rsa", "ed", "cv"}


def test_card_keys_keep_their_slots_and_fingerprints() -> None:
    sign = Key("OPENPGP.1", SIGN, RSA.public, fingerprint=bytes(20), created=7)
    auth = Key("OPENPGP.3", SIGN, ED.public)
    v = native_view([sign, auth])
    assert [slot.ref if slot else None for slot in v.slots] == ["OPENPGP.1", None, "OPENPGP.3"]
    assert (v.keys[0].created, v.keys[0].fingerprint) == (7, bytes(20))
    assert (v.keys[1].created, v.keys[1].fingerprint) == (0, None)


def test_one_key_in_several_slots_of_a_card_is_found_by_its_use() -> None:
    uses = {1: Use.SIGN | Use.CERTIFY, 2: Use.DECRYPT, 3: Use.SIGN | Use.AUTHENTICATE}
    v = native_view([Key(f"OPENPGP.{n}", use, RSA.public) for n, use in uses.items()])
    grip = v.keys[0].grip
    wanted = (None, Use.SIGN, Use.DECRYPT, Use.AUTHENTICATE)
    found = [key.ref if (key := v.find(grip, use)) else None for use in wanted]
    assert found == ["OPENPGP.1", "OPENPGP.1", "OPENPGP.2", "OPENPGP.3"]
    only = native_view([Key("OPENPGP.1", uses[1], RSA.public)])
    assert only.find(grip, Use.DECRYPT) is only.keys[0]


def test_algorithm_attributes_follow_the_slot() -> None:
    assert slot_algorithm(RSA.public, Use.SIGN) == RSAAlgorithm(2048)
    assert slot_algorithm(P256.public, Use.SIGN) == ECAlgorithm(19, NIST_P256)
    assert slot_algorithm(P256.public, Use.DECRYPT) == ECAlgorithm(18, NIST_P256)
    assert slot_algorithm(ED.public, Use.AUTHENTICATE) == ECAlgorithm(22, ED25519)
    assert slot_algorithm(CV.public, Use.DECRYPT) == ECAlgorithm(18, CURVE25519)
