"""The options and words that follow a command's keyword, by the rules that GnuPG's daemons share.

Facts of GnuPG common/server-help.c: has_option, has_option_name, skip_options.
"""

from __future__ import annotations

import re

_BLOCK = re.compile(rb"[ \t]*(?:--[^ \t]*[ \t]*)*")


class Options:
    """Arguments of a command: a block of words that begin with ``--``, then the rest.

    A lone ``--`` is one more word of that block and does not end it.
    """

    def __init__(self, args: bytes) -> None:
        block = _BLOCK.match(args)
        end = block.end() if block else 0
        self._block = args[:end].split()
        self._words = args.split()
        #: What follows the block, without blanks in front.
        self.rest = args[end:]

    def has(self, name: str) -> bool:
        """Whether the word ``name`` (``--force``) stands in the block."""
        return name.encode() in self._block

    def value(self, name: str) -> bytes | None:
        """What follows ``name=`` (``--hash=sha256``): b"" for a bare ``--hash``, None if absent.

        Unlike ``has``, this finds the option anywhere among the words.
        """
        for word in self._words:
            found, _, value = word.partition(b"=")
            if found == name.encode():
                return value
        return None
