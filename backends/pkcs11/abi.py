"""The C interface of a PKCS#11 module for ctypes: structures, and the places of its functions."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from ctypes import POINTER, byref, c_char, c_ubyte, c_ulong, c_void_p
from typing import Any, ClassVar

from backends.errors import NotSupported
from backends.pkcs11.failures import from_code

#: The functions in the order of CK_FUNCTION_LIST (PKCS#11 2.40, pkcs11f.h) as far as they matter.
_FUNCTIONS = (
    *("Initialize", "Finalize", "GetInfo", "GetFunctionList", "GetSlotList", "GetSlotInfo"),
    *("GetTokenInfo", "GetMechanismList", "GetMechanismInfo", "InitToken", "InitPIN", "SetPIN"),
    *("OpenSession", "CloseSession", "CloseAllSessions", "GetSessionInfo", "GetOperationState"),
    *("SetOperationState", "Login", "Logout", "CreateObject", "CopyObject", "DestroyObject"),
    *("GetObjectSize", "GetAttributeValue", "SetAttributeValue", "FindObjectsInit"),
    *("FindObjects", "FindObjectsFinal", "EncryptInit", "Encrypt", "EncryptUpdate"),
    *("EncryptFinal", "DecryptInit", "Decrypt", "DecryptUpdate", "DecryptFinal", "DigestInit"),
    *("Digest", "DigestUpdate", "DigestKey", "DigestFinal", "SignInit", "Sign", "SignUpdate"),
    *("SignFinal", "SignRecoverInit", "SignRecover", "VerifyInit", "Verify", "VerifyUpdate"),
    *("VerifyFinal", "VerifyRecoverInit", "VerifyRecover", "DigestEncryptUpdate"),
    *("DecryptDigestUpdate", "SignEncryptUpdate", "DecryptVerifyUpdate", "GenerateKey"),
    *("GenerateKeyPair", "WrapKey", "UnwrapKey", "DeriveKey"),
)

#: An attribute's number and value.  A bytearray is handed to the module where it lies, so that
#: whoever made it can wipe it; an int is a CK_ULONG, a bool a CK_BBOOL.
Template = Sequence[tuple[int, bool | int | bytes | bytearray]]


class SessionInfo(ctypes.Structure):
    _fields_: ClassVar = [
        ("slot", c_ulong),
        ("state", c_ulong),
        ("flags", c_ulong),
        ("device_error", c_ulong),
    ]


class TokenInfo(ctypes.Structure):
    _fields_: ClassVar = [
        ("texts", c_ubyte * 96),
        ("flags", c_ulong),
        ("session_counts", c_ulong * 4),
        ("max_pin", c_ulong),
        ("min_pin", c_ulong),
        ("memory", c_ulong * 4),
        ("versions_and_time", c_ubyte * 20),
    ]


class MechanismInfo(ctypes.Structure):
    _fields_: ClassVar = [("least", c_ulong), ("most", c_ulong), ("flags", c_ulong)]


class Mechanism(ctypes.Structure):
    _fields_: ClassVar = [("kind", c_ulong), ("parameter", c_void_p), ("length", c_ulong)]


class _Attribute(ctypes.Structure):
    _fields_: ClassVar = [("kind", c_ulong), ("value", c_void_p), ("length", c_ulong)]


class _ECDHParameter(ctypes.Structure):
    """CK_ECDH1_DERIVE_PARAMS."""

    _fields_: ClassVar = [
        ("kdf", c_ulong),
        ("shared_length", c_ulong),
        ("shared", c_void_p),
        ("public_length", c_ulong),
        ("public", c_void_p),
    ]


class _EdDSAParameter(ctypes.Structure):
    """CK_EDDSA_PARAMS (PKCS#11 3.0 section 2.3.5)."""

    _fields_: ClassVar = [
        ("prehashed", c_ubyte),
        ("context_length", c_ulong),
        ("context", c_void_p),
    ]


#: CKD_NULL: the shared secret as it is.
_KDF_NULL = 1


class FunctionList:
    """The functions of a module that is loaded already, by name and types of arguments.

    ``loaded``: where the list is that it was initialized by.  That is only asked for if there are
    several: p11-kit's client and proxy make a new one, with a life of its own, at each
    C_GetFunctionList.
    """

    def __init__(self, path: str, loaded: Callable[[], int]) -> None:
        # The dynamic loader gives the same copy of the module again.
        self._library = ctypes.CDLL(path)
        one, other = self._get(), self._get()
        address = one if one == other else loaded()
        self._places = ctypes.cast(address, POINTER(c_void_p))

    def _get(self) -> int:
        functions = c_void_p()
        check(self._library.C_GetFunctionList(byref(functions)))
        return functions.value or 0

    def function(self, name: str, *arguments: type) -> Callable[..., int]:
        """One that the module lacks raises NotSupported when it is called."""
        # First comes the version, padded to the size of a pointer.
        address = self._places[1 + _FUNCTIONS.index(name)]
        if not address:
            return _missing
        return ctypes.CFUNCTYPE(c_ulong, *arguments)(address)


def _missing(*_: object) -> int:
    raise NotSupported("function not supported")


def check(code: int) -> None:
    """Raise the error for a return value that is not CKR_OK."""
    if code:
        raise from_code(code)


def pointer(buffer: bytearray) -> Any:
    """Where the bytearray lies; it cannot change its length as long as this is kept."""
    return (c_char * len(buffer)).from_buffer(buffer)


def attributes(template: Template) -> Any:
    """An array of CK_ATTRIBUTE."""
    array: Any = (_Attribute * len(template))()
    array.kept = [_buffer(value) for _, value in template]
    for place, (kind, _), buffer in zip(array, template, array.kept, strict=True):
        place.kind, place.length = kind, ctypes.sizeof(buffer)
        place.value = ctypes.addressof(buffer)
    return array


def _buffer(value: bool | int | bytes | bytearray) -> Any:
    if isinstance(value, bytearray):
        return pointer(value)
    if isinstance(value, bool):
        value = bytes([value])
    if isinstance(value, int):
        value = value.to_bytes(ctypes.sizeof(c_ulong), sys.byteorder)
    return (c_char * len(value)).from_buffer_copy(value)


def mechanism(kind: int, parameter: ctypes.Structure | None = None) -> Mechanism:
    """CK_MECHANISM."""
    made = Mechanism(kind)
    if parameter is not None:
        made.kept = parameter
        made.parameter, made.length = ctypes.addressof(parameter), ctypes.sizeof(parameter)
    return made


def ecdh_parameter(public: bytes) -> ctypes.Structure:
    """For a key agreement with that public point, and no key derivation function."""
    made = _ECDHParameter(_KDF_NULL, 0, None, len(public))
    made.kept = (c_char * len(public)).from_buffer_copy(public)
    made.public = ctypes.addressof(made.kept)
    return made


def eddsa_parameter() -> ctypes.Structure:
    """For a signature of the message itself, without a context."""
    return _EdDSAParameter(0, 0, None)
