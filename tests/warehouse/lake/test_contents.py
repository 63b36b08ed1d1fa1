"""Rows of artifact files in a lake: they are in the partition of their recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.artifacts import Chapter, Keyword, Statistics, Todo
from airflow_provider_meetings.api.landing.store import Plan
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.storage.local.writer import LocalWriter
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.lake.landing import land_recordings
from airflow_provider_meetings.warehouse.load.loader import Inputs
from airflow_provider_meetings.warehouse.load.transcripts import Content
from airflow_provider_meetings.warehouse.privacy.rules import CONTENTS
from tests.warehouse.lake.lakes import DEFAULT, NOW, RUN, content, days, land, read, transcript

Make = Callable[..., dict[str, Any]]
LATER = NOW + timedelta(days=1)
ONE, TWO = "2026-05-01T00:00:00+00:00", "2026-05-02T00:00:00+00:00"
OWNER = {"platform": "wecom", "tenant": "corp", "recording_id": "rec-1"}
ARTIFACTS = {
    Chapter: {"item_no": 0, "title": "Opening", "start_ms": 0, "source": {"x": 1}},
    Todo: {"item_no": 0, "content": "Call", "assignees": ["赵敏"]},
    Keyword: {"item_no": 0, "keyword": "缓存"},
    Statistics: {"user_view_count": 1, "viewers": [{"user_id": "u", "viewed_at": ONE}]},
}


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def artifacts() -> list[Content]:
    file = {**OWNER, "file_id": "f", "kind": "notes"}
    return [Content(item, file, [{**OWNER, **row}]) for item, row in ARTIFACTS.items()]


def segments(lake: Path) -> list[tuple[Any, ...]]:
    rows = read(lake, "transcript_segments")
    return [(row["dt"], row["segment_no"], row["text"], row["_deleted_at"] is not None) for row in rows]


def test_all_artifact_tables_have_day_of_recording(lake: Path, recording: Make) -> None:
    written = land(lake, [recording()], contents=[transcript("a", "b"), *artifacts()])
    for table in CONTENTS:
        rows = 2 if table.name == "transcript_segments" else 1
        assert written[table.name] == {"rows": rows, "files": 1}
        assert days(lake, table.name) == {"rec-1": "2026-05-01"}
        assert set(table.c.keys()) == read(lake, table.name)[0].keys() - {"dt"}


def test_repeated_load_replaces_nothing(lake: Path, recording: Make) -> None:
    land(lake, [recording()], contents=[transcript("a", "b"), *artifacts()])
    before = content(lake)
    written = land(lake, [recording()], contents=[transcript("a", "b"), *artifacts()], now=LATER)
    assert {found["files"] for found in written.values()} == {0}
    assert content(lake) == before


def test_changed_file_replaces_and_marks_rows(lake: Path, recording: Make) -> None:
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


def test_load_without_contents_keeps_rows(lake: Path, recording: Make) -> None:
    """The load does not even read the partition: an invalid file causes no error."""
    land(lake, [recording()], contents=[transcript("a")])
    path = lake / "transcript_segments" / "dt=2026-05-01" / "rows.parquet"
    path.write_bytes(b"not Parquet")
    written = land(lake, [recording(title="new")], now=LATER)
    assert (written["recordings"]["files"], written["transcript_segments"]["files"]) == (1, 0)
    assert path.read_bytes() == b"not Parquet"
    with pytest.raises(LoadError, match=r"transcript_segments.* is not a Parquet file"):
        land(lake, [recording()], contents=[])


@pytest.mark.parametrize("with_contents", [False, True])
def test_rows_move_with_their_recording(lake: Path, recording: Make, with_contents: bool) -> None:
    others = [recording(recording_id="stays", started_at=TWO), recording(recording_id="there")]
    transcripts = [transcript(name, recording_id=name) for name in ("stays", "there")]
    land(lake, [recording(started_at=TWO), *others], contents=[transcript("a", "b"), *transcripts, *artifacts()])
    land(lake, [recording()], contents=[] if with_contents else None, now=LATER)
    found = days(lake, "transcript_segments")
    assert found == {"rec-1": "2026-05-01", "stays": "2026-05-02", "there": "2026-05-01"}
    assert len(read(lake, "transcript_segments")) == 4
    for table in CONTENTS:
        assert days(lake, table.name)["rec-1"] == "2026-05-01"


@pytest.mark.parametrize("with_contents", [False, True])
def test_rows_before_their_recording_have_no_day(
    lake: Path, recording: Make, stored: Make, with_contents: bool
) -> None:
    land(lake, [recording(recording_id="there")], contents=[transcript("there", recording_id="there")])
    land(lake, stored=[stored()], contents=[transcript("a", "b")], now=LATER)
    assert days(lake, "transcript_segments") == {"rec-1": DEFAULT, "there": "2026-05-01"}
    land(lake, [recording()], contents=[] if with_contents else None, now=LATER)
    assert days(lake, "transcript_segments") == {"rec-1": "2026-05-01", "there": "2026-05-01"}
    assert len(read(lake, "transcript_segments")) == 3


def test_rows_of_a_recording_outside_the_load_are_found(lake: Path, recording: Make, stored: Make) -> None:
    land(lake, [recording()], contents=[transcript("a", "b")])
    land(lake, stored=[stored()], contents=[transcript("A")], now=LATER)
    assert segments(lake) == [("2026-05-01", 0, "A", False), ("2026-05-01", 1, "b", True)]


class ConflictingStore(LocalStore):
    """Run another load once, between reading and writing."""

    first: Callable[[], object] | None = None

    def writer(self, key: str, plan: Plan) -> LocalWriter:
        if key.startswith("transcript_segments") and (first := self.first):
            self.first = None
            first()
        return super().writer(key, plan)


def test_write_conflict_reads_inputs_again(lake: Path, recording: Make) -> None:
    store = ConflictingStore(lake, f"file://{lake}")
    store.first = lambda: land(lake, [recording()], contents=[transcript("other", file_id="t-2")])
    readings = 0

    class Read(Inputs):
        def recordings(self) -> list[dict[str, Any]]:
            return [recording()]

        def contents(self) -> Iterator[Content]:
            yield transcript("own")
            nonlocal readings
            readings += 1

    land_recordings(store, Read(), run=RUN, now=NOW, sleep=lambda seconds: None)
    assert [row["text"] for row in read(lake, "transcript_segments")] == ["own", "other"]
    assert readings == 2
