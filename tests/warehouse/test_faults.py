"""What goes wrong in the middle of a load: all of the call's rows are there or none, and a re-run completes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from airflow_provider_meetings.warehouse.engine import Engine, Hook
from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.loader import BATCH, load_recordings
from tests.contract.backend_servers import HOST
from tests.warehouse import own_servers, servers

Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]
Sql = Callable[[str], list[dict[str, Any]]]
Run = Callable[..., dict[str, int]]


@pytest.fixture
def loaded(run_key: Any, now: Any) -> Run:
    """Load recordings through any hook."""

    def run(hook: Hook, given: Any, **changes: Any) -> dict[str, int]:
        arguments: dict[str, Any] = {
            "recordings": given,
            "stored_files": (),
            "summaries": (),
            "run": run_key,
            "schema": None,
            "table_prefix": "",
            "schema_changes": "add",
            "now": now,
        }
        return load_recordings(hook, **{**arguments, **changes})

    return run


def _after(step: str, engine: Engine, then: Callable[[], None]) -> None:
    """Have `then` happen once, after the engine's `step`."""
    real = getattr(engine, step)
    left = [then]

    def stepped(*arguments: Any) -> Any:
        found = real(*arguments)
        if left:
            left.pop()()
        return found

    setattr(engine, step, stepped)


@pytest.mark.parametrize("step", ["append", "hold", "merge"])
@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_server_that_is_killed(
    kind: str, step: str, loaded: Run, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_TEST", "{}")
    with (own_servers.own_postgres if kind == "postgres" else own_servers.own_mariadb)() as server:
        hook = server.up()
        before = [recording(recording_id=f"r-{i}", title="before") for i in range(10)]
        loaded(hook, before)
        engine = engine_for(hook)
        _after(step, engine, server.kill)
        given = [recording(recording_id=f"r-{i}", title="PRIVATE") for i in range(20)]
        with pytest.raises(LoadError, match=r"connection.* was lost|server ended the connection") as caught:
            loaded(hook, given, engine=engine)
        assert "PRIVATE" not in str(caught.value)
        hook = server.up()
        found = servers.run_sql(hook, "SELECT title, count(*) AS n FROM recordings GROUP BY title")
        assert found == [{"title": "before", "n": 10}]
        assert loaded(hook, given)["recordings"] == 20


def _cut(hook: Hook, place: str) -> None:
    """End the other connections that lead to the place."""
    if hook.conn_type == "postgres":
        with psycopg.connect(host=HOST, user="postgres", dbname="test", autocommit=True) as admin:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
            assert admin.execute(ended, [place]).fetchall()
    else:
        with closing(pymysql.connect(host=HOST, user="root", autocommit=True)) as admin, admin.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", [place])
            for (number,) in cursor.fetchall():
                cursor.execute(f"KILL {number}")


@pytest.mark.parametrize("opened", ["postgres", "psycopg2", "mysql"], indirect=True)
def test_a_connection_that_is_cut_between_staging_and_commit(
    opened: tuple[Hook, str], loaded: Run, recording: Make, dump: Dump
) -> None:
    hook, place = opened
    loaded(hook, [recording(title="before")])
    engine = engine_for(hook)
    _after("hold", engine, lambda: _cut(hook, place))
    with pytest.raises(LoadError, match=r"connection.* was lost|server ended the connection"):
        loaded(hook, [recording(title="after")], engine=engine)
    assert [row["title"] for row in dump("recordings")] == ["before"]
    assert loaded(hook, [recording(title="after")])["recordings"] == 1


def test_loaders_at_once_on_the_same_keys(
    opened: tuple[Hook, str], loaded: Run, recording: Make, dump: Dump, now: Any
) -> None:
    hook, _ = opened
    rounds = 1 if hook.conn_type in ("sqlite", "duckdb") else 3

    def load(number: int) -> None:
        # Each in an order of its own: what would deadlock, if rows were locked as they come.
        ids = range(60) if number % 2 else range(59, -1, -1)
        given = [recording(recording_id=f"r-{i}", title=f"title {number}", files=[]) for i in ids]
        given += [recording(recording_id=f"own-{number}", files=[])]
        loaded(hook, given, now=now + timedelta(seconds=number))

    for turn in range(rounds):
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(load, range(turn * 8, turn * 8 + 8)))
    rows = {row["recording_id"]: row["title"] for row in dump("recordings")}
    assert {name for name in rows if name.startswith("own")} == {f"own-{i}" for i in range(rounds * 8)}
    # All rows of a load, or none: whoever came last wrote all of them.
    assert len({title for name, title in rows.items() if name.startswith("r-")}) == 1
    assert len(rows) == 60 + rounds * 8


