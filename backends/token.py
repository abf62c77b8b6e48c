"""The one contract that every device family meets.

A *provider* finds tokens (a PC/SC daemon with its readers; one PKCS#11 module with its slots) and
opens them.  All calls block, are made one at a time per object (but see :class:`Parallel`), never
prompt and never retry a PIN.  The caller asks what PIN is needed (:meth:`Token.pin_for`), obtains
it, and hands it over with the operation.  Failures are :class:`backends.errors.TokenError` and
nothing else.

What can be changed on a token is in :mod:`backends.changes`.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from backends.curves import Curve


class Use(enum.Flag):
    """What a key may be used for."""

    SIGN = enum.auto()
    CERTIFY = enum.auto()
    DECRYPT = enum.auto()
    AUTHENTICATE = enum.auto()


@dataclass(frozen=True, slots=True)
class RSAPublicKey:
    """Modulus and public exponent."""

    n: int
    e: int

    @property
    def size(self) -> int:
        """Bytes of the modulus, and so of ciphertexts and signatures."""
        return (self.n.bit_length() + 7) // 8


@dataclass(frozen=True, slots=True)
class ECPublicKey:
    """A point, encoded as :class:`backends.curves.Form` says for its curve."""

    curve: Curve
    point: bytes


PublicKey = RSAPublicKey | ECPublicKey


@dataclass(frozen=True, slots=True)
class Key:
    """One key pair on a token.

    ``ref``: names the key on its token for ever: ASCII, no blanks, at most 32 characters
    (``OPENPGP.1``; ``P11.`` and 16 hex digits derived from the public key).
    ``label``: for people, may be empty.  ``certificate``: whether :meth:`Token.certificate` is
    known to have one for this ref.  ``fingerprint``: OpenPGP v4 fingerprint, 20 bytes, if the
    token stores it.  ``created``: seconds since the epoch, if the token or a certificate knows.
    ``uri``: its name by RFC 7512, if it is a key of a PKCS#11 token.
    """

    ref: str
    use: Use
    public: PublicKey
    label: str = ""
    certificate: bool = False
    fingerprint: bytes | None = None
    created: int | None = None
    uri: str = ""


@dataclass(frozen=True, slots=True)
class RSAAlgorithm:
    """Algorithm attributes of an RSA slot (OpenPGP card 3.4 section 4.4.3.10).

    ``import_format``: 0 standard, 1 standard with modulus, 2 CRT, 3 CRT with modulus.
    """

    nbits: int
    ebits: int = 32
    import_format: int = 0

    @property
    def name(self) -> str:
        """As GnuPG spells it in KEYPAIRINFO: ``rsa2048``."""
        return f"rsa{self.nbits}"


@dataclass(frozen=True, slots=True)
class ECAlgorithm:
    """Algorithm attributes of an elliptic curve slot.

    ``algo``: RFC 4880/9580 public key algorithm: 18 ECDH, 19 ECDSA, 22 EdDSA.
    ``public_wanted``: the card wants the public key in the import template (trailing FF).
    """

    algo: int
    curve: Curve
    public_wanted: bool = False

    @property
    def name(self) -> str:
        """As GnuPG spells it in KEYPAIRINFO: ``nistp256``, ``cv25519``."""
        return self.curve.algo


Algorithm = RSAAlgorithm | ECAlgorithm


class PinRef(enum.Enum):
    """The PINs that can be named.  PW1_81, PW1_82 and PW3 are those of the OpenPGP card (81 is
    for signing, 82 for all else), RC is its resetting code; USER and SO are those of PKCS#11."""

    PW1_81 = "PW1.81"
    PW1_82 = "PW1.82"
    RC = "RC"
    PW3 = "PW3"
    USER = "USER"
    SO = "SO"


