from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.platforms.wecom.api.models import RecordingFile


def answer() -> Any:
    return json.loads((Path(__file__).parents[1] / "answers" / "get_file.json").read_text())


def test_file_example() -> None:
    """A summary that is an object."""
    body = answer()
    assert RecordingFile.parse(body) == RecordingFile(
        record_file_id="rf1",
        download_address="https://cos.example.invalid/v.mp4?sign=S2",
        download_address_file_type="mp4",
        audio_address="https://cos.example.invalid/a.m4a?sign=S2",
        audio_address_file_type="m4a",
        meeting_summary={"pdf": "https://cos.example.invalid/s.pdf?sign=S2"},
        ai_meeting_transcripts={"txt": "https://cos.example.invalid/t.txt?sign=S2"},
        start_time=pendulum.datetime(2026, 1, 1, 1, 13, 30, tz="UTC"),
        end_time=pendulum.datetime(2026, 1, 1, 1, 43, 30, tz="UTC"),
        raw=body,
    )


def test_repr_hides_links() -> None:
    shown = repr(RecordingFile.parse(answer()))
    assert "https://" not in shown
    assert "sign=" not in shown


def test_file_with_types_of_the_table() -> None:
    body = answer()
    body["meeting_summary"] = [body["meeting_summary"]] * 2
    body["ai_meeting_transcripts"] = body["ai_meeting_transcripts"][0]
    body["download_address"] = ""
    read = RecordingFile.parse(body)
    assert read.download_address is None
    assert (sorted(read.meeting_summary), sorted(read.ai_meeting_transcripts)) == (["pdf", "pdf-2"], ["txt"])


def test_addresses_only() -> None:
    read = RecordingFile.parse({"record_file_id": "f", "ai_meeting_transcripts": None})
    assert (read.meeting_summary, read.ai_meeting_transcripts) == ({}, {})


@pytest.mark.parametrize("body", [None, [], {}, {"record_file_id": ""}])
def test_file_without_id_is_refused(body: object) -> None:
    with pytest.raises(ServerError):
        RecordingFile.parse(body)
