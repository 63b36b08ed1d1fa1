"""An answer with any value in any place is read or refused as ServerError."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.models import Recording, RecordingState
from airflow_provider_meetings.platforms.feishu import neutral as feishu
from airflow_provider_meetings.platforms.feishu.api.models import (
    MeetingBrief,
    MeetingInfo,
    MeetingRecording,
    Minute,
    MinuteArtifacts,
    MinuteStatistics,
    MomentsPost,
    parse_download_url,
    parse_page,
)
from airflow_provider_meetings.platforms.wecom import neutral as wecom
from airflow_provider_meetings.platforms.wecom.api.models import (
    RecordingFile,
    Transcripts,
    parse_files,
    parse_records,
    parse_transcript,
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["0", "17", "[[", "[]", "00:01:52"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def check_minute(data: Any) -> None:
    recording = feishu.neutral_recording(Minute.parse(data, "minute"), tenant="t", meeting_id=None)
    assert Recording.from_dict(recording.to_dict()) == recording


def check_statistics(data: Any) -> None:
    read = MinuteStatistics.parse(data, "statistics")
    assert type(read.user_view_count) in {int, type(None)}
    for view in read.user_view_list:
        time: Any = view.raw.get("view_time")
        if view.view_time is None:
            assert time in (None, "", 0) or int(time) == 0
        else:  # the unit is never guessed
            assert view.view_time.timezone_name == "UTC"
            assert abs(view.view_time.timestamp() * 1000 - int(time)) < 1


def check_artifacts(data: Any) -> None:
    read = MinuteArtifacts.parse(data)
    for chapter in read.minute_chapters:
        assert chapter.start_ms is None or chapter.start_ms == int(chapter.raw["start_ms"])
    assert all(name for todo in read.minute_todos for name in todo.assignees)


def check_report(data: Any) -> None:
    for meeting in parse_page(data, "meeting_list", MeetingInfo).items:
        assert type(meeting.recording) in {bool, type(None)}


def check_post(data: Any) -> None:
    assert feishu.neutral_post(MomentsPost.parse(data, "post"), tenant="t").post_id


def check_meeting_briefs(data: Any) -> None:
    assert all(brief.id for brief in parse_page(data, "meeting_briefs", MeetingBrief).items)


def check_records(body: Any) -> None:
    for record in parse_records(body).items:
        recording = wecom.neutral_recording(record, RecordingState.READY, tenant="ww1")
        assert Recording.from_dict(recording.to_dict()) == recording


def check_files(body: Any) -> None:
    for file in parse_files(body):
        assert all(file_type and address for file_type, address in file.meeting_summary.items())


def check_file(body: Any) -> None:
    file = RecordingFile.parse(body)
    assert file.record_file_id
    for addresses in (file.meeting_summary, file.ai_meeting_transcripts):
        assert all(file_type.replace("-", "").isalnum() and address for file_type, address in addresses.items())


def check_transcript(body: Any) -> None:
    for paragraph in Transcripts.joined(parse_transcript(body).items).paragraphs:
        for sentence in paragraph.sentences:
            assert isinstance(sentence.text, str)
            assert all(time is None or isinstance(time, int) for time in (sentence.start_time, sentence.end_time))


CHECKS: dict[str, Callable[[Any], object]] = {
    "feishu/answers/minute": check_minute,
    "feishu/answers/minute_media": parse_download_url,
    "feishu/answers/minute_statistics": check_statistics,
    "feishu/answers/minute_artifacts": check_artifacts,
    "feishu/answers/meeting_recording": lambda data: MeetingRecording.parse(data, "recording"),
    "feishu/answers/meeting_list": check_report,
    "feishu/answers/list_by_no": check_meeting_briefs,
    "feishu/answers/post": check_post,
    "wecom/answers/record_list_by_table": check_records,
    "wecom/answers/get_file_list": check_files,
    "wecom/answers/get_file": check_file,
    "wecom/answers/transcript_detail": check_transcript,
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of the value and of every value in it."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(inner, (*path, key))


@pytest.mark.parametrize("name", CHECKS)
@settings(max_examples=150, deadline=None)
@given(choice=st.data(), value=json_values)
def test_any_value_is_read_or_refused(name: str, choice: st.DataObject, value: Any) -> None:
    body = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    top = ("data",) if name.startswith("feishu") else ()
    # The client reads WeCom's body as an object before it parses it.
    path = choice.draw(st.sampled_from([path for path in paths(body) if path and path[: len(top)] == top]))
    place: Any = body
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    try:
        CHECKS[name](body["data"] if top else body)
    except ServerError:
        return
    assert path != top or isinstance(value, dict)
