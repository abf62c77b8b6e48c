"""PINs: verify, change, unblock."""

from __future__ import annotations

from backends.token import PinRef
from tests.bed.card import USER_PIN
from tests.system.card_edit.script import edit
from tests.system.preparations import curve_keys, forced_signature_pin, reset_code, wrong_pins
from tests.system.scenario import (
    NEW_RESET_CODE,
    WRONG_ADMIN_PIN,
    WRONG_RESET_CODE,
    WRONG_USER_PIN,
)

PINS = {
    "verify": edit("verify"),
    "verify-wrong": edit("verify", pins={"": WRONG_USER_PIN}, refused=1),
    "verify-blocked": edit("verify", wrong_pins(3), refused=1),
    "verify-with-keys": edit("verify", curve_keys),
    "verify-forced": edit("verify | verify", curve_keys, forced_signature_pin),
    "passwd": edit("passwd"),
    "passwd-menu": edit("admin | passwd | 5 | 11 | q"),
    "unblock": edit("unblock", reset_code, wrong_pins(3)),
    "unblock-without-code": edit("unblock | admin | unblock", wrong_pins(3)),
}

PINS_VARIANTS = {
    "passwd-all": edit(
        "admin | passwd | 4 | 1 | q | unblock | passwd | 2 | 3 | q",
        pins={"Reset Code": NEW_RESET_CODE},
    ),
    "verify-second-try": edit("verify | verify", pins={"": [WRONG_USER_PIN, USER_PIN]}, refused=1),
    "verify-short": edit("verify", pins={"": "12345"}),
    "verify-canceled": edit("verify", pins={"": None}),
    "verify-last-try": edit("verify", wrong_pins(2)),
    "verify-until-blocked": edit("verify | verify | verify", pins={"": WRONG_USER_PIN}, refused=3),
    "passwd-wrong": edit("passwd", pins={"": WRONG_USER_PIN}, refused=1),
    "passwd-canceled": edit("passwd", pins={"": None}),
    "passwd-new-canceled": edit("passwd", pins={"New PIN": None}),
    "passwd-not-repeated": edit("passwd", pins={"Repeat": ["111111", None]}),
    "passwd-blocked": edit("passwd", wrong_pins(3), refused=1),
    "passwd-1": edit("admin | passwd | 1 | q | verify", pins={"": [USER_PIN, "654321"]}),
    "passwd-2": edit("admin | passwd | 2 | q", wrong_pins(3)),
    "passwd-2-wrong": edit("admin | passwd | 2 | q", pins={"Admin": WRONG_ADMIN_PIN}, refused=1),
    "passwd-3": edit("admin | passwd | 3 | q"),
    "passwd-3-wrong": edit("admin | passwd | 3 | q", pins={"Admin": WRONG_ADMIN_PIN}, refused=1),
    "passwd-3-blocked": edit(
        "admin | passwd | 3 | q",
        wrong_pins(3, PinRef.PW3),
        better={
            "[GNUPG:] SC_OP_FAILURE 2": "[GNUPG:] SC_OP_FAILURE",
            "Error changing the PIN: Bad PIN": "Error changing the PIN: PIN blocked",
        },
    ),
    "passwd-4": edit("admin | passwd | 4 | q"),
    "passwd-4-short": edit("admin | passwd | 4 | q", pins={"New Reset Code": "1234567"}),
    "passwd-4-canceled": edit("admin | passwd | 4 | q", pins={"New Reset Code": None}),
    "unblock-wrong": edit("unblock", reset_code, pins={"Reset Code": WRONG_RESET_CODE}, refused=1),
    "unblock-short": edit("unblock", reset_code, pins={"Reset Code": "1234567"}),
    "unblock-canceled": edit("unblock", reset_code, pins={"Reset Code": None}),
}

#: GnuPG 2.2 leaves it to the card to find that a new PIN is too short.
PINS_OF_2_4 = {
    "passwd-short-new": edit("passwd", pins={"New PIN": "12345"}),
    "passwd-2-short": edit("admin | passwd | 2 | q", pins={"New PIN": "12345"}),
    "passwd-3-short": edit("admin | passwd | 3 | q", pins={"New Admin": "1234567"}),
}
