"""Who made an OpenPGP card: the manufacturer ids of its AID (OpenPGP card 3.4 section 4.2.1)."""

from __future__ import annotations

#: As GnuPG 2.4 prints them (scd/app-openpgp.c, get_manufacturer).  2.2 knows fewer and says
#: "unknown" for the rest; gpg shows whatever name the status line brings, so the fuller table
#: tells users of 2.2 more and users of 2.4 the same.
_NAMES = {
    0x0000: "test card",
    0x0001: "PPC Card Systems",
    0x0002: "Prism",
    0x0003: "OpenFortress",
    0x0004: "Wewid",
    0x0005: "ZeitControl",
    0x0006: "Yubico",
    0x0007: "OpenKMS",
    0x0008: "LogoEmail",
    0x0009: "Fidesmo",
    0x000A: "VivoKey",
    0x000B: "Feitian Technologies",
    0x000D: "Dangerous Things",
    0x000E: "Excelsecu",
    0x000F: "Nitrokey",
    0x0010: "NeoPGP",
    0x0011: "Token2",
    0x002A: "Magrathea",
    0x0042: "GnuPG e.V.",
    0x1337: "Warsaw Hackerspace",
    0x2342: "warpzone",
    0x4354: "Confidential Technologies",
    0x5343: "SSE Carte à puce",
    0x5443: "TIF-IT e.V.",
    0x63AF: "Trustica",
    0xBA53: "c-base e.V.",
    0xBD0E: "Paranoidlabs",
    0xCA05: "Atos CardOS",
    0xF1D0: "CanoKeys",
    0xF517: "FSIJ",
    0xF5EC: "F-Secure",
    0xFFFF: "test card",
}

#: Serial numbers are drawn at random here; the manufacturer is unknown by design.
_UNMANAGED = range(0xFF00, 0xFFFF)


def manufacturer_name(number: int) -> str:
    """The name for the MANUFACTURER line and GETINFO manufacturer."""
    if number in _UNMANAGED:
        return "unmanaged S/N range"
    return _NAMES.get(number, "unknown")
