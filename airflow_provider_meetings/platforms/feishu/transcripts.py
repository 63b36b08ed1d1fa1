"""Readers of a minute's landed files: transcripts, chapters, to-dos, keywords, statistics."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from airflow_provider_meetings.api.artifacts import Chapter, Keyword, Reader, Statistics, Todo
from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.models import StoredFile, TranscriptSegment
from airflow_provider_meetings.api.sanitize import storable, without_links
from airflow_provider_meetings.api.subtitles import Cue, as_segments, decoded, headed_cues, subrip_cues
from airflow_provider_meetings.platforms.feishu.api.models import MinuteChapter, MinuteStatistics, MinuteTodo

# At most 128 characters, with a first one that is no blank.
_BEFORE_COLON = re.compile(r"(?!\s*[:：])([^:：\n]{1,128})[:：]")
_IN_BRACKETS = re.compile(r"\s*[\[【](?![\s0-9:.,]+[\]】])([^\[\]【】\n]{1,128})[\]】][:：]?")
_CLOCK_OR_URL = re.compile(r"[0-9]:[0-9]|.://")


# https://open.feishu.cn/document/minutes-v1/minute-transcript/get
def txt_segments(file: StoredFile, content: bytes) -> Iterator[TranscriptSegment]:
    """Read the text export: a header, and speaker and time above each paragraph. The layout is that of real files."""
    return as_segments(file, headed_cues(decoded(content)))


# https://open.feishu.cn/document/minutes-v1/minute-transcript/get
def srt_segments(file: StoredFile, content: bytes) -> Iterator[TranscriptSegment]:
    """Read the SubRip export: ``speaker: `` or ``[speaker] `` before the text. No page shows an example: assumed."""
    return as_segments(file, _with_speakers(list(subrip_cues(decoded(content)))))


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
def chapters(file: StoredFile, content: bytes) -> Iterator[Chapter]:
    """Read the chapters; an invalid one is a row with `source` only."""
    for number, entry in enumerate(_entries(content)):
        values: dict[str, Any] = {}
        with suppress(MeetingsApiError):
            chapter = MinuteChapter.parse(entry)
            values = {"title": chapter.title, "start_ms": chapter.start_ms, "stop_ms": chapter.stop_ms}
            values["summary"] = chapter.summary_content
        yield Chapter(**_ids(file), item_no=number, source=without_links(entry), **values)


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
def todos(file: StoredFile, content: bytes) -> Iterator[Todo]:
    """Read the to-dos; an invalid one is a row with `source` only."""
    for number, entry in enumerate(_entries(content)):
        values: dict[str, Any] = {}
        with suppress(MeetingsApiError):
            todo = MinuteTodo.parse(entry)
            values = {"content": todo.content, "assignees": list(todo.assignees)}
        yield Todo(**_ids(file), item_no=number, source=without_links(entry), **values)


# https://github.com/larksuite/cli/blob/main/shortcuts/minutes/minutes_fetch.go
def keywords(file: StoredFile, content: bytes) -> Iterator[Keyword]:
    """Read the keywords; one that is not text is kept as JSON."""
    for number, entry in enumerate(map(storable, _entries(content))):
        text = entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False)
        yield Keyword(**_ids(file), item_no=number, keyword=text)


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
def statistics(file: StoredFile, content: bytes) -> Iterator[Statistics]:
    """Read the statistics; invalid ones are a row with `source` only."""
    for entry in _entries(content)[:1]:
        values: dict[str, Any] = {}
        with suppress(MeetingsApiError):
            counts = MinuteStatistics.parse(entry)
            values = {"user_view_count": counts.user_view_count, "page_view_count": counts.page_view_count}
            values["viewers"] = [
                {"user_id": view.user_id, "viewed_at": None if view.view_time is None else view.view_time.isoformat()}
                for view in counts.user_view_list
            ]
        yield Statistics(**_ids(file), source=without_links(entry), **values)


READERS: Mapping[str, Reader] = {
    "transcript-txt": Reader(TranscriptSegment, txt_segments),
    "transcript-srt": Reader(TranscriptSegment, srt_segments),
    "ai_transcript-txt": Reader(TranscriptSegment, txt_segments),
    "chapters-json": Reader(Chapter, chapters),
    "todos-json": Reader(Todo, todos),
    "keywords-json": Reader(Keyword, keywords),
    "statistics-json": Reader(Statistics, statistics),
}


def _with_speakers(cues: list[Cue]) -> Iterator[Cue]:
    """Take the speakers from before the texts; if some repeat, a word before a colon that does not is text."""
    named = list(map(_with_speaker, cues))
    counts = Counter(cue.speaker for cue in named)
    repeated = any(count > 1 for speaker, count in counts.items() if speaker)
    for cue, one in zip(cues, named, strict=True):
        yield cue if repeated and counts[one.speaker] == 1 and not _IN_BRACKETS.match(cue.text) else one


def _with_speaker(cue: Cue) -> Cue:
    """Take the speaker in brackets, or before the first colon of the first line, except that of a clock time or URL."""
    found = _IN_BRACKETS.match(cue.text)
    if not found or not cue.text[found.end() :].strip():
        found = _BEFORE_COLON.match(cue.text)
    if cue.broken or not found or _CLOCK_OR_URL.match(cue.text, found.end() - 2):
        return cue
    return replace(cue, text=cue.text[found.end() :].strip(), speaker=found[1].strip())


def _ids(file: StoredFile) -> dict[str, Any]:
    return {"platform": file.platform, "tenant": file.tenant, "recording_id": file.recording_id}


def _entries(content: bytes) -> list[Any]:
    """Return the entries of a JSON list. Any other content is returned as a single entry, empty content as none."""
    text = decoded(content)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    if isinstance(found, list):
        return found
    return [found] if found else []
