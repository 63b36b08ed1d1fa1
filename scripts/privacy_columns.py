"""Write ``docs/privacy_columns.rst`` from the tables: what `redact` does to each column."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Table

from airflow_provider_meetings.warehouse.privacy.rules import IMPLIED, KEPT, actions_of, redactable, vendor_names
from airflow_provider_meetings.warehouse.tables.tables import tables

PAGE = Path(__file__).resolve().parent.parent / "docs" / "privacy_columns.rst"
_ALSO = {
    "recording_id": "``file_id``, in Feishu the same id; ids that were asked for (``selector``)",
    "file_id": "``recording_id``, in Feishu the same id",
    "meeting_id": "ids that were asked for (``selector``)",
    "meeting_number": "ids that were asked for (``selector``)",
    "owner_id": "ids that were asked for (``selector``)",
}


def page() -> str:
    """Return the page."""
    written = list(tables())
    lines = [
        "What redact does to each column",
        "===============================",
        "",
        "Made from ``warehouse/redactable.py`` by ``scripts/privacy_columns.py``; CI fails if it is not up to date.",
        "How to use it says :doc:`privacy`.",
        "",
        ".. list-table::",
        "   :header-rows: 1",
        "",
        "   * - Column",
        "     - In",
        "     - Actions",
        "     - With it goes, in ``source``",
        "     - and",
    ]
    posts = [table for table in written if table.name.startswith("post")]
    others = [table for table in written if table not in posts]
    for group in (others, posts):
        for name, actions in redactable(group).items():
            lines += _row(name, actions, [table for table in group if name in table.columns])
    lines += ["", "Not redacted:", ""]
    for name in sorted(KEPT):
        lines.append(f"* ``{name}``: {KEPT[name]}.")
    lines += ["* all that begin with ``_``: they are the loader's own.", ""]
    return "\n".join(lines)


def _row(name: str, actions: tuple[str, ...], group: list[Table]) -> Iterator[str]:
    held = sorted({field for table in group if actions_of(table.c[name]) for field in vendor_names(table.c[name])})
    implied = [other for other in IMPLIED.get(name, ()) if any(other in table.columns for table in group)]
    also = [f"``{other}``, dropped" for other in implied]
    also += [_ALSO[name]] if name in _ALSO else []
    yield f"   * - ``{name}``"
    yield f"     - {', '.join(f'``{table.name}``' for table in group)}"
    yield f"     - {', '.join(actions)}"
    yield f"     - {', '.join(f'``{field}``' for field in held) if name != 'source' else 'all'}"
    yield f"     - {'; '.join(also)}".rstrip()


if __name__ == "__main__":
    PAGE.write_text(page())
