"""Each error text that the page on troubleshooting quotes exists in the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.documentation.blocks import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.rst").read_text("utf-8")
QUOTED = re.findall(r"^``(.+)``\n    \*Cause\.\*", PAGE, re.MULTILINE)


@cache
def texts() -> frozenset[str]:
    """Return the texts of the package, with … for each value that is put into them."""
    package = ROOT / "airflow_provider_meetings"
    sources = [path for path in package.rglob("*.py") if "emulator" not in path.parts]
    return frozenset(text for path in sources for text in _texts(ast.parse(path.read_text("utf-8"))))


def _texts(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"%[sd]|%\.1f", "…", node.value)


@pytest.mark.parametrize("quoted", QUOTED)
def test_error_exists(quoted: str) -> None:
    assert any(quoted in text for text in texts())


def test_errors_are_found() -> None:
    assert len(QUOTED) >= 40
    assert len(re.findall(r"^    \*Remedy\.\* ", PAGE, re.MULTILINE)) >= len(QUOTED)
