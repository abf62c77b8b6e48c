"""anyscd beside GnuPG's own scdaemon, in one run: APDUs on the wire, start-up, memory.

Run it with ``.venv/bin/python -m contrib.benchmark`` after ``make deps``.  The card is the virtual
one of the test bed.  Times are medians and mean something only as ratios.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bed.card import USER_PIN, openpgp_card
from tests.bed.gnupg import ANYSCD, GnuPG, Home, generations
from tests.bed.key_maker import allow_several_signatures, make_key
from tests.bed.pcsc import Pcscd
from tests.bed.process import end
from tests.bed.recipes import key_of_token
from tests.bed.virtual_reader import VirtualReader

ROUNDS = 11

#: What :func:`start_up` measures, from the start of the program on.
FIGURES = (("greeting", "ms"), ("answer of KEYINFO --list", "ms"), ("resident memory", "MB"))


def main() -> None:
    with Pcscd() as pcscd, tempfile.TemporaryDirectory(prefix="anyscd-bench-") as folder:
        reader = pcscd.readers[0]
        for gnupg in generations():
            print(f"\nGnuPG {gnupg}: APDUs            anyscd  scdaemon")
            ours = count_apdus(reader, Path(folder) / f"{gnupg}-ours", gnupg, ANYSCD)
            theirs = count_apdus(reader, Path(folder) / f"{gnupg}-theirs", gnupg, gnupg.scdaemon)
            for (what, mine), (_, stock) in zip(ours, theirs, strict=True):
                print(f"  {what:30} {mine:6}  {stock:8}")
        for gnupg in generations():
            print(f"\nGnuPG {gnupg}: start-up             anyscd     scdaemon   ratio")
            columns = zip(FIGURES, *start_up(ANYSCD, gnupg.scdaemon), strict=True)
            for (what, unit), own, other in columns:
                print(f"  {what:27} {own:6.1f} {unit}  {other:6.1f} {unit}  {own / other:6.1f}")


def count_apdus(
    reader: VirtualReader, store: Path, gnupg: GnuPG, scdaemon: Path
) -> list[tuple[str, int]]:
    """The cost of everyday work on a card; no PKCS#11 module talks to it besides."""
    card = openpgp_card(store)
    reader.insert(card)
    counts = []

    def count(what: str, action: Callable[[], object]) -> None:
        reader.apdus.clear()
        action()
        counts.append((what, len(reader.apdus)))

    with _home(gnupg, scdaemon) as home:
        count("first card status, empty card", lambda: home.gpg("--card-status"))
        count("second card status", lambda: home.gpg("--card-status"))
    reader.remove()
    for slot, kind in enumerate(("ed25519", "cv25519", "ed25519"), 1):
        make_key(card, slot, kind)
    allow_several_signatures(card, True)
    reader.insert(card)
    with _home(gnupg, scdaemon) as home:
        count("first card status, three keys", lambda: home.gpg("--card-status"))
        fingerprint = key_of_token(home, "Karla Card")
        to = ("--trust-model", "always", "--recipient", fingerprint)
        encrypted = home.gpg(*to, "--encrypt", input="a secret").stdout
        sign = ("--local-user", fingerprint, "--sign")
        restart(home)
        count("first signature after a start", lambda: home.gpg(*sign, input="a message"))
        count("warm signature", lambda: home.gpg(*sign, input="a message"))
        home.gpg("--decrypt", input=encrypted)
        count("warm decryption", lambda: home.gpg("--decrypt", input=encrypted))
        listed = home.run("ssh-add", "-L").stdout
        public = home.path / "id.pub"
        public.write_bytes(listed)
        ssh_sign = ("-Y", "sign", "-f", public, "-n", "test")
        home.run("ssh-keygen", *ssh_sign, input="a message")
        count("warm SSH signature", lambda: home.run("ssh-keygen", *ssh_sign, input="a message"))
    reader.remove()
    return counts


def _home(gnupg: GnuPG, scdaemon: Path) -> Home:
    home = Home(gnupg, scdaemon, pins={"": USER_PIN})
    (home.path / "anyscd.toml").write_text("[pkcs11]\nuse-p11-kit = false\n")
    return home


def restart(home: Home) -> None:
    """End gpg-agent and its scdaemon, and start them afresh."""
    agent = int(home.ask_agent("GETINFO pid"))
    home.connect_agent("KILLAGENT")
    end(agent)
    home.gpg_agent("--daemon")


def start_up(*programs: Path) -> list[list[float]]:
    """The medians of FIGURES for each program, started in turn."""
    rounds = [[_start(program) for program in programs] for _ in range(ROUNDS + 1)][1:]
    return [
        [statistics.median(column) for column in zip(*of_one, strict=True)]
        for of_one in zip(*rounds, strict=True)
    ]


def _start(program: Path) -> tuple[float, float, float]:
    # An installed program has its byte code beside it.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory(prefix="anyscd-bench-") as home:
        began = time.perf_counter()
        process = subprocess.Popen(
            [program, "--multi-server", "--homedir", home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        greeting = time.perf_counter() - began
        process.stdin.write(b"KEYINFO --list\n")
        process.stdin.flush()
        process.stdout.readline()
        answer = time.perf_counter() - began
        memory = _resident(process.pid)
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
    return greeting * 1000, answer * 1000, memory / 1024


def _resident(pid: int) -> float:
    """VmRSS in KiB (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return float(status.partition("VmRSS:")[2].split()[0])


if __name__ == "__main__":
    main()
