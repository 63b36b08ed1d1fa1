from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, Text

from airflow_provider_meetings.api.models import MediaFile, Recording, RecordingState
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load import rows
from airflow_provider_meetings.warehouse.merge.row_builder import Builder, Row
from airflow_provider_meetings.warehouse.tables.tables import tables
from airflow_provider_meetings.warehouse.tables.types import Id

NOW = datetime(2026, 5, 4, tzinfo=UTC)
LATER = datetime(2026, 5, 5, tzinfo=UTC)
IDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
OPTIONAL = st.none() | IDS
TIMES = st.none() | st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))


@st.composite
def recordings(draw: st.DrawFn) -> dict[str, Any]:
    owner: dict[str, Any] = {"platform": draw(st.sampled_from(["feishu", "wecom"])), "tenant": draw(IDS)}
    recording_id = draw(OPTIONAL)
    files = [
        MediaFile(**owner, recording_id=recording_id, meeting_id=None, file_id=draw(IDS), kind="video")
        for _ in range(draw(st.integers(0, 3)))
        if recording_id
    ]
    return Recording(
        **owner,
        recording_id=recording_id,
        state=draw(st.sampled_from(RecordingState)),
        meeting_id=draw(IDS),
        title=draw(OPTIONAL),
        started_at=draw(TIMES),  # type: ignore[arg-type]  # converted to pendulum's class
        duration_ms=draw(st.none() | st.integers(0, 10**9)),
        files=tuple(files),
        source=draw(st.dictionaries(IDS, OPTIONAL, max_size=3)),
    ).to_dict()


def _named(names: tuple[str, ...], row: Row) -> dict[str, Any]:
    return dict(zip(names, row, strict=True))


def _recording(recording: dict[str, Any], now: datetime) -> dict[str, Any] | None:
    if recording["recording_id"] is None:
        return None
    (found,) = rows.recording_rows([recording], now)
    return _named((*rows.RECORDING, "complete"), found)


@given(recordings())
def test_recording_with_id_has_row(recording: dict[str, Any]) -> None:
    row = _recording(recording, NOW)
    assert (row is None) == (recording["recording_id"] is None)
    files = [_named(rows.DECLARED, file) for file in rows.file_rows([recording], NOW)]
    assert [f["file_id"] for f in files] == [f["file_id"] for f in recording["files"]]
    if row is not None:
        assert set(row) == {*tables().recordings.columns.keys(), "complete"}
        assert row["complete"] == (row["state"] == "gone" or (row["state"] == "ready" and bool(files)))
        again = _recording(recording, LATER)
        assert again is not None
        assert {**again, "_landed_at": NOW, "asked_at": NOW, "_deleted_at": again["_deleted_at"] and NOW} == row
        assert (row["_deleted_at"] == NOW) == (recording["state"] == "gone")


@given(recordings(), st.sampled_from(["title", "state", "source", "started_at", "duration_ms"]))
def test_hash_depends_on_content(recording: dict[str, Any], name: str) -> None:
    recording["recording_id"] = "r"
    values = {"title": "-new-", "state": "gone", "source": {"-new-": 1}, "duration_ms": -1}
    changed = {**recording, name: values.get(name, "1999-01-01T00:00:00+00:00")}
    one, two = _recording(recording, NOW), _recording(changed, NOW)
    assert one is not None
    assert two is not None
    assert (one["_source_hash"] == two["_source_hash"]) == (recording[name] == changed[name])


def test_declared_file_has_key_of_its_recording() -> None:
    recording: dict[str, Any] = {"platform": "p", "tenant": "t", "recording_id": "r", "files": []}
    recording["files"] = [{"tenant": "other", "recording_id": "other", "file_id": "f", "kind": "audio"}]
    (found,) = rows.file_rows([recording], NOW)
    row = _named(rows.DECLARED, found)
    assert (row["platform"], row["tenant"], row["recording_id"]) == ("p", "t", "r")
    assert not {"uri", "size", "sha256", "media_type", "landed_at", "_stored_hash"} & set(row)


@pytest.mark.parametrize("missing", ["platform", "tenant", "post_id"])
@pytest.mark.parametrize("value", [None, ""])
def test_missing_key_value_is_refused(missing: str, value: str | None) -> None:
    post = {"platform": "feishu", "tenant": "t", "post_id": "p", missing: value}
    for build, deleted in ((rows.post_rows, False), (rows.tombstone_rows, True)):
        with pytest.raises(LoadError, match=f"'{missing}' has no value"):
            build([{**post, "deleted": deleted}], NOW)


def test_added_column_does_not_change_hash() -> None:
    table = Table("t", MetaData(), Column("platform", Id(), primary_key=True), Column("a", Text()), Column("b", Text()))
    data = {"platform": "p", "a": "x"}
    ((*_, before),) = Builder(table, ["platform", "a"], hashed=True)([data])
    ((*_, after),) = Builder(table, ["platform", "a", "b"], hashed=True)([data])
    ((*_, other),) = Builder(table, ["platform", "a", "b"], hashed=True)([{"platform": "p", "b": "x"}])
    assert before == after
    assert before != other
