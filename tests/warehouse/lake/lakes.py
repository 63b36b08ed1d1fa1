"""A lake in a folder: land in it, and read it as anybody would, with DuckDB."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.models import TranscriptSegment
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.warehouse.lake.landing import Counts, land_posts, land_recordings
from airflow_provider_meetings.warehouse.load.rows import RunKey
from airflow_provider_meetings.warehouse.load.transcripts import Content
from airflow_provider_meetings.warehouse.tables.tables import tables

RUN = RunKey(dag_id="dag", run_id="run", task_id="load", map_index=-1, try_number=1)
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DEFAULT = None  # as what is read in the partition of that name
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
    now: datetime = NOW,
    run: RunKey = RUN,
) -> Counts:
    given, files, listings = list(recordings), list(stored), list(summaries)
    texts = None if contents is None else list(contents)
    return land_recordings(
        store_at(place) if isinstance(place, Path) else place,
        recordings=lambda: iter(given),
        stored_files=lambda: iter(files),
        contents=lambda: None if texts is None else iter(texts),
        summaries=lambda: iter(listings),
        run=run,
        now=now,
        sleep=lambda seconds: None,
    )


def land_post(root: Path, *posts: Row, now: datetime = NOW) -> Counts:
    return land_posts(store_at(root), posts=lambda: iter(posts), now=now, sleep=lambda seconds: None)


def transcript(*texts: str, **changes: Any) -> Content:
    """A file of that many sentences, of `recording` and `stored` as the fixtures make them."""
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


def read(root: Path, table: str) -> list[Row]:
    """Return all rows of a table in the lake, times as text, ``dt`` as text; none where nothing was written yet."""
    if not any((root / table).rglob("*.parquet")):
        return []
    key = ", ".join(column.name for column in getattr(tables(), table).primary_key)
    source = f"read_parquet('{root}/{table}/*/*.parquet', hive_partitioning = true, hive_types = {{'dt': VARCHAR}})"
    kinds = query(f"DESCRIBE SELECT * FROM {source}")
    given = (
        f"{k['column_name']}::VARCHAR AS {k['column_name']}" if "TIME" in k["column_type"] else k["column_name"]
        for k in kinds
    )
    return query(f"SELECT {', '.join(given)} FROM {source} ORDER BY {key}")


def days(root: Path, table: str) -> dict[str, str | None]:
    """Return where each recording, or post, of a table stands."""
    key = "post_id" if "post" in table else "recording_id"
    return {row[key]: row["dt"] for row in read(root, table)}


def bare(rows: Iterable[Row]) -> list[Row]:
    """Leave out the partition column; JSON as it is read."""
    return [{name: as_read(value) for name, value in row.items() if name != "dt"} for row in rows]


def as_read(value: Any) -> Any:
    return (
        json.dumps(json.loads(value), sort_keys=True)
        if isinstance(value, str) and value.startswith(("[", "{"))
        else value
    )


def content(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
