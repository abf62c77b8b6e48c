"""Keys that gpg makes on a PKCS#11 token, or moves there: ``generate`` and ``keytocard``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bed.gnupg import ANYSCD, GnuPG, Home
from tests.bed.recipes import (
    encrypt_and_decrypt,
    generate_as_set,
    move_to_card,
    sign_and_verify,
)
from tests.bed.softhsm import MODULE, SoftHSM
from tests.bed.software_key import software_key


@pytest.fixture
def home(gnupg: GnuPG, softhsm: SoftHSM) -> Iterator[Home]:
    """An empty token, and no readers."""
    softhsm.init_token("tok")
    home = Home(gnupg, ANYSCD, pins={"": "123456"}, env=softhsm.env)
    (home.path / "anyscd.toml").write_text(f'[pkcs11.module.softhsm]\npath = "{MODULE}"\n')
    (home.path / "scdaemon.conf").write_text("disable-application openpgp\n")
    with home:
        yield home


def check(home: Home, fingerprint: str) -> None:
    """The key is that of the card view, and works."""
    status = home.gpg("--card-status").stdout.decode().replace(" ", "")
    assert f"Signaturekey....:{fingerprint}" in status
    sign_and_verify(home, fingerprint)
    encrypt_and_decrypt(home, fingerprint)


def test_generated_keys_work_and_fill_the_slots(home: Home) -> None:
    for name in ("First Person", "Second Person"):
        check(home, generate_as_set(home, name))


def test_keys_are_moved_to_the_token(home: Home) -> None:
    home.gpg("--import", input=software_key("rsa2048"))
    check(home, move_to_card(home))
