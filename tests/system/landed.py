"""Read lake and warehouse, to compare them before and after a run."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from airflow_provider_meetings.api.ledger.ledger import FOLDER

_TASK_TRY = ("dag_id", "run_id", "task_id", "map_index", "try_number")
KEYS = {
    "landings": (*_TASK_TRY, "recording_id", "file_id", "kind"),
    "discovery_windows": (*_TASK_TRY, "endpoint", "selector", "from_at", "to_at"),
}
"""Unique columns of the journals that each load writes."""
JOURNALS = {*KEYS, "pending_items", "sync_clocks"}


def tables(warehouse: Path) -> dict[str, list[dict[str, Any]]]:
    """Return all rows, without `asked_at`, which changes whenever the platform gives the same answer."""
    with closing(duckdb.connect(str(warehouse), read_only=True)) as db:
        names = [name for (name,) in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        found = {}
        for name in names:
            rows = db.execute(f"SELECT COLUMNS(lambda c: c <> 'asked_at')::VARCHAR FROM {name} ORDER BY ALL")
            columns = [column[0] for column in rows.description]
            found[name] = [dict(zip(columns, row, strict=True)) for row in rows.fetchall()]
        return found


def files(lake: Path) -> dict[str, tuple[bytes, int]]:
    """Return contents and times of all files, without ledgers, to which each run adds."""
    found = [path for path in lake.rglob("*") if path.is_file() and path.parent.name != FOLDER]
    return {str(path.relative_to(lake)): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}
