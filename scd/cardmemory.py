"""The file in which public keys and names of OpenPGP cards are remembered: see
:class:`backends.openpgp.memory.Memory`.

On a card each of them costs an APDU after every start.  Nothing here is secret, and no key is
believed without proof: it must have the fingerprint that the card shows.
"""

from __future__ import annotations

import re
from pathlib import Path

from backends.curves import BY_NAME
from backends.token import ECPublicKey, PublicKey, RSAPublicKey, Use
from scd.fingerprint import fingerprint as fingerprint_of
from scd.statefile import StateFile

_LINES = (
    re.compile(r"(key [0-9a-f]{40}) (rsa [0-9a-f]{1,4096} [0-9a-f]{1,16}|(?!rsa )\w+ [0-9a-f]+)"),
    re.compile(r"(holder [0-9A-F]{32}) ((?:[0-9a-f]{2})*)"),
)
#: More lines than cards that anybody has; those that were added first are dropped.
_MAX_LINES = 200


class CardMemory:
    """The file ``path``: lines ``key FINGERPRINT rsa N E`` or ``key FINGERPRINT CURVE POINT``, and
    ``holder SERIAL NAME``, numbers and names in hexadecimal."""

    def __init__(self, path: Path) -> None:
        self._file = StateFile(path, _LINES, _MAX_LINES)

    def public_key(self, fingerprint: bytes, created: int, use: Use) -> PublicKey | None:
        public = _public(self._file.read().get(f"key {fingerprint.hex()}", ""))
        if public is None or fingerprint_of(public, created, use) != fingerprint:
            return None
        return public

    def keep_public_key(
        self, fingerprint: bytes, created: int, use: Use, public: PublicKey
    ) -> None:
        if fingerprint_of(public, created, use) != fingerprint:
            return  # Could never be proven: a fingerprint over other parameters, or of another key.
        if isinstance(public, RSAPublicKey):
            text = f"rsa {public.n:x} {public.e:x}"
        else:
            text = f"{public.curve.algo} {public.point.hex()}"
        self._keep(f"key {fingerprint.hex()}", text)

    def forget_public_key(self, fingerprint: bytes) -> None:
        name = f"key {fingerprint.hex()}"
        if name in self._file.read():
            self._file.write({name: None})

    def holder(self, serial: str) -> bytes | None:
        value = self._file.read().get(f"holder {serial}")
        return None if value is None else bytes.fromhex(value)

    def keep_holder(self, serial: str, name: bytes) -> None:
        self._keep(f"holder {serial}", name.hex())

    def _keep(self, name: str, value: str) -> None:
        if self._file.read().get(name) != value:
            self._file.write({name: value})


def _public(value: str) -> PublicKey | None:
    kind, _, numbers = value.partition(" ")
    if kind == "rsa":
        n, e = (int(number, 16) for number in numbers.split(" "))
        return RSAPublicKey(n, e)
    curve = BY_NAME.get(kind.lower())
    if curve is None or len(numbers) != 2 * curve.point_size:
        return None
    return ECPublicKey(curve, bytes.fromhex(numbers))
