"""Concurrent loads of the same keys: deadlocks are retried, and no update is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg
import pymysql
import pytest

from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Hook
from tests.contract.backends.backend_servers import HOST
from tests.warehouse import servers
from tests.warehouse.interrupt import after

Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]
Run = Callable[..., dict[str, int]]


def test_concurrent_loaders_of_same_keys(
    opened: tuple[Hook, str], loaded: Run, recording: Make, dump: Dump, now: Any
) -> None:
    hook, _ = opened
    rounds = 1 if hook.conn_type in ("sqlite", "duckdb") else 3

    def load(number: int) -> None:
        # In different orders: locking rows in the order of the input would deadlock.
        ids = range(60) if number % 2 else range(59, -1, -1)
        asked_at = (now - timedelta(days=1) + timedelta(minutes=number)).isoformat()
        changes = {"title": f"title {number}", "asked_at": asked_at, "files": []}
        items = [recording(recording_id=f"r-{i}", **changes) for i in ids]
        items += [recording(recording_id=f"own-{number}", files=[])]
        loaded(hook, items, now=now + timedelta(seconds=number))

    for turn in range(rounds):
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(load, range(turn * 8, turn * 8 + 8)))
    rows = {row["recording_id"]: row["title"] for row in dump("recordings")}
    assert {name for name in rows if name.startswith("own")} == {f"own-{i}" for i in range(rounds * 8)}
    newest = f"title {rounds * 8 - 1}"  # in whatever order the loads have committed
    assert {title for name, title in rows.items() if name.startswith("r-")} == {newest}
    assert len(rows) == 60 + rounds * 8


@pytest.mark.parametrize("opened", ["postgres", "psycopg2", "mysql"], indirect=True)
def test_merge_is_retried_after_deadlock(
    opened: tuple[Hook, str],
    loaded: Run,
    recording: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The other transaction holds one row, waits for ours and has changed more: the server aborts ours."""
    hook, _ = opened
    update = "UPDATE recordings SET {} WHERE platform = 'wecom' AND tenant = 'corp' AND recording_id = '{}'"
    loaded(hook, [recording(recording_id=one, title="before") for one in ("a", "b")])
    with closing(hook.get_conn()) as other:
        cursor = other.cursor()
        if hook.conn_type == "mysql":
            cursor.execute("CREATE TABLE weight (n int)")
            # The server aborts the transaction that changed less.
            cursor.execute("INSERT INTO weight SELECT seq FROM seq_1_to_5000")
        else:
            cursor.execute("SET deadlock_timeout = '100s'")  # so that ours detects it
        cursor.execute(update.format("meeting_id = 'other'", "b"))

        def wait() -> None:
            cursor.execute(update.format("meeting_id = 'other'", "a"))
            other.commit()

        waits = threading.Thread(target=wait)
        engine = engine_for(hook)
        real = engine.merge

        def merge(connection: Any, step: Any) -> int:
            if not waits.ident and step.target.name == "recordings":
                # Ours locks the first row; then the other waits for it.
                engine.change(connection, update.format("reason = 'ours'", "a"))
                waits.start()
                _until_waiting(hook.conn_type)
            return real(connection, step)

        monkeypatch.setattr(engine, "merge", merge)
        with caplog.at_level("INFO"):
            counts = loaded(hook, [recording(recording_id=one, title="after") for one in ("a", "b")], engine=engine)
        waits.join()
    assert "retrying merge (attempt 2 of" in caplog.text
    assert counts["recordings"] == 2
    found = servers.run_sql(hook, "SELECT title FROM recordings ORDER BY recording_id")
    assert [row["title"] for row in found] == ["after", "after"]


@pytest.mark.parametrize("opened", ["mysql"], indirect=True)
def test_loader_without_lock_changes_no_table(
    opened: tuple[Hook, str], loaded: Run, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, _ = opened
    engine = engine_for(hook)
    monkeypatch.setattr(engine, "ddl_wait", 1)
    with closing(hook.get_conn()) as other:
        cursor = other.cursor()
        cursor.execute("SELECT get_lock('meetings_warehouse', 120)")
        assert cursor.fetchall() == ((1,),)
        with pytest.raises(LoadError, match=r"another loader has been changing the tables for 1 s.*run the task again"):
            loaded(hook, [recording()], engine=engine)
        assert servers.run_sql(hook, "SHOW TABLES") == []
    assert loaded(hook, [recording()])["recordings"] == 1


@pytest.mark.parametrize("merges", [1, 2])
@pytest.mark.parametrize("opened", ["duckdb"], indirect=True)
def test_commit_conflicts_with_other_thread(
    opened: tuple[Hook, str], loaded: Run, recording: Make, caplog: pytest.LogCaptureFixture, merges: int
) -> None:
    """DuckDB reports an existing key on insert or only on commit, after which no rollback is possible.

    The first merge of recordings has no rows here, the second has ours.
    """
    hook, _ = opened
    loaded(hook)
    first = "INSERT INTO recordings (platform, tenant, recording_id) VALUES ('wecom', 'corp', 'rec-1')"
    engine = engine_for(hook)
    after("merge", engine, lambda: servers.run_sql(hook, first), times=merges)
    with caplog.at_level("INFO"):
        assert loaded(hook, [recording(title="ours")], engine=engine)["recordings"] == 1
    assert "retrying merge (attempt 2 of" in caplog.text
    assert servers.run_sql(hook, "SELECT title FROM recordings") == [{"title": "ours"}]


def _until_waiting(kind: str) -> None:
    """Poll the server until a transaction waits for a row."""
    query = {
        "postgres": "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')",
        # Not innodb_trx: it is cached for 0.1 s.
        "mysql": "SELECT variable_value > 0 FROM information_schema.global_status "
        "WHERE variable_name = 'Innodb_row_lock_current_waits'",
    }[kind]
    for _ in range(2000):
        if kind == "postgres":
            with psycopg.connect(host=HOST, user="postgres", dbname="test") as admin:
                found = admin.execute(query).fetchone()
        else:
            with closing(pymysql.connect(host=HOST, user="root")) as connection, connection.cursor() as cursor:
                cursor.execute(query)
                found = cursor.fetchone()
        if found and found[0]:
            return
    raise AssertionError("no transaction waits")
