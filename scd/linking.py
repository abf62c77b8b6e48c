"""OpenPGP keys that were made elsewhere of keys on a token: when, as gpg lists it.

Imported by the command line only when it is asked for that.
"""

from __future__ import annotations

import re

from scd.view import Birth

#: Of a key or subkey: its time, its v4 fingerprint and its keygrip (GnuPG doc/DETAILS, "Format of
#: the colon listings").  Those of version 5, with 64 digits, are not for cards.
_KEY = re.compile(
    r"^(?:pub|sub|sec|ssb):(?:[^:\n]*:){4}([0-9]{1,10}):.*\n"
    r"fpr:{9}([0-9A-F]{40}):.*\n"
    r"(?:fp2:.*\n)?"
    r"grp:{9}([0-9A-F]{40}):",
    re.MULTILINE,
)


def births(listing: str) -> dict[str, Birth]:
    """By keygrip, the keys in what ``gpg --list-keys --with-colons --with-keygrip`` printed."""
    return {
        grip: Birth(int(created), bytes.fromhex(fingerprint))
        for created, fingerprint, grip in _KEY.findall(listing)
    }
