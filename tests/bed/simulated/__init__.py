"""An OpenPGP card in Python, as strict as a real one, and of many kinds: see profile and presets.

It is written from the OpenPGP card specification (3.4 unless said otherwise) and from recordings of
real cards, and uses nothing of the driver's: it judges it.
"""

from tests.bed.simulated.card import SimulatedCard
from tests.bed.simulated.presets import PRESETS
from tests.bed.simulated.profile import Profile

__all__ = ["PRESETS", "Profile", "SimulatedCard"]
