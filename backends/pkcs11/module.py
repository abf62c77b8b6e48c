"""One loaded PKCS#11 module.  The only file that imports python-pkcs11; only the worker uses it.

Everything here raises :mod:`backends.errors` and SessionLost, through the table in failures.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pkcs11
from pkcs11.attributes import ALL_CAPABILITIES, AttributeMapper
from pkcs11.constants import DEFAULT

from backends.errors import TokenError, UseRefused
from backends.pkcs11.cka import CKA, CKF, CKM, CKO
from backends.pkcs11.cryptoki import Cryptoki
from backends.pkcs11.failures import SessionLost, from_exception
from backends.pkcs11.identity import printable, token_id
from backends.pkcs11.objects import RawObject

_COMMON = (CKA.ID, CKA.LABEL)
_KEY = (
    *(*_COMMON, CKA.KEY_TYPE, CKA.MODULUS, CKA.PUBLIC_EXPONENT, CKA.EC_PARAMS, CKA.EC_POINT),
    *(CKA.PUBLIC_KEY_INFO, CKA.START_DATE, CKA.DERIVE),
)
#: What is read of the objects of each class.
_ATTRIBUTES = {
    CKO.PUBLIC_KEY: (*_KEY, CKA.VERIFY, CKA.ENCRYPT, CKA.WRAP),
    CKO.PRIVATE_KEY: (*_KEY, CKA.SIGN, CKA.DECRYPT, CKA.UNWRAP, CKA.ALWAYS_AUTHENTICATE),
    CKO.CERTIFICATE: (*_COMMON, CKA.VALUE, CKA.CERTIFICATE_TYPE, CKA.CERTIFICATE_CATEGORY),
}
_FLAGS = frozenset(
    {CKA.ENCRYPT, CKA.DECRYPT, CKA.WRAP, CKA.UNWRAP, CKA.SIGN, CKA.VERIFY, CKA.DERIVE}
    | {CKA.ALWAYS_AUTHENTICATE, CKA.ENCAPSULATE, CKA.DECAPSULATE}
)
#: Random bytes are asked for in bits.
_BITS = 8


class _Raw(AttributeMapper):
    """Attributes as they come.  python-pkcs11's own decoding raises for key types that it does not
    know, empty dates and labels that are not UTF-8, and would take the whole listing with it."""

    def unpack_attributes(self, key: int, value: bytes) -> Any:
        if key in _FLAGS:
            return value if any(value) else b""  # python-pkcs11 asks for their truth.
        return int.from_bytes(value, sys.byteorder) if key == CKA.CLASS else value


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that holds an initialized token.  ``token``: its id, as identity.py makes it."""

    token: str
    number: int
    label: str
    flags: CKF
    min_pin: int
    max_pin: int
    handle: Any


class Module:
    """Loads the module and initializes it.

    python-pkcs11 calls C_Initialize(NULL): nothing is promised about threads, so all calls must
    come from one.
    """

    def __init__(self, path: str) -> None:
        with _translated():
            self._library = pkcs11.lib(path)
        self.cryptoki = Cryptoki(path)

    def slots(self, note: Callable[[str], None]) -> list[Slot]:
        """Those that hold an initialized token now; ``note`` is told of tokens that fail."""
        with _translated():
            present = self._library.get_slots(token_present=True)
        found = []
        for slot in present:
            try:
                found.append(self._read(slot))
            except TokenError as error:
                note(f"slot 0x{slot.slot_id:x} left out: {error}")
        return [slot for slot in found if slot.flags & CKF.TOKEN_INITIALIZED]

    def _read(self, slot: Any) -> Slot:
        with _translated():
            token = slot.get_token()
        least, most = self.cryptoki.pin_lengths(slot.slot_id)
        return Slot(
            token=token_id(token.manufacturer_id, token.model, token.serial, token.label),
            number=slot.slot_id,
            label=printable(token.label),
            flags=CKF(int(token.flags)),
            min_pin=least,
            max_pin=most,
            handle=token,
        )

    def open(self, slot: Slot) -> Session:
        with _translated():
            return Session(slot.handle.open(attribute_mapper=_Raw()))


