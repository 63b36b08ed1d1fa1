"""Real files, opened through Airflow's own hooks; each test that takes `hook` runs on each engine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

# Airflow writes its configuration there on import.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))

from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.load.loader import load_posts, load_recordings
from airflow_provider_meetings.warehouse.load.rows import RunKey
from airflow_provider_meetings.warehouse.merge.engine import Hook
from tests.warehouse import servers
from tests.warehouse.inputs import inputs_of

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
RUN = RunKey(dag_id="dag", run_id="run", task_id="load", map_index=-1, try_number=1)


def pytest_configure(config: pytest.Config) -> None:
    line = "sqlite_cases(*names): run all cases on SQLite; on other engines, only the first one per value of `names`"
    config.addinivalue_line("markers", line)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the cases that `sqlite_cases` excludes: they differ in values, not in SQL."""
    kept: dict[object, pytest.Item] = {}
    for item in items:
        marker = item.get_closest_marker("sqlite_cases")
        parameters = item.callspec.params if marker and isinstance(item, pytest.Function) else {}
        if marker is None or parameters["opened"] == "sqlite":
            kept[item] = item
        else:
            case = (item.nodeid.partition("[")[0], *(str(parameters[name]) for name in ("opened", *marker.args)))
            kept.setdefault(case, item)
    chosen = set(kept.values())
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


@pytest.fixture
def make_hook(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path | str], Hook]:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_TEST", "{}")
    return servers.file_hook


@pytest.fixture(params=servers.ENGINES)
def opened(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Hook, str]]:
    with servers.opened(request.param, tmp_path, monkeypatch) as found:
        yield found


@pytest.fixture
def hook(opened: tuple[Hook, str]) -> Hook:
    return opened[0]


@pytest.fixture
def place(opened: tuple[Hook, str]) -> str:
    """A text that the names of a test's schemas must contain, so that they are dropped."""
    return opened[1]


@pytest.fixture
def load(hook: Hook, loaded: Callable[..., dict[str, int]]) -> Callable[..., dict[str, int]]:
    """Load recordings; every argument has a default."""
    return lambda **arguments: loaded(hook, **arguments)


@pytest.fixture
def loaded() -> Callable[..., dict[str, int]]:
    """Load recordings through any hook."""

    def run(hook: Hook, rows: Any = (), **changes: Any) -> dict[str, int]:
        names = changes.keys() & {"recordings", "stored_files", "contents", "summaries", "ledger"}
        inputs = inputs_of(**{"recordings": rows, **{name: changes.pop(name) for name in names}})
        engine = changes.pop("engine", None) or engine_for(hook)
        return load_recordings(engine, inputs, **{"run": RUN, "now": NOW, **changes})

    return run


@pytest.fixture
def load_post(hook: Hook) -> Callable[..., dict[str, int]]:
    """Load posts; every other argument has a default."""

    def run(*posts: dict[str, Any], **arguments: Any) -> dict[str, int]:
        return load_posts(engine_for(hook), posts, **{"now": NOW, **arguments})

    return run


@pytest.fixture
def sql(hook: Hook) -> Callable[[str], list[dict[str, Any]]]:
    """Run SQL as a user of the database would, and return the rows."""
    return lambda statement: servers.run_sql(hook, statement)


@pytest.fixture
def dump(hook: Hook, sql: Callable[[str], list[dict[str, Any]]]) -> Callable[..., list[dict[str, Any]]]:
    """Return all rows of a table, times as the text of UTC, JSON as its canonical text."""

    def run(table: str) -> list[dict[str, Any]]:
        query = f'SELECT * FROM "{table}" ORDER BY 1, 2, 3, 4'
        if hook.conn_type == "duckdb":
            with closing(hook.get_conn()) as connection:
                connection.execute("SET timezone = 'UTC'")
                # As text: DuckDB needs pytz to return a time with zone.
                cursor = connection.execute(_as_text(connection, table))
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return [{name: servers.as_text(value) for name, value in row.items()} for row in sql(query)]

    return run


def _as_text(connection: Any, table: str) -> str:
    columns = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = ? ORDER BY ordinal_position",
        [table],
    ).fetchall()
    columns_as_text = (f'"{n}"::TEXT AS "{n}"' if kind.startswith("TIMESTAMP") else f'"{n}"' for n, kind in columns)
    return f'SELECT {", ".join(columns_as_text)} FROM "{table}" ORDER BY 1, 2, 3, 4'


@pytest.fixture
def recording() -> Callable[..., dict[str, Any]]:
    def make(**changes: Any) -> dict[str, Any]:
        recording_id = changes.get("recording_id", "rec-1")
        file = {
            "platform": "wecom",
            "tenant": "corp",
            "recording_id": recording_id,
            "meeting_id": "m-1",
            "file_id": "f-1",
            "kind": "video",
            "declared_size": 2**40,
            "started_at": "2026-05-01T09:00:00+08:00",
            "ended_at": "2026-05-01T02:00:00+00:00",
            "source": {"record_file_id": "f-1"},
        }
        return {
            "platform": "wecom",
            "tenant": "corp",
            "recording_id": recording_id,
            "state": "ready",
            "meeting_id": "m-1",
            "meeting_number": "123456789",
            "owner_id": "zhang",
            "title": "周会",
            "started_at": "2026-05-01T09:00:00+08:00",
            "ended_at": None,
            "duration_ms": 3_600_000,
            "reason": None,
            "page_url": None,
            "listed_by": "owner_id:zhang",
            "files": [file],
            "source": {"b": 1, "a": ["x"]},
            **changes,
        }

    return make


@pytest.fixture
def stored() -> Callable[..., dict[str, Any]]:
    def make(**changes: Any) -> dict[str, Any]:
        return {
            "platform": "wecom",
            "tenant": "corp",
            "recording_id": "rec-1",
            "file_id": "f-1",
            "kind": "video",
            "uri": "s3://lake@bucket/f-1.video.mp4",
            "size": 7,
            "sha256": "ab" * 32,
            "media_type": "video/mp4",
            "landed_at": "2026-05-02T00:00:00+00:00",
            "outcome": "landed",
            **changes,
        }

    return make


@pytest.fixture
def post() -> Callable[..., dict[str, Any]]:
    def make(**changes: Any) -> dict[str, Any]:
        return {
            "platform": "feishu",
            "tenant": "t",
            "post_id": "p-1",
            "author_id": "ou_1",
            "author_kind": "named",
            "created_at": "2026-05-01T00:00:00+00:00",
            "content_text": "hello",
            "content": [[{"tag": "text", "text": "hello"}]],
            "comment_count": 1,
            "reaction_total": 3,
            "dislike_count": 0,
            "reactions": [{"type": "OK", "count": 2}, {"type": "HEART", "count": 1}],
            "category_ids": ["c1"],
            "link": "https://example.com/p-1",
            "deleted": False,
            "source": {"id": "p-1"},
            **changes,
        }

    return make


@pytest.fixture
def run_key() -> RunKey:
    return RUN


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def chain() -> Callable[[BaseException], str]:
    """Return the text of an exception and of all exceptions that its traceback could show."""

    def run(error: BaseException) -> str:
        text, left = "", [error]
        while left:
            one = left.pop()
            text += f"{one!r} {one} {vars(one)}\n"
            left += [e for e in (one.__cause__, one.__context__) if e is not None]
        return text

    return run


@pytest.fixture
def child() -> Iterator[list[Any]]:
    """Processes that a test starts; they are killed after it."""
    started: list[Any] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
