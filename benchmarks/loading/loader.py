"""Load rows into a database once: ``python -m benchmarks.loading.loader KIND MODE ROWS RESULT``.

The Airflow connection ``bench`` is the database. MODE is one of

* ``half``: create the tables with every second row;
* ``prepared``: merge rows that are already built;
* ``dicts``: build the rows and merge them;
* ``stream``: like ``dicts``, but generate the dicts during the load, so that they take no memory;
* ``insert_rows``: Airflow's ``DbApiHook.insert_rows``;
* ``load_data``: MySQL's LOAD DATA LOCAL with REPLACE through Airflow's hook, which clears columns that users added;
* ``executemany``: one upsert per row with SQLite's driver alone, the upper limit for a load into SQLite.

The file RESULT gets the seconds of the load, without imports and without the generation of the input.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.load import rows
from airflow_provider_meetings.warehouse.load.loader import Inputs, load_recordings
from airflow_provider_meetings.warehouse.load.plans import RecordingPlan
from airflow_provider_meetings.warehouse.load.rounds import BATCH
from airflow_provider_meetings.warehouse.load.rows import RunKey
from airflow_provider_meetings.warehouse.load.session import session
from airflow_provider_meetings.warehouse.merge.statements import Merge
from airflow_provider_meetings.warehouse.tables.tables import tables
from benchmarks.loading.meetings import recordings

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RUN = RunKey("bench", "bench", "load", -1, 1)


def hook_of(kind: str) -> Any:
    """Return Airflow's hook for the connection ``bench``."""
    if kind == "sqlite":
        from airflow.providers.sqlite.hooks.sqlite import SqliteHook

        return SqliteHook(sqlite_conn_id="bench")  # type: ignore[no-untyped-call]  # Airflow's
    if kind == "duckdb":
        from airflow.providers.duckdb.hooks.duckdb import DuckDBHook

        return DuckDBHook(duckdb_conn_id="bench")
    if kind == "mysql":
        from airflow.providers.mysql.hooks.mysql import MySqlHook

        return MySqlHook(mysql_conn_id="bench", local_infile=True)
    from airflow.providers.postgres.hooks import postgres

    postgres.USE_PSYCOPG3 = kind == "postgres"
    return postgres.PostgresHook(postgres_conn_id="bench")


def load(hook: Any, dicts: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> int:
    """Load from dicts."""

    class Given(Inputs):
        def recordings(self) -> Iterable[dict[str, Any]]:
            return dicts

    return load_recordings(engine_for(hook), Given(), run=RUN, now=NOW)["recordings"]


def _prepared(hook: Any, built: list[tuple[Any, ...]]) -> int:
    plan = RecordingPlan(tables(), NOW)
    with session(engine_for(hook)) as opened:
        opened.begin_staging()
        opened.create_stage(plan.recordings)
        for start in range(0, len(built), BATCH):
            opened.append(plan.recordings, built[start : start + BATCH])
        (step,) = (step for step in plan.steps() if isinstance(step, Merge) and step.stage is plan.recordings)
        return opened.merge([plan.recordings], [step])["recordings"]


def _insert_rows(hook: Any, kind: str, built: list[tuple[Any, ...]]) -> int:
    key = [column.name for column in tables().recordings.primary_key]
    options = {"replace_index": key} if kind in ("postgres", "psycopg2") else {}
    hook.insert_rows("recordings", built, target_fields=list(rows.RECORDING), replace=True, **options)
    return len(built)


def _executemany(hook: Any, built: list[tuple[Any, ...]]) -> int:
    key = [column.name for column in tables().recordings.primary_key]
    sets = ", ".join(f"{name} = excluded.{name}" for name in rows.RECORDING if name not in key)
    upsert = (
        f"INSERT INTO recordings ({', '.join(rows.RECORDING)}) VALUES ({', '.join('?' * len(rows.RECORDING))}) "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets}"
    )
    with closing(hook.get_conn()) as connection, connection:
        connection.executemany(upsert, built)
    return len(built)


def _load_data(hook: Any, built: list[tuple[Any, ...]]) -> int:
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as file:
        file.writelines("\t".join(map(_cell, row)) + "\n" for row in built)
        file.flush()
        hook.bulk_load_custom(
            "recordings", file.name, "REPLACE", f"CHARACTER SET utf8mb4 ({', '.join(rows.RECORDING)})"
        )
    return len(built)


def _cell(value: Any) -> str:
    if value is None:
        return "\\N"
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def main(kind: str, mode: str, count: int, result: Path) -> None:
    """Load, and write the seconds that it took."""
    hook = hook_of(kind)
    if mode == "half":
        load(hook, (recording for i, recording in enumerate(recordings(count, "before")) if i % 2))
        return
    if mode in ("dicts", "stream"):
        dicts: Any = recordings(count, "after")
        if mode == "dicts":
            dicts = list(dicts)
        started, cpu_started = time.perf_counter(), time.process_time()
        written = load(hook, dicts)
    else:
        built = list(_rows(count))
        if mode != "prepared":
            built = [_times_as_text(kind, row[: len(rows.RECORDING)]) for row in built]
        started, cpu_started = time.perf_counter(), time.process_time()
        if mode == "insert_rows":
            written = _insert_rows(hook, kind, built)
        else:
            written = {"prepared": _prepared, "load_data": _load_data, "executemany": _executemany}[mode](hook, built)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    if written != count:
        raise SystemExit(f"{written} rows were written, not {count}")
    _check(hook, count)
    result.write_text(json.dumps({"seconds": seconds, "cpu": cpu}))


def _rows(count: int) -> Iterator[tuple[Any, ...]]:
    dicts = recordings(count, "after")
    for _ in range(0, count, BATCH):
        yield from rows.recording_rows(list(islice(dicts, BATCH)), NOW)


def _times_as_text(kind: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Write times as text, which every database reads; only PostgreSQL's hooks accept aware datetimes."""
    if kind in ("postgres", "psycopg2"):
        return row
    return tuple(f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value for value in row)


def _check(hook: Any, count: int) -> None:
    with closing(hook.get_conn()) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM recordings WHERE title LIKE '%after'")
        if cursor.fetchone()[0] != count:
            raise SystemExit("not every row was written")


if __name__ == "__main__":
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
