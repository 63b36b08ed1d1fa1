"""What stands in files, in a lake: by the day of its recording, whether a load is about it or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.artifacts import Chapter, Statistics, Todo
from airflow_provider_meetings.api.landing.store import Plan
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.storage.local.writer import LocalWriter
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.lake.landing import land_recordings
from airflow_provider_meetings.warehouse.load.transcripts import Content
from airflow_provider_meetings.warehouse.privacy.rules import CONTENTS
from tests.warehouse.lake.lakes import DEFAULT, NOW, RUN, content, days, land, read, transcript

Make = Callable[..., dict[str, Any]]
LATER = NOW + timedelta(days=1)
ONE, TWO = "2026-05-01T00:00:00+00:00", "2026-05-02T00:00:00+00:00"
OWNER = {"platform": "wecom", "tenant": "corp", "recording_id": "rec-1"}
NOTES = {
    Chapter: {"item_no": 0, "title": "Opening", "start_ms": 0, "source": {"x": 1}},
    Todo: {"item_no": 0, "content": "Call", "assignees": ["赵敏"]},
    Statistics: {"user_view_count": 1, "viewers": [{"user_id": "u", "viewed_at": ONE}]},
}


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def noted() -> list[Content]:
    file = {**OWNER, "file_id": "f", "kind": "notes"}
    return [Content(item, file, [{**OWNER, **row}]) for item, row in NOTES.items()]


def segments(lake: Path) -> list[tuple[Any, ...]]:
    rows = read(lake, "transcript_segments")
    return [(row["dt"], row["segment_no"], row["text"], row["_deleted_at"] is not None) for row in rows]


def test_every_table_of_what_stands_in_files_is_written_by_the_day_of_its_recording(
    lake: Path, recording: Make
) -> None:
    told = land(lake, [recording()], contents=[transcript("a", "b"), *noted()])
    for table in CONTENTS:
        rows = 2 if table.name == "transcript_segments" else 1
        assert told[table.name] == {"rows": rows, "files": 1}
        assert days(lake, table.name) == {"rec-1": "2026-05-01"}
        assert set(table.c.keys()) == read(lake, table.name)[0].keys() - {"dt"}


def test_the_same_again_replaces_nothing(lake: Path, recording: Make) -> None:
    land(lake, [recording()], contents=[transcript("a", "b"), *noted()])
    before = content(lake)
    told = land(lake, [recording()], contents=[transcript("a", "b"), *noted()], now=LATER)
    assert {found["files"] for found in told.values()} == {0}
    assert content(lake) == before


def test_a_changed_file_replaces_its_rows_and_marks_what_is_gone(lake: Path, recording: Make) -> None:
    others = [transcript("other", file_id="t-2"), transcript("far", recording_id="rec-2")]
    recordings = [recording(), recording(recording_id="rec-2")]
    land(lake, recordings, contents=[transcript("a", "b", "c"), *others])
    land(lake, [recording()], contents=[transcript("a", "B")], now=LATER)
    day = "2026-05-01"
    assert segments(lake) == [
        (day, 0, "a", False),
        (day, 1, "B", False),
        (day, 2, "c", True),
        (day, 0, "other", False),
        (day, 0, "far", False),
    ]


def test_a_load_that_is_not_about_them_leaves_them_alone(lake: Path, recording: Make) -> None:
    """It does not even read them: what is no Parquet there is not noticed."""
    land(lake, [recording()], contents=[transcript("a")])
    path = lake / "transcript_segments" / "dt=2026-05-01" / "rows.parquet"
    path.write_bytes(b"not Parquet")
    told = land(lake, [recording(title="anew")], now=LATER)
    assert (told["recordings"]["files"], told["transcript_segments"]["files"]) == (1, 0)
    assert path.read_bytes() == b"not Parquet"
    with pytest.raises(LoadError, match=r"transcript_segments.* is not a Parquet file"):
        land(lake, [recording()], contents=[])


@pytest.mark.parametrize("about_them", [False, True])
def test_they_move_with_their_recording(lake: Path, recording: Make, about_them: bool) -> None:
    others = [recording(recording_id="stays", started_at=TWO), recording(recording_id="there")]
    theirs = [transcript(name, recording_id=name) for name in ("stays", "there")]
    land(lake, [recording(started_at=TWO), *others], contents=[transcript("a", "b"), *theirs, *noted()])
    land(lake, [recording()], contents=[] if about_them else None, now=LATER)
    found = days(lake, "transcript_segments")
    assert found == {"rec-1": "2026-05-01", "stays": "2026-05-02", "there": "2026-05-01"}
    assert len(read(lake, "transcript_segments")) == 4
    for table in CONTENTS:
        assert days(lake, table.name)["rec-1"] == "2026-05-01"


@pytest.mark.parametrize("about_them", [False, True])
def test_those_that_came_before_their_recording_wait_without_a_day(
    lake: Path, recording: Make, stored: Make, about_them: bool
) -> None:
    land(lake, [recording(recording_id="there")], contents=[transcript("there", recording_id="there")])
    land(lake, stored=[stored()], contents=[transcript("a", "b")], now=LATER)
    assert days(lake, "transcript_segments") == {"rec-1": DEFAULT, "there": "2026-05-01"}
    land(lake, [recording()], contents=[] if about_them else None, now=LATER)
    assert days(lake, "transcript_segments") == {"rec-1": "2026-05-01", "there": "2026-05-01"}
    assert len(read(lake, "transcript_segments")) == 3


def test_those_whose_recording_is_not_handed_over_are_found(lake: Path, recording: Make, stored: Make) -> None:
    land(lake, [recording()], contents=[transcript("a", "b")])
    land(lake, stored=[stored()], contents=[transcript("A")], now=LATER)
    assert segments(lake) == [("2026-05-01", 0, "A", False), ("2026-05-01", 1, "b", True)]


class Overtaken(LocalStore):
    """Let another writer land once, between what was read and what is written."""

    first: Callable[[], object] | None = None

    def writer(self, key: str, plan: Plan) -> LocalWriter:
        if key.startswith("transcript_segments") and (first := self.first):
            self.first = None
            first()
        return super().writer(key, plan)


def test_who_was_overtaken_reads_the_files_again(lake: Path, recording: Make) -> None:
    store = Overtaken(lake, f"file://{lake}")
    store.first = lambda: land(lake, [recording()], contents=[transcript("theirs", file_id="t-2")])
    readings = 0

    def contents() -> Iterator[Content]:
        yield transcript("ours")
        nonlocal readings
        readings += 1

    land_recordings(
        store,
        recordings=lambda: [recording()],
        stored_files=lambda: (),
        contents=contents,
        summaries=lambda: (),
        run=RUN,
        now=NOW,
        sleep=lambda seconds: None,
    )
    assert [row["text"] for row in read(lake, "transcript_segments")] == ["ours", "theirs"]
    assert readings == 2
