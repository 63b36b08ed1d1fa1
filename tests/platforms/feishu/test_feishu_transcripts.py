"""Read landed files of Feishu."""

from __future__ import annotations

import json
import re
from typing import Any

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.artifacts import Chapter, Keyword, Statistics, Todo
from airflow_provider_meetings.api.models import StoredFile, TranscriptSegment
from airflow_provider_meetings.emulator.model.feishu import FeishuMinute, TranscriptLine
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.model.transcript import as_srt, as_txt
from airflow_provider_meetings.emulator.seed.feishu import CHEN_YU
from airflow_provider_meetings.platforms.feishu.transcripts import READERS
from airflow_provider_meetings.warehouse.load.transcripts import Content
from tests.api.test_subtitles import TEXTS, assert_complete
from tests.warehouse.privacy.test_redaction import redaction

LINES = (TranscriptLine(0, 4000, "赵敏", "大家好"), TranscriptLine(4500, 9000, "Chen Yu", "Note: we start at 10:30"))
START = pendulum.datetime(2026, 7, 21, 20, 58, 4, tz="Asia/Shanghai")
MINUTE = FeishuMinute("t", CHEN_YU, START, "title", 3_603_000, Media(9, "mp4"), LINES)
HEADER = "2026-07-21 20:58:04 CST|1小时 3秒\n\n关键词:\n向量、链路"


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
    texts |= {"statistics-json": b'{"page_view_count": "0"}', "keywords-json": b'["x"]', "ai_transcript-txt": b"x"}
    assert {kind: type(read(kind, content)[0]) for kind, content in texts.items()} == {
        kind: reader.item for kind, reader in READERS.items()
    }


def test_txt() -> None:
    content = as_txt(MINUTE, ["向量", "链路"], need_speaker=True, need_timestamp=True)
    first, second = read("transcript-txt", content.encode())
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
        source={"header": HEADER},
    )
    assert (second.segment_no, second.speaker_name, second.start_ms, second.text) == (
        1,
        "Chen Yu",
        4500,
        "Note: we start at 10:30",
    )


@pytest.mark.parametrize("need_speaker", [True, False])
@pytest.mark.parametrize("need_timestamp", [True, False])
def test_txt_as_requested(need_speaker: bool, need_timestamp: bool) -> None:
    content = as_txt(MINUTE, [], need_speaker=need_speaker, need_timestamp=need_timestamp)
    found = read("ai_transcript-txt", content.encode("utf-8-sig"))
    assert [(s.speaker_name, s.start_ms, s.text, s.broken) for s in found] == [
        (line.speaker if need_speaker else None, line.start if need_timestamp else None, line.text, False)
        for line in LINES
    ]


@pytest.mark.parametrize(
    ("content", "speakers"),
    [
        (
            f"{HEADER}\n\n同学甲 00:00:11.161\n第一段。\n\n同学乙 00:05:08.720\n第二段。\n",
            [("同学甲", 11_161), ("同学乙", 308_720)],
        ),
        (f"{HEADER}\n\n说话人 1\n内容一\n\n说话人 2\n内容二\n", [("说话人 1", None), ("说话人 2", None)]),
        (
            "2026-01-28 13:53:58 CST|1m 24s\n\nKeywords:\ncache, dialect\n\nSpeaker 1 00:00:01.120 \nHi.\n",
            [("Speaker 1", 1120)],
        ),
        ("2026年6月2日 下午 5:51|14分钟 43秒\n\n关键词:\n策略\n\n文字记录:\n王小明 00:03\n目标\n", [("王小明", 3000)]),
    ],
)
def test_real_layouts(content: str, speakers: list[tuple[str, int | None]]) -> None:
    found = read("transcript-txt", content.encode())
    assert [(s.speaker_name, s.start_ms) for s in found] == speakers
    assert not any(s.broken for s in found)