@dataclass(frozen=True, slots=True)
class PinRequest:
    """A PIN that must be asked for.

    ``label``: what the PIN opens, for people (token label, key label); may be empty.
    ``tries_left``: None if the token does not tell.  Lengths are in bytes.
    ``pinpad``: the reader or token has a keypad of its own.  Tell the user, then pass ``pin=None``
    with the operation, and it will ask; an OpenPGP card once for each time that it said so.
    ``each_time``: it is wanted for every single operation.
    """

    ref: PinRef
    label: str = ""
    tries_left: int | None = None
    min_length: int = 0
    max_length: int = 64
    pinpad: bool = False
    each_time: bool = False

    @property
    def admin(self) -> bool:
        return self.ref in (PinRef.PW3, PinRef.SO)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Extended capabilities (DO C0), historical bytes and features (7F74), as GnuPG's EXTCAP
    shows them.  The defaults are those of a token that can only use the keys it has."""

    get_challenge: bool = False
    key_import: bool = False
    pw_status_changeable: bool = False
    private_dos: bool = False
    max_certificate: int = 0
    algorithm_changeable: bool = False
    #: 0 none, 2 Triple-DES, 7 AES-128, 9 AES-256
    secure_messaging: int = 0
    #: Card life cycle of the historical bytes: 0 none, 3 initialisation, 5 operational.
    status_indicator: int = 5
    pso_aes: bool = False
    #: As far as it is known from the start; see :attr:`Attribute.BUTTON`.
    button: bool = False
    kdf: bool = False


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What stays the same while a token is open.

    ``serial``: upper-case hexadecimal, even length.  OpenPGP cards: the 16-byte AID of DO 4F.
    Other tokens: the same form in the unmanaged range, derived from the token's own identity.
    ``app``: ``openpgp`` or ``pkcs11``.  ``place``: the reader, or the module and slot, for the
    READER line.  ``name``: for people.  ``display_serial``: as printed on the card.
    ``version``: of the application, 0x0304 for 3.4.  ``manufacturer``: OpenPGP manufacturer id.
    ``card_type``: GnuPG's word: generic, gnuk, yubikey, zeitcontrol.  ``uri``: the name of a
    PKCS#11 token by RFC 7512.
    """

    serial: str
    app: str
    place: str
    name: str
    display_serial: str
    version: int
    manufacturer: int
    card_type: str = "generic"
    atr: bytes = b""
    capabilities: Capabilities = Capabilities()
    uri: str = ""


class Attribute(enum.Enum):
    """Data of a token that GETATTR can name, by GnuPG's names.

    The value is the content of the data object as the OpenPGP card specification 3.4 section
    4.4.1 encodes it, without tag and length.
    """

    AID = "AID"  # 4F, 16 bytes
    DISP_NAME = "DISP-NAME"  # 5B
    DISP_LANG = "DISP-LANG"  # 5F2D
    DISP_SEX = "DISP-SEX"  # 5F35, one byte
    PUBKEY_URL = "PUBKEY-URL"  # 5F50
    LOGIN_DATA = "LOGIN-DATA"  # 5E
    KEY_FPR = "KEY-FPR"  # C5, 3 x 20 bytes
    KEY_TIME = "KEY-TIME"  # CD, 3 x 4 bytes, big-endian
    CA_FPR = "CA-FPR"  # C6, 3 x 20 bytes
    CHV_STATUS = "CHV-STATUS"  # C4, 7 bytes, always read afresh
    SIG_COUNTER = "SIG-COUNTER"  # 93, 3 bytes, big-endian, always read afresh
    PRIVATE_DO_1 = "PRIVATE-DO-1"  # 0101
    PRIVATE_DO_2 = "PRIVATE-DO-2"  # 0102
    PRIVATE_DO_3 = "PRIVATE-DO-3"  # 0103, wants PW1.82
    PRIVATE_DO_4 = "PRIVATE-DO-4"  # 0104, wants PW3
    UIF_1 = "UIF-1"  # D6, 2 bytes
    UIF_2 = "UIF-2"  # D7
    UIF_3 = "UIF-3"  # D8
    KDF = "KDF"  # F9
    BUTTON = "BUTTON"  # 7F74: one byte, 1 if the card has a button, else 0
    CARD_VERSION = "CARDVERSION"  # firmware of a YubiKey, three bytes: 5.4.3 is 05 04 03
    KEY_STATUS = "KEY-STATUS"  # DE, pairs (key number, status)
    ALGORITHM_INFORMATION = "KEY-ATTR-INFO"  # FA
    # These can only be written.
    CHV_STATUS_1 = "CHV-STATUS-1"  # first byte of C4: 1: PW1 is good for several signatures
    CA_FPR_1 = "CA-FPR-1"  # CA, 20 bytes
    CA_FPR_2 = "CA-FPR-2"  # CB
    CA_FPR_3 = "CA-FPR-3"  # CC
    SM_KEY_ENC = "SM-KEY-ENC"  # D1
    SM_KEY_MAC = "SM-KEY-MAC"  # D2
    AES_KEY = "AESKEY"  # D5, 16 or 32 bytes


