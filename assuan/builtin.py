"""The commands that every Assuan server has, whatever its service (libassuan assuan-handler.c)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from assuan.conversation import Conversation
from assuan.errors import AssuanError, Code

_OPTION = re.compile(rb"(?P<name>[^ \t=]*)[ \t]*(?P<equals>=?)[ \t]*(?P<value>.*)", re.DOTALL)


class Hangup(Exception):
    """Raised by a handler: answer ``OK text``, then close the connection."""

    def __init__(self, text: str = "closing connection") -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class Context:
    """What the built-in commands work on.  ``help``: keyword to help text, in order of listing."""

    conversation: Conversation
    help: Mapping[str, str]
    option: Callable[[str, str], Awaitable[None]]


Builtin = Callable[[Context, bytes], Awaitable[None]]


async def _nothing(context: Context, args: bytes) -> None:
    pass


async def _not_implemented(context: Context, args: bytes) -> None:
    raise AssuanError(Code.NOT_IMPLEMENTED)


async def _bye(context: Context, args: bytes) -> None:
    raise Hangup


async def _option(context: Context, args: bytes) -> None:
    await context.option(*parse_option(args))


async def _help(context: Context, args: bytes) -> None:
    if not args:
        lines = [text.partition("\n")[0] for text in context.help.values()]
    else:
        text = context.help.get(args.strip().upper().decode("latin-1"))
        if text is None:
            raise AssuanError(Code.UNKNOWN_COMMAND)
        lines = text.splitlines()
    for line in lines:
        await context.conversation.comment(line)


def parse_option(args: bytes) -> tuple[str, str]:
    """Name and value of ``[--]name[[ ]=[ ]value]``; the value is empty if there is none.

    Raises AssuanError(ASS_SYNTAX).  Bytes that are not UTF-8 become surrogate escapes.
    """
    match = _OPTION.fullmatch(args)
    assert match is not None
    name, equals, value = match.group("name", "equals", "value")
    if not name:
        raise _syntax("no option name given" if equals else "argument required")
    if equals and not value:
        raise _syntax("option argument expected")
    if name.startswith(b"--") and len(name) > 2:
        name = name[2:]
    if name.startswith(b"-"):
        raise _syntax("option should not begin with one dash")
    value = value.rstrip(b" \t")
    return name.decode(errors="surrogateescape"), value.decode(errors="surrogateescape")


def _syntax(description: str) -> AssuanError:
    return AssuanError(Code.ASS_SYNTAX, description)


#: Keyword to command and help text; one without help is not listed.  A service's own command of
#: the same name goes first.  Descriptors are not passed, so INPUT and OUTPUT are refused; D and
#: END have their meaning in the answer to an inquiry.
BUILTINS: Mapping[str, tuple[Builtin, str]] = {
    "NOP": (_nothing, "NOP\n\nDo nothing."),
    "CANCEL": (_not_implemented, "CANCEL\n\nNot implemented."),
    "OPTION": (_option, "OPTION <name> [ = <value> ]\n\nSet an option of this session."),
    "BYE": (_bye, "BYE\n\nClose the connection."),
    "AUTH": (_not_implemented, "AUTH\n\nNot implemented."),
    "RESET": (_nothing, "RESET\n\nForget what this session has set."),
    "END": (_not_implemented, "END\n\nEnds the answer to an inquiry."),
    "HELP": (_help, "HELP [<command>]\n\nList the commands, or describe one."),
    "INPUT": (_not_implemented, "INPUT\n\nNot implemented."),
    "OUTPUT": (_not_implemented, "OUTPUT\n\nNot implemented."),
    "D": (_not_implemented, ""),
}
