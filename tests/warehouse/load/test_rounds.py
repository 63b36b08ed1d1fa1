"""A call with several observations of a key has the same result as one call per observation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count, zip_longest
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.load.loader import load_posts
from airflow_provider_meetings.warehouse.load.rounds import BATCH
from airflow_provider_meetings.warehouse.merge.engine import Hook
from tests.warehouse import servers

Observation = dict[str, Any]
Rows = dict[str, list[dict[str, Any]]]
Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]
Compare = Callable[..., Rows]

_RUNS = count()


def _load_both(
    hook: Hook, load: Callable[[str, list[Observation]], object], cases: Sequence[Sequence[Observation]], known: int
) -> str:
    """Load each case as a separate tenant: into tables `one_` with one call, into `each_` with one per observation.

    :param known: how many observations of each case separate calls load into `one_` first.
    :return: the prefix of the tenants' names.
    """
    run = f"t-{next(_RUNS)}-"
    tenants = [[{**item, "tenant": f"{run}{number:03}"} for item in case] for number, case in enumerate(cases)]
    rounds = [[item for item in items if item is not None] for items in zip_longest(*tenants)]
    for items in rounds[:known]:
        load("one_", items)
    load("one_", [item for case in tenants for item in case[known:]])
    for items in rounds:
        load("each_", items)
    return run


def _rows(hook: Hook, prefix: str, run: str, tables: Sequence[str]) -> Rows:
    found = {name: servers.run_sql(hook, f"SELECT * FROM {prefix}{name} WHERE tenant LIKE '{run}%'") for name in tables}
    return {name: sorted((_without_times(row) for row in rows), key=repr) for name, rows in found.items()}


def _without_times(row: dict[str, Any]) -> dict[str, Any]:
    rest = {name: servers.as_text(value) for name, value in row.items() if name != "_landed_at"}
    return rest | {"_deleted_at": row["_deleted_at"] is not None}


@pytest.fixture
def compare_recordings(loaded: Load) -> Compare:
    """Load recordings both ways, compare the rows, and return them."""
    tables = ("recordings", "recording_files")

    def run(hook: Hook, cases: Sequence[Sequence[Observation]], known: int = 0) -> Rows:
        run = _load_both(hook, lambda prefix, items: loaded(hook, items, table_prefix=prefix), cases, known)
        one, each = (_rows(hook, prefix, run, tables) for prefix in ("one_", "each_"))
        assert one == each
        return one

    return run


@pytest.fixture
def compare_posts(now: datetime) -> Compare:
    """Load posts both ways, compare the rows, and return them."""

    def run(hook: Hook, cases: Sequence[Sequence[Observation]], known: int = 0) -> Rows:
        def load(prefix: str, items: Sequence[Observation]) -> None:
            load_posts(engine_for(hook), items, table_prefix=prefix, now=now)

        run = _load_both(hook, load, cases, known)
        one, each = (_rows(hook, prefix, run, ("posts", "post_reactions")) for prefix in ("one_", "each_"))
        assert one == each
        return one

    return run


def _item(state: str, title: str | None = None, *files: str, size: int = 1, **changes: Any) -> Observation:
    listed = [{"file_id": file, "kind": "video", "declared_size": size} for file in files]
    one = {"platform": "wecom", "recording_id": "a", "meeting_id": None, "state": state, "title": title}
    return {**one, "files": listed, "source": {}, **changes}


# The observations; then the expected state, title and files.
CASES: dict[str, tuple[list[Observation], tuple[str, str | None, list[str]]]] = {
    "ready, gone": ([_item("ready", "x", "f"), _item("gone")], ("gone", "x", [])),
    "ready, processing": ([_item("ready", "x", "f"), _item("processing", "y")], ("ready", "x", ["f"])),
    "ready without a title, processing": ([_item("ready"), _item("processing", "y")], ("ready", None, [])),
    "processing, ready": ([_item("processing"), _item("ready", "x", "f")], ("ready", "x", ["f"])),
    "processing with a title, gone": ([_item("processing", "x"), _item("gone")], ("gone", "x", [])),
    "gone, ready": ([_item("gone"), _item("ready", "x", "f")], ("ready", "x", ["f"])),
    "gone, ready, gone": ([_item("gone"), _item("ready", "x", "f"), _item("gone")], ("gone", "x", [])),
    "gone, forbidden": (
        [_item("ready", "x", "f"), _item("gone"), _item("forbidden")],
        ("forbidden", "x", []),
    ),
    "forbidden with a title, ready": ([_item("forbidden", "x"), _item("ready")], ("ready", "x", [])),
    "ready with a title, ready": ([_item("ready", "x"), _item("ready", owner_id="o")], ("ready", "x", [])),
    "ready, ready with another file": (
        [_item("ready", "x", "f"), _item("ready", "y", "g")],
        ("ready", "y", ["g"]),
    ),
    "ready with files, ready": (
        [_item("ready", "x", "f", "g"), _item("ready", "y")],
        ("ready", "y", ["f", "g"]),
    ),
    "processing, ready, processing": (
        [_item("processing", "x"), _item("ready"), _item("processing", "y")],
        ("ready", "x", []),
    ),
    "gone, ready without files": (
        [_item("ready", "x", "f"), _item("gone"), _item("ready")],
        ("ready", "x", []),
    ),
    "the same twice": ([_item("ready", "x", "f"), _item("ready", "x", "f")], ("ready", "x", ["f"])),
}


def test_repeated_recordings(hook: Hook, compare_recordings: Compare) -> None:
    rows = compare_recordings(hook, [case for case, _ in CASES.values()])
    files = [(row["tenant"], row["file_id"]) for row in rows["recording_files"] if not row["_deleted_at"]]
    for (name, (_, expected)), row in zip(CASES.items(), rows["recordings"], strict=True):
        present = [file for tenant, file in files if tenant == row["tenant"]]
        assert (row["state"], row["title"], present) == expected, name


def test_repeated_recordings_with_last_observation_loaded_before(hook: Hook, compare_recordings: Compare) -> None:
    compare_recordings(hook, [[case[-1], *case] for case, _ in CASES.values()], 1)


def test_repeated_recording_across_batches(hook: Hook, loaded: Load) -> None:
    between = [_item("ready", recording_id=f"x-{i}") for i in range(BATCH)]
    items = [_item("processing", "x", "f"), *between, _item("ready", None, "g"), _item("processing", "y")]
    loaded(hook, [{**item, "tenant": "t"} for item in items])
    rows = servers.run_sql(hook, "SELECT state, title FROM recordings WHERE recording_id = 'a'")
    assert rows == [{"state": "ready", "title": "x"}]
    files = servers.run_sql(hook, "SELECT file_id FROM recording_files WHERE _deleted_at IS NULL")
    assert files == [{"file_id": "g"}]


def test_each_change_of_a_repeated_recording_counts(load: Load, recording: Make) -> None:
    items = [recording(state="processing", files=[]), recording(title="x"), recording(title="y")]
    assert [load(recordings=items)["recordings"] for _ in range(2)] == [3, 2]
    counts = [sum(load(recordings=[item], table_prefix="each_")["recordings"] for item in items) for _ in range(2)]
    assert counts == [3, 2]


def test_write_conflict_repeats_all_rounds(hook: Hook, loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_for(hook)
    items = [_item("ready", "x", "f", tenant="t"), _item("gone", tenant="t")]
    loaded(hook)
    failures = iter([True])
    real = engine.change

    def change(connection: Any, sql: str, parameters: Sequence[Any] = ()) -> int:
        count = real(connection, sql, parameters)
        if sql.startswith("DELETE FROM") and next(failures, False):
            raise OSError
        return count

    monkeypatch.setattr(engine, "change", change)
    monkeypatch.setattr(engine, "is_write_conflict", lambda error: isinstance(error, OSError))
    assert loaded(hook, items, engine=engine)["recordings"] == 2
    rows = servers.run_sql(hook, "SELECT state, title FROM recordings")
    assert rows == [{"state": "gone", "title": "x"}]
    assert servers.run_sql(hook, "SELECT file_id FROM recording_files WHERE _deleted_at IS NOT NULL") == [
        {"file_id": "f"}
    ]


@st.composite
def _recordings(draw: st.DrawFn) -> Observation:
    key = draw(st.sampled_from(["a", "b"]))
    meeting = draw(st.sampled_from([f"m-{key}", None]))
    without_id = meeting is not None and draw(st.integers(0, 4)) == 0
    return _item(
        draw(st.sampled_from([str(state) for state in RecordingState])),
        draw(st.sampled_from(["x", "y", None])),
        *draw(st.lists(st.sampled_from(["f", "g"]), unique=True)),
        size=draw(st.integers(1, 2)),
        recording_id=None if without_id else key,
        meeting_id=meeting,
        owner_id=draw(st.sampled_from(["o", None])),
        asked_at=draw(st.sampled_from([None, "2026-05-01T00:00:00+00:00", "2026-05-02T00:00:00+00:00"])),
        reason=draw(st.sampled_from(["why", None])),
    )


@st.composite
def _posts(draw: st.DrawFn) -> Observation:
    reactions = draw(st.lists(st.sampled_from(["OK", "HEART"]), unique=True))
    return {
        "platform": "feishu",
        "post_id": draw(st.sampled_from(["a", "b"])),
        "content_text": draw(st.sampled_from(["x", "y", None])),
        "deleted": draw(st.booleans()),
        "reactions": [{"type": one, "count": draw(st.integers(0, 2))} for one in reactions],
        "source": {},
    }


_CASES = 10
"""Cases per load, because a load is much slower than a case."""


def _compare_random(compare: Compare, hook: Hook, cases: st.SearchStrategy[Observation], examples: int) -> None:
    @settings(deadline=None, max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.lists(cases, min_size=2, max_size=7), min_size=1, max_size=_CASES), st.integers(0, 2))
    def run(cases: list[list[Observation]], known: int) -> None:
        compare(hook, cases, known)

    run()


@pytest.fixture
def examples(opened: tuple[Hook, str], pytestconfig: pytest.Config) -> int:
    """The number of examples of a random comparison; more on SQLite, where a load is fast."""
    sequences: int = pytestconfig.getoption("--sequences")
    return max(2, sequences // (2 * _CASES if opened[0].conn_type == "sqlite" else 5 * _CASES))


def test_random_repeated_recordings(hook: Hook, compare_recordings: Compare, examples: int) -> None:
    _compare_random(compare_recordings, hook, _recordings(), examples)


def test_random_repeated_posts(hook: Hook, compare_posts: Compare, examples: int) -> None:
    _compare_random(compare_posts, hook, _posts(), examples)


def test_repeated_posts(hook: Hook, compare_posts: Compare, post: Make) -> None:
    gone = {"platform": "feishu", "post_id": "p-1", "deleted": True}
    first = post(content_text="first", reactions=[{"type": "OK", "count": 1}])
    last = post(content_text="last", reactions=[{"type": "HEART", "count": 1}])
    cases: list[tuple[list[Observation], bool]] = [
        ([last, gone], True),
        ([gone, last], False),
        ([first, last], False),
        ([first, gone, last], False),
        ([gone, first, last, gone], True),
    ]
    rows = compare_posts(hook, [case for case, _ in cases])
    for (case, is_deleted), row in zip(cases, rows["posts"], strict=True):
        assert (row["content_text"], row["_deleted_at"]) == ("last", is_deleted), case
        reactions = [one for one in rows["post_reactions"] if one["tenant"] == row["tenant"]]
        assert [one["reaction_type"] for one in reactions if not one["_deleted_at"]] == ["HEART"]
