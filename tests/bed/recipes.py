"""What people do with gpg and ssh in a private home; each fails if it does not work."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.bed.gnupg import Home
from tests.bed.process import ProgramFailed
from tests.bed.sshd import Sshd

#: Kinds of keys on an OpenPGP card, as KEY-ATTR has them: one for each of the three slots.
CARD_KEYS = {
    "rsa2048": ("1 rsa2048", "1 rsa2048", "1 rsa2048"),
    "curve25519": ("22 ed25519", "18 cv25519", "22 ed25519"),
    "nistp256": ("19 nistp256", "18 nistp256", "19 nistp256"),  # see tests.bed.weierstrass
}


def generate_on_card(home: Home, kind: str, name: str) -> str:
    """Let ``gpg --card-edit`` make the three keys of a kind, with an OpenPGP key of them.

    ``name``: at least five characters.  Returns the fingerprint.
    """
    set_key_attributes(home, CARD_KEYS[kind])
    return generate_as_set(home, name)


def set_key_attributes(home: Home, kinds: Sequence[str]) -> None:
    """Change the algorithm of each slot, in order, as KEY-ATTR has them."""
    changes = [
        f"SCD SETATTR KEY-ATTR --force {slot} {attributes}"
        for slot, attributes in enumerate(kinds, 1)
    ]
    replies = home.connect_agent("SCD SERIALNO", *changes).stdout.decode()
    if "ERR" in replies:
        raise ProgramFailed(f"key attributes: {replies}")


def generate_as_set(home: Home, name: str, imports: bool = True) -> str:
    """As :func:`generate_on_card`, of whatever algorithms the slots have.

    ``imports``: whether keys can be imported, so that gpg asks whether to keep a copy.
    """
    backup = ["n"] if imports else []
    email = f"{name.split()[0]}@example.org"
    return _created(card_edit(home, "generate", *backup, "0", name, email, ""))


def card_edit(home: Home, *answers: str) -> str:
    """Say this to ``gpg --card-edit``, as an administrator, and return what it told."""
    command = ["--no-tty", "--status-fd", "2", "--command-fd", "0", "--card-edit"]
    lines = "".join(f"{answer}\n" for answer in ("admin", *answers, "quit"))
    return home.run("gpg", *command, input=lines).stderr.decode()


def make_key_pair(home: Home, primary: str, subkey: str, name: str) -> str:
    """Let gpg make an OpenPGP key in software, without a passphrase; returns the fingerprint.

    ``primary``, ``subkey``: algorithm and size or curve, for signing and for encryption.
    """
    lines = ["%no-protection", f"Name-Real: {name}", "Expire-Date: 0"]
    for word, usage, kind in (("Key", "sign", primary), ("Subkey", "encrypt", subkey)):
        algorithm, size = kind.split()
        measure = "Length" if size.isdigit() else "Curve"
        lines += [f"{word}-Type: {algorithm}", f"{word}-{measure}: {size}"]
        lines += [f"{word}-Usage: {usage}"]
    lines.sort(key=lambda line: line.startswith(("Name", "Expire")))
    parameters = "\n".join([*lines, "%commit", ""])
    done = home.gpg("--status-fd", "1", "--full-gen-key", input=parameters)
    return _created(done.stdout.decode())


def keys_to_card(home: Home, fingerprint: str) -> None:
    """Let ``gpg --edit-key`` move the primary key to slot 1 and the subkey to slot 2."""
    answers = ["keytocard", "y", "1", "key 1", "keytocard", "2", "save"]
    command = ["--no-tty", "--status-fd", "2", "--command-fd", "0", "--edit-key", fingerprint]
    home.run("gpg", *command, input="".join(f"{answer}\n" for answer in answers))


def key_of_token(home: Home, name: str) -> str:
    """Make an OpenPGP key of the keys that are on the present card or token already."""
    home.gpg("--card-status")
    words = ["--status-fd", "1", "--quick-gen-key", f"{name} <{name.split()[0]}@example.org>"]
    return _created(home.gpg(*words, "card", "default", "0").stdout.decode())


def _created(status: str) -> str:
    found = re.search(r"KEY_CREATED \w ([0-9A-F]{40})", status)
    if found is None:
        raise ProgramFailed(f"no key was made:\n{status}")
    return found[1]


def take_up(home: Home, public_key: bytes) -> None:
    """As on a second computer: import the public key and let the card's stubs be made."""
    home.gpg("--import", input=public_key)
    home.gpg("--card-status")


def sign_and_verify(home: Home, fingerprint: str) -> str:
    """Sign with the key, and return gpg's status lines from verifying the signature."""
    signed = home.gpg("--local-user", fingerprint, "--sign", input="a message").stdout
    checked = home.gpg("--status-fd", "2", "--decrypt", input=signed)
    status = checked.stderr.decode()
    if checked.stdout != b"a message" or "GOODSIG" not in status:
        raise ProgramFailed(f"bad signature:\n{status}")
    return status


def encrypt_and_decrypt(home: Home, fingerprint: str) -> None:
    """Encrypt to the key, and decrypt again."""
    to = ["--trust-model", "always", "--recipient", fingerprint]
    encrypted = home.gpg(*to, "--encrypt", input="a secret").stdout
    decrypted = home.gpg("--decrypt", input=encrypted)
    if decrypted.stdout != b"a secret":
        raise ProgramFailed(f"not what was encrypted:\n{decrypted.stderr.decode()}")


def ssh_keys(home: Home) -> list[str]:
    """Return the lines of ``ssh-add -L``."""
    return home.run("ssh-add", "-L").stdout.decode().splitlines()


def ssh_login(home: Home) -> None:
    """Log in to a real sshd that knows only the first key that the agent offers."""
    with Sshd(ssh_keys(home)[0] + "\n") as sshd:
        said = sshd.login(home.env, "echo", "inside")
    if said != "inside\n":
        raise ProgramFailed(f"the login said {said!r}")
