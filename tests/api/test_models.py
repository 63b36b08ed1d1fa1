from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import (
    Download,
    MediaFile,
    MediaKind,
    Post,
    Recording,
    RecordingState,
    StoredFile,
    TranscriptSegment,
)
from airflow_provider_meetings.api.sanitize import without_links

START = pendulum.datetime(2026, 11, 10, 10, 1, 12, 477000, tz="Asia/Shanghai")
MEDIA = MediaFile(
    platform="acme",
    tenant="t",
    recording_id="r",
    meeting_id=None,
    file_id="f",
    kind="video",
    declared_size=12,
    started_at=START,
    ended_at=START.add(seconds=5),
    source={"sharing_state": 1, "nested": [{"a": None}]},
)
RECORDING = Recording(
    platform="acme",
    tenant="t",
    recording_id="r",
    state=RecordingState.READY,
    title="Q4 路线图 / {{ conn.x.password }}",
    started_at=START,
    duration_ms=5000,
    files=(MEDIA,),
    source={"state": 3},
)
STORED = StoredFile(
    platform="acme",
    tenant="t",
    recording_id="r",
    file_id="f",
    kind="video",
    uri="file:///x",
    size=1,
    sha256="00",
    media_type="video/mp4",
    landed_at=START,
    outcome="landed",
)
POST = Post(
    platform="acme",
    tenant="t",
    post_id="1",
    author_kind="named",
    created_at=START,
    content=[[{"tag": "text", "text": "hi"}]],
    reactions=[{"type": "OK", "count": 1}],
    category_ids=["c"],
)
SEGMENT = TranscriptSegment(
    platform="acme",
    tenant="t",
    recording_id="r",
    file_id="f",
    kind="transcript-json",
    segment_no=0,
    paragraph_no=0,
    speaker_id="lina",
    start_ms=0,
    end_ms=4000,
    text="大家好",
    speaker_final=False,
)


@pytest.mark.parametrize("value", [MEDIA, RECORDING, STORED, POST, SEGMENT])
def test_round_trip_through_json(value: MediaFile | Recording | StoredFile | Post | TranscriptSegment) -> None:
    again = type(value).from_dict(json.loads(json.dumps(value.to_dict())))
    assert again == value
    assert again.to_dict() == value.to_dict()


def test_tombstone_round_trip() -> None:
    post = Post(platform="acme", tenant="t", post_id="1", deleted=True)
    assert Post.from_dict(json.loads(json.dumps(post.to_dict()))) == post


def test_times_are_utc_text_in_json() -> None:
    data = RECORDING.to_dict()
    assert data["started_at"] == "2026-11-10T02:01:12.477000+00:00"
    assert data["state"] == "ready"
    assert type(data["state"]) is str
    assert data["files"][0]["started_at"] == "2026-11-10T02:01:12.477000+00:00"


def test_values_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        MEDIA.kind = "audio"  # type: ignore[misc]


@pytest.mark.parametrize("state", RecordingState)
def test_pending_states(state: RecordingState) -> None:
    assert state.is_pending == (state in {"recording", "processing", "absent"})


def test_label_contains_ids_only() -> None:
    assert RECORDING.label == "r"
    unnamed = Recording(platform="acme", tenant="t", recording_id=None, meeting_id="5", state=RecordingState.ABSENT)
    assert unnamed.label == "meeting 5"


def test_label_of_meeting_number() -> None:
    absent = Recording(
        platform="acme", tenant="t", recording_id=None, meeting_number="520013140", state=RecordingState.ABSENT
    )
    assert "520013140" in absent.label


def test_download_repr_hides_link() -> None:
    download = Download("https://example.com/?sig=secret", "mp4")
    assert "secret" not in repr(download)
    assert "secret" not in f"{download}"
    assert not hasattr(download, "to_dict")


SUPPORTED = ("video", "transcript-txt", "transcript-srt", "whiteboard-png")


@pytest.mark.parametrize(
    ("kinds", "supported"),
    [
        (["video", "transcript-srt"], ("video", "transcript-srt")),
        (["summary", "transcript"], ("transcript",)),
        # formats and kinds of other platforms only
        (["transcript-json", "video"], ("video",)),
        (["chapters-json", "ai_transcript-pdf"], ()),
        (["audio"], ()),
        (list(MediaKind), ("video", "transcript")),
        # a kind that only this platform declares
        (["whiteboard"], ("whiteboard",)),
    ],
)
def test_kinds_of_other_platforms_are_omitted(kinds: list[str], supported: tuple[str, ...]) -> None:
    assert MediaKind.check(kinds, SUPPORTED, "acme") == supported


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [""],
        ["film"],
        ["videos"],
        ["ai-transcript"],
        ["transcript-docx"],
        ["transcript-"],
        ["video", "transcript-SRT"],
        ["video-hd"],
        ["chapters-docx"],
        ["whiteboard-svg"],
    ],
)
def test_unknown_kind_is_refused(wrong: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="kinds"):
        MediaKind.check(wrong, SUPPORTED, "acme")


def test_kinds_contain_no_hyphen() -> None:
    assert not any("-" in kind for kind in MediaKind)


@pytest.mark.parametrize(
    ("kind", "kinds", "wanted"),
    [
        ("video", ["video"], True),
        ("video", ["audio"], False),
        ("transcript-srt", ["transcript"], True),
        ("transcript-srt", ["transcript-srt"], True),
        ("transcript-srt", ["transcript-txt"], False),
        ("transcript", ["transcript-txt"], False),
        ("ai_transcript-txt", ["ai_transcript"], True),
        ("ai_transcript-txt", ["transcript"], False),
    ],
)
def test_wanted_kinds(kind: str, kinds: list[str], wanted: bool) -> None:
    assert MediaKind.wanted(kind, kinds) is wanted


def test_links_and_passwords_are_removed() -> None:
    raw = {
        "title": "t",
        "sharing_url": "",
        "view_address": "cos://bucket/x?sign=SECRET",
        "anything": "HTTPS://example.com/?sign=SECRET",
        "password": "SECRET",
        "list": ["http://example.com/SECRET", "kept", {"password": "", "n": 1}],
        "deep": {"deeper": {"download_url": "SECRET", "cover": "https://example.com/SECRET", "kept": None}},
    }
    cleaned = without_links(raw)
    assert cleaned == {
        "title": "t",
        "has_password": True,
        "list": ["kept", {"n": 1, "has_password": False}],
        "deep": {"deeper": {"kept": None}},
    }
    assert raw["password"] == "SECRET"  # the argument is not changed


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("https://example.com/?sig=SECRET"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "url", "x_address", "password", "title"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(json_values.filter(lambda value: isinstance(value, dict | list)))
def test_links_of_any_value_are_removed(raw: Any) -> None:
    text = json.dumps(without_links(raw))
    assert "SECRET" not in text
    assert '"password"' not in text
