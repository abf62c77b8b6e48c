"""The table of PKCS#11 providers in docs/devices.md, made from :mod:`tests.bed.tokens`.

``python -m tests.bed.devices`` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.bed.tokens import Operation, cells

PAGE = Path(__file__).resolve().parents[2] / "docs" / "devices.md"

_GENERATIONS = ("2.2", "2.4")
_CANNOT = "\N{EN DASH}"
_BEGIN = "<!-- The table from here on is made from tests/bed/tokens.py. -->\n"
_END = "<!-- Its end. -->\n"
_NAMES = {
    "softhsm": "SoftHSM 2.6",
    "opencryptoki": "openCryptoki 3.8",
    "tpm2": "tpm2-pkcs11 1.9, swtpm",
    "nss": "NSS",
    "p11-kit-server": "SoftHSM through `p11-kit server`",
    "p11-kit-remote": "SoftHSM through `p11-kit remote`",
    "opensc-openpgp": "OpenSC, OpenPGP card",
    "opensc-piv": "OpenSC, PIV card",
}
_COLUMNS = {
    Operation.LIST: "card status",
    Operation.SIGN: "sign",
    Operation.DECRYPT: "decrypt",
    Operation.SSH: "ssh",
    Operation.SMIME: "gpgsm",
    Operation.GENERATE: "make keys",
}


def table() -> str:
    """In Markdown."""
    heads = ["Token", "Keys", *_COLUMNS.values()]
    rows = [heads, ["---"] * len(heads), *_rows()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows() -> Iterator[list[str]]:
    able: dict[tuple[str, str], dict[str, Operation]] = {}
    for provider, kind, generation, operations in cells(_GENERATIONS):
        able.setdefault((provider, kind), {})[generation] = operations
    for (provider, kind), by_generation in able.items():
        yield [_NAMES[provider], kind, *(_cell(by_generation, what) for what in _COLUMNS)]


def _cell(able: dict[str, Operation], what: Operation) -> str:
    those = [generation for generation, operations in able.items() if what in operations]
    return "yes" if len(those) == len(_GENERATIONS) else ", ".join(those) or _CANNOT


def page(text: str) -> str:
    """The page with the table as it should be."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{table()}\n{_END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
