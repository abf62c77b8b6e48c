"""LEARN on the recorded cards, through the daemon: what GnuPG's scdaemon said of the very card."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.openpgp.opening import open_card
from tests.openpgp.links import CARDS, Recording, ReplayLink
from tests.scd.bed import bed

WITH_KEYS = sorted(p.name for p in CARDS.glob("*.apdu") if "empty" not in p.name)
EMPTY = sorted(p.name for p in CARDS.glob("*-empty.apdu"))

#: What GnuPG 2.2.40, with which the cards were recorded, did not say yet.
NEWER = ("APPVERSION", "CARDTYPE", "CARDVERSION", "UIF-1", "UIF-2", "UIF-3")
#: The KDF-DO is no text, and so not in the recordings.
NO_TEXT = ("KDF",)


async def learned(name: str, home: Path) -> list[tuple[str, str]]:
    card = open_card(ReplayLink(Recording.load(name)))
    assert card is not None
    async with bed(home, card) as b:
        client = await b.client()
        reply = await client.transact(b"LEARN --force")
        await client.aclose()
    lines = [(line.keyword.decode(), line.text) for line in reply.status]
    told = [line for line in lines if line[0] not in NEWER + NO_TEXT]
    return [as_2_2(keyword, text.decode()) for keyword, text in told]


def as_2_2(keyword: str, text: str) -> tuple[str, str]:
    """Without the time and the algorithm of a key, which 2.2.40 did not tell."""
    words = text.split(" ")
    return keyword, " ".join(words[:3]) if keyword == "KEYPAIRINFO" else text


def recorded(name: str) -> list[tuple[str, str]]:
    """What LEARN said, behind the answer to SERIALNO; with our reader and our name for the maker,
    of which 2.2.40 knew fewer."""
    (serialno, *learn) = Recording.load(name).learn
    assert serialno[0] == "SERIALNO"
    return [(keyword, _ours(keyword, text)) for keyword, text in learn]


def _ours(keyword: str, text: str) -> str:
    if keyword == "READER":
        return "Recorded 00 00"
    return {"61904 unknown": "61904 CanoKeys"}.get(text, text)


@pytest.mark.parametrize("name", WITH_KEYS)
async def test_learn_says_what_gnupg_said(name: str, tmp_path: Path) -> None:
    assert await learned(name, tmp_path) == recorded(name)


@pytest.mark.parametrize("name", EMPTY)
async def test_an_empty_card_is_learned(name: str, tmp_path: Path) -> None:
    said = dict(await learned(name, tmp_path))
    assert {"SERIALNO", "APPTYPE", "EXTCAP", "CHV-STATUS", "SIG-COUNTER"} <= said.keys()
    assert not {"KEY-FPR", "KEYPAIRINFO", "PUBKEY-URL"} & said.keys()
