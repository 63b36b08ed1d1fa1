"""The pages of the emulator are complete, and the example of a test passes; tests/documentation runs the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_provider_meetings.emulator.control.settings import SETTINGS
from airflow_provider_meetings.emulator.faults.media import FAULT_KINDS
from tests.documentation.blocks import blocks

DOCS = Path(__file__).parents[2] / "docs" / "guides"
PAGE = "\n".join((DOCS / name).read_text("utf-8") for name in ("emulator.rst", "testing.rst"))


def test_every_setting_and_fault_is_documented() -> None:
    assert [name for name in SETTINGS if name not in PAGE] == []
    assert [kind for kind in FAULT_KINDS if kind not in PAGE] == []


def test_complete_test_example(emulated: Any) -> None:
    """Run the page's test here: a pytest of its own would import Airflow again, which takes seconds."""
    (code,) = [block.code for block in blocks("python") if "def test_" in block.code]
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    (test,) = [value for name, value in namespace.items() if name.startswith("test_")]
    test(emulated)
