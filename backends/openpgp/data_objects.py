"""Data objects of the OpenPGP card (specification 3.4 section 4.4): tags, where they are found,
how long they may be kept, and what is inside those that everybody needs."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from backends.errors import Broken
from backends.openpgp import tlv
from backends.token import Attribute

#: Versions of the application from which on cards differ, as bytes 7 and 8 of the AID say them.
VERSION_2, VERSION_3 = 0x0200, 0x0300


class DO(enum.IntEnum):
    """Tags."""

    PRIVATE_1 = 0x0101
    PRIVATE_2 = 0x0102
    PRIVATE_3 = 0x0103
    PRIVATE_4 = 0x0104
    AID = 0x4F
    NAME = 0x5B
    LOGIN = 0x5E
    CARDHOLDER = 0x65
    APPLICATION = 0x6E
    DISCRETIONARY = 0x73
    SECURITY_SUPPORT = 0x7A
    SIG_COUNTER = 0x93
    EXTENDED_CAPABILITIES = 0xC0
    ALGORITHM_SIG = 0xC1
    ALGORITHM_DEC = 0xC2
    ALGORITHM_AUT = 0xC3
    PW_STATUS = 0xC4
    FINGERPRINTS = 0xC5
    CA_FINGERPRINTS = 0xC6
    CA_FINGERPRINT_1 = 0xCA
    CA_FINGERPRINT_2 = 0xCB
    CA_FINGERPRINT_3 = 0xCC
    FINGERPRINT_SIG = 0xC7
    FINGERPRINT_DEC = 0xC8
    FINGERPRINT_AUT = 0xC9
    KEY_TIMES = 0xCD
    TIME_SIG = 0xCE
    TIME_DEC = 0xCF
    TIME_AUT = 0xD0
    SM_KEY_ENC = 0xD1
    SM_KEY_MAC = 0xD2
    RESETTING_CODE = 0xD3
    AES_KEY = 0xD5
    UIF_SIG = 0xD6
    UIF_DEC = 0xD7
    UIF_AUT = 0xD8
    KEY_INFORMATION = 0xDE
    KDF = 0xF9
    ALGORITHM_INFORMATION = 0xFA
    LANGUAGE = 0x5F2D
    SEX = 0x5F35
    URL = 0x5F50
    HISTORICAL_BYTES = 0x5F52
    CERTIFICATE = 0x7F21
    GENERAL_FEATURES = 0x7F74


#: The constructed object that holds an object.  Some cards list D6 to D8 in 6E itself, not in 73;
#: therefore everything below 6E is one level here.
PARENT: dict[DO, DO] = {
    DO.NAME: DO.CARDHOLDER,
    DO.LANGUAGE: DO.CARDHOLDER,
    DO.SEX: DO.CARDHOLDER,
    DO.SIG_COUNTER: DO.SECURITY_SUPPORT,
} | dict.fromkeys(
    (
        DO.AID,
        DO.HISTORICAL_BYTES,
        DO.EXTENDED_CAPABILITIES,
        DO.ALGORITHM_SIG,
        DO.ALGORITHM_DEC,
        DO.ALGORITHM_AUT,
        DO.FINGERPRINTS,
        DO.CA_FINGERPRINTS,
        DO.KEY_TIMES,
        DO.UIF_SIG,
        DO.UIF_DEC,
        DO.UIF_AUT,
        DO.KEY_INFORMATION,
        DO.GENERAL_FEATURES,
    ),
    DO.APPLICATION,
)

#: Constructed objects whose content is looked into, and below which tags.
NESTED: dict[DO, frozenset[int]] = {
    DO.APPLICATION: frozenset({DO.APPLICATION, DO.DISCRETIONARY}),
    DO.CARDHOLDER: frozenset({DO.CARDHOLDER}),
    DO.SECURITY_SUPPORT: frozenset({DO.SECURITY_SUPPORT}),
}

#: Read alone where the constructed object lacks them: cards are free in what they put into 6E.
#: What 65 lacks is not set.
ALSO_ALONE: frozenset[DO] = frozenset(
    do for do, parent in PARENT.items() if parent is not DO.CARDHOLDER
)

#: If these are what they were, so are the keys.
KEY_OBJECTS: tuple[DO, ...] = (
    DO.ALGORITHM_SIG,
    DO.ALGORITHM_DEC,
    DO.ALGORITHM_AUT,
    DO.FINGERPRINTS,
    DO.KEY_TIMES,
    DO.KEY_INFORMATION,
)

#: Change with use, or by other programs' PIN entries: never kept.
VOLATILE: frozenset[DO] = frozenset({DO.PW_STATUS, DO.SECURITY_SUPPORT, DO.SIG_COUNTER})

#: Readable after VERIFY only: absence is not kept either.
PROTECTED: frozenset[DO] = frozenset({DO.PRIVATE_3, DO.PRIVATE_4})

#: Come with or without their own tag around them, depending on the card.
MAYBE_WRAPPED: frozenset[DO] = frozenset(
    {
        DO.ALGORITHM_SIG,
        DO.ALGORITHM_DEC,
        DO.ALGORITHM_AUT,
        DO.KEY_INFORMATION,
        DO.KDF,
        DO.ALGORITHM_INFORMATION,
        DO.CERTIFICATE,
        DO.GENERAL_FEATURES,
    }
)

#: May be longer than 256 bytes: asked for with extended Le where the card has that.
LONG: frozenset[DO] = frozenset(
    {DO.APPLICATION, DO.LOGIN, DO.URL, DO.CERTIFICATE, DO.ALGORITHM_INFORMATION}
)

ATTRIBUTES: dict[Attribute, DO] = {
    Attribute.AID: DO.AID,
    Attribute.DISP_NAME: DO.NAME,
    Attribute.DISP_LANG: DO.LANGUAGE,
    Attribute.DISP_SEX: DO.SEX,
    Attribute.PUBKEY_URL: DO.URL,
    Attribute.LOGIN_DATA: DO.LOGIN,
    Attribute.KEY_FPR: DO.FINGERPRINTS,
    Attribute.KEY_TIME: DO.KEY_TIMES,
    Attribute.CA_FPR: DO.CA_FINGERPRINTS,
    Attribute.CHV_STATUS: DO.PW_STATUS,
    Attribute.SIG_COUNTER: DO.SIG_COUNTER,
    Attribute.PRIVATE_DO_1: DO.PRIVATE_1,
    Attribute.PRIVATE_DO_2: DO.PRIVATE_2,
    Attribute.PRIVATE_DO_3: DO.PRIVATE_3,
    Attribute.PRIVATE_DO_4: DO.PRIVATE_4,
    Attribute.UIF_1: DO.UIF_SIG,
    Attribute.UIF_2: DO.UIF_DEC,
    Attribute.UIF_3: DO.UIF_AUT,
    Attribute.KDF: DO.KDF,
    Attribute.KEY_STATUS: DO.KEY_INFORMATION,
    Attribute.ALGORITHM_INFORMATION: DO.ALGORITHM_INFORMATION,
}

#: What belongs to the three slots; some cards add that of an attestation key behind it.
LENGTHS: dict[Attribute, int] = {
    Attribute.KEY_FPR: 60,
    Attribute.KEY_TIME: 12,
    Attribute.CA_FPR: 60,
    Attribute.KEY_STATUS: 6,
}


def flatten(do: DO, data: bytes) -> dict[int, bytes]:
    """The objects in a constructed one, with or without its own tag around them, all levels
    that :data:`NESTED` names in one.  Of two with the same tag the first counts."""
    found: dict[int, bytes] = {}
    for tag, value in tlv.parse(data):
        if tag in NESTED[do]:
            found = flatten(do, value) | found
        else:
            found.setdefault(tag, value)
    return found


@dataclass(frozen=True, slots=True)
class AID:
    """DO 4F, 16 bytes: D276000124 01, version, manufacturer, serial number, two reserved."""

    raw: bytes

    @classmethod
    def parse(cls, data: bytes) -> AID:
        if len(data) != 16:
            raise Broken("application identifier of the wrong length")
        return cls(data)

    @property
    def version(self) -> int:
        """0x0304 for 3.4."""
        return int.from_bytes(self.raw[6:8], "big")

    @property
    def manufacturer(self) -> int:
        return int.from_bytes(self.raw[8:10], "big")

    @property
    def printed(self) -> str:
        """Manufacturer and serial number as GnuPG shows them: ``F1D0 00000000``."""
        return f"{self.raw[8:10].hex().upper()} {self.raw[10:14].hex().upper()}"


@dataclass(frozen=True, slots=True)
class PWStatus:
    """DO C4: whether PW1.81 is good for several signatures; greatest lengths and tries left, each
    of PW1, resetting code (version 1: CHV2) and PW3."""

    several_signatures: bool
    max_lengths: tuple[int, int, int]
    tries: tuple[int, int, int]

    @classmethod
    def parse(cls, data: bytes) -> PWStatus:
        if len(data) < 7:
            raise Broken("PW status bytes of the wrong length")
        # Bit 8 of a length says that the PIN is in PIN block format 2.
        lengths = [octet & 0x7F for octet in data[1:4]]
        return cls(data[0] != 0, (lengths[0], lengths[1], lengths[2]), (data[4], data[5], data[6]))


@dataclass(frozen=True, slots=True)
class HistoricalBytes:
    """DO 5F52 as far as it says how to talk to the card (ISO 7816-4 section 8.1.1)."""

    command_chaining: bool = False
    extended_length: bool = False
    #: Life cycle: 0 none, 3 initialisation, 5 operational.
    status_indicator: int = 0

    @classmethod
    def parse(cls, data: bytes) -> HistoricalBytes:
        """Nothing is taken from a form other than 00, compact TLV, three status bytes."""
        if len(data) < 4 or data[0] != 0x00:
            return cls()
        third = cls._capabilities(data[1:-3])
        return cls(bool(third & 0x80), bool(third & 0x40), data[-3])

    @staticmethod
    def _capabilities(compact: bytes) -> int:
        """Third software function table: the third byte of the object with tag 7, length 3."""
        at = 0
        while at < len(compact):
            tag, length = compact[at] >> 4, compact[at] & 0x0F
            value = compact[at + 1 : at + 1 + length]
            if (tag, len(value)) == (7, 3):
                return value[2]
            at += 1 + length
        return 0


@dataclass(frozen=True, slots=True)
class ExtendedCapabilities:
    """DO C0: what the application can do."""

    flags: int = 0
    secure_messaging: int = 0
    max_challenge: int = 0
    max_certificate: int = 0
    #: Bytes of URL, login data and private objects in version 3; in version 2 the longest command.
    max_special: int = 0

    @classmethod
    def parse(cls, data: bytes) -> ExtendedCapabilities:
        padded = data.ljust(8, b"\0")
        return cls(
            padded[0],
            padded[1],
            int.from_bytes(padded[2:4], "big"),
            int.from_bytes(padded[4:6], "big"),
            int.from_bytes(padded[6:8], "big"),
        )

    @property
    def get_challenge(self) -> bool:
        return bool(self.flags & 0x40)

    @property
    def key_import(self) -> bool:
        return bool(self.flags & 0x20)

    @property
    def pw_status_changeable(self) -> bool:
        return bool(self.flags & 0x10)

    @property
    def private_dos(self) -> bool:
        return bool(self.flags & 0x08)

    @property
    def algorithm_changeable(self) -> bool:
        return bool(self.flags & 0x04)

    @property
    def pso_aes(self) -> bool:
        return bool(self.flags & 0x02)

    @property
    def has_kdf(self) -> bool:
        return bool(self.flags & 0x01)


def has_button(features: bytes) -> bool:
    """DO 7F74: bit 6 of the first byte of object 81."""
    told = tlv.find(features, 0x81)
    return bool(told and told[0] & 0x20)


def key_states(data: bytes) -> dict[int, int]:
    """DO DE: key number (1 to 3) to 0 no key, 1 generated on the card, 2 imported."""
    return dict(zip(data[0::2], data[1::2], strict=False))


def split(data: bytes, size: int) -> tuple[bytes, bytes, bytes]:
    """C5, C6 and CD: what belongs to the signature, decryption and authentication key."""
    if len(data) < 3 * size:
        data = data.ljust(3 * size, b"\0")
    return data[:size], data[size : 2 * size], data[2 * size : 3 * size]
