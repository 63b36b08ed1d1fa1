"""The cells of the matrix, and the tables that it writes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from matrix import AIRFLOWS, PYTHONS, cells
from matrix_table import PAGE, page

ROOT = Path(__file__).parent.parent
WORKS: dict[str, Any] = {
    "done": {"amazon": 8, "duckdb": 41, "redis": None},
    "providers": {"common-compat": "1.14.2", "common-sql": "1.34.0"},
}


def test_versions_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {each.rpartition(" :: ")[2] for each in project["classifiers"] if " :: Python :: 3." in each}
    assert named == set(PYTHONS)
    assert f"apache-airflow>={min(AIRFLOWS)}" in project["dependencies"]
    pinned = re.search(r"^apache-airflow==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned
    assert pinned[1] == list(AIRFLOWS)[-1]


def test_page_says_what_could_not_run() -> None:
    results = {cell.name: WORKS for cell in cells()}
    missing = {"problem": "not run: no Python 3.13 here"}
    results |= {name: missing for name in results if "-3.13-" in name}
    results["3.2.2-3.11-all"] = {"problem": "FAILED: see a file", "failed": True}
    text = page(results)
    assert text.count("- not run: no Python 3.13 here") == len(AIRFLOWS)
    assert text.count("no extra: works; ``all``: fails") == 1
    assert text.count("41 rows loaded") == text.count("8 files landed in S3") == text.count("tokens shared") == 2
    assert "1.14.2, 1.34.0" in text


def test_page_in_the_documentation_is_of_these_cells() -> None:
    found = PAGE.read_text()
    assert all(f"* - {airflow}\n" in found for airflow in AIRFLOWS)
    assert all(f"Python {python}\n" in found for python in PYTHONS)
    assert "fails" not in found
