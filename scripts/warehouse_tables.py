"""Write ``docs/warehouse_tables.rst`` from the tables: a diagram, and every column with its comment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Table

from airflow_provider_meetings.warehouse.tables.tables import Tables, tables
from airflow_provider_meetings.warehouse.tables.types import Id

PAGE = Path(__file__).resolve().parent.parent / "docs" / "warehouse_tables.rst"
_OWNERS = (("recording_id", "recordings"), ("post_id", "posts"))
_WORDS = {"DateTime": "time", "BigInteger": "whole number", "Boolean": "yes or no", "JSON": "JSON", "Text": "text"}


def page() -> str:
    """Return the page."""
    found = tables()
    lines = [
        "The tables",
        "==========",
        "",
        "Made from ``warehouse/columns.py`` by ``scripts/warehouse_tables.py``; CI fails if it is not up to date.",
        "Each key begins with ``platform`` and ``tenant``, left out of the diagram; an arrow leads to the table whose",
        "key a column holds. The database checks no such reference: parts of what they name may come later, or never.",
        "",
        "::",
        "",
        *(f"    {line}".rstrip() for line in _diagram(found)),
        "",
    ]
    for table in found:
        lines += _described(table)
    return "\n".join(lines)


def _diagram(found: Tables) -> Iterator[str]:
    for table in found:
        keys = [column.name for column in table.primary_key][2:]
        led = [f"{column} ─► {owner}" for column, owner in _OWNERS if column in table.c and owner != table.name]
        inside = [f"key: {', '.join(keys)}", *led]
        width = max(*map(len, inside), len(table.name) + 2) + 2
        yield f"┌─ {table.name} {'─' * (width - len(table.name) - 3)}┐"
        for line in inside:
            yield f"│ {line.ljust(width - 1)}│"
        yield f"└{'─' * width}┘"


def _described(table: Table) -> Iterator[str]:
    yield f"{table.name}\n{'-' * len(table.name)}\n\n{table.comment}.\n"
    yield ".. list-table::\n   :header-rows: 1\n\n   * - Column\n     - Kind\n     - What it holds"
    for column in table.columns:
        kind = "id" if isinstance(column.type, Id) else _WORDS[type(column.type).__name__]
        name = f"``{column.name}`` (key)" if column.primary_key else f"``{column.name}``"
        yield f"   * - {name}\n     - {kind}\n     - {column.comment}"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page())
