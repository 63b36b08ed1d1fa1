from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.warehouse.engines import duckdb as engine_file
from airflow_provider_meetings.warehouse.engines.duckdb import DuckDBEngine
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.loader import load_posts
from airflow_provider_meetings.warehouse.load.session import session
from airflow_provider_meetings.warehouse.merge.engine import Hook

MakeHook = Callable[[str, Path | str], Hook]

HOLDER = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.readline()"


def _hold(path: Path, child: list[Any]) -> Any:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    child.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_waits_for_other_process(make_hook: MakeHook, tmp_path: Path, child: list[Any]) -> None:
    path = tmp_path / "x.duckdb"
    holder = _hold(path, child)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            holder.communicate("go\n")

    engine = DuckDBEngine(make_hook("duckdb", path), sleep=sleep, clock=lambda: sum(waits))
    with session(engine) as opened:
        assert opened.engine.run(opened.connection, "SELECT 1") == [(1,)]
    assert waits == [0.1, 0.2, 0.5]


def test_timeout_names_process_that_holds_file(
    make_hook: MakeHook, tmp_path: Path, child: list[Any], chain: Callable[[BaseException], str]
) -> None:
    path = tmp_path / "x.duckdb"
    holder = _hold(path, child)
    waits: list[float] = []
    engine = DuckDBEngine(make_hook("duckdb", path), sleep=waits.append, clock=lambda: sum(waits))
    with pytest.raises(LoadError, match=rf"PID {holder.pid}\) has its file open for 120 s; .*pool") as caught:
        engine.open()
    assert sum(waits) == pytest.approx(120)
    assert str(path) not in chain(caught.value)
    holder.communicate("go\n")


@pytest.mark.parametrize("make", ["missing directory", "no database"])
def test_file_that_cannot_be_opened_is_reported(make_hook: MakeHook, tmp_path: Path, make: str) -> None:
    path = tmp_path / "no" / "x.duckdb"
    if make == "no database":
        path.parent.mkdir()
        path.write_bytes(b"PRIVATE" * 10_000)

    def never(seconds: float) -> None:
        raise AssertionError("this error is not retried")

    with pytest.raises(LoadError, match=r"'warehouse_test' cannot be opened \(\w+\)\. .* directory that exists"):
        DuckDBEngine(make_hook("duckdb", path), sleep=never).open()


def test_times_do_not_depend_on_session_time_zone(
    make_hook: MakeHook, tmp_path: Path, post: Callable[..., dict[str, Any]], now: Any
) -> None:
    hook = make_hook("duckdb", tmp_path / "x.duckdb")

    class Abroad:
        conn_type = "duckdb"

        def get_conn(self) -> Any:
            connection = hook.get_conn()
            connection.execute("SET timezone = 'Asia/Shanghai'")
            return connection

        def get_conn_id(self) -> str:
            return "abroad"

    load_posts(DuckDBEngine(Abroad()), [post()], now=now)
    with closing(hook.get_conn()) as connection:
        found = connection.execute("SELECT epoch(created_at), epoch(_landed_at) FROM posts").fetchall()
    assert found == [(1777593600.0, now.timestamp())]


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPTZ"])
def test_time_without_zone_is_refused(
    make_hook: MakeHook, tmp_path: Path, post: Callable[..., dict[str, Any]], now: Any, kind: str
) -> None:
    """It would store local times of the session."""
    hook = make_hook("duckdb", tmp_path / "x.duckdb")
    key = "platform TEXT, tenant TEXT, post_id TEXT, PRIMARY KEY (platform, tenant, post_id)"
    with closing(hook.get_conn()) as connection:
        connection.execute(f"CREATE TABLE posts (created_at {kind}, {key})")
    if kind == "TIMESTAMPTZ":
        assert load_posts(DuckDBEngine(hook), [post()], now=now)["posts"] == 1
    else:
        with pytest.raises(LoadError, match=r"'created_at' has the type timestamp without time zone, not "):
            load_posts(DuckDBEngine(hook), [post()], now=now)


