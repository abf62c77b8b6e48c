"""Every PKCS#11 provider of the bed, with every kind of key that it has, through gpg-agent: what
tests/bed/tokens.py says that it can do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import pytest

from tests.bed.authority import authority
from tests.bed.gnupg import ANYSCD, GnuPG, Home, generation, generations
from tests.bed.key_kinds import KINDS, Filled, Held, Kind
from tests.bed.pcsc import Pcscd
from tests.bed.process import ProgramFailed
from tests.bed.recipes import (
    encrypt_and_decrypt,
    generate_as_set,
    key_attributes,
    key_of_token,
    set_key_attributes,
    sign_and_verify,
    ssh_keys,
)
from tests.bed.sshd import Sshd
from tests.bed.tokens import PROVIDERS, Operation, cells

T = TypeVar("T")


@dataclass(frozen=True)
class Desk:
    """A home in which the keys of one kind are in the slots of the card view.  ``name``: of
    the kind.  ``serial``: of their token.  ``can``: what that can do with them."""

    home: Home
    filled: Filled
    name: str
    held: Held
    serial: str
    can: Operation

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @cached_property
    def openpgp_key(self) -> str:
        """One of these keys; its fingerprint."""
        return key_of_token(self.home, "Tom Token")

    def scd(self, command: str) -> str:
        return self.home.connect_agent(f"SCD {command}").stdout.decode()


class Room:
    """Keeps a provider running, and a desk, for as long as the next test wants the same."""

    def __init__(self, pcscd: Pcscd) -> None:
        self._pcscd = pcscd
        self._provider = Kept[Filled]()
        self._desk = Kept[Desk]()

    def desk(self, name: str, kind: str, gnupg: GnuPG) -> Desk:
        if self._provider.key != name:
            self._desk.close()
        start = PROVIDERS[name].start
        filled = self._provider.get(name, lambda: start(self._pcscd))
        can = PROVIDERS[name].kinds[kind]
        return self._desk.get((name, kind, gnupg), lambda: opened(filled, kind, can, gnupg))

    def close(self) -> None:
        self._desk.close()
        self._provider.close()


class Kept(Generic[T]):
    """The one thing that is open; ``key``: which."""

    def __init__(self) -> None:
        self.key: object = None
        self._value: T | None = None
        self._stack = ExitStack()

    def get(self, key: object, context: Callable[[], AbstractContextManager[T]]) -> T:
        if self.key != key or self._value is None:
            self.close()
            self._value = self._stack.enter_context(context())
            self.key = key
        return self._value

    def close(self) -> None:
        self.key = self._value = None
        self._stack.close()


@pytest.fixture(scope="module")
def room(pcscd: Pcscd) -> Iterator[Room]:
    room = Room(pcscd)
    yield room
    room.close()


@contextmanager
def opened(filled: Filled, kind: str, can: Operation, gnupg: GnuPG) -> Iterator[Desk]:
    held = filled.held[kind]
    with home_of(filled, gnupg, slots_of(held)) as home:
        serial = serial_of(home, held.token)
        home.gpg("--card-status", serial)
        yield Desk(home, filled, kind, held, serial, can)


@contextmanager
def home_of(filled: Filled, gnupg: GnuPG, slots: Sequence[str] = ()) -> Iterator[Home]:
    """A home with that module.  ``slots``: more lines of its configuration."""
    home = Home(gnupg, ANYSCD, pins={"": filled.token.pin}, env=filled.token.env)
    lines = ["[pkcs11.module.bed]", f'path = "{filled.token.module}"', *slots]
    (home.path / "anyscd.toml").write_text("\n".join(lines) + "\n")
    with (home.path / "scdaemon.conf").open("a") as options:
        options.write("disable-application openpgp\n")
    with home:
        yield home


def slots_of(held: Held) -> list[str]:
    if not held.signer:
        return []
    slots = {"sign": held.signer, "decrypt": held.decrypter, "auth": held.signer}
    lines = [f'{slot} = "{label}"' for slot, label in slots.items()]
    return ["[[token]]", f'match = "{held.token}"', *lines]


def serial_of(home: Home, label: str) -> str:
    home.connect_agent("SCD SERIALNO --all")
    listing = home.connect_agent("SCD GETINFO card_list").stdout.decode()
    for serial in re.findall(r"^S SERIALNO (\w+)", listing, re.MULTILINE):
        commands = (f"SCD SERIALNO --demand={serial}", "SCD GETATTR READER")
        if f"S READER bed: {label}\n" in home.connect_agent(*commands).stdout.decode():
            return str(serial)
    raise ProgramFailed(f"{label} is not in {listing}\n{home.log_end}")


def listed(desk: Desk) -> None:
    shown = desk.home.gpg("--card-status", desk.serial).stdout.decode()
    signs, decrypts = desk.kind.shown
    if Operation.DECRYPT not in desk.can:
        decrypts = r"\w+"  # A key of another kind that is on the token too serves for that.
    attributes = f"{signs} {decrypts} {signs}"
    assert re.search(rf"^Key attributes \.*: {attributes}$", shown, re.MULTILINE), shown
    grips = re.findall(r"^S KEYPAIRINFO (\w+) OPENPGP", desk.scd("LEARN --keypairinfo"), re.M)
    infos = desk.scd("KEYINFO --list")
    assert len(grips) >= 2
    assert all(f"S KEYINFO {grip} T " in infos for grip in grips)


def signed(desk: Desk) -> None:
    sign_and_verify(desk.home, desk.openpgp_key)


def decrypted(desk: Desk) -> None:
    encrypt_and_decrypt(desk.home, desk.openpgp_key)


def logged_in(desk: Desk) -> None:
    lines = [line for line in ssh_keys(desk.home) if line.startswith(desk.kind.ssh)]
    assert lines
    with Sshd(lines[0] + "\n") as sshd:
        assert sshd.login(desk.home.env, "echo", "inside", all_keys=False) == "inside\n"


def mailed(desk: Desk) -> None:
    home = desk.home
    (home.path / "gpgsm.conf").write_text("disable-crl-checks\ndisable-dirmngr\n")
    authority().trust(home)
    home.run("gpgsm", "--batch", "--learn-card")
    user = desk.held.signer or desk.held.token
    message = home.run("gpgsm", "--batch", "-u", user, "--sign", input="a message").stdout
    checked = home.run("gpgsm", "--batch", "--status-fd", "2", "--verify", input=message)
    assert "GOODSIG" in checked.stderr.decode()
    only_rsa = home.gnupg.name == "2.2"  # as far as its gpgsm encrypts
    if Operation.DECRYPT not in desk.can or (only_rsa and not desk.kind.signs.startswith("rsa")):
        return
    to = user if desk.kind.signs.startswith("rsa") else desk.held.decrypter or desk.held.token
    secret = home.run("gpgsm", "--batch", "-r", to, "--encrypt", input="a secret").stdout
    assert home.run("gpgsm", "--batch", "--decrypt", input=secret).stdout == b"a secret"


def generated(desk: Desk) -> None:
    """In a home that says nothing of slots."""
    decrypts = Operation.DECRYPT in desk.can
    with home_of(desk.filled, desk.home.gnupg) as home:
        serial = serial_of(home, desk.held.token)
        home.gpg("--card-status", serial)
        attributes = key_attributes(desk.name)
        if not decrypts:
            refused = home.connect_agent(f"SCD SETATTR KEY-ATTR --force 2 {attributes[1]}")
            assert b"Unsupported operation" in refused.stdout
            attributes[1] = "1 rsa2048"
        set_key_attributes(home, attributes)
        made = generate_as_set(home, "Gina Generated")
        for _ in range(2):
            sign_and_verify(home, made)
            encrypt_and_decrypt(home, made)
            shown = home.gpg("--with-colons", "--card-status", serial).stdout.decode()
            assert f"\nfpr:{made}:" in shown
            home.restart_agent()


WORK: dict[Operation, Callable[[Desk], None]] = {
    Operation.LIST: listed,
    Operation.SIGN: signed,
    Operation.DECRYPT: decrypted,
    Operation.SSH: logged_in,
    Operation.SMIME: mailed,
    Operation.GENERATE: generated,
}


CELLS = [
    pytest.param(provider, kind, generation(name), what, id=f"{provider}-{kind}-{name}-{what.name}")
    for provider, kind, name, operations in cells([gnupg.name for gnupg in generations()])
    for what in operations
]


@pytest.mark.parametrize(("provider", "kind", "gnupg", "operation"), CELLS)
def test_cell(room: Room, provider: str, kind: str, gnupg: GnuPG, operation: Operation) -> None:
    WORK[operation](room.desk(provider, kind, gnupg))
