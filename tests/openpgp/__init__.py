"""OpenPGP cards: tables, recorded cards, a virtual card in the process and behind pcscd."""
