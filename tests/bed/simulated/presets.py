"""Cards by name: five that were recorded, and others that a driver meets."""

from __future__ import annotations

from tests.bed.simulated.profile import Profile

PRESETS: dict[str, Profile] = {
    "modern": Profile(),
    "no_extended": Profile(
        extended_length=False, max_command=255, max_response=256, chain_buffer=2048
    ),
}
