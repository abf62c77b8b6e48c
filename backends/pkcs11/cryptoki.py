"""The four functions of a PKCS#11 module that python-pkcs11 does not offer as we need them.

Its only login is ``Token.open(user_pin=...)``, which leaves the new session open when the PIN is
wrong and copies the PIN into Python strings.  Here C_Login is called on a session that is open
already, with a pointer to bytes which can be wiped.  CK_TOKEN_INFO is read for the lengths of the
PIN, and C_GetSessionInfo for the state of the login as the module itself knows it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_char, c_ubyte, c_ulong, c_void_p
from typing import ClassVar

from backends.pkcs11.failures import from_code

_CKU_USER = 1
_CKR_USER_ALREADY_LOGGED_IN = 0x100
_CKR_USER_NOT_LOGGED_IN = 0x101
#: CKS_RO_USER_FUNCTIONS and CKS_RW_USER_FUNCTIONS.
_USER_STATES = (1, 3)
#: Places in CK_FUNCTION_LIST, counted in pointers (first comes the version, padded to one), and
#: types of the arguments.
_GET_TOKEN_INFO = 7, (c_ulong, c_void_p)
_GET_SESSION_INFO = 16, (c_ulong, c_void_p)
_LOGIN = 19, (c_ulong, c_ulong, c_void_p, c_ulong)
_LOGOUT = 20, (c_ulong,)


class _SessionInfo(ctypes.Structure):
    _fields_: ClassVar = [
        ("slot", c_ulong),
        ("state", c_ulong),
        ("flags", c_ulong),
        ("device_error", c_ulong),
    ]


class _TokenInfo(ctypes.Structure):
    _fields_: ClassVar = [
        ("texts", c_ubyte * 96),
        ("flags", c_ulong),
        ("session_counts", c_ulong * 4),
        ("max_pin", c_ulong),
        ("min_pin", c_ulong),
        ("memory", c_ulong * 4),
        ("versions_and_time", c_ubyte * 20),
    ]


class Cryptoki:
    """The function list of a module that python-pkcs11 has loaded and initialized already.

    Raises the errors of :mod:`backends.errors`, and SessionLost.
    """

    def __init__(self, path: str) -> None:
        # The dynamic loader gives the same copy of the module again.
        library = ctypes.CDLL(path)
        functions = c_void_p()
        _check(library.C_GetFunctionList(byref(functions)))
        self._library = library  # Keeps it loaded.
        places = ctypes.cast(functions, POINTER(c_void_p))

        def function(place: int, arguments: tuple[type, ...]) -> Callable[..., int]:
            return ctypes.CFUNCTYPE(c_ulong, *arguments)(places[place] or 0)

        self._get_token_info = function(*_GET_TOKEN_INFO)
        self._get_session_info = function(*_GET_SESSION_INFO)
        self._login = function(*_LOGIN)
        self._logout = function(*_LOGOUT)

    def log_in(self, session: int, pin: bytearray | None) -> None:
        """C_Login as the user, once.  None: the token asks at its own PIN pad.

        Is content when the user is logged in already; the PIN was not looked at then.
        """
        if pin is None:
            code = self._login(session, _CKU_USER, None, 0)
        else:
            there = (c_char * len(pin)).from_buffer(pin)
            code = self._login(session, _CKU_USER, there, len(pin))
        if code != _CKR_USER_ALREADY_LOGGED_IN:
            _check(code)

    def log_out(self, session: int) -> None:
        """C_Logout: for all sessions with the token."""
        code = self._logout(session)
        if code != _CKR_USER_NOT_LOGGED_IN:
            _check(code)

    def logged_in(self, session: int) -> bool:
        """Whether the user is logged in, asked of the module: C_GetSessionInfo."""
        info = _SessionInfo()
        _check(self._get_session_info(session, byref(info)))
        return info.state in _USER_STATES

    def pin_lengths(self, slot: int) -> tuple[int, int]:
        """The least and the greatest length of the user PIN in bytes, as C_GetTokenInfo says."""
        info = _TokenInfo()
        _check(self._get_token_info(slot, byref(info)))
        return int(info.min_pin), int(info.max_pin)


def _check(code: int) -> None:
    if code:
        raise from_code(code)
