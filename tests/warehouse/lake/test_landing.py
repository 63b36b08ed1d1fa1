"""Loads into a lake, compared with the same loads into a database."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_meetings.api.ledger.ledger import FOLDER, Ledger
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.lake.partitions import days as partition_days
from airflow_provider_meetings.warehouse.load.loader import load_posts, load_recordings
from airflow_provider_meetings.warehouse.merge.engine import Hook
from airflow_provider_meetings.warehouse.privacy import rules
from airflow_provider_meetings.warehouse.tables.tables import tables
from tests.warehouse import servers
from tests.warehouse.inputs import inputs_of
from tests.warehouse.lake.lakes import (
    DEFAULT,
    NOW,
    RUN,
    bare,
    columns_of,
    content,
    days,
    key_of,
    land,
    land_post,
    read,
    store_at,
    transcript,
)
from tests.warehouse.ledgers import DATE, DONE, item, ledger

Make = Callable[..., dict[str, Any]]
LATER = NOW + timedelta(days=1)
RECORDING_TABLES = tuple(table.name for table in rules.RECORDINGS)
SUMMARY = {
    "platform": "wecom",
    "tenant": "corp",
    "windows": [
        {
            "endpoint": "list",
            "selector": "all",
            "start": "2026-05-01T00:00:00+00:00",
            "end": "2026-05-02T00:00:00+00:00",
            "pages": 1,
            "items": 2,
            "outcome": "complete",
        }
    ],
}


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def duck(tmp_path: Path) -> Hook:
    return servers.file_hook("duckdb", tmp_path / "warehouse.duckdb")


def assert_same_as_database(lake: Path, database: Path, names: tuple[str, ...]) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        for name in names:
            table = getattr(tables(), name)
            cursor = connection.execute(f"SELECT {columns_of(table)} FROM {name} ORDER BY {key_of(table)}")
            expected = [dict(zip(table.c.keys(), row, strict=True)) for row in cursor.fetchall()]
            assert bare(read(lake, name)) == bare(expected), name


def test_partitions_are_days_in_utc(lake: Path, recording: Make, stored: Make) -> None:
    written = land(
        lake,
        [
            recording(),  # 09:00 at +08:00
            recording(recording_id="rec-2", started_at="2026-05-01T07:59:59+08:00"),
            recording(recording_id="rec-3", started_at=None, state="processing", files=[]),
        ],
        stored=[stored()],
        summaries=[SUMMARY],
        ledger=ledger(item(), dates=[DATE]),
    )
    assert days(lake, "recordings") == {"rec-1": "2026-05-01", "rec-2": "2026-04-30", "rec-3": DEFAULT}
    assert days(lake, "recording_files") == {"rec-1": "2026-05-01", "rec-2": "2026-04-30"}
    assert days(lake, "landings") == {"rec-1": "2026-05-01"}
    assert {name: found for name, found in written.items() if found["files"]} == {
        "recordings": {"rows": 3, "files": 3},
        "recording_files": {"rows": 2, "files": 2},
        "landings": {"rows": 1, "files": 1},
        "pending_items": {"rows": 1, "files": 1},
        "discovery_windows": {"rows": 1, "files": 1},
        "sync_clocks": {"rows": 1, "files": 1},
    }
    assert {path.rpartition("/")[2] for path in content(lake)} == {"rows.parquet"}
    assert sorted(partition_days(store_at(lake), "recordings")) == ["2026-04-30", "2026-05-01"]


def test_ledger_in_the_lake(lake: Path, recording: Make, stored: Make) -> None:
    """Neither touches the other."""
    ledger, other = Ledger(store_at(lake)), lake / "other"
    ledger.write(State(since={"window": 1.0}))
    (path,) = lake.glob(f"{FOLDER}/*")
    before = path.read_bytes()
    for place in (lake, other):
        land(place, [recording()], stored=[stored()])
        # Its day is found by listing the lake.
        land(place, [recording(started_at=None, state="gone", files=[]), recording(recording_id="rec-2")])
    for name in ("recordings", "recording_files", "landings"):
        assert read(lake, name) == read(other, name)
    assert (path.read_bytes(), ledger.read().since) == (before, {"window": 1.0})


def test_repeated_load_replaces_nothing(lake: Path, recording: Make, stored: Make) -> None:
    arguments: dict[str, Any] = {"stored": [stored()], "summaries": [SUMMARY]}
    land(lake, [recording()], **arguments)
    before = content(lake)
    inodes = {path: path.stat().st_ino for path in lake.rglob("*.parquet")}
    written = land(lake, [recording()], **arguments)
    assert content(lake) == before
    assert {path: path.stat().st_ino for path in lake.rglob("*.parquet")} == inodes
    assert {(table["rows"], table["files"]) for table in written.values()} == {(0, 0)}
    land(lake, [recording()], now=LATER)
    assert {p: c for p, c in content(lake).items() if "recording" in p} == {
        p: c for p, c in before.items() if "recording" in p
    }


def test_other_rows_stay(lake: Path, recording: Make) -> None:
    land(lake, [recording(), recording(recording_id="rec-2", title="before")])
    land(lake, [recording(recording_id="rec-2", title="after"), recording(recording_id="rec-3")], now=LATER)
    assert [(row["recording_id"], row["title"]) for row in read(lake, "recordings")] == [
        ("rec-1", "周会"),
        ("rec-2", "after"),
        ("rec-3", "周会"),
    ]
    assert list(days(lake, "recording_files")) == ["rec-1", "rec-2", "rec-3"]
    assert set(days(lake, "recordings").values()) == {"2026-05-01"}


def test_deleted_recording_is_found_by_id(lake: Path, recording: Make) -> None:
    land(lake, [recording(recording_id=f"rec-{n}", started_at=f"2026-0{n}-01T00:00:00+00:00") for n in range(1, 6)])
    gone = recording(recording_id="rec-2", started_at=None, title=None, state="gone", files=[])
    written = land(lake, [gone, recording(recording_id="rec-9", started_at=None, state="gone", files=[])], now=LATER)
    rows = {row["recording_id"]: row for row in read(lake, "recordings")}
    assert (rows["rec-2"]["dt"], rows["rec-2"]["state"], rows["rec-2"]["title"]) == ("2026-02-01", "gone", "周会")
    assert rows["rec-9"]["dt"] == DEFAULT
    assert len(rows) == len(read(lake, "recordings")) == 6
    assert written["recordings"]["files"] == 2
    (file,) = [row for row in read(lake, "recording_files") if row["recording_id"] == "rec-2"]
    assert file["_deleted_at"] is not None


def test_landed_file_is_found_without_recording(lake: Path, recording: Make, stored: Make) -> None:
    land(lake, [recording()])
    land(lake, stored=[stored(), stored(recording_id="rec-2")], now=LATER)
    files = {row["recording_id"]: row for row in read(lake, "recording_files")}
    assert (files["rec-1"]["dt"], files["rec-1"]["uri"], files["rec-1"]["declared_size"]) == (
        "2026-05-01",
        stored()["uri"],
        2**40,
    )
    assert files["rec-2"]["dt"] == DEFAULT
    land(lake, [recording(recording_id="rec-2", started_at="2026-06-01T00:00:00+00:00")], now=LATER)
    assert days(lake, "recording_files") == {"rec-1": "2026-05-01", "rec-2": "2026-06-01"}
    assert days(lake, "landings") == {"rec-1": "2026-05-01", "rec-2": "2026-06-01"}
    assert len(read(lake, "recording_files")) == 2


@pytest.mark.parametrize("before", [None, "2026-04-30T23:00:00+00:00", "2026-05-02T00:00:00+00:00"])
def test_new_start_moves_row(lake: Path, recording: Make, before: str | None) -> None:
    others = [recording(recording_id="rec-2", started_at=before)]
    land(lake, [recording(started_at=before, state="processing"), *others])
    land(lake, [recording()], now=LATER)
    assert [row["recording_id"] for row in read(lake, "recordings")] == ["rec-1", "rec-2"]
    day = before[:10] if before else DEFAULT
    for table in ("recordings", "recording_files"):
        assert days(lake, table) == {"rec-1": "2026-05-01", "rec-2": day}


def test_rows_swap_days(lake: Path, recording: Make) -> None:
    one, two = "2026-05-01T00:00:00+00:00", "2026-05-02T00:00:00+00:00"
    land(lake, [recording(started_at=one), recording(recording_id="rec-2", started_at=two)])
    land(lake, [recording(started_at=two), recording(recording_id="rec-2", started_at=one)], now=LATER)
    assert days(lake, "recordings") == {"rec-1": two[:10], "rec-2": one[:10]}
    assert len(read(lake, "recordings")) == 2


def test_random_loads_equal_database(
    request: pytest.FixtureRequest, tmp_path: Path, recording: Make, stored: Make
) -> None:
    """Load unusual values in random order; ``make nightly`` runs more sequences."""
    for seed in range(max(1, int(request.config.getoption("--sequences")) // 16)):
        folder = tmp_path / str(seed)
        folder.mkdir()
        run_random_loads(folder, random.Random(seed), recording, stored)


def run_random_loads(folder: Path, chosen: random.Random, recording: Make, stored: Make) -> None:
    lake, database = folder / "lake", folder / "warehouse.duckdb"
    duck = servers.file_hook("duckdb", database)
    for step in range(4):
        recordings = [_any(chosen, recording) for _ in range(chosen.randrange(5))]
        files = [
            stored(recording_id=f"rec-{chosen.randrange(5)}", outcome=chosen.choice(["landed", "failed", "skipped"]))
            for _ in range(chosen.randrange(3))
        ]
        texts = [
            transcript(*"abcd"[: chosen.randrange(5)], recording_id=file["recording_id"], file_id=f"t-{n % 2}")
            for n, file in enumerate(files * 2)
        ]
        contents = texts if not step or chosen.randrange(2) else None
        summaries = [SUMMARY] * chosen.randrange(2)
        says = _any_ledger(chosen) if chosen.randrange(3) else None
        now = NOW + timedelta(hours=step)
        land(lake, recordings, stored=files, contents=contents, summaries=summaries, ledger=says, now=now)
        load_recordings(
            engine_for(duck),
            inputs_of(recordings, stored_files=files, contents=contents, summaries=summaries, ledger=says),
            run=RUN,
            now=now,
        )
        assert_same_as_database(lake, database, RECORDING_TABLES)


def _any_ledger(chosen: random.Random) -> dict[str, Any]:
    numbers = [number for number in range(5) if chosen.randrange(2)]
    items = [item(item_key=f"meeting:{number}", settled_at=chosen.choice([None, DONE])) for number in numbers]
    return ledger(*items, dates=[{**DATE, "settled_up_to": chosen.choice([None, "2026-05-01T00:00:00+00:00", DONE])}])


def _any(chosen: random.Random, recording: Make) -> dict[str, Any]:
    state = chosen.choice(["ready", "ready", "processing", "gone", "absent", "overdue"])
    known = state in {"ready", "processing"}
    number = chosen.randrange(5)
    made = recording(
        recording_id=None if state == "absent" else f"rec-{number}",
        meeting_id=f"m-{number}",
        state=state,
        title=chosen.choice(["周会", "a'b\"c\\", "nul\x00", "half \ud800", "😀" * 30, "", None]) if known else None,
        started_at=chosen.choice([None, "2026-05-01T23:59:59.999999+00:00", "2026-05-02T00:00:00+00:00"])
        if known
        else None,
        duration_ms=chosen.choice([None, 0, 2**62, -(2**63)]),
        asked_at=chosen.choice([None, "2026-05-02T00:00:00+00:00", "2026-05-03T00:00:00+00:00"]),
        source=chosen.choice([{}, {"a": [1, None, "\x00"], "state": 3}, {"n": 2**70, "f": 1.5}]),
    )
    if state in {"gone", "absent"} or chosen.randrange(3) == 0:
        made["files"] = []
    return made


def test_posts(lake: Path, duck: Hook, tmp_path: Path, post: Make) -> None:
    gone = {**post(), "deleted": True, "created_at": None, "content_text": None, "reactions": []}
    loads = [
        [post(), post(post_id="p-2", created_at="2026-05-03T23:00:00-05:00", reactions=[])],
        [post(comment_count=7, reactions=[{"type": "OK", "count": 5}])],
        [gone, {**gone, "post_id": "p-3"}],
    ]
    for step, posts in enumerate(loads):
        now = NOW + timedelta(hours=step)
        land_post(lake, *posts, now=now)
        load_posts(engine_for(duck), posts, now=now)
        assert_same_as_database(lake, tmp_path / "warehouse.duckdb", ("posts", "post_reactions"))
    assert days(lake, "posts") == {"p-1": "2026-05-01", "p-2": "2026-05-04", "p-3": DEFAULT}
    assert set(days(lake, "post_reactions").values()) == {"2026-05-01"}


def test_later_row_counts_after_kill_during_move(lake: Path, recording: Make) -> None:
    """The load was killed after writing the row to its new day, and before removing it from the old one."""
    old = "2026-05-02T00:00:00+00:00"
    others = [recording(recording_id="rec-2"), recording(recording_id="rec-3", started_at=old)]
    land(lake, [recording(started_at=old, title="before", source={})])
    places = [lake / table / f"dt={old[:10]}" / "rows.parquet" for table in ("recordings", "recording_files")]
    old_content = [path.read_bytes() for path in places]
    land(lake, [recording(title="after", source={})], now=LATER)
    for path, data in zip(places, old_content, strict=True):
        path.write_bytes(data)
    assert len(read(lake, "recordings")) == 2
    land(lake, others, now=LATER)
    assert days(lake, "recordings") == {"rec-1": "2026-05-01", "rec-2": "2026-05-01", "rec-3": old[:10]}
    assert [row["title"] for row in read(lake, "recordings")] == ["after", "周会", "周会"]
    assert len(read(lake, "recording_files")) == 3


def test_invalid_load_writes_nothing(lake: Path, recording: Make, chain: Any) -> None:
    with pytest.raises(LoadError, match="duration_ms") as raised:
        land(lake, [recording(), recording(recording_id="rec-2", duration_ms=2**63, title="s3cr3t-title")])
    assert content(lake) == {}
    assert "s3cr3t" not in chain(raised.value)


@pytest.mark.parametrize("day", ["0001-01-01", "1970-01-01", "9999-12-31"])
def test_first_and_last_day(lake: Path, recording: Make, day: str) -> None:
    land(lake, [recording(started_at=f"{day}T12:00:00+00:00", files=[])])
    assert days(lake, "recordings") == {"rec-1": day}


def test_many_rows(lake: Path, recording: Make) -> None:
    """More rows than a row group and a batch, with duplicate keys: the last row counts."""
    made = [
        recording(recording_id=f"rec-{n % 12_000}", started_at=f"2026-05-0{n % 2 + 1}T00:00:00+00:00", duration_ms=n)
        for n in range(24_000)
    ]
    land(lake, made)
    rows = read(lake, "recordings")
    assert len(rows) == len(read(lake, "recording_files")) == 12_000
    assert {row["duration_ms"] for row in rows} == set(range(12_000, 24_000))
