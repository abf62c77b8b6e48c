"""What daemon and worker say to each other.  How it is framed and checked is in channel.py."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

MAX_RANDOM = 1 << 16

TokenId = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
UseValue = Annotated[int, Meta(ge=0, le=15)]
KeyRef = Annotated[str, Meta(pattern=r"^P11\.[0-9A-F]{16}$")]


class Message(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    """Any message.  The fields may be secrets, so that none is shown."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


# -- public keys ---------------------------------------------------------------------------------


class RSARecord(msgspec.Struct, frozen=True, tag="rsa", forbid_unknown_fields=True):
    """Modulus and public exponent, big-endian."""

    n: bytes
    e: bytes


class ECRecord(msgspec.Struct, frozen=True, tag="ec", forbid_unknown_fields=True):
    """``oid``: as backends.curves names the curve.  ``point``: of that curve's form."""

    oid: str
    point: bytes


# -- requests ------------------------------------------------------------------------------------


class Load(Message, frozen=True, tag="load"):
    """The first message: load the module and initialize it.  Answer: Done."""

    path: str


class ListTokens(Message, frozen=True, tag="tokens"):
    """Answer: Tokens."""


class GetStatus(Message, frozen=True, tag="status"):
    """Answer: TokenRecord."""

    token: TokenId


class ListKeys(Message, frozen=True, tag="keys"):
    """Answer: Keys."""

    token: TokenId


class GetCertificate(Message, frozen=True, tag="certificate"):
    """Answer: Value."""

    token: TokenId
    ref: KeyRef


class LogIn(Message, frozen=True, tag="login"):
    """Log in as the user, whether or not that was done before.  ``pin`` None: at the token's own
    PIN pad.  Answer: Done."""

    token: TokenId
    pin: bytearray | None


class LogOut(Message, frozen=True, tag="logout"):
    """Log out and close the session.  Answer: Done."""

    token: TokenId


class Sign(Message, frozen=True, tag="sign"):
    """Answer: Value."""

    token: TokenId
    ref: KeyRef
    data: bytes
    pin: bytearray | None


class Decrypt(Message, frozen=True, tag="decrypt"):
    """Decipher with RSA, or agree on a secret with ECDH.  Answer: Value."""

    token: TokenId
    ref: KeyRef
    data: bytes
    pin: bytearray | None


class Random(Message, frozen=True, tag="random"):
    """Answer: Value."""

    token: TokenId
    n: Annotated[int, Meta(ge=1, le=MAX_RANDOM)]


# -- requests that change the token ----------------------------------------------------------------


class RSAKind(msgspec.Struct, frozen=True, tag="rsa", forbid_unknown_fields=True):
    """An RSA key of so many bits."""

    bits: Annotated[int, Meta(ge=512, le=16384)]


class ECKind(msgspec.Struct, frozen=True, tag="ec", forbid_unknown_fields=True):
    """A key on that curve.  ``oid``: as backends.curves names it."""

    oid: str


class Generate(Message, frozen=True, tag="generate"):
    """Make a key pair.  ``kinds``: the first one that the token can make is taken.  ``use``: what
    the key is to be for, the value of :class:`backends.token.Use`.  Answer: Made."""

    token: TokenId
    kinds: Annotated[list[RSAKind | ECKind], Meta(min_length=1)]
    use: UseValue
    label: str
    pin: bytearray | None = None


class Import(Message, frozen=True, tag="import"):
    """Store a key pair.  ``private``: for RSA d, p and q, big-endian; else the secret, as
    :class:`backends.changes.ECPrivateKey` says.  Answer: Done."""

    token: TokenId
    public: RSARecord | ECRecord
    private: list[bytearray]
    use: UseValue
    label: str
    pin: bytearray | None = None


class StoreCertificate(Message, frozen=True, tag="store-certificate"):
    """Store that certificate for the key, in place of the one that is told of; no bytes: remove
    that.  Answer: Done."""

    token: TokenId
    ref: KeyRef
    der: bytes
    pin: bytearray | None = None


Change = Generate | Import | StoreCertificate


class Check(Message, frozen=True, tag="check"):
    """Say whether that could be done, as far as can be told, and do nothing.  Answer: Done."""

    change: Change


class ChangePin(Message, frozen=True, tag="change-pin"):
    """The user's PIN, or the security officer's.  Both None: at the PIN pad.  Answer: Done."""

    token: TokenId
    so: bool
    old: bytearray | None
    new: bytearray | None


class ResetPin(Message, frozen=True, tag="reset-pin"):
    """Set the user's PIN by the security officer's.  Answer: Done."""

    token: TokenId
    so_pin: bytearray | None
    new: bytearray


class CheckSOPin(Message, frozen=True, tag="check-so-pin"):
    """Log in as the security officer, and out again.  Answer: Done."""

    token: TokenId
    pin: bytearray | None


Request = (
    Load
    | ListTokens
    | GetStatus
    | ListKeys
    | GetCertificate
    | LogIn
    | LogOut
    | Sign
    | Decrypt
    | Random
    | Change
    | Check
    | ChangePin
    | ResetPin
    | CheckSOPin
)

# -- answers -------------------------------------------------------------------------------------


class TokenRecord(Message, frozen=True, tag="token"):
    """One token.  ``slot``: its present slot.  ``flags``: CKF of CK_TOKEN_INFO.  Lengths of the
    PIN are in bytes; ``max_pin`` 0: not known.  ``logged_in``: false in a list, which does not
    look.  ``uri``: its name by RFC 7512."""

    token: TokenId
    slot: int
    label: str
    flags: int
    min_pin: int
    max_pin: int
    logged_in: bool
    uri: str


class Tokens(Message, frozen=True, tag="tokens"):
    """``notes``: what was left out and why, for the log."""

    tokens: list[TokenRecord]
    notes: list[str]


class KeyRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key pair.  ``use``: the value of :class:`backends.token.Use`.  ``always``: the key wants
    the PIN for every single operation (CKA_ALWAYS_AUTHENTICATE).  ``uri``: its name by RFC 7512."""

    ref: KeyRef
    public: RSARecord | ECRecord
    use: UseValue
    label: str
    certificate: bool
    created: int | None
    always: bool
    uri: str


class AuthorityRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate of a key that is not on the token."""

    ref: KeyRef
    label: str


class Keys(Message, frozen=True, tag="keys"):
    """``authorities``: whose certificates are there too.  ``notes``: what was left out and why, for
    the log."""

    keys: list[KeyRecord]
    authorities: list[AuthorityRecord]
    notes: list[str]


class Made(Message, frozen=True, tag="made"):
    """The public key of a new key pair."""

    public: RSARecord | ECRecord


class Value(Message, frozen=True, tag="value"):
    """Bytes; None: there is no such thing."""

    value: bytes | None


class Done(Message, frozen=True, tag="done"):
    """It was done, and there is nothing to tell."""


class Failed(Message, frozen=True, tag="failed"):
    """``error``: name of a class in :mod:`backends.errors`."""

    error: str
    text: str


Answer = TokenRecord | Tokens | Keys | Made | Value | Done | Failed
