"""What changes the card as such, and what only some cards have."""

from __future__ import annotations

from dataclasses import replace

from tests.bed.simulated import PRESETS
from tests.system.card_edit.script import edit
from tests.system.preparations import cardholder, curve_keys, reset_code
from tests.system.scenario import WRONG_ADMIN_PIN

MODERN, SHORT = PRESETS["modern"], PRESETS["no_extended"]
#: With new key derivation the PINs are the factory's, as GnuPG 2.2 takes for granted.
KDF_SETS_PINS = replace(MODERN, kdf_sets_pins=True)

CARD = {
    "factory-reset": edit(
        "admin | factory-reset | y | yes", cardholder, curve_keys, reset_code, refused=8
    ),
    "factory-reset-declined": edit(
        "admin | factory-reset | n | factory-reset | y | no", cardholder
    ),
    "kdf-setup-lacking": edit("admin | kdf-setup"),
    "kdf-setup": edit("admin | kdf-setup | verify | name | Doe | Jane", profile=KDF_SETS_PINS),
    "kdf-setup-off": edit(
        "admin | kdf-setup | list | kdf-setup off | verify", profile=KDF_SETS_PINS
    ),
    "uif": edit("admin | uif 1 on | uif 2 on | list | uif 1 off | uif 3 permanent", profile=MODERN),
    "uif-bad": edit("admin | uif | uif 4 on"),
    "openpgp": edit("openpgp"),
    "key-attr": edit("admin | key-attr | 2 | 1 | 2 | 1 | 2 | 1"),
    "key-attr-all": edit("admin | key-attr | 2 | 4 | 2 | 6 | 2 | 9", profile=MODERN),
    "key-attr-bad": edit("admin | key-attr | 3 | 1 | 512 | 5000 | 1024 | | | "),
    "key-attr-kept": edit("admin | key-attr | | | ", curve_keys),
    "privatedo-with-keys": edit(
        "privatedo 1 | one | privatedo 2 | two | privatedo 3 | three | privatedo 4 | four",
        curve_keys,
        profile=MODERN,
    ),
    "privatedo-from-file": edit(
        "admin | privatedo 1 < {home}/data", files={"data": bytes(range(200))}
    ),
    "privatedo-bad": edit("privatedo | privatedo 5 | privatedo 1 < {home}/nothing"),
    "writecert": edit(
        "admin | writecert 3 < {home}/in | readcert 3 > {home}/out",
        files={"in": b"\x30\x81\xb4" + 180 * b"c"},
    ),
    "writecert-of-any-bytes": edit(
        "admin | writecert 3 < {home}/in | readcert 3 > {home}/out", files={"in": b"no certificate"}
    ),
    "writecert-long": edit(
        "admin | writecert 3 < {home}/in | readcert 3 > {home}/out",
        files={"in": b"\x30\x82\x03\x00" + 768 * b"c"},
        profile=MODERN,
    ),
    "cert-bad": edit("admin | writecert 1 | writecert 3 | readcert 1 | readcert 3"),
    "readcert-none": edit("readcert 3 > {home}/out"),
}

CARD_VARIANTS = {
    "uif-lacking": edit("admin | uif 1 on"),
    "uif-permanent": edit("admin | uif 1 permanent | uif 1 off", profile=MODERN),
    "key-attr-rsa": edit("admin | key-attr | 1 | 3072 | 1 | 4096 | 1 | 2047"),
    "key-attr-of-keys": edit("admin | key-attr | 1 | 2048 | | ", curve_keys),
    "key-attr-wrong-pin": edit(
        "admin | key-attr | 2 | 1 | | | ", pins={"Admin": WRONG_ADMIN_PIN}, refused=1
    ),
    "privatedo-read": edit(
        "privatedo 3 | three | privatedo 4 | four | verify", curve_keys, profile=MODERN
    ),
    "privatedo-lenient": edit("admin | privatedo 1 | one | privatedo 4 | four"),
    "writecert-chained": edit(
        "admin | writecert 3 < {home}/in | readcert 3 > {home}/out",
        files={"in": b"\x30\x82\x03\x00" + 768 * b"c"},
        profile=SHORT,
    ),
    # GnuPG 2.4 finds that an invalid object.
    "kdf-setup-single": edit(
        "admin | kdf-setup single | passwd | 1 | 3 | q", profile=KDF_SETS_PINS
    ),
}

#: GnuPG 2.2 locks itself out of cards whose PINs stay as they are.
CARD_OF_2_4 = {
    "kdf-setup-plain-pins-stay": edit("admin | kdf-setup", profile=MODERN),
}
