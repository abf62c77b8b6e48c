"""One table from PKCS#11 return values to the errors of the contract."""

from __future__ import annotations

from dataclasses import dataclass

from backends import errors
from backends.errors import TokenError


class SessionLost(TokenError):
    """The session, or an object found in it, is no longer valid: build it anew and try again.

    Never leaves the worker.  ``final``: what it becomes if that does not help.  ``certain``: false
    if the module does not say so much, but fails in a way that a new session has been seen to cure.
    """

    def __init__(
        self, message: str, final: type[TokenError] = errors.Broken, *, certain: bool = True
    ) -> None:
        super().__init__(message)
        self.final = final
        self.certain = certain


@dataclass(frozen=True, slots=True)
class _Row:
    """``code``: the return value.  ``name``: of python-pkcs11's exception for it.  ``lost``: the
    session is; None: a session built anew may help."""

    code: int
    name: str
    error: type[TokenError]
    text: str
    lost: bool | None = False


_ROWS = (
    _Row(0x02, "HostMemory", errors.Broken, "out of memory"),
    _Row(0x03, "SlotIDInvalid", errors.Removed, "the slot is gone", True),
    _Row(0x05, "GeneralError", errors.Broken, "general error", None),
    _Row(0x06, "FunctionFailed", errors.Broken, "function failed", None),
    _Row(0x07, "ArgumentsBad", errors.Broken, "bad arguments"),
    _Row(0x10, "AttributeReadOnly", errors.NotSupported, "the attribute cannot be set"),
    _Row(0x12, "AttributeTypeInvalid", errors.NotSupported, "no such attribute"),
    _Row(0x13, "AttributeValueInvalid", errors.NotSupported, "the token refuses an attribute"),
    _Row(0x1B, "", errors.UseRefused, "the object does not permit it"),
    _Row(0x20, "DataInvalid", errors.BadInput, "invalid data"),
    _Row(0x21, "DataLenRange", errors.BadInput, "data too short or too long for the key"),
    _Row(0x30, "DeviceError", errors.Broken, "device error", None),
    _Row(0x31, "DeviceMemory", errors.HardwareFailure, "the token is out of memory"),
    _Row(0x32, "DeviceRemoved", errors.Removed, "the token was removed", True),
    _Row(0x40, "EncryptedDataInvalid", errors.BadInput, "invalid ciphertext"),
    _Row(0x41, "EncryptedDataLenRange", errors.BadInput, "ciphertext too short or too long"),
    _Row(0x50, "FunctionCancelled", errors.PinCanceled, "cancelled"),
    _Row(0x54, "FunctionNotSupported", errors.NotSupported, "function not supported"),
    _Row(0x60, "KeyHandleInvalid", errors.NotFound, "the key is gone", True),
    _Row(0x62, "KeySizeRange", errors.NotSupported, "key size not supported"),
    _Row(0x63, "KeyTypeInconsistent", errors.UseRefused, "the key is not for this use"),
    _Row(0x68, "", errors.UseRefused, "the key is not permitted for this use"),
    _Row(0x70, "MechanismInvalid", errors.NotSupported, "mechanism not supported"),
    _Row(0x71, "MechanismParamInvalid", errors.BadInput, "mechanism parameter refused"),
    _Row(0x82, "ObjectHandleInvalid", errors.NotFound, "the object is gone", True),
    _Row(0x90, "OperationActive", errors.Broken, "another operation is active", True),
    _Row(0xA0, "PinIncorrect", errors.BadPin, "wrong PIN"),
    _Row(0xA1, "PinInvalid", errors.BadPin, "the PIN has characters that the token refuses"),
    _Row(0xA2, "PinLenRange", errors.BadPin, "the PIN is too short or too long"),
    _Row(0xA3, "PinExpired", errors.UseRefused, "the PIN has expired and must be changed"),
    _Row(0xA4, "PinLocked", errors.PinBlocked, "the PIN is blocked"),
    _Row(0xB0, "SessionClosed", errors.Broken, "the session was closed", True),
    _Row(0xB1, "SessionCount", errors.Busy, "the token has too many open sessions"),
    _Row(0xB3, "SessionHandleInvalid", errors.Broken, "the session is not valid", True),
    _Row(0xB5, "SessionReadOnly", errors.NotSupported, "the token cannot be written"),
    _Row(0xB7, "SessionReadOnlyExists", errors.Busy, "the token is in use"),
    _Row(0xB8, "SessionReadWriteSOExists", errors.Busy, "the security officer is logged in"),
    _Row(0xD0, "TemplateIncomplete", errors.NotSupported, "the token wants more attributes"),
    _Row(0xD1, "TemplateInconsistent", errors.NotSupported, "the token refuses the attributes"),
    _Row(0xE0, "TokenNotPresent", errors.Removed, "the token is not present", True),
    _Row(0xE1, "TokenNotRecognised", errors.Removed, "the token is not recognized", True),
    _Row(0xE2, "TokenWriteProtected", errors.NotSupported, "the token is write-protected"),
    _Row(0x101, "UserNotLoggedIn", errors.PinNeeded, "not logged in"),
    _Row(0x102, "UserPinNotInitialized", errors.UseRefused, "the token has no user PIN yet"),
    _Row(0x104, "AnotherUserAlreadyLoggedIn", errors.Busy, "another user is logged in"),
    _Row(0x105, "UserTooManyTypes", errors.Busy, "another user is logged in"),
    _Row(0x121, "RandomNoRNG", errors.NotSupported, "the token has no random generator"),
    _Row(0x130, "DomainParamsInvalid", errors.BadInput, "curve refused"),
    _Row(0x140, "", errors.NotSupported, "curve not supported"),
    _Row(0x1B9, "PublicKeyInvalid", errors.BadInput, "the public key is not valid"),
    _Row(0x200, "FunctionRejected", errors.PinCanceled, "refused by the user"),
)
_BY_CODE = {row.code: row for row in _ROWS}
_BY_NAME = {row.name: row for row in _ROWS if row.name}

#: python-pkcs11 has no class for some values and puts them into the text.
_UNMAPPED = "Unmapped error code "


def from_code(code: int) -> TokenError:
    """The error for a return value (CKR) of a function that was called directly."""
    row = _BY_CODE.get(code)
    return _build(row) if row else errors.Broken(f"PKCS#11 error 0x{code:X}")


def from_exception(error: Exception) -> TokenError:
    """The error for an exception of python-pkcs11, told by the name of its class."""
    row = _BY_NAME.get(type(error).__name__)
    if row:
        return _build(row)
    text = str(error)
    if text.startswith(_UNMAPPED):
        return from_code(int(text.removeprefix(_UNMAPPED), 16))
    return errors.Broken(text or type(error).__name__)


def _build(row: _Row) -> TokenError:
    if row.lost is False:
        return row.error(row.text)
    return SessionLost(row.text, row.error, certain=row.lost is True)
