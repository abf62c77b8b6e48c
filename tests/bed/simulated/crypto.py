"""What is done with the keys: PSO, INTERNAL AUTHENTICATE, GENERATE, GET CHALLENGE (sections 7.2.10
to 7.2.15)."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from tests.bed.simulated import objects, tlv
from tests.bed.simulated.algorithms import AUTHENTICATE, DECRYPT, SIGN
from tests.bed.simulated.importing import TEMPLATES
from tests.bed.simulated.keys import PrivateKey, RSAKey, generate
from tests.bed.simulated.pins import PW1_OTHER, PW1_SIGN
from tests.bed.simulated.state import GENERATED, Key, State
from tests.bed.simulated.status import SW, Refused, require
from tests.bed.simulated.transport import Command

_SIGNATURE, _DECIPHER, _ENCIPHER = 0x9E9A, 0x8086, 0x8680
_GENERATE, _READ = 0x80, 0x81
_RSA_PADDING, _AES_PADDING = 0x00, 0x02
_VERSION_1_DIGEST_INFO = 35


def perform_security_operation(state: State, command: Command) -> bytes:
    """PSO: P1 P2 say which."""
    operations = {_SIGNATURE: _sign, _DECIPHER: _decipher, _ENCIPHER: _encipher}
    require(command.p1p2 in operations, SW.WRONG_P1_P2)
    return operations[command.p1p2](state, command.data)


def _sign(state: State, data: bytes) -> bytes:
    """COMPUTE DIGITAL SIGNATURE: counts, and uses up the PIN if it is asked each time."""
    once = objects.value(state, objects.PW_STATUS)[0] == 0
    refusal = state.profile.used_up_pin if state.used_up else state.profile.pin_missing
    require(PW1_SIGN in state.pins.verified, refusal)
    key = _key(state, SIGN)
    if isinstance(key, RSAKey):
        _check_digest_info(state, data)
    _wait_for_touch(state, SIGN)
    signature = key.sign(data)
    state.counter = min(state.counter + 1, 0xFFFFFF)
    if once:
        state.pins.verified.discard(PW1_SIGN)
        state.used_up = True
    return signature


def _check_digest_info(state: State, data: bytes) -> None:
    """Section 7.2.10.2: the input is a DigestInfo; version 1 knows hashes of 20 bytes only."""
    require(state.profile.version >= 0x0200 or len(data) == _VERSION_1_DIGEST_INFO, SW.WRONG_LENGTH)
    parts = tlv.parse(tlv.only(0x30, data))
    require([tag for tag, _ in parts] == [0x30, 0x04], SW.WRONG_DATA)


def _decipher(state: State, data: bytes) -> bytes:
    """DECIPHER: what it is about, the first byte tells."""
    require(PW1_OTHER in state.pins.verified, state.profile.pin_missing)
    require(data, SW.WRONG_LENGTH)
    if data[0] == _AES_PADDING and state.profile.aes:
        return _run(_aes(state).decryptor(), data[1:])
    key = _key(state, DECRYPT)
    if isinstance(key, RSAKey):
        require(data[0] == _RSA_PADDING, SW.WRONG_DATA)
        cryptogram = data[1:]
    else:
        cryptogram = tlv.only(0x86, tlv.only(0x7F49, tlv.only(0xA6, data)))
    _wait_for_touch(state, DECRYPT)
    return key.decipher(cryptogram)


def _encipher(state: State, data: bytes) -> bytes:
    """ENCIPHER: with the AES key alone (section 7.2.12)."""
    require(state.profile.aes, SW.WRONG_P1_P2)
    require(PW1_OTHER in state.pins.verified, state.profile.pin_missing)
    return bytes([_AES_PADDING]) + _run(_aes(state).encryptor(), data)


def _aes(state: State) -> Cipher[modes.CBC]:
    key = state.stored.get(objects.AES_KEY)
    require(key, state.profile.no_key)
    assert key is not None
    return Cipher(algorithms.AES(key), modes.CBC(bytes(16)))


def _run(context: CipherContext, data: bytes) -> bytes:
    require(data and len(data) % 16 == 0, SW.WRONG_LENGTH)
    return context.update(data) + context.finalize()


def internal_authenticate(state: State, command: Command) -> bytes:
    """Signs with the third key; any input is good that is not too long."""
    require(command.p1p2 == 0, SW.WRONG_P1_P2)
    require(PW1_OTHER in state.pins.verified, state.profile.pin_missing)
    key = _key(state, AUTHENTICATE)
    _wait_for_touch(state, AUTHENTICATE)
    return key.sign(command.data)


def _key(state: State, slot: int) -> PrivateKey:
    require(slot in state.keys, state.profile.no_key)
    return state.keys[slot].private


def _wait_for_touch(state: State, slot: int) -> None:
    if state.profile.button and objects.value(state, 0xD5 + slot)[0]:
        require(state.touch(), SW.NO_TOUCH)


def generate_key_pair(state: State, command: Command) -> bytes:
    """GENERATE ASYMMETRIC KEY PAIR: P1 80 makes one, 81 shows what is there."""
    require(command.p1 in (_GENERATE, _READ) and command.p2 == 0, SW.WRONG_P1_P2)
    slot = _slot(command.data)
    if command.p1 == _GENERATE:
        state.require_admin()
        key = generate(state.attributes(slot), state.profile.whole_point)
        state.put_key(slot, Key(key, GENERATED))
    require(slot in state.keys, state.profile.empty_slot)
    return tlv.encode(0x7F49, state.keys[slot].private.public)


def _slot(data: bytes) -> int:
    """Of an empty control reference template."""
    tag, length, rest = tlv.read_header(data)
    require(tag in TEMPLATES and not length and not rest, SW.WRONG_DATA)
    return TEMPLATES[tag]


def get_challenge(state: State, command: Command) -> bytes:
    """Random numbers, as many as Le says."""
    require(state.profile.get_challenge, SW.UNKNOWN_INS)
    require(command.p1p2 == 0, SW.WRONG_P1_P2)
    if command.le is None or command.le > state.profile.get_challenge:
        raise Refused(SW.WRONG_LENGTH)
    return os.urandom(command.le)