def test_merge_in_pieces_is_complete(
    make_hook: MakeHook, tmp_path: Path, post: Callable[..., dict[str, Any]], now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_file, "_PIECE", 7)
    hook = make_hook("duckdb", tmp_path / "x.duckdb")
    posts = [post(post_id=f"p-{i}", reactions=[{"type": "OK", "count": i}]) for i in range(30)]
    # Repeated rows leave gaps in the row numbers of the stage.
    assert load_posts(DuckDBEngine(hook), posts[:20] * 2, now=now) == {"posts": 20, "post_reactions": 20}
    assert load_posts(DuckDBEngine(hook), posts, now=now) == {"posts": 10, "post_reactions": 10}
    assert load_posts(DuckDBEngine(hook), [], now=now) == {"posts": 0, "post_reactions": 0}
    with closing(hook.get_conn()) as connection:
        assert connection.execute("SELECT count(*) FROM posts").fetchall() == [(30,)]


def test_comments_and_types_are_written(make_hook: MakeHook, tmp_path: Path, now: Any) -> None:
    hook = make_hook("duckdb", tmp_path / "x.duckdb")
    load_posts(DuckDBEngine(hook), [], schema="lake", now=now)
    with closing(hook.get_conn()) as connection:
        columns = connection.execute("SELECT column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal")
        found = {name: (kind, comment) for name, kind, comment in columns.fetchall()}
        assert connection.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'posts'").fetchone()[0]
    assert all(comment for _, comment in found.values())
    types = {name: found[name][0] for name in ("post_id", "created_at", "comment_count", "source")}
    assert types == {
        "post_id": "VARCHAR",
        "created_at": "TIMESTAMP WITH TIME ZONE",
        "comment_count": "BIGINT",
        "source": "JSON",
    }


OBJECTS = """
    CREATE TABLE z (id INTEGER PRIMARY KEY, text TEXT); CREATE SEQUENCE s; CREATE INDEX i ON z (text);
    CREATE SCHEMA other; CREATE TABLE other.a (id INTEGER DEFAULT nextval('s'), z INTEGER);
    CREATE MACRO one() AS 1; CREATE VIEW b AS SELECT one() AS one, * FROM z; CREATE VIEW a AS SELECT * FROM b;
    INSERT INTO z VALUES (1, 'stays'), (2, 'gone for good'); INSERT INTO other.a (z) VALUES (1); CHECKPOINT;
    DELETE FROM z WHERE id = 2
"""


def test_wipe_keeps_what_others_have_in_the_file(make_hook: MakeHook, tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with session(DuckDBEngine(make_hook("duckdb", path))) as opened:
        opened.connection.execute(OBJECTS)
        assert b"gone for good" in path.read_bytes()
        opened.wipe()
    with session(DuckDBEngine(make_hook("duckdb", path))) as opened:
        assert opened.engine.run(opened.connection, "SELECT * FROM a, other.a") == [(1, 1, "stays", 1, 1)]
        found = opened.engine.run(opened.connection, "SELECT nextval('s'), index_name FROM duckdb_indexes()")
        assert found == [(2, "i")]
    assert b"gone for good" not in path.read_bytes()
    assert [one.name for one in tmp_path.iterdir()] == ["x.duckdb"]


def test_wipe_that_fails(make_hook: MakeHook, tmp_path: Path) -> None:
    with session(DuckDBEngine(make_hook("duckdb", tmp_path / "x.duckdb"))) as opened:
        opened.connection.execute("ATTACH ':memory:' AS meetings_copy")
        with pytest.raises(LoadError, match=r"has their bytes, .*BinderException.* apply the plan again"):
            opened.wipe()
    assert [one.name for one in tmp_path.iterdir()] == ["x.duckdb"]


def test_wipe_leaves_an_encrypted_file(make_hook: MakeHook, tmp_path: Path) -> None:
    """Its copy would not be encrypted."""
    path = tmp_path / "x.duckdb"
    with session(DuckDBEngine(make_hook("duckdb", tmp_path / "y.duckdb"))) as opened:
        opened.connection.execute(f"""
            SET force_mbedtls_unsafe = 'true'; ATTACH '{path}' AS encrypted (ENCRYPTION_KEY 'k'); USE encrypted;
            CREATE TABLE t AS SELECT 1; CHECKPOINT
        """)
        before = path.stat().st_ino
        opened.wipe()
    assert path.stat().st_ino == before
