from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.platforms.wecom.api.models import (
    Record,
    RecordFile,
    RecordingFile,
    parse_files,
    parse_records,
)
from airflow_provider_meetings.platforms.wecom.neutral import neutral_recording

UTC = "UTC"


def answer(name: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "answers" / f"{name}.json").read_text())


def test_list_example() -> None:
    """The example has no has_more, and its times in milliseconds are implausibly early."""
    body = answer("record_list")
    page = parse_records(body)
    raw = body["record_meetings"][0]
    assert page.next_cursor is None
    assert page.items == (
        Record(
            meeting_record_id="GEIGN",
            meetingid="GEMIGE",
            meeting_code="GEJIGNEO",
            host_user_id="XGMEIG",
            meeting_start_time=pendulum.datetime(1970, 1, 3, 1, 22, 57, 777000, tz=UTC),
            title="TJIE",
            state=1,
            record_file_list=(
                RecordFile(
                    record_file_id="FILEID",
                    record_start_time=pendulum.datetime(1970, 1, 1, 0, 0, 15, 555000, tz=UTC),
                    record_end_time=pendulum.datetime(1970, 1, 1, 0, 29, 37, 777000, tz=UTC),
                    record_size=323235325,
                    raw=raw["record_files"][0],
                ),
            ),
            raw=raw,
        ),
    )


def test_repr_hides_secrets() -> None:
    for shown in (repr(parse_records(answer("record_list"))), repr(parse_files(answer("get_file_list")))):
        for secret in ("fgjisnge", "https://", "S3CRET"):
            assert secret not in shown


def test_list_with_names_of_the_table() -> None:
    page = parse_records(answer("record_list_by_table"))
    assert page.next_cursor == "NGEING"
    (record,) = page.items
    assert record.meeting_start_time == pendulum.datetime(2025, 11, 12, 1, 20, 0, 123000, tz=UTC)
    first, second = record.record_file_list
    assert first.record_size is None  # wrapped past 2 GiB: no size
    assert first.raw["record_size"] == -2047483648
    assert second.record_size == 4294967296
    assert second.record_start_time == pendulum.datetime(2025, 11, 12, 1, 25, tz=UTC)


def test_record_as_recording() -> None:
    (record,) = parse_records(answer("record_list_by_table")).items
    recording = neutral_recording(record, RecordingState.READY, tenant="ww1")
    assert (recording.recording_id, recording.meeting_id, recording.meeting_number) == ("GEIGN", "GEMIGE", "520013140")
    assert (recording.owner_id, recording.title, recording.reason) == ("XGMEIG", "TJIE", None)
    # the start of its earliest file, which is listed second
    assert recording.started_at == pendulum.datetime(2025, 11, 12, 1, 25, tz=UTC)
    assert recording.ended_at == pendulum.datetime(2025, 11, 12, 2, 30, 0, 500000, tz=UTC)
    assert recording.duration_ms == 3_600_500 + 60_000
    assert [(file.file_id, file.declared_size) for file in recording.files] == [
        ("FILEID", None),
        ("FILEID2", 4294967296),
    ]
    assert set(recording.source) == {
        "meeting_record_id",
        "meetingid",
        "meeting_code",
        "host_user_id",
        "meeting_start_time",
        "title",
        "state",
    }
    assert recording.files[1].source["has_password"] is True
    assert "fgjisnge" not in json.dumps(recording.to_dict())
    assert "share.url" not in json.dumps(recording.to_dict())


def test_record_without_files_starts_with_meeting() -> None:
    record = Record.parse({"meeting_record_id": "R", "meeting_start_time": 1762910400123, "state": 2})
    recording = neutral_recording(record, RecordingState.PROCESSING, tenant="ww1")
    assert recording.started_at == pendulum.datetime(2025, 11, 12, 1, 20, 0, 123000, tz=UTC)
    assert (recording.ended_at, recording.duration_ms, recording.files) == (None, None, ())
    assert recording.reason == "state 2"


@pytest.mark.parametrize("more", [{}, {"has_more": False}, {"has_more": 0}, {"has_more": None}])
def test_page_without_more_is_the_last(more: dict[str, Any]) -> None:
    page = parse_records({"errcode": 0, "record_list": [], "next_cursor": "left over", **more})
    assert (page.items, page.next_cursor) == ((), None)


@pytest.mark.parametrize("cursor", [{}, {"next_cursor": ""}, {"next_cursor": None}])
def test_more_without_cursor_is_refused(cursor: dict[str, Any]) -> None:
    with pytest.raises(ServerError, match="no cursor"):
        parse_records({"errcode": 0, "record_list": [], "has_more": True, **cursor})


def test_more_without_record_list_is_refused() -> None:
    with pytest.raises(ServerError):
        parse_records({"errcode": 0, "has_more": True, "next_cursor": "NGEING", "records": [{}]})


@pytest.mark.parametrize("files", [{}, {"record_file_list": None}, {"record_files": []}])
def test_record_without_files(files: dict[str, Any]) -> None:
    assert Record.parse({"meeting_record_id": "R", **files}).record_file_list == ()


@pytest.mark.parametrize("field", ["meeting_record_id"])
def test_record_without_id_is_refused(field: str) -> None:
    with pytest.raises(ServerError, match=field):
        Record.parse({"state": 3})


def test_file_addresses() -> None:
    first, second, third = parse_files(answer("get_file_list"))
    assert first == RecordingFile(
        record_file_id="FILEID",
        download_address="https://media.example.invalid/video?sign=S3CRET",
        download_address_file_type="mp4",
        audio_address="https://media.example.invalid/audio?sign=S3CRET",
        audio_address_file_type="m4a",
        meeting_summary={
            "docx": "https://media.example.invalid/docx?sign=S3CRET",
            "txt": "https://media.example.invalid/txt?sign=S3CRET",
        },
        ai_meeting_transcripts={},
        raw=answer("get_file_list")["record_files"][0],
    )
    # empty texts, and a summary that is an object
    assert (second.download_address, second.audio_address) == (None, None)
    assert second.meeting_summary == {"docx": "https://media.example.invalid/one?sign=S3CRET"}
    assert (third.download_address, third.meeting_summary) == (None, {})
