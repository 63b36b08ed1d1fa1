"""Write ``docs/reference/tables.rst`` from the tables: all columns with their comments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Table

from airflow_provider_meetings.warehouse.tables.tables import tables
from airflow_provider_meetings.warehouse.tables.types import Id

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "tables.rst"
OWNERS = (("recording_id", "recordings"), ("post_id", "posts"))
_KINDS = {"DateTime": "time", "BigInteger": "whole number", "Boolean": "yes or no", "JSON": "JSON", "Text": "text"}


def page() -> str:
    """Return the page."""
    lines = [
        "Tables of the warehouse and the lake",
        "====================================",
        "",
        "Generated from ``warehouse/tables`` by ``scripts/warehouse_tables.py``; CI fails if it is out of date.",
        "Each key begins with ``platform`` and ``tenant``, which the picture omits. An arrow points to the table whose",
        "key the column holds. There are no foreign keys: the row may arrive later, or never.",
        "",
        ".. image:: ../images/tables.svg",
        "   :alt: the tables with their keys",
        "   :class: dark-light",
        "",
    ]
    for table in tables():
        lines += _section(table)
    return "\n".join(lines)


def _section(table: Table) -> Iterator[str]:
    yield f"{table.name}\n{'-' * len(table.name)}\n\n{table.comment}.\n"
    yield ".. list-table::\n   :header-rows: 1\n\n   * - Column\n     - Kind\n     - What it holds"
    for column in table.columns:
        kind = "id" if isinstance(column.type, Id) else _KINDS[type(column.type).__name__]
        name = f"``{column.name}`` (key)" if column.primary_key else f"``{column.name}``"
        yield f"   * - {name}\n     - {kind}\n     - {column.comment}"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page())
