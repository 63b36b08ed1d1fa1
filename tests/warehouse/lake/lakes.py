"""Load into a lake in a folder, and read it with DuckDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import DateTime, Table

from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.models import TranscriptSegment
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.warehouse.lake.landing import Counts, land_posts, land_recordings
from airflow_provider_meetings.warehouse.load.rows import RunKey
from airflow_provider_meetings.warehouse.load.transcripts import Content
from airflow_provider_meetings.warehouse.tables.tables import tables
from tests.warehouse.inputs import inputs_of

RUN = RunKey(dag_id="dag", run_id="run", task_id="load", map_index=-1, try_number=1)
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DEFAULT = None  # the day of the default partition, as DuckDB reads it
Row = dict[str, Any]


def store_at(root: Path) -> LocalStore:
    return LocalStore(root, f"file://{root}")


def land(
    place: Path | Store,
    recordings: Iterable[Row] = (),
    *,
    stored: Iterable[Row] = (),
    contents: Iterable[Content] | None = None,
    summaries: Iterable[Row] = (),
    ledger: Row | None = None,
    now: datetime = NOW,
    run: RunKey = RUN,
    sleep: Callable[[float], None] = lambda seconds: None,
) -> Counts:
    rows, files, listings = list(recordings), list(stored), list(summaries)
    texts = None if contents is None else list(contents)
    return land_recordings(
        store_at(place) if isinstance(place, Path) else place,
        inputs_of(rows, stored_files=files, contents=texts, summaries=listings, ledger=ledger),
        run=run,
        now=now,
        sleep=sleep,
    )


def land_post(root: Path, *posts: Row, now: datetime = NOW) -> Counts:
    return land_posts(store_at(root), lambda: iter(posts), now=now, sleep=lambda seconds: None)


def transcript(*texts: str, **changes: Any) -> Content:
    """Return a file with these segments, of the recording of the fixtures."""
    file = {"platform": "wecom", "tenant": "corp", "recording_id": "rec-1", "file_id": "t-1", "kind": "transcript-json"}
    file |= changes
    rows = [{**file, "segment_no": number, "text": text, "broken": False} for number, text in enumerate(texts)]
    return Content(TranscriptSegment, file, rows)


def query(sql: str) -> list[Row]:
    with duckdb.connect() as connection:
        connection.execute("SET timezone = 'UTC'")
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def columns_of(table: Table) -> str:
    """Return the columns for a SELECT, times as text."""
    return ", ".join(f"{c.name}::VARCHAR AS {c.name}" if isinstance(c.type, DateTime) else c.name for c in table.c)


def key_of(table: Table) -> str:
    return ", ".join(column.name for column in table.primary_key)


def read(root: Path, name: str) -> list[Row]:
    """Return all rows of a table, times and ``dt`` as text; empty without files."""
    if not any((root / name).rglob("*.parquet")):
        return []
    table = getattr(tables(), name)
    source = f"read_parquet('{root}/{name}/*/*.parquet', hive_partitioning = true, hive_types = {{'dt': VARCHAR}})"
    return query(f"SELECT {columns_of(table)}, dt FROM {source} ORDER BY {key_of(table)}")


def days(root: Path, table: str) -> dict[str, str | None]:
    """Return the day of each recording or post of a table."""
    key = "post_id" if "post" in table else "recording_id"
    return {row[key]: row["dt"] for row in read(root, table)}


def bare(rows: Iterable[Row]) -> list[Row]:
    """Return rows without the partition column, JSON in a canonical form."""
    return [{name: canonical(value) for name, value in row.items() if name != "dt"} for row in rows]


def canonical(value: Any) -> Any:
    return (
        json.dumps(json.loads(value), sort_keys=True)
        if isinstance(value, str) and value.startswith(("[", "{"))
        else value
    )


def content(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
