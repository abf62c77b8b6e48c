"""What people do with gpg and ssh in a private home; each fails if it does not work."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.bed.gnupg import Home
from tests.bed.process import ProgramFailed
from tests.bed.sshd import Sshd

#: Kinds of keys on an OpenPGP card, by what gpg calls them for each of the three slots.
KINDS = {
    **{name: (name, name, name) for name in ("rsa2048", "rsa3072", "rsa4096")},
    "curve25519": ("ed25519", "cv25519", "ed25519"),
    "curve448": ("ed448", "cv448", "ed448"),
    **{name: (name, name, name) for name in ("nistp256", "nistp384", "nistp521", "secp256k1")},
    **{name: 3 * (name,) for name in ("brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1")},
}

#: Those that jcecard can be brought to; for the last see tests.bed.weierstrass.
CARD_KEYS = ("rsa2048", "curve25519", "nistp256")

_RSA, _ECDH, _ECDSA, _EDDSA = 1, 18, 19, 22


def key_attributes(kind: str) -> list[str]:
    """For each slot what SETATTR KEY-ATTR wants: the OpenPGP algorithm and its name."""
    return [f"{_algorithm(name, slot)} {name}" for slot, name in enumerate(KINDS[kind], 1)]


def _algorithm(name: str, slot: int) -> int:
    if name.startswith("rsa"):
        return _RSA
    return _ECDH if slot == 2 else _EDDSA if name.startswith("ed") else _ECDSA


def generate_on_card(home: Home, kind: str, name: str) -> str:
    """Let ``gpg --card-edit`` make the three keys of a kind, with an OpenPGP key of them.

    ``name``: at least five characters.  Returns the fingerprint.
    """
    set_key_attributes(home, key_attributes(kind))
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


def export_software_key(home: Home, kind: str) -> bytes:
    """Make an OpenPGP key that is on no card, with a subkey for each use, and return its secret."""
    signing, encryption, authentication = KINDS[kind]
    # Some GnuPG 2.4 are set up not to make keys of the curves that are new with it.
    options = ("--compliance", "gnupg", "--status-fd", "1", "--passphrase", "")
    owner = ("--quick-gen-key", "Sophie Soft <sophie@example.org>")
    made = home.gpg(*options, *owner, signing, "cert,sign", "0").stdout.decode()
    if _algorithm(authentication, 3) == _ECDSA:
        authentication += "/ecdsa"  # gpg 2.2 makes a key for ECDH of it else, and says no to that
    for algorithm, use in ((encryption, "encr"), (authentication, "auth")):
        home.gpg(*options, "--quick-add-key", _created(made), algorithm, use, "0")
    return home.gpg("--export-secret-keys").stdout


def move_to_card(home: Home) -> str:
    """Move the only key with its two subkeys to the card; return its fingerprint."""
    answers = ("keytocard", "y", "1", "key 1", "keytocard", "2", "key 1", "key 2", "keytocard", "3")
    options = ("--no-tty", "--status-fd", "2", "--command-fd", "0", "--edit-key", "example.org")
    home.run("gpg", *options, input="".join(f"{answer}\n" for answer in (*answers, "save")))
    listed = home.gpg("--with-colons", "--list-secret-keys").stdout.decode()
    fingerprints = re.findall(r"^fpr:+([0-9A-F]{40,64}):", listed, re.MULTILINE)
    if len(re.findall(r":D2760001240103[0-9A-F]{18}:", listed)) != 3:
        raise ProgramFailed(f"not all keys are on the card:\n{listed}")
    return str(fingerprints[0])


def key_of_token(home: Home, name: str) -> str:
    """Make an OpenPGP key of the keys that are on the present card or token already."""
    home.gpg("--card-status")
    words = ["--status-fd", "1", "--quick-gen-key", f"{name} <{name.split()[0]}@example.org>"]
    return _created(home.gpg(*words, "card", "default", "0").stdout.decode())


def _created(status: str) -> str:
    found = re.search(r"KEY_CREATED \w ([0-9A-F]{40,64})", status)
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
