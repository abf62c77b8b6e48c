"""What a client is told while its card is at work: that it goes on, and that a touch is due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from assuan.server import Conversation
from backends.errors import TokenError
from scd.card import Card

T = TypeVar("T")

#: Talks to the client until the event says that the card is done.
Attendant = Callable[[Conversation, trio.Event], Awaitable[None]]

#: Seconds between two lines of progress; and after which a card that can ask for a touch, and
#: would have answered without, is taken to wait for it.
_TICK = 1.0
_QUICK = 0.4


async def attended(
    conversation: Conversation, card: Card, function: Callable[[], T], attend: Attendant
) -> T:
    """Call the token as :meth:`Card.call` does, and have the client attended meanwhile.

    The call is waited for in any case.  If the client cancels or leaves, that is raised after it.
    """
    done = trio.Event()
    result: T
    failure: TokenError | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attend, conversation, done)
        try:
            result = await card.call(function)
        except TokenError as error:
            # Kept out of the nursery, which would wrap it in a group.
            failure = error
        finally:
            done.set()
    if failure is not None:
        raise failure
    return result


async def show_progress(conversation: Conversation, done: trio.Event) -> None:
    """A line each second (GnuPG doc/DETAILS, PROGRESS: what, character, current, total)."""
    seconds = 0
    while not await _within(_TICK, done):
        seconds += 1
        await conversation.status("PROGRESS", f"card_busy . {seconds} 0")


async def ask_for_touch(conversation: Conversation, done: trio.Event) -> None:
    """Have gpg-agent say that the button must be touched (GnuPG scd/command.c, popup_prompt)."""
    if await _within(_QUICK, done):
        return
    await conversation.inquire("POPUPPINPADPROMPT", "--ack", limit=0)
    await done.wait()
    await conversation.inquire("DISMISSPINPADPROMPT", limit=0)


async def _within(seconds: float, done: trio.Event) -> bool:
    """Whether it is done before that time is over."""
    with trio.move_on_after(seconds):
        await done.wait()
    return done.is_set()
