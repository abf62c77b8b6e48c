"""Takes out of what gpg says all that no two runs share, and leaves what belongs together."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: How often the pinentry is started is looked at elsewhere.
_NOISE = re.compile(r"^\[GNUPG:\] (PROGRESS|PINENTRY_LAUNCHED) .*\n", re.MULTILINE)
_WORDS = (
    (re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?"), "TIME"),
    (re.compile(r"\b1[6-9]\d{8}\b"), "TIME"),
)
#: Fingerprints, as they are and in groups of four; key grips, key ids and file names made of them.
#: A card's serial number has 32 digits.
_GROUPED = re.compile(r"\b[0-9A-F]{4}(?: {1,2}[0-9A-F]{4}){9}\b")
_NUMBER = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-F]{40}|[0-9A-F]{16}|[0-9A-F]{8})(?![0-9A-Fa-f])")


def masked(text: str, names: Mapping[str, str]) -> str:
    """``names``: words for what is known to differ.  Each number becomes a name that counts them in
    order of appearance."""
    text = _NOISE.sub("", text.replace("\r", ""))
    for own, word in names.items():
        text = text.replace(own, word)
    for pattern, word in _WORDS:
        text = pattern.sub(word, text)
    text = _GROUPED.sub(lambda found: found[0].replace(" ", ""), text)
    seen: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        number = found[0]
        return seen.setdefault(number, f"NUMBER-{len(number)}-{len(seen) + 1}")

    return _NUMBER.sub(name, text)
