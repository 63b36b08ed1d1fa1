from __future__ import annotations

from airflow_provider_meetings.api.models import Post, Recording, RecordingState, StoredFile
from airflow_provider_meetings.warehouse.tables import tables


def test_each_key_starts_with_whose_data_it_is() -> None:
    for table in tables():
        assert [column.name for column in table.primary_key][:2] == ["platform", "tenant"], table.name
        assert len(table.primary_key) > 2


def test_each_table_and_column_says_what_it_is() -> None:
    for table in tables():
        assert table.comment
        assert [column.name for column in table.columns if not column.comment] == []


def test_only_keys_are_not_null() -> None:
    for table in tables():
        assert [c.name for c in table.columns if c.nullable == c.primary_key] == []


def test_prefix_and_schema_are_on_each_table() -> None:
    for attribute, table in zip(tables(), tables("pre_", "lake"), strict=True):
        assert (table.name, table.schema) == (f"pre_{attribute.name}", "lake")


def test_there_is_a_column_for_each_neutral_field() -> None:
    recording = Recording(platform="p", tenant="t", recording_id="r", state=RecordingState.READY).to_dict()
    assert set(recording) - {"files"} == _content("recordings")
    assert set(Post(platform="p", tenant="t", post_id="p").to_dict()) - {"reactions", "deleted"} == _content("posts")
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
    assert set(stored.to_dict()) - {"outcome"} <= _content("recording_files")


def _content(name: str) -> set[str]:
    return {column for column in getattr(tables(), name).columns.keys() if column[0] != "_"}  # noqa: SIM118
