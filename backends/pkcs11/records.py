"""Public keys of the contract as they travel between daemon and worker."""

from __future__ import annotations

from backends.curves import BY_OID
from backends.pkcs11.messages import ECRecord, RSARecord
from backends.token import ECPublicKey, PublicKey, RSAPublicKey


def record_of(public: PublicKey) -> RSARecord | ECRecord:
    if isinstance(public, RSAPublicKey):
        exponent = public.e.to_bytes((public.e.bit_length() + 7) // 8)
        return RSARecord(public.n.to_bytes(public.size), exponent)
    return ECRecord(public.curve.oid, public.point)


def public_from(record: RSARecord | ECRecord) -> PublicKey | None:
    """None for a curve that is not known."""
    if isinstance(record, RSARecord):
        return RSAPublicKey(int.from_bytes(record.n), int.from_bytes(record.e))
    curve = BY_OID.get(record.oid)
    return ECPublicKey(curve, record.point) if curve else None
