"""Secrets in memory."""

from __future__ import annotations


def wipe(secret: bytearray | None) -> None:
    """Overwrite a secret, if there is one, in place."""
    if secret is not None:
        secret[:] = bytes(len(secret))
