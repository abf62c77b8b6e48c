"""The table of PKCS#11 providers: how each is started, what keys it holds and what they can do.

What waits for something is named in ``pending``, and left out by the tests until it is deleted
there.
"""

from __future__ import annotations

import enum
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bed.key_kinds import Filled, fill
from tests.bed.module_token import ModuleToken
from tests.bed.nss import nss
from tests.bed.opencryptoki import opencryptoki
from tests.bed.opensc import opensc_openpgp, opensc_piv
from tests.bed.p11_kit import p11_kit_remote, p11_kit_server
from tests.bed.pcsc import Pcscd
from tests.bed.softhsm import SoftHSM
from tests.bed.tpm2 import tpm2


class Operation(enum.Flag):
    """What gpg, ssh and gpgsm do with the keys of a kind."""

    LIST = enum.auto()
    SIGN = enum.auto()
    DECRYPT = enum.auto()
    SSH = enum.auto()
    SMIME = enum.auto()
    #: On the token, at gpg's word.
    GENERATE = enum.auto()


_USE = Operation.LIST | Operation.SIGN | Operation.DECRYPT
_ALL = _USE | Operation.SSH | Operation.SMIME | Operation.GENERATE
_NO_SSH = _ALL & ~Operation.SSH
_NO_DECRYPT = _ALL & ~Operation.DECRYPT
#: OpenSC: for PIV cards it has no mechanism that makes keys; for OpenPGP cards it has one, which
#: fails with CKR_ARGUMENTS_BAD (0.23).
_FIXED = _ALL & ~Operation.GENERATE
_25519 = _ALL & ~Operation.SMIME


@dataclass(frozen=True)
class Provider:
    """``start``: starts it privately, with tokens and keys.  ``kinds``: see
    :mod:`tests.bed.key_kinds`; the operations that the token itself can do with each.

    ``pending``: operations that anyscd cannot do yet, by kind.  ``contract``: why it is not held to
    the contract yet; empty if it is.  ``in_readers``: its tokens are cards in the pcscd's readers.
    """

    start: Callable[[Pcscd], AbstractContextManager[Filled]]
    kinds: Mapping[str, Operation]
    pending: Mapping[str, Operation] = field(default_factory=dict)
    contract: str = ""
    in_readers: bool = False


@contextmanager
def _softhsm() -> Iterator[ModuleToken]:
    with tempfile.TemporaryDirectory(prefix="anyscd-softhsm-") as folder:
        yield SoftHSM(Path(folder)).init_token("soft")


def _filled(
    start: Callable[[], AbstractContextManager[ModuleToken]], kinds: Mapping[str, Operation]
) -> Callable[[Pcscd], AbstractContextManager[Filled]]:
    certified = [kind for kind, operations in kinds.items() if Operation.SMIME in operations]

    @contextmanager
    def started(_: Pcscd) -> Iterator[Filled]:
        with start() as token:
            yield fill(token, kinds, certified)

    return started


def _on_token(
    start: Callable[[], AbstractContextManager[ModuleToken]],
    kinds: Mapping[str, Operation],
    pending: Mapping[str, Operation] | None = None,
    contract: str = "",
) -> Provider:
    """A provider whose token makes the keys itself."""
    return Provider(_filled(start, kinds), kinds, pending or {}, contract)


_RSA = {"rsa2048": _ALL, "rsa3072": _ALL}
_NIST = {"nistp256": _ALL, "nistp384": _ALL, "nistp521": _ALL}

#: p11-kit 0.24 lets no mechanism through that it does not know: neither those of the Edwards curves
#: nor key agreement.
_THROUGH_P11_KIT = {"rsa2048": _ALL, "nistp256": _NO_DECRYPT, "nistp384": _NO_DECRYPT}

#: jcecard has no MANAGE SECURITY ENVIRONMENT, by which OpenSC would have the third key decrypt.
_NO_MSE = "OpenSC tells of its authentication key that it decrypts, and jcecard takes another"

PROVIDERS: dict[str, Provider] = {
    "softhsm": _on_token(
        _softhsm,
        {
            **_RSA,
            **_NIST,
            "curve25519": _25519,
            "brainpoolP256r1": _NO_SSH,
            "secp256k1": _NO_SSH,
        },
    ),
    # Version 3.8 makes RSA keys only.
    "opencryptoki": _on_token(opencryptoki, _RSA),
    # Version 1.9 has no key agreement, and cannot read its own points on P-521.
    "tpm2": _on_token(tpm2, {**_RSA, **dict.fromkeys(("nistp256", "nistp384"), _NO_DECRYPT)}),
    "nss": _on_token(nss, {**_RSA, **_NIST}),
    "p11-kit-server": _on_token(p11_kit_server, _THROUGH_P11_KIT),
    "p11-kit-remote": _on_token(p11_kit_remote, _THROUGH_P11_KIT),
    "opensc-openpgp": Provider(
        opensc_openpgp,
        {"rsa2048": _FIXED & ~Operation.SMIME},
        contract=_NO_MSE,
        in_readers=True,
    ),
    "opensc-piv": Provider(opensc_piv, {"rsa2048": _FIXED, "nistp256": _FIXED}, in_readers=True),
}


#: What the programs of a generation cannot do: gpgsm signs SHA-256 with every key and refuses to
#: verify that on larger curves; gpg makes no OpenPGP key of card keys on these ("Wrong key usage").
LACKING = {
    **dict.fromkeys([("2.2", "nistp384"), ("2.2", "nistp521")], Operation.SMIME),
    **dict.fromkeys(
        [("2.2", "brainpoolP256r1"), ("2.2", "secp256k1")], Operation.SIGN | Operation.DECRYPT
    ),
}


def cells(generations: Collection[str]) -> Iterator[tuple[str, str, str, Operation]]:
    """Provider, kind, generation of GnuPG, and operations of all that is not pending."""
    for name, provider in PROVIDERS.items():
        for kind, operations in provider.kinds.items():
            pending = provider.pending.get(kind, Operation(0))
            for generation in generations:
                lacking = LACKING.get((generation, kind), Operation(0))
                yield name, kind, generation, operations & ~pending & ~lacking
