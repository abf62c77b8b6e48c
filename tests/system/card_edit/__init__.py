"""Scenarios for the menu of ``gpg --card-edit``, by name.

``SCENARIOS`` have every entry of the menu.  ``VARIANTS``, by and large what can be typed wrong, are
for GnuPG 2.2: gpg-agent 2.4 takes half a second for each prompt.  ``OF_2_4`` are for GnuPG 2.4,
where 2.2 is no example.
"""

from tests.system.card_edit.card import CARD, CARD_OF_2_4, CARD_VARIANTS
from tests.system.card_edit.cardholder import CARDHOLDER, CARDHOLDER_VARIANTS
from tests.system.card_edit.keys import KEYS, KEYS_VARIANTS
from tests.system.card_edit.pins import PINS, PINS_OF_2_4, PINS_VARIANTS

SCENARIOS = CARDHOLDER | PINS | CARD | KEYS
VARIANTS = CARDHOLDER_VARIANTS | PINS_VARIANTS | CARD_VARIANTS | KEYS_VARIANTS
OF_2_4 = PINS_OF_2_4 | CARD_OF_2_4
