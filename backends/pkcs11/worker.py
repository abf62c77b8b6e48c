"""The worker process: one PKCS#11 module, one thread, one request after the other.

Started by process.py as ``python -P -m backends.pkcs11.worker CHANNEL LIFELINE``, two descriptors.
"""

from __future__ import annotations

import logging
import os
import socket
import sys

from backends.errors import Broken, TokenError
from backends.pkcs11.channel import Channel, ChannelError
from backends.pkcs11.confine import confine
from backends.pkcs11.messages import Answer, Done, Failed, Load, Request

_log = logging.getLogger(__name__)


def serve(channel: Channel[Answer, Request]) -> None:
    """Answer until the daemon hangs up, or the module cannot be loaded."""
    first = channel.receive()
    if not isinstance(first, Load):
        raise ChannelError("not loaded yet")
    try:
        # Late: python-pkcs11 takes most of the worker's start, and may itself be broken.
        from backends.pkcs11.service import Service

        service = Service(first.path)
    except Exception as error:
        channel.send(_failed(error))
        return
    channel.send(Done())
    while True:
        request = channel.receive()
        try:
            answer = service.answer(request)
        except Exception as error:
            answer = _failed(error)
        channel.send(answer)


def _failed(error: Exception) -> Failed:
    if isinstance(error, TokenError):
        return Failed(type(error).__name__, str(error))
    _log.exception("the worker failed")
    return Failed(Broken.__name__, f"the worker failed: {type(error).__name__}")


def main() -> None:
    channel, lifeline = (int(argument) for argument in sys.argv[1:])
    confine(lifeline)
    os.set_inheritable(channel, False)
    try:
        serve(Channel(socket.socket(fileno=channel), Request))
    except ChannelError:
        pass  # The daemon has hung up.
    finally:
        # At once: C_Finalize of a broken module may hang.
        os._exit(0)


if __name__ == "__main__":
    main()
