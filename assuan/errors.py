"""Error values of libgpg-error, which Assuan's ERR lines carry, and the exception that becomes one.

Numbers and texts are facts of libgpg-error (err-codes.h, err-sources.h).  Codes that nobody here
raises are not listed; they pass through as plain numbers.
"""

from __future__ import annotations

import enum
from typing import Self


class _Texted(enum.IntEnum):
    """A number with its text."""

    text: str

    def __new__(cls, value: int, text: str) -> Self:
        member = int.__new__(cls, value)
        member._value_ = value
        member.text = text
        return member


class Source(_Texted):
    """Which component an error comes from.  ``text`` is its name in ERR lines."""

    UNKNOWN = 0, "Unspecified source"
    GCRYPT = 1, "gcrypt"
    GPG = 2, "GnuPG"
    GPGSM = 3, "GpgSM"
    GPGAGENT = 4, "GPG Agent"
    PINENTRY = 5, "Pinentry"
    SCD = 6, "SCD"
    GPGME = 7, "GPGME"
    KEYBOX = 8, "Keybox"
    KSBA = 9, "KSBA"
    DIRMNGR = 10, "Dirmngr"
    GSTI = 11, "GSTI"
    GPA = 12, "GPA"
    KLEO = 13, "Kleopatra"
    G13 = 14, "G13"
    ASSUAN = 15, "Assuan"
    TPM2 = 16, "TPM2d"
    TLS = 17, "TLS"


class Code(_Texted):
    """What went wrong.  ``text`` is what libgpg-error's strerror says.

    Codes from 32768 are system errors under libgpg-error's own fixed numbers, not errno's.
    """

    SUCCESS = 0, "Success"
    GENERAL = 1, "General error"
    PUBKEY_ALGO = 4, "Invalid public key algorithm"
    DIGEST_ALGO = 5, "Invalid digest algorithm"
    BAD_SECKEY = 7, "Bad secret key"
    BAD_SIGNATURE = 8, "Bad signature"
    NO_PUBKEY = 9, "No public key"
    BAD_PASSPHRASE = 11, "Bad passphrase"
    NO_SECKEY = 17, "No secret key"
    WRONG_SECKEY = 18, "Wrong secret key used"
    NOT_FOUND = 27, "Not found"
    WRONG_PUBKEY_ALGO = 41, "Wrong public key algorithm"
    INV_ARG = 45, "Invalid argument"
    UNUSABLE_PUBKEY = 53, "Unusable public key"
    INV_VALUE = 55, "Invalid value"
    MISSING_CERT = 57, "Missing certificate"
    NO_DATA = 58, "No data"
    BUG = 59, "Bug"
    NOT_SUPPORTED = 60, "Not supported"
    INV_OP = 61, "Invalid operation code"
    TIMEOUT = 62, "Timeout"
    INTERNAL = 63, "Internal error"
    INV_OBJ = 65, "Invalid object"
    TOO_SHORT = 66, "Provided object is too short"
    TOO_LARGE = 67, "Provided object is too large"
    NO_OBJ = 68, "Missing item in object"
    NOT_IMPLEMENTED = 69, "Not implemented"
    CONFLICT = 70, "Conflicting use"
    INV_HANDLE = 73, "Invalid handle"
    INV_RESPONSE = 76, "Invalid response"
    INV_DATA = 79, "Invalid data"
    UNSUPPORTED_ALGORITHM = 84, "Unsupported algorithm"
    NO_PIN_ENTRY = 85, "No pinentry"
    BAD_PIN = 87, "Bad PIN"
    INV_NAME = 88, "Invalid name"
    WRONG_CARD = 91, "Wrong card"
    CANCELED = 99, "Operation cancelled"
    CARD = 108, "Card error"
    CARD_RESET = 109, "Card reset required"
    CARD_REMOVED = 110, "Card removed"
    INV_CARD = 111, "Invalid card"
    CARD_NOT_PRESENT = 112, "Card not present"
    CONFIGURATION = 115, "Configuration error"
    INV_ID = 118, "Invalid ID"
    NO_SCDAEMON = 119, "No SmartCard daemon"
    CARD_NOT_INITIALIZED = 123, "Card not initialized"
    UNSUPPORTED_OPERATION = 124, "Unsupported operation"
    WRONG_KEY_USAGE = 125, "Wrong key usage"
    MISSING_VALUE = 128, "Missing value"
    HARDWARE = 129, "Hardware problem"
    PIN_BLOCKED = 130, "PIN blocked"
    USE_CONDITIONS = 131, "Conditions of use not satisfied"
    PIN_NOT_SYNCED = 132, "PINs are not synced"
    NOT_LOCKED = 167, "Not locked"
    LOCKED = 173, "Locked"
    UNKNOWN_OPTION = 174, "Unknown option"
    UNKNOWN_COMMAND = 175, "Unknown command"
    NO_PIN = 178, "No PIN given"
    INV_CURVE = 187, "Invalid elliptic curve"
    UNKNOWN_CURVE = 188, "Unknown elliptic curve"
    FULLY_CANCELED = 198, "Operation fully cancelled"
    OBJ_TERM_STATE = 225, "Object is in termination state"
    FORBIDDEN = 251, "Forbidden"
    TRUE = 255, "True"
    FALSE = 256, "False"
    ASS_GENERAL = 257, "General IPC error"
    ASS_ACCEPT_FAILED = 258, "IPC accept call failed"
    ASS_CONNECT_FAILED = 259, "IPC connect call failed"
    ASS_INV_RESPONSE = 260, "Invalid IPC response"
    ASS_INV_VALUE = 261, "Invalid value passed to IPC"
    ASS_INCOMPLETE_LINE = 262, "Incomplete line passed to IPC"
    ASS_LINE_TOO_LONG = 263, "Line passed to IPC too long"
    ASS_NESTED_COMMANDS = 264, "Nested IPC commands"
    ASS_NO_DATA_CB = 265, "No data callback in IPC"
    ASS_NO_INQUIRE_CB = 266, "No inquire callback in IPC"
    ASS_NOT_A_SERVER = 267, "Not an IPC server"
    ASS_NOT_A_CLIENT = 268, "Not an IPC client"
    ASS_SERVER_START = 269, "Problem starting IPC server"
    ASS_READ_ERROR = 270, "IPC read error"
    ASS_WRITE_ERROR = 271, "IPC write error"
    ASS_TOO_MUCH_DATA = 273, "Too much data for IPC layer"
    ASS_UNEXPECTED_CMD = 274, "Unexpected IPC command"
    ASS_UNKNOWN_CMD = 275, "Unknown IPC command"
    ASS_SYNTAX = 276, "IPC syntax error"
    ASS_CANCELED = 277, "IPC call has been cancelled"
    ASS_NO_INPUT = 278, "No input source for IPC"
    ASS_NO_OUTPUT = 279, "No output source for IPC"
    ASS_PARAMETER = 280, "IPC parameter error"
    ASS_UNKNOWN_INQUIRE = 281, "Unknown IPC inquire"
    NO_SERVICE = 318, "Service is not running"
    EOF = 16383, "End of file"
    EACCES = 32769, "Permission denied"
    EBUSY = 32787, "Device or resource busy"
    EEXIST = 32803, "File exists"
    EIO = 32817, "Input/output error"
    ENODEV = 32848, "No such device"
    ENOENT = 32849, "No such file or directory"
    ENOMEM = 32854, "Cannot allocate memory"


