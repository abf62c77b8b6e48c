"""The menu itself, and what is about the cardholder."""

from __future__ import annotations

from tests.bed.card import ADMIN_PIN
from tests.system.card_edit.script import edit
from tests.system.preparations import cardholder, curve_keys
from tests.system.scenario import WRONG_ADMIN_PIN

CARDHOLDER = {
    "menu": edit(
        "help | ? | admin | help | l | # no command | | debug | nonsense | admin on | admin"
    ),
    "admin-only": edit("name | generate | key-attr | admin on | admin off | login | writecert 3"),
    "admin-verify": edit("admin verify | help"),
    "name": edit("admin | name | Doe | Jane"),
    "name-bad": edit("admin | name | D<e | D  e | Dö | Doe | J<e | Jane"),
    "name-too-long": edit(f"admin | name | {20 * 'D'} | {18 * 'J'}", survived=("2.4",)),
    "url": edit("admin | url | https://example.org/a+b%20c.asc?x=ä | url | ftp://second"),
    "fetch": edit("fetch", cardholder),
    "fetch-without-url": edit("fetch"),
    "fetch-by-fingerprint": edit("fetch", curve_keys),
    "login": edit("admin | login | jane | login | jane+doe%20"),
    "login-from-file": edit("admin | login < {home}/login", files={"login": b"jane\n\x14F=1"}),
    "lang": edit("admin | lang | de | lang | deenfrit"),
    "lang-bad": edit("admin | lang | d | lang | DE | lang | deenfritno | lang | "),
    "salutation": edit("admin | salutation | M | list | sex | f"),
    "cafpr": edit(
        f"admin | cafpr 1 | {20 * 'A1'} | cafpr 2 | {19 * 'b2:'}b2 | cafpr 3 | {20 * 'C3 '}"
    ),
    "cafpr-bad": edit(f"admin | cafpr | cafpr 4 | cafpr 1 | A1 | cafpr 2 | {20 * 'xy'}"),
    "cafpr-long": edit(f"admin | cafpr 1 | {32 * 'A1'}"),
    "forcesig": edit("admin | forcesig | list | forcesig"),
}

CARDHOLDER_VARIANTS = {
    "admin-verify-wrong": edit("admin verify", pins={"Admin": WRONG_ADMIN_PIN}, refused=1),
    "name-two-words": edit("admin | name | van der Doe | Jane Mary"),
    "name-surname-only": edit("admin | name | Doe | "),
    "name-empty": edit("admin | name | | ", cardholder),
    "name-longest": edit(f"admin | name | {19 * 'D'} | {18 * 'J'}"),
    "name-wrong-pin": edit("admin | name | Doe | Jane", pins={"Admin": WRONG_ADMIN_PIN}, refused=1),
    "name-short-pin": edit("admin | name | Doe | Jane", pins={"Admin": "1234567"}),
    "name-canceled": edit("admin | name | Doe | Jane", pins={"Admin": None}),
    "name-second-try": edit(
        "admin | name | Doe | Jane | name | Roe | Jane",
        pins={"Admin": [WRONG_ADMIN_PIN, ADMIN_PIN]},
        refused=1,
    ),
    "url-cleared": edit("admin | url | ", cardholder),
    "url-long": edit(f"admin | url | https://{240 * 'u'}"),
    "login-from-long-file": edit("admin | login < {home}/login", files={"login": 240 * b"j"}),
    "login-without-file": edit("admin | login < {home}/nothing"),
    "login-cleared": edit("admin | login | jane | login | "),
    "salutation-other": edit("admin | salutation | | salutation | x"),
    "forcesig-on": edit("admin | forcesig"),
}
