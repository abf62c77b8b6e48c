"""One OpenPGP card that is seen twice: in its reader, and through OpenSC's module."""

from __future__ import annotations

import re

from tests.bed.gnupg import ANYSCD, GnuPG, Home
from tests.bed.opensc import opensc_openpgp
from tests.bed.pcsc import Pcscd
from tests.bed.recipes import encrypt_and_decrypt, key_of_token, sign_and_verify, ssh_login
from tests.bed.virtual_reader import VirtualReader


def test_card_is_shown_once(gnupg: GnuPG, pcscd: Pcscd, reader: VirtualReader) -> None:
    with opensc_openpgp(pcscd) as filled:
        home = Home(gnupg, ANYSCD, pins={"": filled.token.pin}, env=filled.token.env)
        (home.path / "anyscd.toml").write_text(
            f'[pkcs11]\nsettle = 30\n[pkcs11.module.opensc]\npath = "{filled.token.module}"\n'
        )
        with (home.path / "scdaemon.conf").open("a") as options:
            options.write("verbose\n")
        with home:
            home.connect_agent("SCD SERIALNO --all")
            shown = home.connect_agent("SCD GETINFO card_list", "SCD KEYINFO --list")
            lines = shown.stdout.decode()
            (serial,) = re.findall(r"^S SERIALNO (\w+)$", lines, re.MULTILINE)
            keys = re.findall(r"^S KEYINFO \w+ T (\w+) (\S+)", lines, re.MULTILINE)
            assert keys == [(serial, f"OPENPGP.{n}") for n in (1, 2, 3)]
            fingerprint = key_of_token(home, "Karla Card")
            sign_and_verify(home, fingerprint)
            encrypt_and_decrypt(home, fingerprint)
            ssh_login(home)
            (prompt,) = home.prompts
            assert "unlock the card" in prompt.desc
            # OpenSC makes two tokens of the card: one of them has the signature key only.
            doubles = re.findall(r"(\d) of \1 keys are also on", home.logs["scdaemon"])
            assert sorted(doubles) == ["1", "2"]
