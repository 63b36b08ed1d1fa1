"""Failures during a load: all rows of the call are written or none, and a second run completes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.rounds import BATCH
from airflow_provider_meetings.warehouse.merge.engine import Hook
from tests.contract.backends.backend_servers import HOST
from tests.contract.backends.own_servers import OwnServer
from tests.warehouse import servers
from tests.warehouse.interrupt import after

Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]
Run = Callable[..., dict[str, int]]

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module", params=list(servers.OWN))
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, OwnServer]]:
    with servers.OWN[request.param]() as server:
        yield request.param, server


@pytest.fixture
def own(server: tuple[str, OwnServer], monkeypatch: pytest.MonkeyPatch) -> tuple[OwnServer, Hook]:
    kind, running = server
    return running, servers.own_hook(kind, running, monkeypatch)


@pytest.mark.parametrize("step", ["append", "keep_stages", "merge"])
def test_killed_server(
    own: tuple[OwnServer, Hook], step: str, loaded: Run, recording: Make, chain: Callable[[BaseException], str]
) -> None:
    server, hook = own
    names = {"table_prefix": f"{step}_"}
    loaded(hook, [recording(recording_id=f"r-{i}", title="before") for i in range(10)], **names)
    engine = engine_for(hook)
    after(step, engine, server.kill)
    items = [recording(recording_id=f"r-{i}", title="PRIVATE") for i in range(20)]
    with pytest.raises(LoadError, match=r"connection.* was lost|server ended the connection") as caught:
        loaded(hook, items, engine=engine, **names)
    assert "PRIVATE" not in chain(caught.value)
    server.start()
    found = servers.run_sql(hook, f"SELECT title, count(*) AS n FROM {step}_recordings GROUP BY title")
    assert found == [{"title": "before", "n": 10}]
    assert loaded(hook, items, **names)["recordings"] == 20


def _cut(hook: Hook, place: str) -> None:
    """End the other connections to the place."""
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
def test_connection_cut_between_staging_and_commit(
    opened: tuple[Hook, str], loaded: Run, recording: Make, dump: Dump
) -> None:
    hook, place = opened
    loaded(hook, [recording(title="before")])
    engine = engine_for(hook)
    after("keep_stages", engine, lambda: _cut(hook, place))
    with pytest.raises(LoadError, match=r"connection.* was lost|server ended the connection"):
        loaded(hook, [recording(title="after")], engine=engine)
    assert [row["title"] for row in dump("recordings")] == ["before"]
    assert loaded(hook, [recording(title="after")])["recordings"] == 1


@pytest.mark.parametrize("step", ["append", "merge"])
@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_worker_killed_while_writing_file(
    kind: str, step: str, loaded: Run, recording: Make, make_hook: Callable[[str, Path], Hook], tmp_path: Path
) -> None:
    """A server rolls back a lost connection; a database file must be intact by itself."""
    hook = make_hook(kind, tmp_path / "file")
    loaded(hook, [recording(title="before")])
    command = [sys.executable, "-m", "tests.warehouse.file_loader", kind, str(tmp_path / "file"), step]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == -9, ended.stderr[-2000:]
    assert servers.run_sql(hook, "SELECT title FROM recordings") == [{"title": "before"}]
    assert loaded(hook, [recording(title="after")])["recordings"] == 1


def test_input_is_read_in_batches(load: Load, recording: Make) -> None:
    """Each dict is released before the batch after the next is read."""
    alive = {"now": 0, "most": 0}

    class Counted(dict[str, Any]):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            alive["now"] += 1
            alive["most"] = max(alive["most"], alive["now"])

        def __del__(self) -> None:
            alive["now"] -= 1

    items = (Counted(recording(recording_id=f"r-{i}", files=[])) for i in range(3 * BATCH))
    assert load(recordings=items)["recordings"] == 3 * BATCH
    assert alive["most"] <= 2 * BATCH


def test_two_loads_give_same_rows_on_each_engine(
    load: Load, recording: Make, stored: Make, dump: Dump, now: Any
) -> None:
    arguments = {
        "recordings": [
            recording(recording_id=f"r-{i}", title="周会 😀" * (i % 3), state="gone" if i % 7 == 0 else "ready")
            for i in range(300)
        ],
        "stored_files": [stored(recording_id=f"r-{i}") for i in range(0, 300, 2)],
    }
    names = ("recordings", "recording_files", "landings")
    load(**arguments)
    first = {name: dump(name) for name in names}
    assert len(first["recordings"]) == 300
    load(**arguments, now=now + timedelta(days=1))
    second = {name: dump(name) for name in names}
    for name in ("recordings", "recording_files"):
        assert second[name] == first[name], name
    assert [{**row, "_landed_at": None} for row in second["landings"]] == [
        {**row, "_landed_at": None} for row in first["landings"]
    ]
