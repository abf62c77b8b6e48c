"""OpenSC's module, which makes tokens of the cards in the bed's own pcscd: a card a reader, and a
kind of keys a card."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.bed.card import USER_PIN, YUBIKEY_ATR, openpgp_card
from tests.bed.key_kinds import Filled, Held
from tests.bed.key_maker import allow_several_signatures, make_key
from tests.bed.module_token import ModuleToken
from tests.bed.pcsc import Pcscd
from tests.bed.piv_card import PIN, PIVCard, Private
from tests.bed.virtual_reader import Card

_MODULE = next(Path("/usr/lib").glob("*/opensc-pkcs11.so"), Path("opensc-pkcs11.so"))

#: Nothing of the user's: no files with what cards have said, no keypad.
_CONFIGURATION = """app default {
  reader_driver pcsc { enable_pinpad = false; }
  framework pkcs15 { use_file_caching = no; }
}
"""

#: Of the two tokens that it makes of an OpenPGP card, the one without the signature key.
_OPENPGP = "OpenPGP card (User PIN)"


@contextmanager
def opensc_openpgp(pcscd: Pcscd) -> Iterator[Filled]:
    """The OpenPGP application with RSA keys."""
    with tempfile.TemporaryDirectory(prefix="anyscd-opensc-") as folder:
        card = openpgp_card(Path(folder, "card"), atr=YUBIKEY_ATR)
        for slot in (1, 2, 3):
            make_key(card, slot, "rsa2048")
        allow_several_signatures(card, True)
        held = Held(_OPENPGP)
        with _inserted(pcscd, card):
            yield Filled(_token(Path(folder), pcscd, _OPENPGP, USER_PIN), {"rsa2048": held})


@contextmanager
def opensc_piv(pcscd: Pcscd) -> Iterator[Filled]:
    """Two PIV cards, with RSA and with P-256 keys."""
    kinds: dict[str, Callable[[], Private]] = {"rsa2048": _rsa, "nistp256": _nistp256}
    cards = [PIVCard({0x9A: make(), 0x9D: make()}, kind) for kind, make in kinds.items()]
    held = {kind: Held(f"{kind} 9A") for kind in kinds}
    with tempfile.TemporaryDirectory(prefix="anyscd-opensc-") as folder, _inserted(pcscd, *cards):
        yield Filled(_token(Path(folder), pcscd, held["rsa2048"].token, PIN), held)


@contextmanager
def _inserted(pcscd: Pcscd, *cards: Card) -> Iterator[None]:
    with ExitStack() as stack:
        for reader, card in zip(pcscd.readers, cards, strict=False):
            reader.insert(card)
            stack.callback(reader.remove)
            stack.callback(reader.wait_unused)
        yield


def _token(directory: Path, pcscd: Pcscd, label: str, pin: str) -> ModuleToken:
    configuration = directory / "opensc.conf"
    configuration.write_text(_CONFIGURATION)
    return ModuleToken(_MODULE, {**pcscd.env, "OPENSC_CONF": str(configuration)}, label, pin)


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _nistp256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())
