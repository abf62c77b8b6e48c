"""Kinds of keys for the tokens of the bed, and filling a token with them."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.bed.authority import authority
from tests.bed.module_token import ModuleToken


@dataclass(frozen=True, slots=True)
class Kind:
    """Of two keys, one that signs and one that decrypts: algorithms as pkcs11-tool has them.

    ``shown``: as ``gpg --card-status`` has them.  ``ssh``: how the line of the first begins in
    ``ssh-add -L``; empty if OpenSSH has none.
    """

    signs: str
    decrypts: str
    shown: tuple[str, str]
    ssh: str = ""


def _same(algorithm: str, shown: str, ssh: str = "") -> Kind:
    return Kind(algorithm, algorithm, (shown, shown), ssh)


#: pkcs11-tool has no word for these that SoftHSM would understand.
_X25519 = "X25519"

#: Of an RSA key's line: the exponent is 65537, and the length of the modulus comes next.
_RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAA"

KINDS = {
    "rsa2048": _same("rsa:2048", "rsa2048", f"{_RSA}BAQ"),
    "rsa3072": _same("rsa:3072", "rsa3072", f"{_RSA}BgQ"),
    "nistp256": _same("EC:prime256v1", "nistp256", "ecdsa-sha2-nistp256"),
    "nistp384": _same("EC:secp384r1", "nistp384", "ecdsa-sha2-nistp384"),
    "nistp521": _same("EC:secp521r1", "nistp521", "ecdsa-sha2-nistp521"),
    "brainpoolP256r1": _same("EC:brainpoolP256r1", "brainpoolP256r1"),
    "secp256k1": _same("EC:secp256k1", "secp256k1"),
    "curve25519": Kind("EC:edwards25519", _X25519, ("ed25519", "cv25519"), "ssh-ed25519"),
}


@dataclass(frozen=True, slots=True)
class Held:
    """Where the two keys of a kind are: the labels of token and keys; empty if it has no others."""

    token: str
    signer: str = ""
    decrypter: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """A running module with keys.  ``token``: one of its tokens; ``held``: by kinds."""

    token: ModuleToken
    held: Mapping[str, Held]


def fill(token: ModuleToken, kinds: Collection[str], certified: Collection[str]) -> Filled:
    """Put keys of these kinds on the token; those of ``certified`` with certificates, but where
    one key can do both, only the first."""
    held = {kind: Held(token.label, f"{kind} signer", f"{kind} decrypter") for kind in kinds}
    names = {}
    for number, (kind, keys) in enumerate(held.items()):
        signer, decrypter = 2 * number + 1, 2 * number + 2
        _generate(token, KINDS[kind].signs, signer, keys.signer)
        _generate(token, KINDS[kind].decrypts, decrypter, keys.decrypter)
        if kind in certified:
            names[signer] = keys.signer
            if not KINDS[kind].signs.startswith("rsa"):
                names[decrypter] = keys.decrypter
    _certify(token, names)
    return Filled(token, held)


def _generate(token: ModuleToken, algorithm: str, identifier: int, label: str) -> None:
    if algorithm == _X25519:
        token.python_work("x25519", str(identifier), label)
    else:
        token.generate(algorithm, identifier, label)


def _certify(token: ModuleToken, names: Mapping[int, str]) -> None:
    infos = token.public_keys()
    for identifier, name in names.items():
        public = load_der_public_key(infos[identifier])
        assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
        with tempfile.NamedTemporaryFile() as file:
            file.write(authority().certify(public, name))
            file.flush()
            token.write_certificate(Path(file.name), identifier, name)
