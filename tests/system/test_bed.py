"""The bed itself works: GnuPG's own scdaemon does everything on the virtual card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bed.card import ADMIN_PIN, USER_PIN
from tests.bed.gnupg import GnuPG, Home, generations
from tests.bed.recipes import (
    encrypt_and_decrypt,
    generate_on_card,
    sign_and_verify,
    ssh_keys,
    ssh_login,
)
from tests.bed.virtual_reader import VirtualReader

if TYPE_CHECKING:
    from jcecard.main import OpenPGPCard

PINS = {"Admin": ADMIN_PIN, "": USER_PIN}


def test_there_are_two_generations() -> None:
    assert sorted(g.name for g in generations()) == ["2.2", "2.4"]


@pytest.mark.parametrize(
    ("kind", "ssh_type"), [("rsa2048", "ssh-rsa"), ("curve25519", "ssh-ed25519")]
)
def test_own_scdaemon(
    gnupg: GnuPG, reader: VirtualReader, card: OpenPGPCard, kind: str, ssh_type: str
) -> None:
    reader.insert(card)
    with Home(gnupg, pins=PINS) as home:
        fingerprint = generate_on_card(home, kind, "Karla Card")
        sign_and_verify(home, fingerprint)
        encrypt_and_decrypt(home, fingerprint)
        assert [line.split()[0] for line in ssh_keys(home)] == [ssh_type]
        ssh_login(home)
        assert {prompt.prompt for prompt in home.prompts} == {"PIN", "Admin PIN"}