class Token(Protocol):
    """One application on one card, or one PKCS#11 token.

    ``pin`` arguments are bytearrays of the PIN in UTF-8; the callee copies them only where a
    library forces it to, the caller wipes them.
    """

    @property
    def info(self) -> TokenInfo: ...

    def keys(self, *, thorough: bool = False) -> Sequence[Key]:
        """All usable key pairs, in the order of the slots.  Cached until something changes them.

        ``thorough``: look for keys even where the token's own records tell of none, which costs
        time and rarely finds any.  An object that cannot be understood is left out, with a line
        in the log.
        """

    def algorithms(self) -> Sequence[Algorithm | None]:
        """Algorithm attributes of the three OpenPGP slots (None: unknown), read whether or not
        they hold a key.  Empty for a token that has no such slots of its own."""

    def attributes(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        """Those of the named attributes that the token has and that may be read now."""

    def remembered(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        """Those of the named attributes that were read before, some of them perhaps long ago: good
        enough to be shown, not to decide by.  Asks nobody."""

    def certificate(self, ref: str) -> bytes | None:
        """The X.509 certificate (DER) that belongs to the key ``ref``, if there is one."""

    def pin_for(self, key: Key) -> PinRequest | None:
        """The PIN that must be given with the next operation of this key; None: no PIN.

        Raises PinBlocked if it is known that no try is left.
        """

    def sign(self, key: Key, tbs: bytes, pin: bytearray | None) -> bytes:
        """Sign or authenticate.

        ``tbs``: DigestInfo (DER) for RSA, the bare hash for ECDSA, the message for EdDSA.  For
        RSA it may also be a block of the modulus' length that is padded already (RSA-PSS), which
        OpenPGP cards refuse with BadInput.
        Returns the raw signature: RSA the modulus' length, big-endian; else r || s or R || S,
        each part of field size.  ``pin`` is given if and only if :meth:`pin_for` asked for one
        (and it has no pinpad).  It is sent to the token at most once.  Raises PinNeeded, with
        nothing spent, if ``pin`` is None and the token wants one after all.
        """

    def decrypt(self, key: Key, ciphertext: bytes, pin: bytearray | None) -> bytes:
        """RSA: ciphertext of the modulus' length to the PKCS#1 v1.5 unpadded plaintext.
        ECDH: the peer's public point, encoded as :class:`backends.curves.Form` says, to the
        shared secret: X of field size, big-endian; Montgomery curves: u, little-endian.
        ``pin`` as for :meth:`sign`."""

    def pin_named(self, ref: PinRef) -> PinRequest:
        """A request for that very PIN, whether or not it is verified already.

        Raises NotSupported if the token has no such PIN, PinBlocked if no try is left.
        """

    def verify_pin(self, ref: PinRef, pin: bytearray | None) -> None:
        """Verify that PIN, once."""

    def is_verified(self, ref: PinRef) -> bool:
        """Whether that PIN is known to be verified at present.  Asks nobody, spends nothing."""

    def settle(self) -> None:
        """Do what was put off to make the last operation quick.  The caller calls it a moment
        after an operation with a PIN."""

    def touch_wanted(self, key: Key) -> bool:
        """Whether an operation of this key may wait for a touch.  Asks nobody."""

    def random(self, n: int) -> bytes:
        """``n`` random bytes from the token.  Raises NotSupported."""

    def reset(self) -> None:
        """Forget every verified PIN and bring the card or session to its first state."""

    def close(self) -> None:
        """Let go of the token, leaving it powered and undisturbed.  Never raises."""


@runtime_checkable
class RawCard(Protocol):
    """A token that takes command APDUs of the caller's own making."""

    def transmit(self, apdu: bytes) -> bytes:
        """Send one APDU as it is; the answer ends with SW1 SW2.  Any status word is a success."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate of somebody who signs certificates.  ``ref``: as for keys; ``label``: for
    people, may be empty."""

    ref: str
    label: str = ""


@runtime_checkable
class Chains(Protocol):
    """A token that has certificates of authorities too."""

    def authorities(self) -> Sequence[Authority]:
        """Those whose keys are not on the token; :meth:`Token.certificate` knows them by ``ref``.
        As new as the keys are."""


@runtime_checkable
class Parallel(Protocol):
    """A token of which several keys can be at work at the same time."""

    @property
    def parallel(self) -> int:
        """How many calls of :meth:`Token.pin_for`, :meth:`Token.sign` and :meth:`Token.decrypt` may
        be under way at the same time, if none of them brings a PIN and no other call is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a token was seen.

    Two equal places hold the same insertion of the same token: ``insertion`` changes when it was
    taken out and put back.
    """

    name: str
    insertion: str


class Provider(Protocol):
    """Finds and opens the tokens of one family: all PC/SC readers, or one PKCS#11 module."""

    @property
    def name(self) -> str:
        """``pcsc``, or the name of the module; for the log and for people."""

    def present(self) -> Sequence[Place]:
        """The places that hold something now, looked at afresh.

        Raises Broken where the service or module cannot be reached; the next call tries again.
        """

    def open(self, place: Place) -> Token | None:
        """The token at that place; None if what is there is not ours to serve."""

    def close(self) -> None:
        """End now, waiting for nothing and killing what hangs.  Never raises."""


@runtime_checkable
class Watcher(Protocol):
    """A provider that is told of insertions and removals."""

    def wait_for_change(self) -> bool:
        """Block, in a thread of the caller's, until a place may have changed: True; after
        ``close``: False.  Does not disturb calls that other threads make at the same time."""
