"""How often people are asked for a PIN: counted at the pinentry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bed.card import USER_PIN
from tests.bed.gnupg import ANYSCD, GnuPG, Home
from tests.bed.key_maker import allow_several_signatures, make_key
from tests.bed.module_token import ModuleToken
from tests.bed.recipes import encrypt_and_decrypt, key_of_token, sign_and_verify, ssh_keys
from tests.bed.softhsm import MODULE, SoftHSM
from tests.bed.sshd import Sshd
from tests.bed.virtual_reader import VirtualReader

if TYPE_CHECKING:
    from jcecard.main import OpenPGPCard

PINS = {"one": "271828", "two": "314159"}

#: So short that it is over when the next operation begins.
BRIEF = "[pin]\nabsolute = 0.001\n"


def plain(token: ModuleToken, identifier: int) -> None:
    token.generate("rsa:2048", identifier, f"key {identifier}")


def careful(token: ModuleToken, identifier: int) -> None:
    """A key that wants the PIN each time (CKA_ALWAYS_AUTHENTICATE)."""
    token.python_work("careful", str(identifier), f"key {identifier}")


def fill(softhsm: SoftHSM, label: str, make: Callable[[ModuleToken, int], None] = plain) -> None:
    """A token with keys for everything; the first signs, the second decrypts."""
    token = softhsm.init_token(label, pin=PINS[label])
    for identifier in (1, 2):
        make(token, identifier)


@contextmanager
def token_home(gnupg: GnuPG, softhsm: SoftHSM, settings: str = "") -> Iterator[Home]:
    home = Home(gnupg, ANYSCD, pins=PINS, env=softhsm.env)
    with (home.path / "scdaemon.conf").open("a") as options:
        options.write("disable-application openpgp\n")
    module = f'[pkcs11.module.softhsm]\npath = "{MODULE}"\n'
    (home.path / "anyscd.toml").write_text(module + settings)
    with home:
        yield home


def serial_numbers(home: Home) -> list[str]:
    home.connect_agent("SCD SERIALNO --all")
    listing = home.connect_agent("SCD GETINFO card_list").stdout.decode()
    return [line.split()[2] for line in listing.splitlines() if line.startswith("S SERIALNO")]


def openpgp_keys(home: Home) -> list[str]:
    """One for each token."""
    keys = []
    for number, serial in enumerate(serial_numbers(home), 1):
        # Whose keys become an OpenPGP key: those of the token that was looked at last.
        home.gpg("--card-status", serial)
        keys.append(key_of_token(home, f"Tom Token{number}"))
    return keys


def log_in(home: Home) -> None:
    """By each key that is offered."""
    for line in ssh_keys(home):
        with Sshd(line + "\n") as sshd:
            assert sshd.login(home.env, "echo", "inside", all_keys=False) == "inside\n"


def questions(home: Home, work: Callable[[], object]) -> list[str]:
    """The tokens whose PIN is asked for during some work."""
    before = len(home.prompts)
    work()
    return [
        next((label for label in PINS if label in prompt.desc), prompt.desc)
        for prompt in home.prompts[before:]
    ]


def test_each_token_asks_once(gnupg: GnuPG, softhsm: SoftHSM) -> None:
    for label in PINS:
        fill(softhsm, label)
    with token_home(gnupg, softhsm) as home:

        def work() -> None:
            for key in openpgp_keys(home):
                sign_and_verify(home, key)
                encrypt_and_decrypt(home, key)
            log_in(home)

        assert sorted(questions(home, work)) == ["one", "two"]


def test_careful_key_asks_each_time(gnupg: GnuPG, softhsm: SoftHSM) -> None:
    fill(softhsm, "one", careful)
    with token_home(gnupg, softhsm) as home:
        (key,) = openpgp_keys(home)
        for _ in range(2):
            assert questions(home, lambda: sign_and_verify(home, key)) == ["one"]
            assert questions(home, lambda: encrypt_and_decrypt(home, key)) == ["one"]
        offered = len(ssh_keys(home))
        assert questions(home, lambda: log_in(home)) == ["one"] * offered


def test_pin_source_asks_nobody(gnupg: GnuPG, softhsm: SoftHSM, tmp_path: Path) -> None:
    """Of one token of the two; and its keys want the PIN each time."""
    fill(softhsm, "one", careful)
    fill(softhsm, "two")
    pin = tmp_path / "pin"
    pin.touch(0o600)
    pin.write_text(PINS["one"] + "\n")
    source = f'[[token]]\nmatch = "pkcs11:token=one"\npin-source = "file:{pin}"\n'
    with token_home(gnupg, softhsm, source) as home:

        def work() -> None:
            for key in openpgp_keys(home):
                sign_and_verify(home, key)
                encrypt_and_decrypt(home, key)
            log_in(home)

        assert questions(home, work) == ["two"]
        for log in home.logs.values():
            assert PINS["one"] not in log


def test_wrong_pin_source_is_tried_once(gnupg: GnuPG, softhsm: SoftHSM, tmp_path: Path) -> None:
    fill(softhsm, "one")
    source = '[[token]]\nmatch = "one"\npin-source = "|/bin/echo 000000"\n'
    with token_home(gnupg, softhsm, source) as home:
        home.gpg("--card-status")
        options = ("--quick-gen-key", "Tom Token <tom@example.org>", "card", "default", "0")
        assert questions(home, lambda: home.gpg(*options, check=False)) == []
        assert questions(home, lambda: openpgp_keys(home)) == ["one"]
        assert home.logs["scdaemon"].count("its pin-source is wrong") == 1


def test_token_is_logged_out_after_its_time(gnupg: GnuPG, softhsm: SoftHSM) -> None:
    fill(softhsm, "one")
    with token_home(gnupg, softhsm, BRIEF) as home:
        (key,) = openpgp_keys(home)
        for _ in range(2):
            assert questions(home, lambda: sign_and_verify(home, key)) == ["one"]
            assert questions(home, lambda: encrypt_and_decrypt(home, key)) == ["one"]


def test_card_takes_the_pin_back_after_its_time(
    gnupg: GnuPG, reader: VirtualReader, card: OpenPGPCard
) -> None:
    for slot, kind in enumerate(("ed25519", "cv25519", "ed25519"), 1):
        make_key(card, slot, kind)
    allow_several_signatures(card, True)
    reader.insert(card)
    home = Home(gnupg, ANYSCD, pins={"": USER_PIN})
    (home.path / "anyscd.toml").write_text("[pkcs11]\nuse-p11-kit = false\n" + BRIEF)
    with home:
        key = key_of_token(home, "Karla Card")
        for _ in range(2):
            assert len(questions(home, lambda: sign_and_verify(home, key))) == 1
            assert len(questions(home, lambda: encrypt_and_decrypt(home, key))) == 1
    taken_back = [sent[3] for sent, _ in reader.apdus if sent[:3] == b"\x00\x20\xff"]
    assert set(taken_back) == {0x81, 0x82, 0x83}
