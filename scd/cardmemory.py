"""The file in which public keys and names of OpenPGP cards are remembered: see
:class:`backends.openpgp.memory.Memory`.

On a card each of them costs an APDU after every start.  Nothing here is secret, and no key is
believed without proof: it must have the fingerprint that the card shows.
"""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path

from backends.curves import BY_NAME
from backends.token import ECPublicKey, PublicKey, RSAPublicKey, Use
from scd.fingerprint import fingerprint as fingerprint_of
from scd.statefile import read_lines, write_lines

_log = logging.getLogger(__name__)

_KEY = re.compile(
    r"key ([0-9a-f]{40}) (?:rsa ([0-9a-f]{1,4096}) ([0-9a-f]{1,16})|(\w+) ([0-9a-f]+))"
)
_HOLDER = re.compile(r"holder ([0-9A-F]{32}) ((?:[0-9a-f]{2})*)")
#: More lines than cards that anybody has; those that were added first are dropped.
_MAX_LINES = 200


class CardMemory:
    """The file ``path``: lines ``key FINGERPRINT rsa N E`` or ``key FINGERPRINT CURVE POINT``, and
    ``holder SERIAL NAME``, numbers and names in hexadecimal."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], str] | None = None

    def public_key(self, fingerprint: bytes, created: int, use: Use) -> PublicKey | None:
        found = _KEY.fullmatch(self._line("key", fingerprint.hex()))
        public = _public(found) if found else None
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
        self._keep("key", fingerprint.hex(), text)

    def forget_public_key(self, fingerprint: bytes) -> None:
        if self._line("key", fingerprint.hex()):
            self._write("key", fingerprint.hex(), None)

    def holder(self, serial: str) -> bytes | None:
        found = _HOLDER.fullmatch(self._line("holder", serial))
        return bytes.fromhex(found[2]) if found else None

    def keep_holder(self, serial: str, name: bytes) -> None:
        self._keep("holder", serial, name.hex())

    def _line(self, kind: str, name: str) -> str:
        with self._lock:
            if self._known is None:
                self._known = self._read()
            return self._known.get((kind, name), "")

    def _keep(self, kind: str, name: str, text: str) -> None:
        line = f"{kind} {name} {text}"
        if self._line(kind, name) != line:
            self._write(kind, name, line)

    def _write(self, kind: str, name: str, line: str | None) -> None:
        with self._lock:
            known = self._read()
            known.pop((kind, name), None)
            if line is not None:
                known[kind, name] = line
            self._known = known
            write_lines(self._path, [*known.values()][-_MAX_LINES:])

    def _read(self) -> dict[tuple[str, str], str]:
        lines = [line.decode("ascii", "replace") for line in read_lines(self._path)]
        good = [line for line in lines if _KEY.fullmatch(line) or _HOLDER.fullmatch(line)]
        if good != lines:
            _log.warning("%s: damaged lines are ignored", self._path)
        parts = [(line.split(" ", 2), line) for line in good]
        return {(kind, name): line for (kind, name, _), line in parts}


def _public(found: re.Match[str]) -> PublicKey | None:
    n, e, curve, point = found[2], found[3], BY_NAME.get((found[4] or "").lower()), found[5]
    if n:
        return RSAPublicKey(int(n, 16), int(e, 16))
    if curve is None or len(point) != 2 * curve.point_size:
        return None
    return ECPublicKey(curve, bytes.fromhex(point))
