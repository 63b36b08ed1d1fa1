"""The names of our metrics."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_documentation_lists_each_metric_and_no_other() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "airflow_provider_meetings").rglob("*.py"))
    sent = set(re.findall(r'\.(?:count|timing)\(\s*"(meetings\.[a-z_.]+)"', sources))
    assert len(sent) > 5
    assert (
        set(re.findall(r"^``(meetings\.[a-z_.]+)``", (ROOT / "docs/limits_in_airflow.rst").read_text(), re.M)) == sent
    )
