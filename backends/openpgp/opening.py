"""From a link to the card at its end."""

from __future__ import annotations

import logging

from backends.errors import NotFound, Terminated, TokenError
from backends.openpgp.application import Application
from backends.openpgp.description import describe, describe_terminated
from backends.openpgp.link import Link
from backends.openpgp.memory import Memory, NoMemory
from backends.openpgp.pinpad import PinpadOptions
from backends.openpgp.writable_card import WritableOpenPGPCard

log = logging.getLogger(__name__)


def open_card(
    link: Link, memory: Memory | None = None, pinpad: PinpadOptions | None = None
) -> WritableOpenPGPCard | None:
    """The card at the end of ``link``; None, with the link closed, if it is no OpenPGP card.

    A terminated card is opened too, so that it can be activated by raw APDUs; until it is found
    by the provider again, all else raises Terminated or Removed.
    """
    memory = memory or NoMemory()
    application = Application(link, memory, pinpad or PinpadOptions())
    try:
        application.open()
        info = application.session.run(lambda: describe(application))
    except NotFound as exc:
        log.debug("%s: %s", link.reader, exc)
        link.close()
        return None
    except Terminated:
        info = describe_terminated(application)
    except TokenError:
        link.close()
        raise
    return WritableOpenPGPCard(application, info, memory)
