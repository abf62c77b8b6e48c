"""The import arrows of the house: assuan <- scd -> backends, and who may import which library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("assuan", "scd", "backends")

#: Room -> rooms that it may import.
ARROWS = {"assuan": {"assuan"}, "backends": {"backends"}, "scd": set(ROOMS)}

#: Library -> files and folders that may import it.
LIBRARIES = {
    "trio": ("assuan/", "scd/"),
    "cryptography": ("scd/challenge.py",),
    "smartcard": ("backends/openpgp/pcsc.py",),
    "pkcs11": ("backends/pkcs11/module.py",),
}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path}"
            yield node.module or ""


def _modules() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    here = str(path.relative_to(ROOT))
    room = here.partition("/")[0]
    for name in _imports(path):
        top = name.partition(".")[0]
        assert top not in ROOMS or top in ARROWS[room], f"{here} imports {name}"
        assert top not in LIBRARIES or here.startswith(LIBRARIES[top]), f"{here} imports {name}"


def test_there_is_something_to_look_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in _modules()} == set(ROOMS)
