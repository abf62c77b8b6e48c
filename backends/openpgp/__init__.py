"""OpenPGP cards (versions 1 to 3.4) over PC/SC: using them.  Writing to them is not here."""
