"""``make demo``: anyscd with a virtual OpenPGP card and a SoftHSM token, shown step by step.

Every program is real and private to this run: pcscd, gpg, gpg-agent, ssh, sshd.  Nothing of it is
left when it ends, whichever way.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bed.card import ADMIN_PIN, USER_PIN, openpgp_card
from tests.bed.gnupg import ANYSCD, Home, generations
from tests.bed.pcsc import Pcscd
from tests.bed.process import ProgramFailed
from tests.bed.recipes import generate_on_card, key_of_token, ssh_keys
from tests.bed.softhsm import MODULE, SoftHSM
from tests.bed.sshd import Sshd

TOKEN_PIN = "271828"
MESSAGE = "Meet me at the usual place.\n"
WIDTH = 100

_COLOURS = {"bold": 1, "dim": 2, "red": 31, "green": 32} if sys.stdout.isatty() else {}


@dataclass(frozen=True, slots=True)
class Device:
    """A card or token with an OpenPGP key.  ``ssh``: the type of its key for SSH."""

    title: str
    serial: str
    fingerprint: str
    ssh: str


def paint(colour: str, text: str) -> str:
    code = _COLOURS.get(colour)
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


def heading(text: str) -> None:
    print(f"\n{paint('bold', text)}\n")


@contextmanager
def step(claim: str) -> Iterator[None]:
    """Say, after it was done, whether what is claimed came true; a failure goes on."""
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print(f"  {paint('red', '✗')} {claim}")
        raise
    spent = paint("dim", f"{time.monotonic() - began:.1f} s")
    print(f"  {paint('green', '✓')} {claim}  {spent}", flush=True)


def show(command: str, output: bytes, pattern: str) -> None:
    """Print a command with those lines of its output in which the pattern is found."""
    print(paint("dim", f"    $ {command}"))
    for line in output.decode(errors="replace").splitlines():
        if re.search(pattern, line):
            print(f"      {line if len(line) <= WIDTH else line[:WIDTH] + '…'}")


def gpg(home: Home, *words: str, input: bytes | str, pattern: str) -> bytes:
    """Run gpg, show what it says, and return its output."""
    done = home.gpg(*words, input=input)
    show("gpg " + " ".join(words), done.stderr + done.stdout, pattern)
    return done.stdout


def set_the_stage(stack: ExitStack, folder: Path) -> tuple[Home, Device, Device]:
    """Start everything; return the home with anyscd in it, the card and the token."""
    gnupg = generations()[0]
    with step("pcscd runs, with a virtual reader, on a socket of its own"):
        pcscd = stack.enter_context(Pcscd())
    with step("an OpenPGP card is put into the reader"):
        pcscd.readers[0].insert(openpgp_card(folder / "card"))
    with step("a SoftHSM token gets RSA keys, made by pkcs11-tool, and no certificate"):
        softhsm = SoftHSM(folder / "softhsm")
        token = softhsm.init_token("demo", pin=TOKEN_PIN)
        for number in (1, 2):
            token.generate("rsa:2048", number, f"key {number}")
    with step(f"gpg-agent {gnupg.name} runs in a private home, with anyscd as its scdaemon"):
        pins = {"Admin": ADMIN_PIN, "demo": TOKEN_PIN, "": USER_PIN}
        home = Home(gnupg, ANYSCD, pins, softhsm.env)
        (home.path / "anyscd.toml").write_text(
            f'[pkcs11]\nuse-p11-kit = false\n[pkcs11.module.softhsm]\npath = "{MODULE}"\n'
        )
        stack.enter_context(home)
    with step("both are there at the same time"):
        on_card, on_token = serial_numbers(home)
    with step("keys are made on the card, and an OpenPGP key of them: gpg --card-edit, generate"):
        card_key = generate_on_card(home, "curve25519", "Karla Card")
    with step("the keys on the token become an OpenPGP key: gpg --quick-gen-key NAME card"):
        home.gpg("--card-status", on_token)
        token_key = key_of_token(home, "Tom Token")
    return (
        home,
        Device("The OpenPGP card, with Curve25519 keys", on_card, card_key, "ssh-ed25519"),
        Device("The PKCS#11 token, with RSA keys", on_token, token_key, "ssh-rsa"),
    )


def serial_numbers(home: Home) -> tuple[str, str]:
    """Of the card and the token; the former comes first."""
    listing = home.connect_agent("SCD SERIALNO --all", "SCD GETINFO card_list").stdout.decode()
    show('gpg-connect-agent "SCD SERIALNO --all" "SCD GETINFO card_list"', listing.encode(), "^S ")
    first, second = list(dict.fromkeys(re.findall(r"^S SERIALNO (\w+)", listing, re.MULTILINE)))
    return first, second


def use(home: Home, device: Device) -> None:
    """Show everything that one device is good for."""
    heading(device.title)
    with step("gpg shows it"):
        shown = r"^(Reader|Appl.*ID|Manufacturer|Serial|Key attr|PIN retry|\w+ key)"
        gpg(home, "--card-status", device.serial, input="", pattern=shown)
    sign(home, device)
    decrypt(home, device)
    log_in(home, device)


def sign(home: Home, device: Device) -> None:
    with step("it signs, and gpg verifies that"):
        words = ["--local-user", device.fingerprint, "--clear-sign"]
        signed = gpg(home, *words, input=MESSAGE, pattern="^(Meet|-----BEGIN)")
        checked = home.gpg("--status-fd", "1", "--verify", input=signed)
        show("gpg --verify", checked.stderr, "^gpg: +(Signature made|using|Good signature)")
        valid = f"VALIDSIG {device.fingerprint}".encode() in checked.stdout
        expect(home, valid, "the signature is not by this key")


def decrypt(home: Home, device: Device) -> None:
    with step("it decrypts what gpg encrypted to its key"):
        to = ["--trust-model", "always", "--recipient", device.fingerprint]
        encrypted = home.gpg(*to, "--encrypt", input=MESSAGE).stdout
        decrypted = gpg(home, "--decrypt", input=encrypted, pattern="encrypted with|^Meet")
        expect(home, decrypted.decode() == MESSAGE, "this is not what was encrypted")


def log_in(home: Home, device: Device) -> None:
    with step("it logs in to a real sshd, which knows this key only"):
        key = next(line for line in ssh_keys(home) if line.startswith(device.ssh))
        show("ssh-add -L", key.encode(), "")
        with Sshd(key + "\n") as sshd:
            command = ["echo", "You are in."]
            said = sshd.login(home.env, *command)
            show(f"ssh -p {sshd.port} 127.0.0.1 {' '.join(command)}", said.encode(), "")
            show("grep Accepted sshd.log", sshd.log.read_bytes(), "^Accepted publickey")


def list_prompts(home: Home) -> None:
    heading("What the pinentry was asked all the while (a script answered)")
    for prompt in home.prompts:
        print(f"    {' · '.join(line for line in prompt.desc.splitlines() if line)}")


def expect(home: Home, condition: bool, complaint: str) -> None:
    if not condition:
        raise ProgramFailed(f"{complaint}\n{home.log_end}")


def left_behind(folder: Path) -> list[str]:
    """Name the processes that still have this folder in their environment."""
    word, found = f"TMPDIR={folder}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and word in (process / "environ").read_bytes():
                found.append((process / "comm").read_text().strip())
        except OSError:
            continue
    return found


def play() -> None:
    """The whole show; everything that it starts knows its temporary folder by TMPDIR."""
    print("anyscd: an OpenPGP card and a PKCS#11 token behind one gpg-agent.")
    print("All of it is private to this run; no card, key or agent of yours is touched.")
    with tempfile.TemporaryDirectory(prefix="anyscd-demo-") as name:
        os.environ["TMPDIR"] = tempfile.tempdir = name
        with ExitStack() as stack:
            heading("Setting the stage")
            home, card, token = set_the_stage(stack, Path(name))
            use(home, card)
            use(home, token)
            list_prompts(home)
        heading("Leaving")
        with step("every program that was started has ended"):
            if remains := left_behind(Path(name)):
                raise ProgramFailed(f"still running: {', '.join(remains)}")
    with step("every file that was written is deleted"):
        if Path(name).exists():
            raise ProgramFailed(f"{name} is still there")


def main() -> int:
    """Return the exit status."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        play()
    except KeyboardInterrupt:
        print("\nInterrupted.")
        return 130
    except Exception as failure:
        print(f"\n{paint('red', 'It failed:')} {failure}", file=sys.stderr)
        return 1
    print(f"\n{paint('green', 'All of it worked')}, in {time.monotonic() - began:.0f} seconds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
