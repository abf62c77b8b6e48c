"""One loaded PKCS#11 module.  The only file that imports python-pkcs11; only the worker uses it.

Everything here raises :mod:`backends.errors` and SessionLost, through the table in failures.py.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pkcs11
from pkcs11.attributes import AttributeMapper

from backends.errors import TokenError
from backends.pkcs11 import abi
from backends.pkcs11.cka import CKA, CKF, CKM, CKO, GENERIC_SECRET, SECRET_KEY
from backends.pkcs11.cryptoki import ContextLogin, Cryptoki, MechanismInfo
from backends.pkcs11.failures import SessionLost, from_exception
from backends.pkcs11.identity import printable, token_id, token_uri
from backends.pkcs11.mechanisms import Signing
from backends.pkcs11.objects import RawObject
from backends.pkcs11.uri import URI

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
    """A slot that holds an initialized token.  ``token``: its id, as identity.py makes it.
    ``uri``: its name by RFC 7512."""

    token: str
    number: int
    label: str
    flags: CKF
    min_pin: int
    max_pin: int
    uri: URI
    handle: Any


class Module:
    """Loads the module and initializes it.

    python-pkcs11 calls C_Initialize(NULL): nothing is promised about threads, so all calls must
    come from one.
    """

    def __init__(self, path: str) -> None:
        with _translated():
            self._library = pkcs11.lib(path)
        self.cryptoki = Cryptoki(path, self._function_list)

    def _function_list(self) -> int:
        """python-pkcs11 keeps its own: the first field of HasFuncList in its _pkcs11.pyx, which no
        Python code can read by name; it comes right behind what all objects begin with."""
        place = id(self._library) + object.__basicsize__
        return ctypes.c_size_t.from_address(place).value

    @property
    def forgetful(self) -> bool:
        """Whether the module looks for tokens only once: SoftHSM does not see those that another
        process has made until it is initialized again (measured with 2.6.1)."""
        return str(self._library.manufacturer_id).startswith("SoftHSM")

    def restart(self) -> None:
        """C_Finalize and C_Initialize."""
        with _translated():
            self._library.reinitialize()

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
            uri=token_uri(token.manufacturer_id, token.model, token.serial, token.label),
            handle=token,
        )

    def mechanisms(self, slot: Slot) -> dict[int, MechanismInfo]:
        """What the token has; nothing if it does not tell."""
        try:
            return self.cryptoki.mechanisms(slot.number)
        except SessionLost:
            raise
        except TokenError:
            return {}

    def open(self, slot: Slot, *, writable: bool = False) -> Session:
        with _translated():
            session = slot.handle.open(rw=writable, attribute_mapper=_Raw())
        return Session(session, self.cryptoki)

    @contextmanager
    def writing(self, slot: Slot) -> Iterator[Session]:
        """A session that can write, which shares the login of the others."""
        session = self.open(slot, writable=True)
        try:
            yield session
        finally:
            with suppress(TokenError):
                session.close()


class Session:
    """One open session, which is never one that logged in by being opened: closing such a one
    would log out."""

    def __init__(self, session: Any, cryptoki: Cryptoki) -> None:
        self._session = session
        self._cryptoki = cryptoki

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
        attributes = _ATTRIBUTES[kind]
        return [RawObject(kind, _attributes(thing, attributes), thing.handle) for thing in found]

    def sign(
        self, key: RawObject, plan: Signing, size: int, login: ContextLogin | None = None
    ) -> bytes:
        """C_Sign.  ``login``: for a key that is always authenticated."""
        parameter = abi.eddsa_parameter() if plan.pure else None
        mechanism = abi.mechanism(plan.mechanism, parameter)
        return self._cryptoki.sign(self.number, key.handle, mechanism, plan.data, size, login)

    def decrypt(
        self, key: RawObject, how: CKM, data: bytes, login: ContextLogin | None = None
    ) -> bytes:
        """C_Decrypt, as :meth:`sign`."""
        mechanism = abi.mechanism(how)
        return self._cryptoki.decrypt(self.number, key.handle, mechanism, data, len(data), login)

    def derive(self, key: RawObject, how: CKM, public: bytes, size: int) -> bytes:
        """C_DeriveKey with no key derivation function: X of the shared point, of ``size`` bytes,
        or u."""
        mechanism = abi.mechanism(how, abi.ecdh_parameter(public))
        template = [*_READABLE_SECRET, (CKA.VALUE_LEN, size)]
        secret = self._cryptoki.derive(self.number, key.handle, mechanism, template)
        try:
            return self._cryptoki.value(self.number, secret, size)
        finally:
            self._cryptoki.destroy(self.number, secret)

    # -- changes -------------------------------------------------------------------------------

    def generate(
        self, mechanism: abi.Mechanism, public: abi.Template, private: abi.Template
    ) -> None:
        self._cryptoki.generate(self.number, mechanism, public, private)

    def create(self, template: abi.Template) -> int:
        return self._cryptoki.create(self.number, template)

    def destroy(self, handle: int) -> None:
        self._cryptoki.destroy(self.number, handle)

    def set_pin(self, old: bytearray | None, new: bytearray | None) -> None:
        self._cryptoki.set_pin(self.number, old, new)

    def init_pin(self, new: bytearray) -> None:
        self._cryptoki.init_pin(self.number, new)


def _attributes(handle: Any, wanted: Sequence[CKA]) -> dict[int, bytes]:
    """Those that the object has; one by one if the module fails for all when one is missing."""
    try:
        with _translated():
            return {int(key): value for key, value in handle.get_attributes(wanted).items()}
    except TokenError as error:
        if isinstance(error, SessionLost) and error.certain:
            raise
        return {int(key): value for key in wanted if (value := _attribute(handle, key)) is not None}


def _attribute(handle: Any, attribute: CKA) -> bytes | None:
    try:
        with _translated():
            return bytes(handle[attribute])
    except TokenError as error:
        if isinstance(error, SessionLost) and error.certain:
            raise
        return None


#: A session object whose value can be read.  What it may be used for is left to the token: some
#: refuse to be told.
_READABLE_SECRET = (
    (CKA.CLASS, SECRET_KEY),
    (CKA.KEY_TYPE, GENERIC_SECRET),
    (CKA.TOKEN, False),
    (CKA.SENSITIVE, False),
    (CKA.EXTRACTABLE, True),
)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except pkcs11.PKCS11Error as error:
        raise from_exception(error) from None
