"""Keys that are made on the card, or moved to it."""

from __future__ import annotations

from tests.bed.simulated import PRESETS
from tests.system.card_edit.script import edit, key, menu
from tests.system.preparations import curve_attributes, curve_keys, forced_signature_pin
from tests.system.scenario import WRONG_ADMIN_PIN, WRONG_USER_PIN, Scenario

#: jcecard does not tell the public key of a key that was moved to it, which anyscd looks at.
MODERN = PRESETS["modern"]

#: Answers about the owner of a new key.
_USER = "| Karla Card | karla@example.org | "

KEYS = {
    "generate": edit(f"admin | generate | n | 0 {_USER}", curve_attributes),
    "generate-declined": edit("admin | generate | n | n", curve_keys),
    "generate-backup": Scenario(
        (
            menu(f"admin | generate | y | 0 {_USER}"),
            key("bkuptocard {home}/sk_* | 2 | y | save"),
            menu("list"),
        ),
        before=(curve_attributes,),
        profile=MODERN,
    ),
    "addcardkey": Scenario(
        (key("addcardkey | 1 | 0 | addcardkey | 3 | 0 | save"), menu("list")),
        before=(curve_attributes,),
        software_key=True,
    ),
    "keytocard": Scenario(
        (
            key("keytocard | y | 1 | key 1 | keytocard | 2 | key 1 | key 2 | keytocard | 3 | save"),
            menu("list"),
        ),
        software_key=True,
        profile=MODERN,
    ),
    "keytocard-replace": Scenario(
        (key("key 1 | keytocard | 2 | n | keytocard | 2 | y | save"), menu("list")),
        before=(curve_keys,),
        software_key=True,
        profile=MODERN,
    ),
    "keytocard-bad-slot": Scenario(
        (key("key 1 | keytocard | 1 | 4 | | quit"), menu("list")), software_key=True
    ),
}

KEYS_VARIANTS = {
    "generate-forced": edit(
        f"admin | generate | n | 0 {_USER}", curve_attributes, forced_signature_pin
    ),
    "generate-again": edit(
        f"admin | generate | n | 0 {_USER} | generate | n | y | 0 {_USER}", curve_attributes
    ),
    "generate-wrong-pin": edit(
        "admin | generate | n", curve_attributes, pins={"": WRONG_USER_PIN}, refused=1
    ),
    "generate-wrong-admin": edit(
        f"admin | generate | n | 0 {_USER}",
        curve_attributes,
        pins={"Admin": WRONG_ADMIN_PIN},
        refused=1,
    ),
    "keytocard-wrong-pin": Scenario(
        (key("key 1 | keytocard | 2 | save"), menu("list")),
        pins={"Admin": WRONG_ADMIN_PIN},
        refused=1,
        software_key=True,
    ),
}
