"""The rows of artifact files on each engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_meetings.api.artifacts import ArtifactRow, Chapter, Keyword, Statistics, Todo
from airflow_provider_meetings.api.models import TranscriptSegment
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.rounds import BATCH
from airflow_provider_meetings.warehouse.load.transcripts import Content
from tests.warehouse.conftest import NOW

Load = Callable[..., dict[str, int]]
Sql = Callable[[str], list[dict[str, Any]]]

FILE = {"platform": "feishu", "tenant": "t", "recording_id": "R", "file_id": "F", "kind": "transcript-srt"}
LATER = NOW + timedelta(days=1)
EXISTING = "SELECT segment_no, text FROM transcript_segments WHERE _deleted_at IS NULL ORDER BY kind, file_id, 1"


def transcript(*texts: str, **changes: Any) -> Content:
    file = {**FILE, **changes}
    rows = [{**file, "segment_no": number, "text": text, "broken": False} for number, text in enumerate(texts)]
    return Content(TranscriptSegment, file, rows)


def noted(item: type[ArtifactRow], *rows: dict[str, Any]) -> Content:
    file = {**FILE, "kind": "notes"}
    owner = {name: file[name] for name in ("platform", "tenant", "recording_id")}
    return Content(item, file, [{**owner, "item_no": number, **row} for number, row in enumerate(rows)])


def test_segment_fields_are_stored(load: Load, sql: Sql) -> None:
    segment = TranscriptSegment(
        platform="wecom",
        tenant="t",
        recording_id="R",
        file_id="F",
        kind="transcript-json",
        segment_no=0,
        paragraph_no=7,
        speaker_id="lina",
        speaker_name="李娜",
        start_ms=1,
        end_ms=2,
        text="好 😀",
        language="zh",
        speaker_final=False,
        broken=True,
    ).to_dict()
    assert load(contents=[Content(TranscriptSegment, segment, [segment])])["transcript_segments"] == 1
    (row,) = sql("SELECT * FROM transcript_segments")
    assert {name: row[name] for name in segment} == segment


def test_load_without_contents_keeps_their_tables(load: Load) -> None:
    assert "transcript_segments" not in load()
    assert load(contents=[])["transcript_segments"] == 0


def test_unchanged_file_changes_no_row(load: Load, sql: Sql) -> None:
    assert load(contents=[transcript("a", "b")])["transcript_segments"] == 2
    before = sql("SELECT * FROM transcript_segments ORDER BY segment_no")
    assert load(contents=[transcript("a", "b")], now=LATER)["transcript_segments"] == 0
    assert sql("SELECT * FROM transcript_segments ORDER BY segment_no") == before


def test_changed_file_replaces_only_its_rows(load: Load, sql: Sql) -> None:
    others = [transcript("txt", "too", kind="transcript-txt"), transcript("other", file_id="f")]
    load(contents=[transcript("a", "b", "c"), *others])
    assert load(contents=[transcript("a", "B")], now=LATER)["transcript_segments"] == 2
    assert {(row["segment_no"], row["text"]) for row in sql(EXISTING)} == {
        (0, "a"),
        (1, "B"),
        (0, "other"),
        (0, "txt"),
        (1, "too"),
    }
    assert sql("SELECT text FROM transcript_segments WHERE _deleted_at IS NOT NULL") == [{"text": "c"}]
    assert load(contents=[transcript("a", "B", "c")], now=LATER)["transcript_segments"] == 1
    assert sql("SELECT text FROM transcript_segments WHERE _deleted_at IS NOT NULL") == []


def test_file_without_rows_deletes_its_rows(load: Load, sql: Sql) -> None:
    load(contents=[transcript("a")])
    assert load(contents=[transcript()], now=LATER)["transcript_segments"] == 1
    assert sql(EXISTING) == []


def test_last_content_of_file_in_call_wins(load: Load, sql: Sql) -> None:
    load(contents=[transcript("a", "b", "c"), transcript("A", "B")])
    assert [row["text"] for row in sql(EXISTING)] == ["A", "B"]


def test_failed_load_keeps_old_rows(load: Load, sql: Sql) -> None:
    load(contents=[transcript("a", "b")])
    broken = Content(TranscriptSegment, FILE, [{**FILE, "segment_no": 0, "text": "new", "start_ms": "soon"}])
    with pytest.raises(LoadError, match="start_ms"):
        load(contents=[transcript("new"), broken])
    assert [row["text"] for row in sql(EXISTING)] == ["a", "b"]


def test_long_transcript_is_read_in_batches(load: Load, sql: Sql) -> None:
    count = BATCH + 1
    rows = ({**FILE, "segment_no": number, "text": str(number)} for number in range(count))
    assert load(contents=[Content(TranscriptSegment, FILE, rows)])["transcript_segments"] == count
    assert len(sql(EXISTING)) == count


def test_chapters_and_todos(load: Load, sql: Sql) -> None:
    chapters: list[dict[str, Any]] = [
        {"title": "Opening", "start_ms": 0, "stop_ms": 9, "summary": "s", "source": {"x": 1}},
        {"title": "End"},
    ]
    todos: list[dict[str, Any]] = [{"content": "Call", "assignees": ["赵敏"], "source": "odd"}]
    written = load(contents=[noted(Chapter, *chapters), noted(Todo, *todos), noted(Keyword, {"keyword": "缓存"})])
    assert (written["minute_chapters"], written["minute_todos"], written["transcript_segments"]) == (2, 1, 0)
    assert sql("SELECT item_no, keyword FROM minute_keywords") == [{"item_no": 0, "keyword": "缓存"}]
    assert load(contents=[noted(Chapter, chapters[0]), noted(Todo, *todos)], now=LATER)["minute_chapters"] == 1
    chapters = sql("SELECT title, start_ms, stop_ms, summary FROM minute_chapters WHERE _deleted_at IS NULL")
    assert chapters == [{"title": "Opening", "start_ms": 0, "stop_ms": 9, "summary": "s"}]
    assert sql("SELECT content FROM minute_todos WHERE _deleted_at IS NULL") == [{"content": "Call"}]


def test_statistics(load: Load, sql: Sql) -> None:
    owner = {name: FILE[name] for name in ("platform", "tenant", "recording_id")}
    viewers = [{"user_id": "ou_1", "viewed_at": "2026-11-10T11:00:12+00:00"}]

    def counted(views: int) -> Content:
        row = {**owner, "user_view_count": 1, "page_view_count": views, "viewers": viewers, "source": {"x": 1}}
        return Content(Statistics, {**FILE, "kind": "statistics-json"}, [row])

    query = "SELECT user_view_count, page_view_count, _deleted_at FROM minute_statistics"
    assert load(contents=[counted(20)])["minute_statistics"] == 1
    assert load(contents=[counted(20)], now=LATER)["minute_statistics"] == 0
    assert load(contents=[counted(21)], now=LATER)["minute_statistics"] == 1
    assert sql(query) == [{"user_view_count": 1, "page_view_count": 21, "_deleted_at": None}]