def make(source: int, code: int) -> int:
    """The value of an ERR line: ``source << 24 | code``; 0 for success, whatever the source."""
    return (source & 0x7F) << 24 | (code & 0xFFFF) if code else 0


def split(value: int) -> tuple[int, int]:
    """Source and code of an ERR line's value; Source and Code members where they are known."""
    source, code = value >> 24 & 0x7F, value & 0xFFFF
    return _SOURCES.get(source, source), _CODES.get(code, code)


def strerror(code: int) -> str:
    """Text of a code, in the words of libgpg-error."""
    return _CODES[code].text if code in _CODES else "Unknown error code"


def strsource(source: int) -> str:
    """Name of a source, in the words of libgpg-error."""
    return _SOURCES[source].text if source in _SOURCES else "Unknown source"


_SOURCES = {int(source): source for source in Source}
_CODES = {int(code): code for code in Code}


class AssuanError(Exception):
    """An error to be answered with an ERR line, or that was received as one.

    ``code``: a Code, or the bare number of one that is not listed here.
    ``description``: what the ERR line says behind `` - ``; it must not hold a secret.
    ``source``: None for the server's own.
    """

    def __init__(self, code: int, description: str = "", *, source: int | None = None) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.source = source

    def __str__(self) -> str:
        return describe(self.code, self.source, self.description)


def describe(code: int, source: int | None, description: str = "") -> str:
    """``IPC call has been cancelled <SCD> - description``, each part if there is one."""
    name = "" if source is None else f" <{strsource(source)}>"
    extra = f" - {description}" if description else ""
    return f"{strerror(code)}{name}{extra}"


#: Bytes of the description in an ERR line (libassuan assuan-handler.c).
_MAX_DESCRIPTION = 100


def err_fields(error: AssuanError, source: int) -> tuple[int, bytes]:
    """Value and text of the ERR line for an error; ``source`` is for those that name none."""
    if error.source is not None:
        source = error.source
    description = " ".join(error.description.replace("\0", " ").splitlines())
    raw = description.encode(errors="replace")
    short = raw[:_MAX_DESCRIPTION].decode(errors="ignore")
    return make(source, error.code), describe(error.code, source, short).encode()


class LocalProtocolError(Exception):
    """This side tried to send what the protocol does not allow.  Nothing was sent."""


class RemoteProtocolError(Exception):
    """The other side broke the protocol.  ``code`` is what to answer it, if an answer is due."""

    def __init__(self, code: Code, description: str = "") -> None:
        super().__init__(describe(code, None, description))
        self.code = code
        self.description = description
