"""What was learned of cards in earlier times, so that it need not be read again.  Public data."""

from __future__ import annotations

from typing import Protocol

from backends.token import PublicKey, Use


class Memory(Protocol):
    """Called by many threads, each with a card of its own.  Never raises."""

    def public_key(self, fingerprint: bytes, created: int, use: Use) -> PublicKey | None:
        """The key that has this OpenPGP fingerprint, if it is remembered.

        What is returned has been checked against the fingerprint, which is a hash over the key:
        so a memory that is old or damaged can say nothing wrong.
        """

    def keep_public_key(
        self, fingerprint: bytes, created: int, use: Use, public: PublicKey
    ) -> None: ...

    def forget_public_key(self, fingerprint: bytes) -> None:
        """Some card may soon have another key beside this fingerprint, or none."""

    def holder(self, serial: str) -> bytes | None:
        """The name (DO 5B) that the card of this serial number had when it was last read: good
        enough for a prompt, which names the card by its number as well."""

    def keep_holder(self, serial: str, name: bytes) -> None: ...


class NoMemory:
    """Forgets everything."""

    def public_key(self, fingerprint: bytes, created: int, use: Use) -> PublicKey | None:
        return None

    def keep_public_key(
        self, fingerprint: bytes, created: int, use: Use, public: PublicKey
    ) -> None: ...

    def forget_public_key(self, fingerprint: bytes) -> None: ...

    def holder(self, serial: str) -> bytes | None:
        return None

    def keep_holder(self, serial: str, name: bytes) -> None: ...
