"""The tables of the documentation that say what `matrix.py` ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "start" / "matrix.inc"
_DONE = {
    "amazon": "{} files landed in S3",
    "emulator": "serves",
    "parquet": "{} files and rows written",
    "redis": "tokens shared",
}
_LOADED = "{} rows loaded"

Results = Mapping[str, Mapping[str, Any]]
"""What each cell reported, by its name: Airflow's version, Python's, and the extras, with hyphens."""


def write_table(results: Results) -> None:
    """Write the page."""
    PAGE.write_text(page(results))


def page(results: Results) -> str:
    """Return the tables as reStructuredText."""
    names = [name.split("-") for name in results]
    airflows = list(dict.fromkeys(airflow for airflow, *_ in names))
    pythons = sorted({python for _, python, _ in names})
    extras = sorted({extras for *_, extras in names} - {"none", "all", "lowest"})
    first = [("Airflow", "Its common-compat, common-sql", *(f"Python {python}" for python in pythons))]
    for airflow in airflows:
        row = (_both(results[f"{airflow}-{python}-none"], results[f"{airflow}-{python}-all"]) for python in pythons)
        first.append((airflow, _providers(results, airflow), *row))
    with_one = sorted({(airflow, python) for airflow, python, extra in names if extra in extras})
    second = [("Extra", *(f"Airflow {airflow}, Python {python}" for airflow, python in with_one))]
    for extra in extras:
        row = (_single(results[f"{airflow}-{python}-{extra}"], extra) for airflow, python in with_one)
        second.append((f"``{extra}``", *row))
    lowest = "; ".join(
        f"Airflow {airflow} on Python {python}: {_outcome(results[f'{airflow}-{python}-lowest'])}"
        for airflow, python, extra in names
        if extra == "lowest"
    )
    return (
        ".. Written by make matrix.\n\n"
        f"{_table(first)}\n"
        f"One extra alone:\n\n{_table(second)}\n"
        f"``all`` with the lowest version of each dependency that the package allows: {lowest}.\n"
    )


def _both(none: Mapping[str, Any], everything: Mapping[str, Any]) -> str:
    if "problem" in none and none.get("problem") == everything.get("problem"):
        return _outcome(none)
    return f"no extra: {_outcome(none)}; ``all``: {_outcome(everything)}"


def _outcome(result: Mapping[str, Any]) -> str:
    return "fails" if result.get("failed") else str(result.get("problem", "works"))


def _single(result: Mapping[str, Any], extra: str) -> str:
    if "problem" in result:
        return _outcome(result)
    return _DONE.get(extra, _LOADED).format(result["done"].get(extra))


def _providers(results: Results, airflow: str) -> str:
    found = (each["providers"] for name, each in results.items() if name.startswith(f"{airflow}-") and "done" in each)
    return ", ".join(next(found, {}).values()) or "none installed"


def _table(rows: Iterable[Sequence[str]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'* -' if number == 0 else '  -'} {cell}" for number, cell in enumerate(row)]
    return "\n".join(lines) + "\n"
