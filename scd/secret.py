"""Secrets in memory."""

from __future__ import annotations


def wipe(secret: bytearray) -> None:
    """Overwrite a secret in place."""
    secret[:] = bytes(len(secret))
