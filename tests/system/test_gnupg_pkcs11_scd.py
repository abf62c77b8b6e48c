"""From gnupg-pkcs11-scd to anyscd: its configuration converted, its stubs left as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bed.authority import authority
from tests.bed.gnupg import ANYSCD, GnuPG, Home
from tests.bed.gnupg_pkcs11_scd import certified_token, keygrips, openpgp_key, write_program
from tests.bed.process import run
from tests.bed.recipes import encrypt_and_decrypt, sign_and_verify, ssh_keys
from tests.bed.softhsm import MODULE, SoftHSM
from tests.bed.sshd import Sshd

SIGNER, DECRYPTER, VISITOR = NAMES = ["Sigrid Signer", "Denis Decrypter", "Susan Shell"]

CONFIGURATION = f"""\
providers hsm
provider-hsm-library {MODULE}
provider-hsm-private-mask 0
pin-cache 3600
verbose
"""


@dataclass(frozen=True)
class Office:
    """Where somebody has worked with gnupg-pkcs11-scd.  ``key``: fingerprint of the OpenPGP key
    made with it; ``prompts``: how many questions a day's work took."""

    home: Home
    key: str
    prompts: int

    @property
    def stubs(self) -> dict[str, bytes]:
        return stubs(self.home)


@pytest.fixture
def home(gnupg: GnuPG, softhsm: SoftHSM, tmp_path: Path) -> Iterator[Home]:
    """A label that has to be escaped, three certified keys, and who certified them."""
    token = certified_token(softhsm, "Büro 1/2;x=y", NAMES, tmp_path)
    issuer = tmp_path / "issuer.der"
    issuer.write_bytes(authority().der)
    token.write_certificate(issuer, 0x10, "issuer")
    home = Home(gnupg, write_program(tmp_path), pins={"": token.pin}, env=softhsm.env)
    (home.path / "gnupg-pkcs11-scd.conf").write_text(CONFIGURATION)
    (home.path / "gpgsm.conf").write_text("disable-crl-checks\ndisable-dirmngr\n")
    with home:
        yield home


@pytest.fixture
def office(home: Home) -> Office:
    """What its manual page says for GnuPG and gpgsm; a key for ssh is named in sshcontrol."""
    authority().list_as_trusted(home)
    home.gpg("--card-status")
    home.run("gpgsm", "--batch", "--learn-card")
    grips = keygrips(home)
    key = openpgp_key(home, "Olga Office", grips[SIGNER], grips[DECRYPTER])
    (home.path / "sshcontrol").write_text(f"{grips[VISITOR]}\n")
    home.restart_agent()
    return Office(home, key, work(home, key))


def stubs(home: Home) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (home.path / "private-keys-v1.d").iterdir()}


def work(home: Home, key: str) -> int:
    """Everything that it can be used for; how many questions were asked."""
    before = len(home.prompts)
    sign_and_verify(home, key)
    encrypt_and_decrypt(home, key)
    message = home.run("gpgsm", "--batch", "-u", SIGNER, "--sign", input="a message").stdout
    checked = home.run("gpgsm", "--batch", "--status-fd", "2", "--verify", input=message)
    assert "GOODSIG" in checked.stderr.decode()
    secret = home.run("gpgsm", "--batch", "-r", DECRYPTER, "--encrypt", input="a secret").stdout
    assert home.run("gpgsm", "--batch", "--decrypt", input=secret).stdout == b"a secret"
    with Sshd(ssh_keys(home)[0] + "\n") as sshd:
        assert sshd.login(home.env, "echo", "inside", all_keys=False) == "inside\n"
    return len(home.prompts) - before


def change_over(home: Home) -> None:
    """All that has to be done."""
    old = home.path / "gnupg-pkcs11-scd.conf"
    converted = run([ANYSCD, "--from-gnupg-pkcs11-scd", old], env=home.env).stdout
    (home.path / "anyscd.toml").write_bytes(converted)
    options = home.path / "gpg-agent.conf"
    lines = options.read_text().splitlines()
    assert lines[0].startswith("scdaemon-program ")
    options.write_text("\n".join([f"scdaemon-program {ANYSCD}", *lines[1:]]) + "\n")
    home.restart_agent()


def test_everything_goes_on_with_the_old_stubs(office: Office) -> None:
    home, before = office.home, office.stubs
    assert len(before) == len(NAMES)
    assert all(b"D2760001240111503131" in stub for stub in before.values())
    change_over(home)
    assert 0 < work(home, office.key) <= office.prompts
    assert office.stubs == before


def test_the_card_view_and_new_stubs_beside_the_old(office: Office) -> None:
    home, before = office.home, office.stubs
    change_over(home)
    shown = home.gpg("--card-status").stdout.decode()
    assert "Key attributes ...: rsa2048 rsa2048 rsa2048" in shown
    assert "Signature key ....: [none]" not in shown
    home.run("gpgsm", "--batch", "--learn-card")
    assert office.stubs.keys() == before.keys()
    assert 0 < work(home, office.key) <= office.prompts


def test_the_keys_for_the_slots_are_those_of_its_configuration(home: Home) -> None:
    grips = keygrips(home)
    chosen = {"sign": VISITOR, "encr": SIGNER, "auth": DECRYPTER}
    with (home.path / "gnupg-pkcs11-scd.conf").open("a") as options:
        options.writelines(f"openpgp-{slot} {grips[name]}\n" for slot, name in chosen.items())
    change_over(home)
    told = home.connect_agent("SCD LEARN --keypairinfo").stdout.decode()
    found = re.findall(r"^S KEYPAIRINFO (\w+) OPENPGP", told, re.MULTILINE)
    assert found == [grips[name] for name in chosen.values()]


def test_certificates_of_issuers_are_learnt_too(home: Home) -> None:
    learnt = certificates(home)
    assert len(learnt) == len(NAMES) + 1
    (home.path / "pubring.kbx").unlink()
    change_over(home)
    assert certificates(home) == learnt


def certificates(home: Home) -> set[str]:
    """Fingerprints of what gpgsm learns."""
    home.run("gpgsm", "--batch", "--learn-card")
    listed = home.run("gpgsm", "--batch", "--with-colons", "--list-keys").stdout.decode()
    return set(re.findall(r"^fpr:+(\w+):", listed, re.MULTILINE))


def test_each_token_has_its_own_names_too(home: Home, softhsm: SoftHSM, tmp_path: Path) -> None:
    certified_token(softhsm, "plain_2.5-~^", NAMES[:1], tmp_path)
    told = home.connect_agent("SCD KEYINFO --list --data").stdout.decode()
    old = re.findall(r"^S KEYINFO \w+ T (\w+) (\S+)", told, re.MULTILINE)
    assert len(old) == len(NAMES) + 1
    change_over(home)
    for serial, reference in old:
        commands = (f"SCD SERIALNO --demand={serial}", "SCD GETATTR READER")
        reply = home.connect_agent(*commands).stdout.decode()
        label = "plain_2.5-~^" if "plain" in reference else "Büro 1/2;x=y"
        assert reply == f"S SERIALNO {serial}\nOK\nS READER hsm: {label}\nOK\n"
        read = home.connect_agent(f"SCD READCERT {reference}").stdout
        assert read.startswith(b"D 0")
        assert read.endswith(b"OK\n")
