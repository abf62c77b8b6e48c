"""Algorithm attributes and keys of the slots: all functions are called within an operation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from backends.changes import GenerateKey, RSAPrivateKey, SetAlgorithm, Stamp, WriteKey
from backends.errors import BadInput, Broken, NotSupported, PinNeeded, TokenError, Unfinished
from backends.openpgp.algorithm_changes import (
    adapted,
    algorithm_of,
    check_algorithm,
    check_importable,
    described,
    same,
)
from backends.openpgp.algorithms import encode_algorithm, is_of, parse_public_key
from backends.openpgp.apdu import ANY_LENGTH, SHORT_ANSWER, Command
from backends.openpgp.application import Application, SlotState, put_data
from backends.openpgp.data_changes import slot_named
from backends.openpgp.data_objects import VERSION_2
from backends.openpgp.interrupted import ENDINGS, Interrupted, plain
from backends.openpgp.key_import import extended_header_list, version_1
from backends.openpgp.slots import Slot
from backends.secret import wipe
from backends.token import Algorithm, PublicKey, RSAAlgorithm

_PUT_DATA_ODD, _ASYMMETRIC_KEY_PAIR, _GENERATE = 0xDB, 0x47, 0x80
_KEY_IMPORT = 0x3FFF


def is_occupied(application: Application, slot: Slot) -> bool:
    """Whether a key is there: by the card's records, else by looking."""
    told = application.holds_key(slot)
    return application.public_key(slot) is not None if told is None else told


def check_set_algorithm(application: Application, change: SetAlgorithm) -> None:
    _check_algorithm(application, slot_named(change.ref), change.algorithm)


def set_algorithm(application: Application, change: SetAlgorithm) -> None:
    slot = slot_named(change.ref)
    with _telling(application, slot):
        _put_algorithm(application, slot, change.algorithm)


def check_generate(application: Application, change: GenerateKey) -> None:
    slot = slot_named(change.ref)
    if change.algorithm is not None:
        _check_algorithm(application, slot, change.algorithm)


def generate(application: Application, change: GenerateKey) -> PublicKey:
    """Raises Unfinished if the card makes a key of another kind than its attributes say."""
    slot = slot_named(change.ref)
    with _telling(application, slot):
        if change.algorithm is not None:
            _put_algorithm(application, slot, change.algorithm)
        algorithm = application.algorithm(slot)
        public = _generated(application, slot, algorithm)
        _put_stamp(application, slot, change.stamp, public)
        if not is_of(public, algorithm):
            raise Broken(f"the card was to make a key of the kind {described(algorithm)}")
    application.key_is(slot, public, change.stamp)
    return public


def _generated(application: Application, slot: Slot, algorithm: Algorithm | None) -> PublicKey:
    long = isinstance(algorithm, RSAAlgorithm) and application.session.channel.extended
    le = ANY_LENGTH if long else SHORT_ANSWER
    application.replace_key(slot)
    command = Command(_ASYMMETRIC_KEY_PAIR, _GENERATE, 0, slot.crt, le)
    return parse_public_key(application.session.command(command), algorithm)


def check_write_key(application: Application, change: WriteKey) -> None:
    slot, wanted = slot_named(change.ref), _wanted(change)
    if not application.capabilities().key_import:
        raise NotSupported("the card takes no keys from outside")
    check_importable(wanted)
    _check_algorithm(application, slot, wanted)
    data = _import_data(application, change, _in_future(application, slot, wanted))
    try:
        application.session.channel.check(_import_command(application, slot, data))
    finally:
        wipe(data)


def write_key(application: Application, change: WriteKey) -> None:
    """The public key is read back: an import that went wrong must not be found out by its user.
    There are cards that show no public key of an imported one; what was sent is remembered then.
    """
    slot, public = slot_named(change.ref), change.private.public
    with _telling(application, slot):
        _put_algorithm(application, slot, _wanted(change))
        algorithm = application.algorithm(slot)
        assert algorithm is not None
        data = _import_data(application, change, algorithm)
        try:
            application.replace_key(slot)
            application.session.command(_import_command(application, slot, data))
        finally:
            wipe(data)
        _put_stamp(application, slot, change.stamp, public)
        if application.read_public_key(slot) not in (public, None):
            raise Broken("the card does not have the key that was sent")
    application.key_is(slot, public, change.stamp)


def _wanted(change: WriteKey) -> Algorithm:
    return algorithm_of(change.private, slot_named(change.ref))


def _import_data(application: Application, change: WriteKey, algorithm: Algorithm) -> bytearray:
    private = change.private
    if application.version >= VERSION_2:
        return extended_header_list(slot_named(change.ref), private, algorithm)
    if not isinstance(private, RSAPrivateKey):
        raise BadInput("cards of version 1 have RSA keys only")
    return version_1(private)


def _import_command(application: Application, slot: Slot, data: bytearray) -> Command:
    if application.version >= VERSION_2:
        return Command(_PUT_DATA_ODD, _KEY_IMPORT >> 8, _KEY_IMPORT & 0xFF, data)
    return put_data(slot.import_v1, data)


def _check_algorithm(application: Application, slot: Slot, algorithm: Algorithm) -> None:
    check_algorithm(algorithm, slot)
    changeable = application.capabilities().algorithm_changeable
    present = application.algorithm(slot)
    if not same(present, algorithm) and not changeable:
        raise NotSupported(f"{slot.ref} is for {described(present)}, which the card cannot change")


def _in_future(application: Application, slot: Slot, wanted: Algorithm) -> Algorithm:
    """What the attributes will be once they are right; as they are now if they are."""
    present = application.algorithm(slot)
    if present is not None and same(present, wanted):
        return present
    return adapted(wanted, present, application.offered(slot))


def _put_algorithm(application: Application, slot: Slot, algorithm: Algorithm) -> None:
    """Nothing is written if the attributes say so already."""
    present, wanted = application.algorithm(slot), _in_future(application, slot, algorithm)
    if present == wanted:
        return
    application.replace_key(slot)
    application.put_data(slot.algorithm, encode_algorithm(wanted))
    if not same(application.algorithm(slot), wanted):
        raise NotSupported(f"the card keeps to {described(application.algorithm(slot))}")


def _put_stamp(application: Application, slot: Slot, stamp: Stamp, public: PublicKey) -> None:
    try:
        application.put_data(slot.fingerprint, stamp.fingerprint(public))
        application.put_data(slot.time, stamp.created.to_bytes(4, "big"))
    except PinNeeded as exc:
        # Another try with the PIN would make another key.
        raise Broken(f"fingerprint and time cannot be stored: {exc}") from None
    application.forget_key(slot)


@contextmanager
def _telling(application: Application, slot: Slot) -> Iterator[None]:
    """If something fails when the slot is no longer what it was, say what it is now."""
    before = application.slot_state(slot)
    try:
        yield
    except PinNeeded:
        raise  # Nothing is done that need not be done once more.
    except ENDINGS as exc:
        cause = exc
        raise Interrupted(
            lambda: _explained(application, slot, before, cause),
            f"{slot.ref} may be changed in part: {exc}; what is there now is not known",
        ) from None


def _explained(
    application: Application, slot: Slot, before: SlotState, cause: Exception
) -> TokenError:
    application.forget_key(slot)
    now = application.slot_state(slot)
    if now == before:
        return plain(cause)
    return Unfinished(f"{slot.ref} was changed in part: {cause}; there is now {now.since(before)}")
