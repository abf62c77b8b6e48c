"""OpenPGP keys that are on no card: made once for the whole run, and the same for everybody."""

from __future__ import annotations

from functools import cache

from tests.bed.gnupg import Home, generation
from tests.bed.recipes import export_software_key


@cache
def software_key(kind: str = "curve25519") -> bytes:
    """A key with a part for each slot of a card, with its secret, and no passphrase.

    ``kind``: see :data:`tests.bed.recipes.KINDS`.
    """
    with Home(generation("2.4")) as home:
        return export_software_key(home, kind)
