"""Read landed files of Feishu."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_meetings.api.artifacts import Chapter, Statistics, Todo
from airflow_provider_meetings.api.models import StoredFile, TranscriptSegment
from airflow_provider_meetings.emulator.model.feishu import TranscriptLine
from airflow_provider_meetings.emulator.model.transcript import as_srt, as_txt
from airflow_provider_meetings.platforms.feishu.transcripts import READERS
from tests.api.test_subtitles import TEXTS, letters

LINES = (TranscriptLine(0, 4000, "赵敏", "大家好"), TranscriptLine(4500, 9000, "Chen Yu", "Note: we start at 10:30"))


def stored(kind: str) -> StoredFile:
    return StoredFile(
        platform="feishu",
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


def read(kind: str, content: bytes) -> list[Any]:
    return list(READERS[kind].read(stored(kind), content))


def test_readers_return_declared_rows() -> None:
    texts = {"transcript-txt": b"x", "transcript-srt": b"x", "chapters-json": b"[{}]", "todos-json": b"[{}]"}
    texts["statistics-json"] = b'{"page_view_count": "0"}'
    assert {kind: type(read(kind, content)[0]) for kind, content in texts.items()} == {
        kind: reader.item for kind, reader in READERS.items()
    }


def test_txt() -> None:
    first, second = read("transcript-txt", as_txt(LINES, need_speaker=True, need_timestamp=True).encode())
    assert first == TranscriptSegment(
        platform="feishu",
        tenant="t",
        recording_id="r",
        file_id="f",
        kind="transcript-txt",
        segment_no=0,
        paragraph_no=0,
        speaker_name="赵敏",
        start_ms=0,
        text="大家好",
    )
    assert (second.segment_no, second.speaker_name, second.start_ms, second.text) == (
        1,
        "Chen Yu",
        4500,
        "Note: we start at 10:30",
    )


def test_txt_without_times_is_kept_as_text() -> None:
    found = read("transcript-txt", as_txt(LINES, need_speaker=True, need_timestamp=False).encode())
    assert [(s.text, s.broken) for s in found] == [("赵敏\n大家好", True), ("Chen Yu\nNote: we start at 10:30", True)]


def test_srt() -> None:
    found = read("transcript-srt", as_srt(LINES, need_speaker=True).encode())
    assert [(s.speaker_name, s.start_ms, s.end_ms, s.text, s.broken) for s in found] == [
        ("赵敏", 0, 4000, "大家好", False),
        ("Chen Yu", 4500, 9000, "Note: we start at 10:30", False),
    ]
    assert {s.kind for s in found} == {"transcript-srt"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("李娜：好：的", ("李娜", "好：的")),
        ("Lina:yes", ("Lina", "yes")),
        ("no speaker", (None, "no speaker")),
        ("At 10:30 we meet", (None, "At 10:30 we meet")),
        ("see https://a.example/b", (None, "see https://a.example/b")),
        ("Speaker 1: yes", ("Speaker 1", "yes")),
        (": only a colon", (None, ": only a colon")),
        ("x" * 200 + ": long", (None, "x" * 200 + ": long")),
        ("first line\nLina: second", (None, "first line\nLina: second")),
    ],
)
def test_speaker_of_cue(line: str, expected: tuple[str | None, str]) -> None:
    (found,) = read("transcript-srt", f"1\n00:00:01,000 --> 00:00:02,000\n{line}\n".encode())
    assert (found.speaker_name, found.text) == expected


def test_broken_cue_has_no_speaker() -> None:
    (found,) = read("transcript-srt", b"at once: now\nLina: yes")
    assert (found.speaker_name, found.start_ms, found.text, found.broken) == (
        None,
        None,
        "at once: now\nLina: yes",
        True,
    )


def test_chapters() -> None:
    raw = {"title": "Opening", "start_ms": "0", "stop_ms": "12000", "summary_content": "The road map.", "new": 1}
    assert read("chapters-json", json.dumps([raw]).encode()) == [
        Chapter(
            platform="feishu",
            tenant="t",
            recording_id="r",
            item_no=0,
            title="Opening",
            start_ms=0,
            stop_ms=12000,
            summary="The road map.",
            source=raw,
        )
    ]


def test_todos() -> None:
    raw = {"content": "Call them", "assignees": ["赵敏", ""]}
    assert read("todos-json", json.dumps([raw]).encode()) == [
        Todo(
            platform="feishu",
            tenant="t",
            recording_id="r",
            item_no=0,
            content="Call them",
            assignees=["赵敏"],
            source=raw,
        )
    ]


def test_statistics() -> None:
    raw = {
        "user_view_count": "2",
        "page_view_count": "20",
        "user_view_list": [{"user_id": "ou_1", "view_time": "1762772412345"}, {"user_id": ""}],
    }
    assert read("statistics-json", json.dumps(raw).encode()) == [
        Statistics(
            platform="feishu",
            tenant="t",
            recording_id="r",
            user_view_count=2,
            page_view_count=20,
            viewers=[
                {"user_id": "ou_1", "viewed_at": "2025-11-10T11:00:12.345000+00:00"},
                {"user_id": None, "viewed_at": None},
            ],
            source=raw,
        )
    ]


@pytest.mark.parametrize("content", ['"text"', '{"page_view_count": []}', "{half", '[{"user_view_list": 5}, {}]'])
def test_invalid_statistics_become_row_with_source_only(content: str) -> None:
    (found,) = read("statistics-json", content.encode())
    assert (found.user_view_count, found.page_view_count, found.viewers) == (None, None, None)
    assert found.source


@pytest.mark.parametrize("kind", ["chapters-json", "todos-json"])
@pytest.mark.parametrize("entry", [3, "text", {"start_ms": [], "assignees": 5}, ["nested"]])
def test_invalid_entry_keeps_its_number(kind: str, entry: object) -> None:
    found = read(kind, json.dumps([entry, {"title": "t", "content": "c"}]).encode())
    assert [(item.item_no, item.source) for item in found] == [(0, entry), (1, {"title": "t", "content": "c"})]


def test_non_list_is_one_entry() -> None:
    assert [item.source for item in read("chapters-json", b"{'no json")] == ["{'no json"]
    assert [item.source for item in read("chapters-json", b'{"title": "t"}')] == [{"title": "t"}]
    assert read("todos-json", b"") == []
    assert len(read("todos-json", b"[" * 100_000)) == 1


@given(TEXTS)
@pytest.mark.parametrize("kind", ["transcript-txt", "transcript-srt"])
def test_transcript_text_is_complete(kind: str, text: str) -> None:
    found = read(kind, text.encode(errors="replace"))
    assert letters("".join((s.speaker_name or "") + s.text for s in found)) == letters(
        text.encode(errors="replace").decode().removeprefix("\ufeff")
    )
    assert [s.segment_no for s in found] == list(range(len(found)))


@given(
    st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda v: json.dumps(v).encode())
)
@pytest.mark.parametrize("kind", list(READERS))
def test_any_bytes_are_read(kind: str, content: bytes) -> None:
    for item in read(kind, content):
        type(item).from_dict(json.loads(json.dumps(item.to_dict())))
