"""Providers of fake tokens, looked at and changing on command."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from backends.errors import TokenError
from backends.token import Place, Token


class FakeProvider:
    """Tokens by the name of their place.  ``gate``: present() waits until it is set."""

    def __init__(self, name: str, **tokens: Token) -> None:
        self.name = name
        self.tokens: dict[str, Token] = tokens
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.looks = 0

    def present(self) -> Sequence[Place]:
        self.looks += 1
        self.gate.wait()
        if self.error is not None:
            raise self.error
        return [Place(name, token.info.serial) for name, token in self.tokens.items()]

    def open(self, place: Place) -> Token | None:
        token = self.tokens.get(place.name)
        if token is None:
            raise TokenError("gone again")
        return token

    def close(self) -> None:
        self.gate.set()


class FakeReaders(FakeProvider):
    """A provider that is told of changes, as the PC/SC one is."""

    def __init__(self, name: str, **tokens: Token) -> None:
        super().__init__(name, **tokens)
        self._change = threading.Semaphore(0)
        self._closed = False

    def tell(self) -> None:
        """Something has changed."""
        self._change.release()

    def wait_for_change(self) -> bool:
        self._change.acquire()
        return not self._closed

    def close(self) -> None:
        super().close()
        self._closed = True
        self._change.release()
