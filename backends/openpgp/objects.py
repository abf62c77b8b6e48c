"""The data objects of one card: read when asked for, kept as long as they stay true."""

from __future__ import annotations

from collections.abc import Callable

from backends.openpgp import tlv
from backends.openpgp.data_objects import (
    ALSO_ALONE,
    DO,
    MAYBE_WRAPPED,
    PARENT,
    PROTECTED,
    VOLATILE,
    flatten,
)


class Objects:
    """``read``: GET DATA; the answer as it came, or None where the card has no such object."""

    def __init__(self, read: Callable[[DO], bytes | None]) -> None:
        self._read = read
        self._kept: dict[DO, bytes | None] = {}

    def get(self, do: DO) -> bytes | None:
        """The content without tag and length, or None; from a constructed object if possible."""
        if do in PARENT:
            inner = self.in_parent(do)
            if inner is not None or do not in ALSO_ALONE:
                return inner
        return self._plain(do)

    def in_parent(self, do: DO) -> bytes | None:
        """The content if the constructed object of ``do`` has it."""
        parent = PARENT[do]
        return flatten(parent, self._plain(parent) or b"").get(do)

    def kept(self, do: DO) -> bytes | None:
        """The content if it is known without reading."""
        parent = PARENT.get(do)
        inside = flatten(parent, self._kept.get(parent) or b"") if parent else {}
        return inside.get(do, self._kept.get(do))

    def forget(self) -> None:
        """Another program may have changed anything."""
        self._kept.clear()

    def drop(self, do: DO) -> None:
        """That object, and the one that it is found in, have changed or may have."""
        self._kept.pop(do, None)
        if do in PARENT:
            self._kept.pop(PARENT[do], None)

    def _plain(self, do: DO) -> bytes | None:
        if do in self._kept:
            return self._kept[do]
        value = self._read(do)
        if value is not None and do in MAYBE_WRAPPED:
            value = tlv.unwrap(do, value)
        if do not in VOLATILE and not (do in PROTECTED and value is None):
            self._kept[do] = value
        return value
