"""When an answer agrees in form with a recorded one: all but serial numbers, key material, times,
and what is particular to the card that was recorded."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Text that may differ, and what it becomes.
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), mask)
    for pattern, mask in (
        (r"\b[0-9A-F]{40}\b", "<40 hex>"),
        (r"\b[0-9A-F]{32}\b", "<serial>"),
        (r"\b\d{10}\b", "<time>"),
        (r"^(S KEY-DATA [qn]) 40[0-9A-F]{64}$", r"\1 <point>"),
        (r"^(S READER) .*", r"\1 <name>"),
        (r"^(S MANUFACTURER) .*", r"\1 <number and name>"),
        (r"^(S (?:DISP-NAME|DISP-LANG|DISP-SEX)).*", r"\1"),
        (r"^(S SIG-COUNTER) \d+$", r"\1 <n>"),
        (r"^(S \$DISPSERIALNO) [0-9A-F]{4}\+[0-9A-F]{8}$", r"\1 <serial>"),
        (r"(Number\x1f: )[0-9A-F]{4} [0-9A-F]{8}", r"\1<serial>"),
        (r"(Counter\x1f: )\d+", r"\1<n>"),
        # Import format and lengths are the card's own.
        (r"^(S KEY-ATTR \d 1 rsa\d+) \d+ \d+$", r"\1 <card>"),
        (r"(?<==)\d+", "<n>"),
        (r"^(S CHV-STATUS) (?:\+\d+){7}$", r"\1 <seven numbers>"),
    )
)

#: Lines that GnuPG 2.3 and later send, and 2.2 did not know.  An agent of 2.2 ignores them.
_NEWER = ("S APPVERSION", "S UIF-")

#: Answered by GnuPG's scdaemon alone: what its agent should remember of PINs of other cards.
_PIN_CACHE = "S PINCACHE_PUT"


def form(line: str) -> str:
    """The line without what may differ."""
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    return line


def forms(lines: Iterable[str], *, old: bool) -> list[str]:
    """The forms of an answer's lines.  ``old``: compare with what GnuPG 2.2 says."""
    kept = [line for line in lines if not line.startswith(_PIN_CACHE)]
    if old:
        kept = [line for line in kept if not line.startswith(_NEWER)]
        kept = [
            " ".join(line.split(" ")[:5]) if line.startswith("S KEYPAIRINFO") else line
            for line in kept
        ]
    return [form(line) for line in kept]


def uncaret(text: str) -> str:
    """Undo ``cat -v`` for the control characters that text lines hold."""
    return re.sub(r"\^([@-_])", lambda m: chr(ord(m[1]) - 64), text)


def data_form(command: str, data: bytes) -> str:
    """What the data that answer a command begin with, as far as it is the same for all keys.

    The recorded data are in caret notation, which leaves printable characters alone.
    """
    word = command.split(" ")[0]
    if word == "READKEY":
        # Up to the first key material: names, lengths, flags.
        head = re.match(rb".*?\((?:1:q|1:n)\d+:", data)
        assert head, data
        return head[0].decode()
    if word == "PKDECRYPT":
        return f"shared secret with prefix {data[:1].decode()}"
    return f"data of {word}"
