"""A token of SoftHSM, changed by gpg: keys moved to it and replaced, certificates, PINs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.bed.authority import authority
from tests.bed.gnupg import ANYSCD, GnuPG, Home, generation
from tests.bed.module_token import ModuleToken
from tests.bed.recipes import (
    card_edit,
    encrypt_and_decrypt,
    export_software_key,
    generate_as_set,
    generate_on_card,
    key_attributes,
    key_of_token,
    move_to_card,
    set_key_attributes,
    sign_and_verify,
)
from tests.bed.softhsm import SO_PIN, SoftHSM
from tests.bed.terminal import on_terminal

USER_PIN = "123456"


@pytest.fixture
def token(softhsm: SoftHSM) -> ModuleToken:
    return softhsm.init_token("tok", USER_PIN, SO_PIN)


@pytest.fixture
def home(gnupg: GnuPG, token: ModuleToken) -> Iterator[Home]:
    home = Home(gnupg, ANYSCD, pins={"": USER_PIN}, env=token.env)
    (home.path / "anyscd.toml").write_text(f'[pkcs11.module.softhsm]\npath = "{token.module}"\n')
    (home.path / "gpgsm.conf").write_text("disable-crl-checks\ndisable-dirmngr\n")
    with (home.path / "scdaemon.conf").open("a") as options:
        options.write("disable-application openpgp\n")
    with home:
        home.gpg("--card-status")
        yield home


def said_by_menu(home: Home, *answers: str) -> str:
    """As :func:`card_edit`, if gpg ends with an error."""
    command = ["--no-tty", "--status-fd", "2", "--command-fd", "0", "--card-edit"]
    lines = "".join(f"{answer}\n" for answer in ("admin", *answers, "quit"))
    return home.run("gpg", *command, input=lines, check=False).stderr.decode()


# -- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rsa2048", "curve25519", "nistp256"])
def test_keys_moved_to_the_token_work_there(home: Home, kind: str) -> None:
    export_software_key(home, kind)
    moved = move_to_card(home)
    for _ in range(2):
        sign_and_verify(home, moved)
        encrypt_and_decrypt(home, moved)
        assert f"\nfpr:{moved}:" in home.gpg("--card-status", "--with-colons").stdout.decode()
        home.restart_agent()


def test_encryption_key_with_a_copy_off_the_token(home: Home) -> None:
    set_key_attributes(home, key_attributes("nistp256"))
    answers = ("generate", "y", "0", "Betty Backup", "betty@example.org", "")
    told = card_edit(home, *answers)
    assert "BACKUP_KEY_CREATED" in told
    encrypt_and_decrypt(home, told.split("KEY_CREATED B ")[1].split()[0])


def test_new_keys_take_the_slots_and_the_old_ones_stay_on_the_token(
    home: Home, token: ModuleToken
) -> None:
    first = generate_on_card(home, "nistp256", "Fiona First")
    answers = ("generate", "n", "y", "0", "Sarah Second", "sarah@example.org", "")
    told = card_edit(home, *answers)
    assert "keys are already stored on the card" in told
    second = told.split("KEY_CREATED B ")[1].split()[0]
    sign_and_verify(home, second)
    encrypt_and_decrypt(home, second)
    assert f"\nfpr:{second}:" in home.gpg("--card-status", "--with-colons").stdout.decode()
    assert first != second
    assert len(token.public_keys()) == 6
    sign_and_verify(home, first)
    encrypt_and_decrypt(home, first)


def test_a_slot_that_is_configured_is_not_for_new_keys(home: Home, token: ModuleToken) -> None:
    token.generate("EC:prime256v1", 1, "mine")
    with (home.path / "anyscd.toml").open("a") as configuration:
        configuration.write('[[token]]\nmatch = "tok"\nsign = "mine"\n')
    home.restart_agent()
    for command in ("SETATTR KEY-ATTR --force 1 1 rsa2048", "GENKEY --force 1"):
        assert "Unsupported operation" in home.connect_agent(f"SCD {command}").stdout.decode()
    assert "KEY-CREATED-AT" in home.connect_agent("SCD GENKEY 3").stdout.decode()
    assert "File exists" in home.connect_agent("SCD GENKEY 3").stdout.decode()
    assert len(token.public_keys()) == 2


@pytest.mark.parametrize("gnupg", [generation("2.4")], ids=str)
def test_keys_made_by_gpg_card_are_made_an_openpgp_key_of(home: Home) -> None:
    folder = home.gnupg.bin
    gpg_card: list[str | Path] = [folder / "gpg-card", "--no-history", "--gpg", folder / "gpg"]
    for made in ("--algo=ed25519 OPENPGP.1", "--algo=nistp256 OPENPGP.2"):
        on_terminal([*gpg_card, "--", "generate", *made.split()], home.env)
    question = on_terminal([*gpg_card, "--", "generate", "OPENPGP.1"], home.env, typed="n\n")
    assert "Replace existing keys?" in question
    shown = home.gpg("--with-colons", "--card-status").stdout.decode()
    openpgp_key = key_of_token(home, "Tom Token")
    assert f"\nfpr:{openpgp_key}:" in shown
    sign_and_verify(home, openpgp_key)
    encrypt_and_decrypt(home, openpgp_key)


def test_openpgp_key_that_was_forgotten_is_shown_again_once_it_is_linked(
    home: Home, token: ModuleToken
) -> None:
    made = generate_on_card(home, "nistp256", "Lucy Linked")
    memory = home.path / "anyscd-tokens"
    memory.write_text(re.sub(r"(?m)^(key \w+) .*$", r"\1 1000000000", memory.read_text()))
    home.restart_agent()
    shown = f"\nfpr:{made}:"
    assert shown not in home.gpg("--card-status", "--with-colons").stdout.decode()
    listed = home.gpg("--list-keys", "--with-colons", "--with-keygrip", made).stdout
    assert home.run(str(ANYSCD), "--link", input=listed).stdout.count(b"linked") == 3
    home.restart_agent()
    assert shown in home.gpg("--card-status", "--with-colons").stdout.decode()
    sign_and_verify(home, made)
    encrypt_and_decrypt(home, made)


def test_what_a_token_has_no_room_for_is_refused(home: Home) -> None:
    told = said_by_menu(home, "name", "Doe", "Jane", "forcesig", "login", "jane", "uif 1 on")
    for complaint in ("setting Name", "toggling signature PIN flag", "setting login data"):
        assert f"error {complaint}: Unsupported operation" in told


# -- certificates --------------------------------------------------------------------------------


def test_a_certificate_is_written_read_and_used_by_gpgsm(
    home: Home, token: ModuleToken, tmp_path: Path
) -> None:
    home.connect_agent("SCD GENKEY --algo=rsa2048 3")
    ((_, info),) = token.public_keys().items()
    public = load_der_public_key(info)
    assert isinstance(public, rsa.RSAPublicKey)
    written, read = tmp_path / "written", tmp_path / "read"
    written.write_bytes(authority().certify(public, "Celia Certified"))
    card_edit(home, f"writecert 3 < {written}", f"readcert 3 > {read}")
    assert read.read_bytes() == written.read_bytes()
    authority().trust(home)
    home.run("gpgsm", "--batch", "--learn-card")
    signed = home.run("gpgsm", "--batch", "-u", "Celia", "--sign", input="a message").stdout
    checked = home.run("gpgsm", "--batch", "--status-fd", "2", "--verify", input=signed)
    assert "GOODSIG" in checked.stderr.decode()
    assert "Missing item in object" in home.connect_agent("SCD READCERT OPENPGP.2").stdout.decode()


# -- PINs ----------------------------------------------------------------------------------------


def test_the_menu_for_pins(home: Home) -> None:
    for choice, pins in (
        ("1", {"New PIN": "654321", "": USER_PIN}),
        ("2", {"New PIN": "111111", "Security": SO_PIN}),
        ("3", {"New Security": "87654321", "Security": SO_PIN}),
        ("2", {"New PIN": "222222", "Security": "87654321"}),
    ):
        home.set_pins(pins)
        assert "SC_OP_SUCCESS" in card_edit(home, "passwd", choice, "q")
    home.set_pins({"": "222222"})
    sign_and_verify(home, generate_as_set(home, "Petra Pin"))


@pytest.mark.parametrize("choice", ["1", "2", "3"])
def test_a_wrong_pin_changes_nothing(home: Home, choice: str) -> None:
    home.set_pins({"New": "87654321", "": "99999999"})
    assert "SC_OP_FAILURE 2" in said_by_menu(home, "passwd", choice, "q")
    home.set_pins({"New": "87654321", "Security": SO_PIN, "": USER_PIN})
    assert "SC_OP_SUCCESS" in said_by_menu(home, "passwd", choice, "q")


def test_a_token_has_no_resetting_code(home: Home) -> None:
    assert "SC_OP_FAILURE" in said_by_menu(home, "passwd", "4", "q")
    assert "Reset Code not or not anymore available" in said_by_menu(home, "unblock")
    for command in ("PASSWD 2", "PASSWD --reset 2"):
        told = home.connect_agent(f"SCD {command}").stdout.decode()
        assert "Unsupported operation" in told
    assert not home.prompts
