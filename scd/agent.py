"""What the gpg-agent that started us is: it says the same to us in every version, so we ask it."""

from __future__ import annotations

import re
from pathlib import Path

import trio

from assuan.errors import AssuanError, RemoteProtocolError

#: Seconds that it gets to answer; all that waits for it meanwhile is the first LEARN.
_PATIENCE = 0.5


async def agent_version(socket: Path) -> tuple[int, int] | None:
    """Major and minor version of the agent that listens there; None if it does not tell."""
    from assuan.client import connect

    with trio.move_on_after(_PATIENCE):
        try:
            async with connect(socket) as agent:
                answer = (await agent.transact(b"GETINFO version")).data
        except (OSError, ValueError, AssuanError, RemoteProtocolError):
            return None
        found = re.match(rb"(\d+)\.(\d+)", answer)
        return (int(found[1]), int(found[2])) if found else None
    return None
