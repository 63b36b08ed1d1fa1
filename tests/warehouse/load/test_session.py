from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.session import session
from airflow_provider_meetings.warehouse.merge.engine import Hook
from airflow_provider_meetings.warehouse.merge.staging import stage
from airflow_provider_meetings.warehouse.merge.statements import Merge
from airflow_provider_meetings.warehouse.tables.tables import tables

Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]
Sql = Callable[[str], list[dict[str, Any]]]
Chain = Callable[[BaseException], str]


def test_constraint_error_names_column_without_value(
    hook: Hook, load: Load, recording: Make, sql: Sql, chain: Chain
) -> None:
    exact = " COLLATE utf8mb4_nopad_bin" if hook.conn_type == "mysql" else ""
    sql(
        "CREATE TABLE recordings (platform VARCHAR(50) NOT NULL, tenant VARCHAR(50) NOT NULL, "
        "recording_id VARCHAR(50) NOT NULL, note VARCHAR(50) NOT NULL, "
        f"PRIMARY KEY (platform, tenant, recording_id)){exact}"
    )
    with pytest.raises(LoadError, match=r"\(key: platform, tenant, recording_id\).*column 'note'.* NOT NULL") as caught:
        load(recordings=[recording(title="PRIVATE", recording_id="PRIVATE")])
    assert "PRIVATE" not in chain(caught.value)


def test_driver_text_with_value_is_not_shown(hook: Hook, load: Load, recording: Make, sql: Sql, chain: Chain) -> None:
    load()
    length = "(100)" if hook.conn_type == "mysql" else ""
    sql(f"CREATE UNIQUE INDEX one_title ON recordings (title{length})")
    twice = [recording(title="PRIVATE"), recording(title="PRIVATE", recording_id="rec-2")]
    with pytest.raises(
        LoadError, match=r"'recordings' \(key: .*(IntegrityError|ConstraintException|UniqueViolation)"
    ) as caught:
        load(recordings=twice)
    assert "PRIVATE" not in chain(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_failed_statement_rolls_back_all(
    hook: Hook, load: Load, recording: Make, stored: Make, dump: Dump, sql: Sql
) -> None:
    load()
    length = "(100)" if hook.conn_type == "mysql" else ""
    sql(f"CREATE UNIQUE INDEX one_outcome ON landings (outcome{length})")
    files = [stored(), stored(file_id="f-2")]
    with pytest.raises(LoadError, match="'landings'"):
        load(recordings=[recording()], stored_files=files)
    assert (dump("recordings"), dump("recording_files"), dump("landings")) == ([], [], [])


def test_connection_is_closed_after_error(hook: Hook) -> None:
    seen: list[Any] = []

    def fail() -> None:
        with session(engine_for(hook)) as opened:
            seen.append(opened.connection)
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(Exception, match=r"(?i)closed|^2006$|gone away|^\(2006"):
        seen[0].cursor().execute("SELECT 1")


def test_failed_commit_is_load_error(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __init__(self, connection: Any) -> None:
            self.connection = connection

        def commit(self) -> None:
            raise OSError("PRIVATE")

        def rollback(self) -> None:
            raise OSError("PRIVATE, too")

        def close(self) -> None:
            self.connection.close()

    engine = engine_for(hook)
    opened = engine.open()
    monkeypatch.setattr(engine, "open", lambda: Broken(opened))
    with pytest.raises(LoadError) as caught, session(engine) as session_of_it:
        session_of_it.commit()
    assert str(caught.value).startswith("OSError")


def test_only_written_rows_are_counted(hook: Hook, load: Load) -> None:
    load()
    table = tables().landings
    names = ("platform", "tenant", "landing_id", "size")

    def merged(sizes: Iterable[int]) -> int:
        staged = stage("test", table, names)
        with session(engine_for(hook)) as opened:
            opened.begin_staging()
            opened.create_stage(staged)
            opened.append(staged, [("p", "t", str(i), size) for i, size in enumerate(sizes)])
            merge = Merge(staged, update_if=lambda old, new: old["size"].is_distinct_from(new["size"]))
            return opened.merge([staged], [merge])["landings"]

    assert merged(range(250)) == 250
    assert merged(range(250)) == 0
    assert merged(max(i, 7) for i in range(250)) == 7
    assert merged([]) == 0