@pytest.mark.parametrize("action", ["hash", "drop"])
@pytest.mark.parametrize("above", ["文字记录:\n", HEADER + "\n", HEADER.replace("\n\n", "\n") + "\n\n文字记录:\n"])
@pytest.mark.parametrize("time", [" 00:03", ""])
def test_first_speaker_is_redacted(action: str, above: str, time: str) -> None:
    text = f"{above}王小明{time}\n好\n\n李丽娜{time}\n王小明说\n\n王小明{time}\n对".replace("向量", "王小明")
    rows = [row.to_dict() for row in read("transcript-txt", text.encode())]
    assert rows[0]["speaker_name"] == "王小明"
    (content,) = redaction(speaker_name=action).contents([Content(TranscriptSegment, {}, rows)])
    assert not re.search("王小明|李丽娜", json.dumps(list(content.rows), ensure_ascii=False))


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
        ("[Lina] yes: no", ("Lina", "yes: no")),
        ("【李娜】：好", ("李娜", "好")),
        ("[Lina]\nyes", ("Lina", "yes")),
        ("[music]", (None, "[music]")),
        ("[00:01] yes", (None, "[00:01] yes")),
        ("[ ] Lina: yes", ("[ ] Lina", "yes")),
        ("first line\nLina: second", (None, "first line\nLina: second")),
    ],
)
def test_speaker_of_cue(line: str, expected: tuple[str | None, str]) -> None:
    (found,) = read("transcript-srt", f"1\n00:00:01,000 --> 00:00:02,000\n{line}\n".encode())
    assert (found.speaker_name, found.text) == expected


def test_word_before_colon_that_does_not_repeat_is_text() -> None:
    lines = ["李娜：好", "Note: we start", "李娜: 结论：下周", "[Guest] hello", "赵敏：在", "赵敏：好", "注意：这里"]
    cues = "".join(f"{n}\n00:00:{n:02},000 --> 00:00:{n:02},900\n{line}\n\n" for n, line in enumerate(lines))
    assert [(s.speaker_name, s.text) for s in read("transcript-srt", cues.encode())] == [
        ("李娜", "好"),
        (None, "Note: we start"),
        ("李娜", "结论：下周"),
        ("Guest", "hello"),
        ("赵敏", "在"),
        ("赵敏", "好"),
        (None, "注意：这里"),
    ]


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


def test_chapter_without_times() -> None:
    (found,) = read("chapters-json", b'[{"title": "Intro", "summary_content": "Opening"}]')
    assert (found.title, found.start_ms, found.stop_ms, found.summary) == ("Intro", None, None, "Opening")


def test_keywords() -> None:
    ids = {"platform": "feishu", "tenant": "t", "recording_id": "r"}
    expected = [Keyword(**ids, item_no=n, keyword=word) for n, word in enumerate(["缓存", '["\ufffd"]', "null"])]
    assert read("keywords-json", '["缓存", ["\\ud800"], null]'.encode()) == expected


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


@settings(deadline=None)
@given(TEXTS)
@pytest.mark.parametrize("kind", ["transcript-txt", "transcript-srt"])
def test_transcript_text_is_complete(kind: str, text: str) -> None:
    """A last paragraph is added, because a file with nothing but a header has no rows."""
    text = (
        text.encode(errors="replace").decode().removeprefix("\ufeff").replace("\x00", "\ufffd") + "\n\nEnd 00:01\nend"
    )
    found = read(kind, text.encode())
    rows = [((s.source or {}).get("header"), s.speaker_name, s.text) for s in found]
    time = "(?:[0-9]{1,4}:)?[0-9]{1,2}:[0-9]{2}(?:[.,][0-9]{1,3})?"
    timing = rf"(?:\s*(?:\d+\s*\n)?\s*{time}\s*-->\s*{time})*\s*[\[【]?\s*|\s*[\]】]?[:：]?\s*"
    assert_complete(text, rows, rf"\s*(?:{time})?\s*" if kind == "transcript-txt" else timing)
    assert [s.segment_no for s in found] == list(range(len(found)))


@given(
    st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda v: json.dumps(v).encode())
)
@pytest.mark.parametrize("kind", list(READERS))
def test_any_bytes_are_read(kind: str, content: bytes) -> None:
    for item in read(kind, content):
        type(item).from_dict(json.loads(json.dumps(item.to_dict())))
