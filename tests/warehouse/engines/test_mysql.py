"""MariaDB: retries after locks of another writer, and errors that name the column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.engines.mysql import MySQLEngine
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load import session
from airflow_provider_meetings.warehouse.merge.engine import Engine, Hook
from tests.warehouse.interrupt import after
from tests.warehouse.servers import run_sql, server_hook

Make = Callable[..., dict[str, Any]]
Run = Callable[..., dict[str, int]]

pytestmark = pytest.mark.parametrize("opened", ["mysql"], indirect=True)


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the server's errors."""
    seen: list[int] = []
    real = MySQLEngine.is_write_conflict

    def is_write_conflict(engine: MySQLEngine, error: Exception) -> bool:
        seen.append(error.args[0])
        return real(engine, error)

    monkeypatch.setattr(MySQLEngine, "is_write_conflict", is_write_conflict)
    return seen


def with_session(hook: Hook, *settings: str) -> Engine:
    """Return an engine whose connections set `settings`."""
    engine = engine_for(hook)
    real = engine.open

    def opened() -> Any:
        connection = real()
        for setting in settings:
            engine.run(connection, f"SET SESSION {setting}")
        return connection

    engine.open = opened  # type: ignore[method-assign]
    return engine


def test_lock_wait_timeout_is_retried(hook: Hook, other: Any, loaded: Run, recording: Make, numbers: list[int]) -> None:
    engine = with_session(hook, "innodb_lock_wait_timeout = 1")
    after("restore_stages", engine, other.commit)
    assert loaded(hook, [recording(title="after", files=[])], engine=engine)["recordings"] == 1
    assert numbers == [1205]
    assert run_sql(hook, "SELECT title FROM recordings") == [{"title": "after"}]


def test_row_that_stays_locked_is_reported(
    hook: Hook, other: Any, loaded: Run, recording: Make, numbers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ATTEMPTS", 2)
    engine = with_session(hook, "innodb_lock_wait_timeout = 1")
    recordings = [recording(recording_id=one, files=[]) for one in ("rec-1", "rec-2")]
    with pytest.raises(LoadError, match=r"'recordings'.* 1205: another transaction locked rows for too long\. Run the"):
        loaded(hook, recordings, engine=engine)
    assert numbers == [1205, 1205]
    other.rollback()
    assert run_sql(hook, "SELECT title FROM recordings") == [{"title": "before"}]


def test_row_changed_since_snapshot_is_read_again(
    hook: Hook, other: Any, loaded: Run, recording: Make, numbers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MariaDB, from 11.6 on by default, reports a row that is newer than the transaction's snapshot.

    The engine sets an isolation level without a snapshot; this test sets one that has it.
    """
    if not run_sql(hook, "SHOW VARIABLES LIKE 'innodb_snapshot_isolation'"):
        pytest.skip("this server has no innodb_snapshot_isolation")
    engine = with_session(hook, "TRANSACTION ISOLATION LEVEL REPEATABLE READ", "innodb_snapshot_isolation = ON")
    snapshot = "START TRANSACTION WITH CONSISTENT SNAPSHOT"
    monkeypatch.setattr(engine, "begin_merging", lambda connection: engine.run(connection, snapshot))
    after("keep_stages", engine, other.commit)
    assert loaded(hook, [recording(title="after", files=[])], engine=engine)["recordings"] == 1
    assert numbers == [1020]
    assert run_sql(hook, "SELECT title FROM recordings") == [{"title": "after"}]


@pytest.mark.parametrize(
    ("column", "kind", "number", "value"),
    [
        ("duration_ms", "DECIMAL(3)", 1264, 99_999),
        ("title", "ENUM('other')", 1265, "PRIVATE"),
        ("title", "VARCHAR(99) CHARACTER SET latin1", 1366, "周' for column 'PRIVATE' at row 1"),
        ("title", "VARCHAR(99) CHARACTER SET latin1", 1366, "周' for column 'PRIVATE\" at row 1"),
    ],
)
def test_changed_column_is_named(
    hook: Hook,
    loaded: Run,
    recording: Make,
    chain: Callable[[BaseException], str],
    column: str,
    kind: str,
    number: int,
    value: object,
) -> None:
    loaded(hook)
    run_sql(hook, f"ALTER TABLE recordings MODIFY {column} {kind}")
    with pytest.raises(LoadError, match=rf"'recordings'.* {number}, column '{column}': a value does not fit") as caught:
        loaded(hook, [recording(**{column: value})])
    assert "PRIVATE" not in chain(caught.value)


def test_connection_without_database_is_refused(hook: Hook, place: str, loaded: Run, recording: Make) -> None:
    with pytest.raises(LoadError, match=r" 1046: .* set the connection's schema field"):
        loaded(server_hook("mysql", place, schema=""), [recording()], schema=place)
    assert loaded(server_hook("mysql", place), [recording()], schema=place)["recordings"] == 1


def test_key_with_other_collation_is_reported(hook: Hook, loaded: Run, recording: Make) -> None:
    run_sql(
        hook,
        "CREATE TABLE recordings (platform VARCHAR(50), tenant VARCHAR(50), recording_id VARCHAR(50), "
        "PRIMARY KEY (platform, tenant, recording_id)) CHARACTER SET ucs2 COLLATE ucs2_nopad_bin",
    )
    with pytest.raises(LoadError, match=r"'recordings'.* 1267: a key column's collation .*too long"):
        loaded(hook, [recording()])
