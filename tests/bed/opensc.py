"""OpenSC's module, which serves the cards in the bed's own pcscd."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.bed.module_token import ModuleToken

_MODULE = next(Path("/usr/lib").glob("*/opensc-pkcs11.so"), Path("opensc-pkcs11.so"))

#: It knows more readers than those, and keeps files, of the user's.
_CONFIGURATION = """app default {
  reader_driver pcsc { enable_pinpad = false; }
  framework pkcs15 { use_file_caching = no; }
}
"""


def opensc(directory: Path, label: str, pin: str, env: Mapping[str, str]) -> ModuleToken:
    """The token that OpenSC makes of a card.  ``env``: of clients of the pcscd."""
    configuration = directory / "opensc.conf"
    configuration.write_text(_CONFIGURATION)
    return ModuleToken(_MODULE, {**env, "OPENSC_CONF": str(configuration)}, label, pin)
