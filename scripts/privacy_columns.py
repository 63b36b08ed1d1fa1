"""Write ``docs/reference/privacy_columns.rst`` from the tables: the actions of `redact` on each column."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Table

from airflow_provider_meetings.warehouse.privacy.rules import (
    NOT_REDACTABLE,
    SAME_INFORMATION,
    actions_of,
    redactable,
    vendor_names,
)
from airflow_provider_meetings.warehouse.tables.tables import tables

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "privacy_columns.rst"
_ALSO = {
    "recording_id": "``file_id``, the same id in Feishu; ``item_key``; requested ids (``selector``, ``listed_by``)",
    "file_id": "``recording_id``, the same id in Feishu",
    "meeting_id": "``item_key``; requested ids (``selector``, ``listed_by``)",
    "meeting_number": "``item_key``; requested ids (``selector``, ``listed_by``)",
    "owner_id": "requested ids (``selector``, ``listed_by``)",
}


def page() -> str:
    """Return the page."""
    written = list(tables())
    lines = [
        "Redaction of each column",
        "========================",
        "",
        "Generated from ``warehouse/privacy`` by ``scripts/privacy_columns.py``; CI fails if it is out of date.",
        "See :doc:`/guides/privacy` for how to use it.",
        "",
        ".. list-table::",
        "   :header-rows: 1",
        "",
        "   * - Column",
        "     - In",
        "     - Actions",
        "     - Fields of ``source`` redacted with it",
        "     - Also redacted",
    ]
    posts = [table for table in written if table.name.startswith("post")]
    others = [table for table in written if table not in posts]
    for group in (others, posts):
        for name, actions in redactable(group).items():
            lines += _row(name, actions, [table for table in group if name in table.columns])
    lines += ["", "Not redacted:", ""]
    for name in sorted(NOT_REDACTABLE):
        lines.append(f"* ``{name}``: {NOT_REDACTABLE[name]}.")
    lines += ["* all columns that begin with ``_``: the loader writes them.", ""]
    return "\n".join(lines)


def _row(name: str, actions: tuple[str, ...], group: list[Table]) -> Iterator[str]:
    held = sorted({field for table in group if actions_of(table.c[name]) for field in vendor_names(table.c[name])})
    implied = [other for other in SAME_INFORMATION.get(name, ()) if any(other in table.columns for table in group)]
    also = [f"``{other}``, dropped" for other in implied]
    also += [_ALSO[name]] if name in _ALSO else []
    yield f"   * - ``{name}``"
    yield f"     - {', '.join(f'``{table.name}``' for table in group)}"
    yield f"     - {', '.join(actions)}"
    yield f"     - {', '.join(f'``{field}``' for field in held) if name != 'source' else 'all'}"
    yield f"     - {'; '.join(also)}".rstrip()


if __name__ == "__main__":
    PAGE.write_text(page())
