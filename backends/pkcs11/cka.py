"""Numbers of PKCS#11 3.0 (pkcs11t.h) that the reading of objects needs."""

from __future__ import annotations

import enum


class CKO(enum.IntEnum):
    """Object classes."""

    CERTIFICATE = 0x1
    PUBLIC_KEY = 0x2
    PRIVATE_KEY = 0x3


class CKK(enum.IntEnum):
    """Key types."""

    RSA = 0x0
    EC = 0x3
    EC_EDWARDS = 0x40
    EC_MONTGOMERY = 0x41


class CKM(enum.IntEnum):
    """Mechanisms."""

    RSA_PKCS = 0x1
    ECDSA = 0x1041
    ECDH1_DERIVE = 0x1050
    EDDSA = 0x1057


class CKA(enum.IntEnum):
    """Attributes."""

    CLASS = 0x0
    LABEL = 0x3
    VALUE = 0x11
    CERTIFICATE_TYPE = 0x80
    CERTIFICATE_CATEGORY = 0x87
    KEY_TYPE = 0x100
    ID = 0x102
    ENCRYPT = 0x104
    DECRYPT = 0x105
    WRAP = 0x106
    UNWRAP = 0x107
    SIGN = 0x108
    VERIFY = 0x10A
    DERIVE = 0x10C
    START_DATE = 0x110
    MODULUS = 0x120
    PUBLIC_EXPONENT = 0x122
    PUBLIC_KEY_INFO = 0x129
    EC_PARAMS = 0x180
    EC_POINT = 0x181
    ALWAYS_AUTHENTICATE = 0x202
    ENCAPSULATE = 0x633
    DECAPSULATE = 0x634


class CKF(enum.IntFlag):
    """Token flags (CK_TOKEN_INFO)."""

    RNG = 0x1
    LOGIN_REQUIRED = 0x4
    USER_PIN_INITIALIZED = 0x8
    PROTECTED_AUTHENTICATION_PATH = 0x100
    TOKEN_INITIALIZED = 0x400
    USER_PIN_COUNT_LOW = 0x10000
    USER_PIN_FINAL_TRY = 0x20000
    USER_PIN_LOCKED = 0x40000
