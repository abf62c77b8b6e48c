"""Numbers of PKCS#11 3.0 (pkcs11t.h), as far as they are needed here."""

from __future__ import annotations

import enum


class CKO(enum.IntEnum):
    """Object classes."""

    CERTIFICATE = 0x1
    PUBLIC_KEY = 0x2
    PRIVATE_KEY = 0x3


#: CKO_SECRET_KEY and CKK_GENERIC_SECRET: what a key agreement makes.
SECRET_KEY = 0x4
GENERIC_SECRET = 0x10


class CKU(enum.IntEnum):
    """Who logs in."""

    SO = 0
    USER = 1
    CONTEXT_SPECIFIC = 2


class CKK(enum.IntEnum):
    """Key types."""

    RSA = 0x0
    EC = 0x3
    EC_EDWARDS = 0x40
    EC_MONTGOMERY = 0x41


class CKM(enum.IntEnum):
    """Mechanisms."""

    RSA_PKCS_KEY_PAIR_GEN = 0x0
    RSA_PKCS = 0x1
    RSA_X_509 = 0x3
    EC_KEY_PAIR_GEN = 0x1040
    ECDSA = 0x1041
    ECDH1_DERIVE = 0x1050
    ECDH1_COFACTOR_DERIVE = 0x1051
    EC_EDWARDS_KEY_PAIR_GEN = 0x1055
    EC_MONTGOMERY_KEY_PAIR_GEN = 0x1056
    EDDSA = 0x1057


class CKA(enum.IntEnum):
    """Attributes."""

    CLASS = 0x0
    TOKEN = 0x1
    PRIVATE = 0x2
    LABEL = 0x3
    VALUE = 0x11
    CERTIFICATE_TYPE = 0x80
    ISSUER = 0x81
    SERIAL_NUMBER = 0x82
    CERTIFICATE_CATEGORY = 0x87
    KEY_TYPE = 0x100
    SUBJECT = 0x101
    ID = 0x102
    SENSITIVE = 0x103
    ENCRYPT = 0x104
    DECRYPT = 0x105
    WRAP = 0x106
    UNWRAP = 0x107
    SIGN = 0x108
    VERIFY = 0x10A
    DERIVE = 0x10C
    START_DATE = 0x110
    MODULUS = 0x120
    MODULUS_BITS = 0x121
    PUBLIC_EXPONENT = 0x122
    PRIVATE_EXPONENT = 0x123
    PRIME_1 = 0x124
    PRIME_2 = 0x125
    EXPONENT_1 = 0x126
    EXPONENT_2 = 0x127
    COEFFICIENT = 0x128
    PUBLIC_KEY_INFO = 0x129
    VALUE_LEN = 0x161
    EXTRACTABLE = 0x162
    EC_PARAMS = 0x180
    EC_POINT = 0x181
    ALWAYS_AUTHENTICATE = 0x202
    ENCAPSULATE = 0x633
    DECAPSULATE = 0x634


class CKF(enum.IntFlag):
    """Token flags (CK_TOKEN_INFO)."""

    RNG = 0x1
    WRITE_PROTECTED = 0x2
    LOGIN_REQUIRED = 0x4
    USER_PIN_INITIALIZED = 0x8
    PROTECTED_AUTHENTICATION_PATH = 0x100
    TOKEN_INITIALIZED = 0x400
    USER_PIN_COUNT_LOW = 0x10000
    USER_PIN_FINAL_TRY = 0x20000
    USER_PIN_LOCKED = 0x40000
    USER_PIN_TO_BE_CHANGED = 0x80000
    SO_PIN_COUNT_LOW = 0x100000
    SO_PIN_FINAL_TRY = 0x200000
    SO_PIN_LOCKED = 0x400000
    SO_PIN_TO_BE_CHANGED = 0x800000


class Ability(enum.IntFlag):
    """What a mechanism can do (CK_MECHANISM_INFO)."""

    DECRYPT = 0x200
    SIGN = 0x800
    GENERATE_KEY_PAIR = 0x10000
    DERIVE = 0x80000