@pytest.mark.parametrize("opened", ["postgres", "mysql"], indirect=True)
def test_a_deadlock_is_met_by_merging_again(
    opened: tuple[Hook, str],
    loaded: Run,
    recording: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The other holds one row, waits for ours, and has done more: the server ends our transaction, not the other's."""
    hook, _ = opened
    update = "UPDATE recordings SET {} WHERE platform = 'wecom' AND tenant = 'corp' AND recording_id = '{}'"
    loaded(hook, [recording(recording_id=one, title="before") for one in ("a", "b")])
    with closing(hook.get_conn()) as other:
        cursor = other.cursor()
        if hook.conn_type == "mysql":
            cursor.execute("CREATE TABLE weight (n int)")
            cursor.execute("INSERT INTO weight SELECT seq FROM seq_1_to_5000")  # who has changed less is ended
        else:
            cursor.execute("SET deadlock_timeout = '100s'")  # so that ours finds it
        cursor.execute(update.format("meeting_id = 'other'", "b"))

        def wait() -> None:
            cursor.execute(update.format("meeting_id = 'other'", "a"))
            other.commit()

        waits = threading.Thread(target=wait)
        engine = engine_for(hook)
        real = engine.merge

        def merge(connection: Any, step: Any) -> int:
            if not waits.ident and step.target.name == "recordings":
                # Ours takes the first row; then the other waits for it.
                engine.change(connection, update.format("reason = 'ours'", "a"))
                waits.start()
                _until_waiting(hook.conn_type)
            return real(connection, step)

        monkeypatch.setattr(engine, "merge", merge)
        with caplog.at_level("INFO"):
            counts = loaded(hook, [recording(recording_id=one, title="after") for one in ("a", "b")], engine=engine)
        waits.join()
    assert "merging again, try 2" in caplog.text
    assert counts["recordings"] == 2
    found = servers.run_sql(hook, "SELECT title FROM recordings ORDER BY recording_id")
    assert [row["title"] for row in found] == ["after", "after"]


def _until_waiting(kind: str) -> None:
    """Ask the server until it says that somebody waits for a row."""
    query = {
        "postgres": "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')",
        "mysql": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
    }[kind]
    for _ in range(2000):
        if kind == "postgres":
            with psycopg.connect(host=HOST, user="postgres", dbname="test") as admin:
                found = admin.execute(query).fetchone()
        else:
            with closing(pymysql.connect(host=HOST, user="root")) as asked, asked.cursor() as cursor:
                cursor.execute(query)
                found = cursor.fetchone()
        if found and found[0]:
            return
    raise AssertionError("nobody waits")


@contextmanager
def _without_rights(kind: str, place: str) -> Iterator[None]:
    """Make a login that may connect, and nothing else."""
    if kind == "postgres":
        with psycopg.connect(host=HOST, user="postgres", dbname="test", autocommit=True) as admin:
            admin.execute(f"CREATE ROLE {place}_login LOGIN")
            admin.execute(f"GRANT USAGE ON SCHEMA {place} TO {place}_login")
            try:
                yield
            finally:
                admin.execute(f"DROP OWNED BY {place}_login")
                admin.execute(f"DROP ROLE {place}_login")
    else:
        with closing(pymysql.connect(host=HOST, user="root", autocommit=True)) as admin, admin.cursor() as cursor:
            cursor.execute(f"CREATE USER {place}_login@'%'")
            cursor.execute(f"GRANT SELECT, CREATE TEMPORARY TABLES ON {place}.* TO {place}_login@'%'")
            try:
                yield
            finally:
                cursor.execute(f"DROP USER {place}_login@'%'")


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_login_without_the_right_to_create(
    kind: str, loaded: Run, recording: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers.opened(kind, tmp_path, monkeypatch) as (_, place), _without_rights(kind, place):
        hook = servers.server_hook(kind, place, login=f"{place}_login")
        with pytest.raises(LoadError, match=r"table 'recordings' .*(42501|1142): .* lacks a right.* CREATE"):
            loaded(hook, [recording()])
        hook = servers.server_hook(kind, place)
        assert loaded(hook, [recording()])["recordings"] == 1


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_schema_that_is_missing(
    kind: str, loaded: Run, recording: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A schema of the connection's own is not made: it is a slip of the pen. One that is asked for is."""
    with servers.opened(kind, tmp_path, monkeypatch) as (_, place):
        hook = servers.server_hook(kind, f"{place}_no")
        with pytest.raises(LoadError, match=r"there is no such (schema|database)"):
            loaded(hook, [recording()])
        hook = servers.server_hook(kind, place)
        assert loaded(hook, [recording()], schema=f"{place}_no")["recordings"] == 1


_FULL = """
import resource, sys
from datetime import datetime, UTC
sys.path.insert(0, {above!r})
import tests.conftest
from tests.warehouse.servers import file_hook
from airflow_provider_meetings.warehouse.loader import load_recordings
from airflow_provider_meetings.warehouse.rows import RunKey
hook = file_hook({kind!r}, {path!r})
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
given = [
    dict(platform="p", tenant="t", recording_id=f"r-{{i}}", state="ready", title="PRIVATE" + "x" * 3000)
    for i in range(3000)
]
load_recordings(hook, recordings=given, stored_files=(), summaries=(), run=RunKey("d", "r", "t", -1, 1), schema=None,
    table_prefix="", schema_changes="add", now=datetime.now(UTC))
"""


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_disk_that_is_full(
    kind: str, loaded: Run, recording: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on the size of files stands for it: writing fails in the same way."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_TEST", "{}")
    path = tmp_path / "full"
    hook = servers.file_hook(kind, path)
    loaded(hook, [recording(title="before")])
    limit = path.stat().st_size + 1024 * 1024
    above = str(Path(__file__).resolve().parent.parent.parent)
    script = _FULL.format(above=above, kind=kind, path=str(path), limit=limit)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "LoadError" in ended.stderr, ended.stderr[-2000:]
    assert "Make room" in ended.stderr
    assert "PRIVATE" not in ended.stderr + ended.stdout
    assert servers.run_sql(hook, "SELECT title FROM recordings") == [{"title": "before"}]
    assert loaded(hook, [recording(title="after")])["recordings"] == 1


def test_the_input_is_read_in_batches_and_never_held(load: Load, recording: Make) -> None:
    """Each dict is let go before the batch after the next is read."""
    alive = {"now": 0, "most": 0}

    class Counted(dict[str, Any]):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            alive["now"] += 1
            alive["most"] = max(alive["most"], alive["now"])

        def __del__(self) -> None:
            alive["now"] -= 1

    given = (Counted(recording(recording_id=f"r-{i}", files=[])) for i in range(3 * BATCH))
    assert load(recordings=given)["recordings"] == 3 * BATCH
    assert alive["most"] <= 2 * BATCH


def test_two_loads_leave_the_same_rows_on_each_engine(
    load: Load, recording: Make, stored: Make, dump: Dump, now: Any
) -> None:
    given = {
        "recordings": [
            recording(recording_id=f"r-{i}", title="周会 😀" * (i % 3), state="gone" if i % 7 == 0 else "ready")
            for i in range(300)
        ],
        "stored_files": [stored(recording_id=f"r-{i}") for i in range(0, 300, 2)],
    }
    names = ("recordings", "recording_files", "landings", "pending_items")
    load(**given)
    first = {name: dump(name) for name in names}
    assert len(first["recordings"]) == 300
    load(**given, now=now + timedelta(days=1))
    second = {name: dump(name) for name in names}
    for name in ("recordings", "recording_files", "pending_items"):
        assert second[name] == first[name], name
    assert [{**row, "_landed_at": None} for row in second["landings"]] == [
        {**row, "_landed_at": None} for row in first["landings"]
    ]
