from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.models import TranscriptSegment
from airflow_provider_meetings.platforms.wecom.api.models import parse_meeting_ids
from airflow_provider_meetings.platforms.wecom.api.models_transcripts import (
    Paragraph,
    Sentence,
    SpeakerInfo,
    Transcripts,
    Word,
    neutral_segments,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["0", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def answer(name: str) -> Any:
    return json.loads((Path(__file__).parent / "answers" / f"{name}.json").read_text())


def test_the_example_of_a_transcript() -> None:
    body = answer("transcript_detail")
    raw = body["transcripts"]["paragraphs"][0]
    paragraph = Paragraph(
        pid="0",
        start_time=0,
        end_time=4000,
        speaker_info=SpeakerInfo("zhangsan", raw["speaker_info"]),
        sentences=(Sentence("0", 0, 4000, (Word("0", 0, 500, "大家好"),)),),
        raw=raw,
    )
    assert Transcripts.parse(body) == Transcripts((paragraph,), ("k",), 1, True, (body,))


def test_a_transcript_as_segments() -> None:
    body = answer("transcript_detail")
    sentences = body["transcripts"]["paragraphs"][0]["sentences"]
    sentences.append({"sid": "1", "start_time": "4000", "end_time": "5000", "words": [{"text": "Hi"}, {"text": "all"}]})
    guest = {"pid": 1, "speaker_info": {}, "sentences": [{"words": [{"text": "好"}, {"text": ""}, {"text": "ok"}]}]}
    body["transcripts"]["paragraphs"].append(guest)
    segments = neutral_segments(
        Transcripts.parse(body), tenant="ww1", recording_id="mr1", file_id="rf1", kind="transcript-json"
    )
    told = [(s.segment_no, s.paragraph_no, s.speaker_id, s.start_ms, s.end_ms, s.text) for s in segments]
    assert told == [
        (0, 0, "zhangsan", 0, 4000, "大家好"),
        (1, 0, "zhangsan", 4000, 5000, "Hi all"),
        (2, 1, None, None, None, "好ok"),
    ]
    assert {(s.platform, s.tenant, s.recording_id, s.file_id, s.speaker_final) for s in segments} == {
        ("wecom", "ww1", "mr1", "rf1", True)
    }
    for segment in segments:
        assert TranscriptSegment.from_dict(json.loads(json.dumps(segment.to_dict()))) == segment


@pytest.mark.parametrize(("detected", "final"), [(1, True), (0, False), (None, None), ("1", True)])
def test_whether_the_speakers_stay(detected: object, final: bool | None) -> None:
    body = answer("transcript_detail")
    body["transcripts"]["audio_detect"] = detected
    (segment,) = neutral_segments(
        Transcripts.parse(body), tenant="t", recording_id="r", file_id="f", kind="transcript-json"
    )
    assert segment.speaker_final is final


@pytest.mark.parametrize("more", [{}, {"transcripts": None}, {"transcripts": {}}, {"transcripts": {"paragraphs": []}}])
def test_a_file_without_a_transcript(more: dict[str, Any]) -> None:
    read = Transcripts.parse({"errcode": 0, **more})
    assert (read.paragraphs, read.keywords, read.audio_detect, read.has_more) == ((), (), None, False)
    with pytest.raises(ServerError, match="no paragraph"):
        Transcripts.parse({"errcode": 0, "has_more": True, **more})


def test_pages_are_joined() -> None:
    def page(*pids: str, keywords: list[str], detect: int | None) -> Transcripts:
        told = {"paragraphs": [{"pid": pid} for pid in pids], "keywords": keywords, "audio_detect": detect}
        return Transcripts.parse({"has_more": True, "transcripts": told})

    pages = [page("0", "1", keywords=["k", ""], detect=1), page("1", "2", keywords=["l", "k"], detect=0)]
    read = Transcripts.joined(pages)
    assert [paragraph.pid for paragraph in read.paragraphs] == ["0", "1", "2"]
    assert (read.keywords, read.audio_detect, read.has_more, len(read.raw)) == (("k", "l"), 0, False, 2)
    assert Transcripts.joined([]).audio_detect is None


def test_a_paragraph_without_its_id_is_undocumented() -> None:
    with pytest.raises(ServerError, match="pid"):
        Paragraph.parse({"start_time": 0})


@settings(max_examples=250, deadline=None)
@given(
    where=st.sampled_from(["body", "transcripts", "paragraph", "sentence", "word"]),
    field=st.sampled_from(
        [
            *("has_more", "transcripts", "paragraphs", "keywords", "audio_detect", "pid", "start_time", "end_time"),
            *("speaker_info", "sentences", "sid", "words", "wid", "text"),
        ]
    ),
    value=json_values,
)
def test_any_transcript_is_read_or_refused(where: str, field: str, value: Any) -> None:
    body = answer("transcript_detail")
    paragraph = body["transcripts"]["paragraphs"][0]
    sentence = paragraph["sentences"][0]
    places = {"body": body, "transcripts": body["transcripts"], "paragraph": paragraph, "sentence": sentence}
    {**places, "word": sentence["words"][0]}[where][field] = value
    try:
        read = Transcripts.joined([Transcripts.parse(body)])
    except ServerError:
        return
    for segment in neutral_segments(read, tenant="t", recording_id="r", file_id="f", kind="k"):
        assert TranscriptSegment.from_dict(json.loads(json.dumps(segment.to_dict()))) == segment


def test_the_example_of_a_members_meetings() -> None:
    page = parse_meeting_ids(answer("user_meetingid"))
    assert (page.items, page.next_cursor) == (("hyABC", "hyDEF"), None)


def test_more_without_a_list_would_lose_the_rest() -> None:
    with pytest.raises(ServerError, match="no list"):
        parse_meeting_ids({"errcode": 0, "next_cursor": "c"})


@settings(max_examples=100, deadline=None)
@given(field=st.sampled_from(sorted(answer("user_meetingid"))), value=json_values)
def test_any_meetings_are_read_or_refused(field: str, value: Any) -> None:
    try:
        page = parse_meeting_ids({**answer("user_meetingid"), field: value})
    except ServerError:
        return
    assert all(page.items)
    assert page.next_cursor != ""
