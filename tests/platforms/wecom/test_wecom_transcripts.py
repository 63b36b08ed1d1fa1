"""Read landed transcripts of WeCom."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_meetings.api.models import StoredFile
from airflow_provider_meetings.emulator.seed.transcripts import as_file, transcript
from airflow_provider_meetings.platforms.wecom.transcripts import READERS
from tests.api.test_subtitles import letters

_TEXT = st.text("ab好 1", max_size=5)
_WORD = st.fixed_dictionaries({"text": _TEXT, "start_time": st.integers() | st.none()})
_SENTENCE = st.fixed_dictionaries({"words": st.lists(_WORD | _TEXT, max_size=3), "start_time": st.integers()})
_PARAGRAPH = st.fixed_dictionaries(
    {"pid": st.text(max_size=2), "sentences": st.lists(_SENTENCE, max_size=3)}, optional={"text": _TEXT, "more": _WORD}
)
_PARAGRAPHS = st.lists(_PARAGRAPH | st.lists(_WORD, max_size=2) | _TEXT, max_size=4)


def read(kind: str, content: bytes) -> list[Any]:
    file = StoredFile(
        platform="wecom",
        tenant="t",
        recording_id="r",
        file_id="f",
        kind=kind,
        uri="file:///lake/f",
        size=1,
        sha256="00",
        media_type="text/plain",
        landed_at=None,
        outcome="landed",
    )
    return list(READERS[kind].read(file, content))


def whole(*paragraphs: object, **fields: object) -> bytes:
    return json.dumps({"paragraphs": paragraphs, **fields}).encode()


def paragraph(pid: str, *sentences: list[str], **fields: object) -> dict[str, Any]:
    default_sentences = [
        {"start_time": n * 1000, "end_time": n * 1000 + 900, "words": [{"text": word} for word in words]}
        for n, words in enumerate(sentences)
    ]
    return {"pid": pid, "speaker_info": {"userid": "lina"}, "sentences": default_sentences, **fields}


def test_sentences_become_segments() -> None:
    content = whole(paragraph("0", ["大家", "好"], ["先", "看"]), paragraph("1", ["The", "arm"], speaker_info={}))
    found = read("transcript-json", content)
    assert [(s.segment_no, s.paragraph_no, s.speaker_id, s.start_ms, s.end_ms, s.text) for s in found] == [
        (0, 0, "lina", 0, 900, "大家好"),
        (1, 0, "lina", 1000, 1900, "先看"),
        (2, 1, None, 0, 900, "The arm"),
    ]
    assert {(s.platform, s.tenant, s.recording_id, s.file_id, s.kind) for s in found} == {
        ("wecom", "t", "r", "f", "transcript-json")
    }


@pytest.mark.parametrize(("fields", "final"), [({"audio_detect": 0}, False), ({"audio_detect": 1}, True), ({}, None)])
def test_speakers_not_final(fields: dict[str, Any], final: bool | None) -> None:
    assert [s.speaker_final for s in read("transcript-json", whole(paragraph("0", ["a"]), **fields))] == [final]


@pytest.mark.parametrize(
    "broken",
    [
        {"sentences": [{"words": [{"text": "kept"}]}]},  # without pid
        {"pid": "0", "sentences": [{"words": "kept"}]},
        {"pid": "0", "sentences": [], "text": "kept"},
        {"pid": "0", "sentences": [{"start_time": 2**60, "words": [{"text": "kept"}]}]},
        {"pid": "0", "sentences": [{"start_time": -1, "words": [{"text": "kept"}]}]},
        {"pid": "0", "sentences": [], "content": "kept"},
        {"pid": "0", "sentences": [{"sid": "1", "start_time": 0, "end_time": 9, "content": "kept"}]},
        {"pid": "0", "sentences": [{"words": [{"text": "too"}]}, {"words": [{"wid": "1", "word": "kept"}]}]},
        "kept",
    ],
)
def test_broken_paragraph_is_kept_as_text(broken: object) -> None:
    found = read("transcript-json", whole(broken, paragraph("1", ["after"])))
    assert [(s.segment_no, s.paragraph_no, s.broken, s.start_ms) for s in found] == [
        (0, 0, True, None),
        (1, 1, False, 0),
    ]
    assert "kept" in found[0].text
    assert found[1].text == "after"


def test_empty_paragraph_is_dropped() -> None:
    found = read("transcript-json", whole(paragraph("0"), paragraph("1", ["after"]), paragraph("2")))
    assert [(one.text, one.broken) for one in found] == [("after", False)]


@pytest.mark.parametrize("content", [b"no json", b'{"a": "b"}', b'"text"', b"[" * 100_000])
def test_json_without_paragraphs_is_kept_as_text(content: bytes) -> None:
    (found,) = read("transcript-json", content)
    assert (found.text, found.broken) == (content.decode(), True)
    assert read("transcript-json", b" ") == []


def test_ai_transcript() -> None:
    found = read("ai_transcript-txt", as_file(transcript("zhangsan", external=True)).encode())
    assert [(s.speaker_name, s.start_ms) for s in found][:3] == [("zhangsan", 0), ("lina", 5000), ("外部成员", 8000)]
    assert found[0].text == "大家好，我们开始吧。先看上周的进展。"
    assert not any(s.broken for s in found)


@given(_PARAGRAPHS)
def test_text_is_complete(paragraphs: list[Any]) -> None:
    found = "".join(segment.text for segment in read("transcript-json", whole(*paragraphs)))
    waiting: list[Any] = [paragraphs]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            assert letters(value.get("text", "")) in letters(found)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


@given(st.binary() | _PARAGRAPHS.map(lambda value: whole(*value)) | st.text().map(str.encode))
@pytest.mark.parametrize("kind", list(READERS))
def test_any_bytes_are_read(kind: str, content: bytes) -> None:
    for number, segment in enumerate(read(kind, content)):
        assert segment.segment_no == number
        type(segment).from_dict(json.loads(json.dumps(segment.to_dict())))
