"""Writing data objects and certificates; all functions are called within an operation."""

from __future__ import annotations

from dataclasses import replace

from backends.changes import Attest, SetAttribute, WriteCertificate
from backends.errors import NoButton, NotFound, NotSupported, TooLarge
from backends.openpgp import yubikey
from backends.openpgp.application import Application, put_data
from backends.openpgp.data_objects import DO, VERSION_2, VERSION_3
from backends.openpgp.kdf_changes import check_kdf
from backends.openpgp.slots import BY_REF, Slot
from backends.openpgp.writable_objects import WritableObject, writable
from backends.token import Attribute, PinRef


def slot_named(ref: str) -> Slot:
    """Raises NotFound."""
    try:
        return BY_REF[ref]
    except KeyError:
        raise NotFound(f"an OpenPGP card has no key {ref}") from None


def row_of(application: Application, change: SetAttribute) -> WritableObject:
    """Raises NotSupported, or BadInput for a value that does not fit."""
    capabilities, version = application.capabilities(), application.version
    row = writable(change.attribute, change.value, capabilities, version)
    application.session.channel.check(put_data(row.do, change.value))
    if row.touch and not application.has_button():
        raise NoButton("the card has no button")
    if change.attribute is Attribute.KDF:
        check_kdf(change.value)
    return row


def set_attribute(application: Application, change: SetAttribute) -> None:
    row = row_of(application, change)
    for do in (row.do, *row.also):
        application.objects.drop(do)
    application.put_data(row.do, change.value)
    if change.attribute is Attribute.CHV_STATUS_1 and application.pins.status is not None:
        several = change.value != b"\0"
        application.pins.status = replace(application.pins.status, several_signatures=several)
        # What was verified for one signature is used up, or is no longer good for the next.
        application.pins.forget(PinRef.PW1_81)


def check_certificate(application: Application, change: WriteCertificate) -> None:
    slot, most = slot_named(change.ref), application.capabilities().max_certificate
    if not most or application.version < (VERSION_3 if slot.occurrence else VERSION_2):
        raise NotSupported(f"cards of this version keep no certificate for {change.ref}")
    if len(change.der) > most:
        raise TooLarge(f"certificate of {len(change.der)} bytes; the card takes {most}")
    # Whatever it is: to remove a certificate, gpg-card stores a blank.
    application.session.channel.check(put_data(DO.CERTIFICATE, change.der))


def write_certificate(application: Application, change: WriteCertificate) -> None:
    application.objects.drop(DO.CERTIFICATE)
    with application.certificate_selected(slot_named(change.ref)):
        application.put_data(DO.CERTIFICATE, change.der)


def check_attest(application: Application, change: Attest) -> None:
    slot_named(change.ref)
    if application.aid is None or not yubikey.attests(application.aid):
        raise NotSupported("the card cannot attest where its keys come from")


def attest(application: Application, change: Attest) -> None:
    application.objects.drop(DO.CERTIFICATE)
    application.session.command(yubikey.attest(slot_named(change.ref).number))
