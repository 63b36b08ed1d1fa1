from __future__ import annotations

from typing import Any

from airflow_provider_meetings.api.artifacts import Chapter, Keyword, Todo
from airflow_provider_meetings.api.models import (
    MediaFile,
    Post,
    Recording,
    RecordingState,
    StoredFile,
    TranscriptSegment,
)
from airflow_provider_meetings.warehouse.tables.tables import tables


def test_table_names() -> None:
    assert [table.name for table in tables()] == [
        "recordings",
        "recording_files",
        "transcript_segments",
        "posts",
        "post_reactions",
        "minute_chapters",
        "minute_todos",
        "minute_keywords",
        "minute_statistics",
        "landings",
        "pending_items",
        "discovery_windows",
        "sync_clocks",
        "erasures",
    ]


def test_keys_start_with_platform_and_tenant() -> None:
    for table in tables():
        assert [column.name for column in table.primary_key][:2] == ["platform", "tenant"], table.name
        assert len(table.primary_key) > 2


def test_tables_and_columns_have_comments() -> None:
    for table in tables():
        assert table.comment
        assert [column.name for column in table.columns if not column.comment] == []


def test_only_keys_are_not_null() -> None:
    for table in tables():
        assert [c.name for c in table.columns if c.nullable == c.primary_key] == []


def test_no_column_name_is_reserved_by_bigquery() -> None:
    # Its external tables over the lake: https://cloud.google.com/bigquery/docs/schemas#column_names
    reserved = ("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier")
    assert [c.name for table in tables() for c in table.c if c.name.lower().startswith(reserved)] == []


def test_prefix_and_schema_apply_to_each_table() -> None:
    for attribute, table in zip(tables(), tables("pre_", "lake"), strict=True):
        assert (table.name, table.schema) == (f"pre_{attribute.name}", "lake")


def test_neutral_fields_have_columns() -> None:
    recording = Recording(platform="p", tenant="t", recording_id="r", state=RecordingState.READY).to_dict()
    assert set(recording) - {"files", "revisit"} == _content("recordings")
    assert set(Post(platform="p", tenant="t", post_id="p").to_dict()) - {"reactions", "deleted"} == _content("posts")
    owner: Any = {"platform": "p", "tenant": "t", "recording_id": "r"}
    segment = TranscriptSegment(**owner, file_id="f", kind="transcript-srt", segment_no=0, text="x")
    assert set(segment.to_dict()) == _content("transcript_segments")
    assert set(Chapter(**owner, item_no=0).to_dict()) == _content("minute_chapters")
    assert set(Todo(**owner, item_no=0).to_dict()) == _content("minute_todos")
    assert set(Keyword(**owner, item_no=0, keyword="x").to_dict()) == _content("minute_keywords")
    file = MediaFile(platform="p", tenant="t", recording_id="r", meeting_id=None, file_id="f", kind="video")
    assert set(file.to_dict()) - {"formats"} <= _content("recording_files")
    stored = StoredFile(
        platform="p",
        tenant="t",
        recording_id="r",
        file_id="f",
        kind="video",
        uri=None,
        size=None,
        sha256=None,
        media_type=None,
        landed_at=None,
        outcome="absent",
    )
    assert set(stored.to_dict()) <= _content("landings")
    assert set(stored.to_dict()) - {"outcome", "reason"} <= _content("recording_files")


def _content(name: str) -> set[str]:
    """Return the names of the columns of neutral fields, without those of platform fields."""
    columns = getattr(tables(), name).columns
    return {column.name for column in columns if column.name[0] != "_" and not column.info.get("from_source")}
