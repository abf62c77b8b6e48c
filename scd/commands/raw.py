"""Commands to the card in its own language: APDU."""

from __future__ import annotations

from assuan.errors import AssuanError, Code
from assuan.options import Options
from assuan.server import Handler
from backends.token import RawCard
from scd.card import Card
from scd.session import Session, is_hex

#: Bytes of answer that --exlen stands for without a number (scd/command.c, cmd_apdu).
_MAX_ANSWER = 4096


async def apdu(session: Session, args: bytes) -> None:
    options = Options(args)
    card = await session.current()
    if not isinstance(card.token, RawCard):
        raise AssuanError(Code.UNSUPPORTED_OPERATION, "a PKCS#11 token takes no APDUs")
    atr = card.info.atr
    if options.has("--atr"):
        await session.conversation.status("CARD-ATR", atr.hex().upper())
    elif options.has("--data-atr"):
        await session.conversation.data(atr)
    elif options.has("--dump-atr"):
        await session.conversation.data(_dump(atr).encode())
    digits = options.rest.translate(None, b" \t:").decode("ascii", "replace")
    if not digits:
        return
    if not is_hex(digits) or len(digits) % 2:
        raise AssuanError(Code.ASS_PARAMETER, "invalid hexstring")
    command = bytes.fromhex(digits)
    length = options.value("--exlen")
    if length is not None:
        command = _extended(command, length)
    async with card.lane:
        answer = await _exchange(card, card.token, command, follow=options.has("--more"))
    await session.conversation.data(answer)


async def _exchange(card: Card, token: RawCard, command: bytes, *, follow: bool) -> bytes:
    # The client may do anything to the card.
    card.disturbed = True
    card.forget_view()
    answer = await card.call(token.transmit, command)
    collected = b""
    while follow and len(answer) >= 2 and answer[-2] == 0x61:
        collected += answer[:-2]
        answer = await card.call(token.transmit, bytes([0, 0xC0, 0, 0, answer[-1]]))
    return collected + answer


def _extended(command: bytes, length: bytes) -> bytes:
    """The short APDU as an extended one that takes an answer of ``length`` bytes (ISO 7816-4
    section 5.2)."""
    if length and not length.isdigit():
        raise AssuanError(Code.ASS_PARAMETER, "invalid length")
    expected = min(int(length) if length else _MAX_ANSWER, 65536) % 65536
    header, body = command[:4], command[5:]
    count = b"\0" + len(body).to_bytes(2) if body else b"\0"
    return header + count + body + expected.to_bytes(2)


def _dump(atr: bytes) -> str:
    """The ATR for people: its bytes, and the historical ones apart (ISO 7816-3 section 8)."""
    lines = [f"ATR: {atr.hex(' ')}"]
    if len(atr) > 1:
        count = atr[1] & 15
        lines.append(f"historical bytes: {count}")
    return "\n".join(lines) + "\n"


COMMANDS: dict[str, Handler[Session]] = {
    "APDU": Handler(
        apdu,
        """APDU [--[dump-|data-]atr] [--more] [--exlen[=N]] [<hexstring>]

Send an APDU to the current card and return its answer with the status
word, whatever that is.  With --atr the ATR is told in a status line
first, with --data-atr or --dump-atr as data.  --more collects what the
card holds back with 61xx.  --exlen makes the APDU one of extended length
with an answer of up to N bytes (4096).""",
    ),
}
