"""A change that ended before it was complete, on its way to an error that says what is true now."""

from __future__ import annotations

from collections.abc import Callable

from backends.errors import Broken, TokenError, Unfinished
from backends.openpgp.link import LinkLost
from backends.openpgp.session import Deselected

#: What can end an operation.
ENDINGS = (TokenError, LinkLost, Deselected)


class Interrupted(Exception):
    """Never leaves the card.

    The session repeats what other programs interrupt, but a change must not be made a second time
    by itself.  And only another operation can look at the card after contact was lost.

    ``explain``: called in an operation of its own; the error, or None if all was done after all.
    ``unknown``: what to say if that cannot be found out.  ``wipe``: forgets secrets.
    """

    def __init__(
        self,
        explain: Callable[[], TokenError | None],
        unknown: str,
        wipe: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(unknown)
        self.explain = explain
        self.unknown = Unfinished(unknown)
        self.wipe = wipe


def plain(cause: BaseException) -> TokenError:
    """The error for a change that did not change anything."""
    if isinstance(cause, TokenError):
        return cause
    return Broken(f"the card cannot be kept: {cause}")
