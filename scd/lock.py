"""LOCK and UNLOCK: one client may keep all others from the cards."""

from __future__ import annotations

import trio


class Lock:
    """Not the lane of a card: it is held over many commands, and refuses instead of waiting.

    Owners are told apart by identity.
    """

    def __init__(self) -> None:
        self._owner: object | None = None
        self._freed = trio.Event()

    @property
    def held(self) -> bool:
        return self._owner is not None

    def refuses(self, client: object) -> bool:
        """Whether somebody else has it."""
        return self.held and self._owner is not client

    def take(self, client: object) -> bool:
        """Whether the client has it now."""
        if not self.held:
            self._owner, self._freed = client, trio.Event()
        return self._owner is client

    def release(self, client: object) -> None:
        """Free it, if it is this client's."""
        if self._owner is client:
            self._owner = None
            self._freed.set()

    async def freed(self) -> None:
        """Wait until whoever has it lets go."""
        if self.held:
            await self._freed.wait()
