from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, DateTime, MetaData, Table

from airflow_provider_meetings.api.models import TranscriptSegment
from airflow_provider_meetings.warehouse.engines.sqlite import SQLiteEngine
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.loader import load_recordings
from airflow_provider_meetings.warehouse.load.session import session
from airflow_provider_meetings.warehouse.load.transcripts import Content
from airflow_provider_meetings.warehouse.merge.engine import Hook
from airflow_provider_meetings.warehouse.merge.staging import stage
from tests.warehouse.conftest import NOW, RUN
from tests.warehouse.inputs import inputs_of

MakeHook = Callable[[str, Path | str], Hook]


def test_missing_directory_is_reported(make_hook: MakeHook, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"'warehouse_test' cannot be opened .*SQLITE_CANTOPEN.* directory that exists"):
        SQLiteEngine(make_hook("sqlite", tmp_path / "no" / "x.db")).open()


def test_file_that_is_no_database_is_refused(make_hook: MakeHook, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"PRIVATE" * 1000)
    with pytest.raises(LoadError, match="SQLITE_NOTADB"):
        SQLiteEngine(make_hook("sqlite", tmp_path / "x.db")).open()


def test_waits_for_other_writer_then_fails(make_hook: MakeHook, tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    hook = make_hook("sqlite", path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        engine = SQLiteEngine(hook, wait=0.01)
        with (
            pytest.raises(LoadError, match=r"SQLITE_BUSY, another process was writing for 0\.01 s"),
            session(engine) as opened,
        ):
            opened.merge([], [])
        other.rollback()
    with closing(SQLiteEngine(hook, wait=7).open()) as connection:
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (7000,)


def test_sqlite_reads_stored_times(make_hook: MakeHook, tmp_path: Path) -> None:
    engine = SQLiteEngine(make_hook("sqlite", tmp_path / "x.db"))
    with closing(engine.open()) as connection:
        times = [datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 1, 0, 0, 0, 5, tzinfo=UTC)]
        ((first, second, unix),) = engine.run(connection, "SELECT ?, ?, unixepoch(?)", [*times, times[0]])
    assert (first, second) == ("2026-05-01 00:00:00.000000+00:00", "2026-05-01 00:00:00.000005+00:00")
    assert unix == times[0].timestamp()


def test_work_grows_linearly_with_rows(make_hook: MakeHook, tmp_path: Path) -> None:
    """Stages are searched by index; the work is counted in steps of SQLite's virtual machine."""

    def load(count: int) -> int:
        hook = make_hook("sqlite", tmp_path / f"{count}.db")
        engine = SQLiteEngine(hook)
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1

        opened = engine.open()
        opened.set_progress_handler(step, 100)
        engine.open = lambda: opened  # type: ignore[method-assign]
        owner = {"platform": "feishu", "tenant": "t", "recording_id": "R"}
        file = {**owner, "file_id": "F", "kind": "transcript-srt"}
        recordings = [
            {**owner, "state": "ready", "files": [{**owner, "file_id": str(n), "kind": "video"} for n in range(count)]}
        ]
        segments = [{**file, "segment_no": n, "text": str(n), "broken": False} for n in range(count)]
        contents = [Content(TranscriptSegment, file, segments)]
        load_recordings(engine, inputs_of(recordings, contents=contents), run=RUN, now=NOW)
        return steps

    assert load(3000) < 15 * load(300)


@given(st.lists(st.none() | st.datetimes(timezones=st.just(UTC)), min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_times_are_fixed_width_text(make_hook: MakeHook, times: list[datetime | None]) -> None:
    target = Table("t", MetaData(), Column("at", DateTime(timezone=True)))
    staged = stage("times", target, ["at"])
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE {staged.table.name} (at)")
    SQLiteEngine(make_hook("sqlite", "unused")).append(connection, staged, [(at,) for at in times])
    found = [at for (at,) in connection.execute(f"SELECT at FROM {staged.table.name} ORDER BY rowid")]
    assert found == [None if at is None else at.isoformat(" ", "microseconds") for at in times]


def test_wipe_beside_a_reader(make_hook: MakeHook, tmp_path: Path) -> None:
    """With a write-ahead log, what was deleted stays in it while another connection reads."""
    path = tmp_path / "x.db"
    engine = SQLiteEngine(make_hook("sqlite", path), wait=0)
    with closing(sqlite3.connect(path)) as other, session(engine) as opened:
        other.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t AS SELECT 'gone for good' AS x")
        other.execute("BEGIN")
        other.execute("SELECT * FROM t").fetchall()
        opened.connection.execute("DELETE FROM t")
        with pytest.raises(LoadError, match="another connection was reading"):
            opened.wipe()
        other.rollback()
        opened.wipe()
        assert not [one for one in tmp_path.iterdir() if b"gone for good" in one.read_bytes()]