class Session:
    """One open session.  A handle of a RawObject that it found is good for this session only."""

    def __init__(self, session: Any) -> None:
        self._session = session

    @property
    def number(self) -> int:
        """CK_SESSION_HANDLE."""
        return int(self._session.handle)

    def close(self) -> None:
        with _translated():
            self._session.close()

    def random(self, n: int) -> bytes:
        with _translated():
            return bytes(self._session.generate_random(n * _BITS))

    def objects(self, kind: CKO) -> list[RawObject]:
        """All objects of the class that can be seen now."""
        wanted = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass(kind)}
        with _translated():
            # Listed at once: the search is lazy, and while it is open some modules refuse all else.
            found = list(self._session.get_objects(wanted))
        return [RawObject(kind, _attributes(handle, _ATTRIBUTES[kind]), handle) for handle in found]

    def sign(self, key: RawObject, mechanism: CKM, data: bytes, pin: str | None) -> bytes:
        """C_Sign.  ``pin``: for a key that is always authenticated."""
        return self._operate(key, "sign", mechanism, data, pin)

    def decrypt(self, key: RawObject, mechanism: CKM, data: bytes, pin: str | None) -> bytes:
        """C_Decrypt.  ``pin`` as for :meth:`sign`."""
        return self._operate(key, "decrypt", mechanism, data, pin)

    def _operate(
        self, key: RawObject, verb: str, mechanism: CKM, data: bytes, pin: str | None
    ) -> bytes:
        operation = getattr(key.handle, verb, None)
        if operation is None:
            raise UseRefused(f"the token does not let this key {verb}")
        with _translated():
            return bytes(operation(data, mechanism=pkcs11.Mechanism(mechanism), pin=pin))

    def derive(self, key: RawObject, parameter: bytes, size: int) -> bytes:
        """C_DeriveKey with CKM_ECDH1_DERIVE and no key derivation function: X of the shared
        point, of ``size`` bytes, or u."""
        handle: Any = key.handle
        if not hasattr(handle, "derive_key"):
            raise UseRefused("the token does not let this key derive")
        with _translated():
            secret = handle.derive_key(
                pkcs11.KeyType.GENERIC_SECRET,
                size * _BITS,
                capabilities=0,
                mechanism=pkcs11.Mechanism.ECDH1_DERIVE,
                mechanism_param=(pkcs11.KDF.NULL, None, parameter),
                template=_READABLE_SECRET,
            )
            try:
                return bytes(secret[pkcs11.Attribute.VALUE])
            finally:
                secret.destroy()


def _attributes(handle: Any, wanted: Sequence[CKA]) -> dict[int, bytes]:
    """Those that the object has; one by one if the module fails for all when one is missing."""
    try:
        with _translated():
            return {int(key): value for key, value in handle.get_attributes(wanted).items()}
    except SessionLost:
        raise
    except TokenError:
        return {int(key): value for key in wanted if (value := _attribute(handle, key)) is not None}


def _attribute(handle: Any, attribute: CKA) -> bytes | None:
    try:
        with _translated():
            return bytes(handle[attribute])
    except SessionLost:
        raise
    except TokenError:
        return None


#: A session object whose value can be read.  What it may be used for is left to the token: some
#: refuse to be told.
_READABLE_SECRET = {
    pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
    pkcs11.Attribute.SENSITIVE: False,
    pkcs11.Attribute.EXTRACTABLE: True,
    pkcs11.Attribute.ID: DEFAULT,
    pkcs11.Attribute.LABEL: DEFAULT,
    **dict.fromkeys(ALL_CAPABILITIES, DEFAULT),
}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except pkcs11.PKCS11Error as error:
        raise from_exception(error) from None
