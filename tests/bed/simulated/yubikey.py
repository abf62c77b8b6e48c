"""What only YubiKeys have: version, attestation, and the management application beside ours."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.bed.simulated import tlv
from tests.bed.simulated.algorithms import SLOTS
from tests.bed.simulated.pins import PW1_SIGN
from tests.bed.simulated.state import GENERATED, State
from tests.bed.simulated.status import SW, require
from tests.bed.simulated.transport import Command

MANAGEMENT = bytes.fromhex("A000000527471117")
#: Occurrences of DO 7F21 by slot.
_OCCURRENCES = {1: 2, 2: 1, 3: 0}
_ROLES = {1: "SIG", 2: "DEC", 3: "AUT"}
_PROPRIETARY = 0x80
_SERIAL, _FORM_FACTOR, _FIRMWARE = 0x02, 0x04, 0x05
_FROM, _TO = datetime.datetime(2020, 1, 1), datetime.datetime(2050, 1, 1)


def get_version(state: State, command: Command) -> bytes:
    """Three bytes of firmware version."""
    require(state.profile.attestation, SW.UNKNOWN_INS)
    require(command.p1p2 == 0, SW.WRONG_P1_P2)
    return state.profile.firmware


def attest(state: State, command: Command) -> bytes:
    """Put a certificate that the key of slot P1 was made here in the place of that slot's."""
    require(state.profile.attestation, SW.UNKNOWN_INS)
    require(command.cla == _PROPRIETARY, SW.UNKNOWN_CLA)
    require(command.p1 in SLOTS and command.p2 == 0, SW.WRONG_P1_P2)
    require(PW1_SIGN in state.pins.verified, state.profile.pin_missing)
    require(command.p1 in state.keys, state.profile.no_key)
    require(state.keys[command.p1].origin == GENERATED, SW.CONDITIONS)
    state.certificates[_OCCURRENCES[command.p1]] = _certificate(state, command.p1)
    return b""


def _certificate(state: State, slot: int) -> bytes:
    """DER, signed with a key that nobody knows any more: the bed has no chain to check."""
    builder = x509.CertificateBuilder(
        issuer_name=_name("OPGP Attestation"),
        subject_name=_name(f"OPGP Attestation {_ROLES[slot]}"),
        public_key=state.keys[slot].private.public_key,
        serial_number=state.profile.serial or 1,
        not_valid_before=_FROM,
        not_valid_after=_TO,
    )
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def configuration(state: State, command: Command) -> bytes:
    """Of the management application: serial number, as printed in decimal, and firmware."""
    require(state.selected == MANAGEMENT, SW.UNKNOWN_INS)
    serial = int(f"{state.profile.serial:08X}").to_bytes(4, "big")
    told = tlv.encode(_SERIAL, serial) + tlv.encode(_FORM_FACTOR, b"\1")
    told += tlv.encode(_FIRMWARE, state.profile.firmware)
    return bytes([len(told)]) + told
