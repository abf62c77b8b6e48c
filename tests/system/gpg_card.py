"""Scenarios for ``gpg-card`` of GnuPG 2.4, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.bed.gnupg import Pin
from tests.bed.simulated import PRESETS, Profile
from tests.bed.virtual_reader import Card
from tests.system.preparations import (
    cardholder,
    curve_attributes,
    curve_keys,
    reset_code,
    wrong_pins,
)
from tests.system.scenario import WRONG_ADMIN_PIN, WRONG_USER_PIN, Scenario, Step, lines

_OPTIONS = ("--status-fd", "2", "--no-history", "--gpg", "{bin}/gpg")
MODERN = PRESETS["modern"]


def commands(
    script: str,
    typed: str = "",
    *before: Callable[[Card], None],
    refused: int = 0,
    files: Mapping[str, bytes] | None = None,
    pins: Mapping[str, Pin] | None = None,
    profile: Profile | None = None,
) -> Scenario:
    """Commands on gpg-card's command line, and what is typed at its questions."""
    words = " -- ".join((*lines(script), "list")).split(" ")
    step = Step("gpg-card", (*_OPTIONS, "--", *words), typed=lines(typed))
    return Scenario((step,), pins or {}, before, files or {}, refused, profile=profile)


def dialogue(
    typed: str, *before: Callable[[Card], None], pins: Mapping[str, Pin] | None = None
) -> Scenario:
    """gpg-card without a command: it prompts for them."""
    return Scenario(
        (Step("gpg-card", _OPTIONS, typed=(*lines(typed), "list", "quit")),), pins or {}, before
    )


SCENARIOS = {
    "list": commands("list --cards | list --apps | list --info | help", "", cardholder),
    "dialogue": dialogue("help | help name | nonsense | verify | forcesig"),
    "verify": commands("verify | verify OPENPGP.2 | verify OPENPGP.3"),
    "verify-wrong": commands("verify", pins={"": WRONG_USER_PIN}, refused=1),
    "name": commands("name", "Doe | Jane"),
    "name-cleared": commands("name --clear", "", cardholder),
    "name-bad": commands("-name", "D<e | | "),
    "name-wrong-pin": commands("-name", "Doe | Jane", pins={"Admin": WRONG_ADMIN_PIN}, refused=1),
    "url": commands("url", "https://example.org/a+b%20c.asc"),
    "url-cleared": commands("url --clear", "", cardholder),
    "fetch": commands("-fetch"),
    "login": commands("login", "jane"),
    "login-default-pin": commands("login --use-default-pin", "jane"),
    "login-from-file": commands("login < {home}/login", files={"login": b"jane\n\x14F=1"}),
    "login-cleared": commands("login --clear", "jane"),  # gpg-card overlooks the option
    "lang": commands("lang", "d | deen"),
    "lang-cleared": commands("lang --clear", "", cardholder),
    "salutation": commands("salutation | salut", "x | M | F"),
    "salutation-cleared": commands("salutation --clear"),
    "cafpr": commands("cafpr 1 | cafpr 3", f"{20 * 'A1'} | {20 * 'C3'}"),
    "cafpr-cleared": commands("cafpr 1 | cafpr --clear | -cafpr 4", 20 * "A1"),
    "privatedo": commands(
        "privatedo 2 | privatedo 4 < {home}/data | privatedo --clear 2",
        "two",
        files={"data": bytes(range(200))},
        profile=MODERN,
    ),
    "forcesig": commands("forcesig | list | forcesig"),
    "generate": commands("generate --algo=ed25519 OPENPGP.1"),
    "generate-default": commands("generate OPENPGP.2", "", curve_attributes),
    "generate-replace": commands("generate OPENPGP.3", "y", curve_keys),
    "generate-force": commands(
        "generate --force --algo=nistp256 3", "", curve_keys, profile=MODERN
    ),
    "generate-declined": commands("-generate OPENPGP.3", "n", curve_keys),
    "generate-unknown": commands("-generate --algo=help | -generate --algo=dsa1024 1"),
    "generate-all": commands("generate", "n | y", curve_keys),
    "writecert": commands(
        "writecert 1 < {home}/in | writecert OPENPGP.2 < {home}/in | writecert 3 < {home}/in"
        " | readcert 1 > {home}/out | writecert --clear 3 | -writecert 4 < {home}/in",
        files={"in": b"\x30\x82\x03\x00" + 768 * b"c"},
        profile=MODERN,
    ),
    "readcert": commands("-readcert 3 > {home}/out | -readcert 1 > {home}/out"),
    "passwd": commands("passwd"),
    "passwd-admin": commands("passwd OPENPGP.3"),
    "passwd-reset": commands("passwd --reset OPENPGP.1", "", wrong_pins(3)),
    "passwd-reset-code": commands("passwd --reset OPENPGP.2"),
    "passwd-menu": dialogue("passwd | 1 | passwd | q"),
    "unblock": commands("unblock", "", reset_code, wrong_pins(3)),
    "unblock-without-code": commands("-unblock"),
    "kdf-setup": commands("kdf-setup", profile=MODERN),
    "kdf-setup-lacking": commands("-kdf-setup"),
    "uif": commands("uif 1 on | uif --yes 2 permanent | -uif 3", profile=MODERN),
    "factory-reset": commands("factory-reset", "y | yes", cardholder, curve_keys, refused=8),
    "factory-reset-declined": commands("-factory-reset", "n", cardholder),
    "checkkeys": commands("checkkeys | checkkeys --ondisk", "", curve_keys),
    "reset": commands("verify | reset | list"),
    "apdu": commands("apdu 00CA004F00"),
    "authenticate": commands("-authenticate 00"),
    "yubikey": commands("-yubikey list"),
}
