"""A process that loads into a file and ends on the way: killed after a step, or for want of room.

The disk is full for it alone: no file of its may pass a size, which fails as a full disk does.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.engines import sqlite as sqlite_engine
from airflow_provider_meetings.warehouse.load.loader import load_recordings
from airflow_provider_meetings.warehouse.load.rows import RunKey
from tests.warehouse.interrupt import after


@dataclass
class FileHook:
    """What Airflow's hooks do, without the seconds that Airflow takes to be imported."""

    conn_type: str
    path: str

    def get_conn(self) -> Any:
        if self.conn_type == "duckdb":
            import duckdb

            return duckdb.connect(self.path)
        import sqlite3

        return sqlite3.connect(self.path)

    def get_conn_id(self) -> str:
        return "file"


def main(kind: str, path: str, fate: str) -> None:
    """Load; `fate` is a size in bytes, or the engine's step after which the process is killed."""
    # So that what it merges is in the file, and not only in memory.
    sqlite_engine._CACHE_KIB = 64
    engine = engine_for(FileHook(kind, path))
    if fate.isdigit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(fate), int(fate)))
    else:
        after(fate, engine, lambda: os.kill(os.getpid(), signal.SIGKILL))
    one = {"platform": "p", "tenant": "t", "state": "ready", "title": "PRIVATE" + "x" * 3000}
    given = [{**one, "recording_id": f"r-{i}"} for i in range(3000)]
    load_recordings(
        engine.hook,
        engine=engine,
        recordings=given,
        stored_files=(),
        summaries=(),
        run=RunKey("d", "r", "t", -1, 1),
        schema=None,
        table_prefix="",
        schema_changes="add",
        now=datetime.now(UTC),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
