"""The functions of a PKCS#11 module that python-pkcs11 does not offer as we need them.

Its only login is ``Token.open(user_pin=...)``, which leaves the new session open when the PIN is
wrong and copies the PIN into Python strings; it has no login at a PIN pad in the middle of an
operation, calls C_Sign twice for each signature, and copies the private keys that it imports.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_char, c_ulong, c_void_p
from dataclasses import dataclass
from typing import Any

from backends.errors import BadInput
from backends.pkcs11 import abi
from backends.pkcs11.abi import FunctionList, Template, check, pointer
from backends.pkcs11.cka import CKA, CKU, Ability
from backends.pkcs11.failures import from_code

_CKR_OPERATION_NOT_INITIALIZED = 0x91
_CKR_USER_ALREADY_LOGGED_IN = 0x100
_CKR_USER_NOT_LOGGED_IN = 0x101
_CKR_BUFFER_TOO_SMALL = 0x150
#: CKR_PIN_INVALID and CKR_PIN_LEN_RANGE.
_UNFIT_PINS = (0xA1, 0xA2)
#: CKS_RO_USER_FUNCTIONS and CKS_RW_USER_FUNCTIONS.
_USER_STATES = (1, 3)

#: Logs in for the one operation that has just been begun.
ContextLogin = Callable[[], None]


@dataclass(frozen=True, slots=True)
class MechanismInfo:
    """What a mechanism can do, and for keys of which lengths: in bits, or in bytes; modules differ
    (PKCS#11 3.0 section 3.5 leaves it to the mechanism)."""

    able: Ability
    least: int
    most: int


class Cryptoki:
    """Calls into a module that python-pkcs11 has loaded and initialized already.

    ``loaded``: as for :class:`FunctionList`.  Sessions and objects are named by their handles.
    Raises the errors of :mod:`backends.errors`, and SessionLost.
    """

    def __init__(self, path: str, loaded: Callable[[], int]) -> None:
        functions = FunctionList(path, loaded)
        self._functions = functions  # Keeps it loaded.
        function, one, data = functions.function, c_ulong, c_void_p
        begin, end = (one, data, one), (one, data, one, data, POINTER(c_ulong))
        self._get_token_info = function("GetTokenInfo", one, data)
        self._get_mechanisms = function("GetMechanismList", one, data, data)
        self._get_mechanism_info = function("GetMechanismInfo", one, one, data)
        self._get_session_info = function("GetSessionInfo", one, data)
        self._login = function("Login", one, one, data, one)
        self._logout = function("Logout", one)
        self._init_pin = function("InitPIN", one, data, one)
        self._set_pin = function("SetPIN", one, data, one, data, one)
        self._sign = function("SignInit", *begin), function("Sign", *end)
        self._decrypt = function("DecryptInit", *begin), function("Decrypt", *end)
        self._derive = function("DeriveKey", one, data, one, data, one, data)
        self._get_attributes = function("GetAttributeValue", one, one, data, one)
        self._create = function("CreateObject", one, data, one, data)
        self._destroy = function("DestroyObject", one, one)
        self._generate = function("GenerateKeyPair", one, *(data, data, one, data, one, data, data))

    # -- tokens --------------------------------------------------------------------------------

    def pin_lengths(self, slot: int) -> tuple[int, int]:
        """The least and the greatest length of the user PIN in bytes, as C_GetTokenInfo says."""
        info = abi.TokenInfo()
        check(self._get_token_info(slot, byref(info)))
        return int(info.min_pin), int(info.max_pin)

    def mechanisms(self, slot: int) -> dict[int, MechanismInfo]:
        """What the token has, by its numbers."""
        count = c_ulong()
        check(self._get_mechanisms(slot, None, byref(count)))
        numbers = (c_ulong * count.value)()
        check(self._get_mechanisms(slot, numbers, byref(count)))
        found = {}
        for number in numbers[: count.value]:
            info = abi.MechanismInfo()
            if not self._get_mechanism_info(slot, number, byref(info)):
                found[number] = MechanismInfo(Ability(info.flags), info.least, info.most)
        return found

    # -- PINs ----------------------------------------------------------------------------------

    def log_in(self, session: int, pin: bytearray | None, user: CKU = CKU.USER) -> None:
        """C_Login, once.  None: the token asks at its own PIN pad.

        Is content when the user is logged in already; the PIN was not looked at then.
        """
        code = self._login(session, user, *_pointer_and_length(pin))
        if code != _CKR_USER_ALREADY_LOGGED_IN or user is CKU.SO:
            check(code)

    def log_in_again(self, session: int, pin: bytearray | None) -> None:
        """C_Login as CKU_CONTEXT_SPECIFIC, once, for the operation that has just been begun.

        Is content if the module knows of none: C_DeriveKey is one call, before which some modules
        want the login (OpenSC) and others have no use for it (SoftHSM).
        """
        code = self._login(session, CKU.CONTEXT_SPECIFIC, *_pointer_and_length(pin))
        if code != _CKR_OPERATION_NOT_INITIALIZED:
            check(code)

    def log_out(self, session: int) -> None:
        """C_Logout: for all sessions with the token."""
        code = self._logout(session)
        if code != _CKR_USER_NOT_LOGGED_IN:
            check(code)

    def logged_in(self, session: int) -> bool:
        """Whether the user is logged in, asked of the module: C_GetSessionInfo."""
        info = abi.SessionInfo()
        check(self._get_session_info(session, byref(info)))
        return info.state in _USER_STATES

    def set_pin(self, session: int, old: bytearray | None, new: bytearray | None) -> None:
        """C_SetPIN: the PIN of who is logged in, else that of the user.  None: at the PIN pad."""
        _check_new_pin(self._set_pin(session, *_pointer_and_length(old), *_pointer_and_length(new)))

    def init_pin(self, session: int, new: bytearray) -> None:
        """C_InitPIN: the user's, by the security officer, who is logged in."""
        _check_new_pin(self._init_pin(session, *_pointer_and_length(new)))

    # -- operations ----------------------------------------------------------------------------

    def sign(
        self,
        session: int,
        key: int,
        mechanism: abi.Mechanism,
        data: bytes,
        size: int,
        login: ContextLogin | None = None,
    ) -> bytes:
        """C_SignInit and C_Sign.  ``size``: the room to give for the signature, so that one C_Sign
        does.  ``login``: called in between, where keys that are always authenticated want it."""
        return self._operate(self._sign, session, key, mechanism, data, size, login)

    def decrypt(
        self,
        session: int,
        key: int,
        mechanism: abi.Mechanism,
        data: bytes,
        size: int,
        login: ContextLogin | None = None,
    ) -> bytes:
        """C_DecryptInit and C_Decrypt, as :meth:`sign`."""
        return self._operate(self._decrypt, session, key, mechanism, data, size, login)

    def _operate(
        self,
        functions: tuple[Callable[..., int], Callable[..., int]],
        session: int,
        key: int,
        mechanism: abi.Mechanism,
        data: bytes,
        size: int,
        login: ContextLogin | None,
    ) -> bytes:
        begin, end = functions
        check(begin(session, byref(mechanism), key))
        if login is not None:
            login()
        room, length = (c_char * size)(), c_ulong(size)
        code = end(session, data, len(data), room, byref(length))
        if code == _CKR_BUFFER_TOO_SMALL:  # Which does not end the operation.
            room = (c_char * length.value)()
            code = end(session, data, len(data), room, byref(length))
        check(code)
        return _taken(room, length.value)

    def derive(self, session: int, key: int, mechanism: abi.Mechanism, template: Template) -> int:
        """C_DeriveKey: the new object."""
        array, made = abi.attributes(template), c_ulong()
        check(self._derive(session, byref(mechanism), key, array, len(array), byref(made)))
        return made.value

    def value(self, session: int, thing: int, size: int) -> bytes:
        """CKA_VALUE of an object, of ``size`` bytes at most."""
        secret = bytearray(size)
        array = abi.attributes([(CKA.VALUE, secret)])
        check(self._get_attributes(session, thing, array, 1))
        return _taken(array.kept[0], array[0].length)

    # -- objects -------------------------------------------------------------------------------

    def create(self, session: int, template: Template) -> int:
        """C_CreateObject: the new object."""
        array, made = abi.attributes(template), c_ulong()
        check(self._create(session, array, len(array), byref(made)))
        return made.value

    def destroy(self, session: int, thing: int) -> None:
        """C_DestroyObject."""
        check(self._destroy(session, thing))

    def generate(
        self, session: int, mechanism: abi.Mechanism, public: Template, private: Template
    ) -> None:
        """C_GenerateKeyPair."""
        first, second = abi.attributes(public), abi.attributes(private)
        made = (c_ulong * 2)()
        places = byref(made), byref(made, ctypes.sizeof(c_ulong))
        arguments = first, len(first), second, len(second)
        check(self._generate(session, byref(mechanism), *arguments, *places))


def _check_new_pin(code: int) -> None:
    """What a token says of the form of a PIN it says of the new one: an old one is only wrong."""
    if code in _UNFIT_PINS:
        raise BadInput(f"the new PIN is refused: {from_code(code)}")
    check(code)


def _pointer_and_length(pin: bytearray | None) -> tuple[Any, int]:
    return (None, 0) if pin is None else (pointer(pin), len(pin))


def _taken(room: Any, length: int) -> bytes:
    """What a module has written, which is wiped where it lies."""
    taken = ctypes.string_at(room, length)
    ctypes.memset(room, 0, ctypes.sizeof(room))
    return taken
