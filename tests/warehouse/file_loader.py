"""A process that loads into a file and fails: killed after a step, or by a limit of the file size.

A limit of the file size fails like a full disk, for this process only.
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
from tests.warehouse.inputs import inputs_of
from tests.warehouse.interrupt import after


@dataclass
class FileHook:
    """Connects like Airflow's hooks, without importing Airflow, which takes seconds."""

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


def main(kind: str, path: str, failure: str) -> None:
    """Load; `failure` is a file size in bytes, or the engine's step after which the process is killed."""
    # A small cache, so that merged rows are written to the file.
    sqlite_engine._CACHE_KIB = 64
    engine = engine_for(FileHook(kind, path))
    if failure.isdigit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(failure), int(failure)))
    else:
        after(failure, engine, lambda: os.kill(os.getpid(), signal.SIGKILL))
    one = {"platform": "p", "tenant": "t", "state": "ready", "title": "PRIVATE" + "x" * 3000}
    recordings = [{**one, "recording_id": f"r-{i}"} for i in range(3000)]
    load_recordings(engine, inputs_of(recordings), run=RunKey("d", "r", "t", -1, 1), now=datetime.now(UTC))


if __name__ == "__main__":
    main(*sys.argv[1:])
