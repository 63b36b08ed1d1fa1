"""Readers of a minute's landed files: transcripts, chapters, to-dos, statistics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from airflow_provider_meetings.api.artifacts import Chapter, Reader, Statistics, Todo
from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.models import StoredFile, TranscriptSegment
from airflow_provider_meetings.api.sanitize import without_links
from airflow_provider_meetings.api.subtitles import Cue, decoded, headed_cues, subrip_cues
from airflow_provider_meetings.platforms.feishu.api.models import (
    MinuteChapter,
    MinuteStatistics,
    MinuteTodo,
)

_COLON = re.compile("[:：]")
# A colon of a clock time or a URL: the text before it is not a speaker.
_CLOCK_OR_URL = re.compile(r"[0-9]:[0-9]|.://")
_MAX_NAME_LENGTH = 128


# https://open.feishu.cn/document/minutes-v1/minute-transcript/get
def txt_segments(file: StoredFile, content: bytes) -> Iterator[TranscriptSegment]:
    """Read the text export: speaker and time above each paragraph. No page shows an example: the layout is assumed."""
    return _segments(file, headed_cues(decoded(content)))


# https://open.feishu.cn/document/minutes-v1/minute-transcript/get
def srt_segments(file: StoredFile, content: bytes) -> Iterator[TranscriptSegment]:
    """Read the SubRip export: ``speaker: `` before the text. No page shows an example: the layout is assumed."""
    return _segments(file, map(_with_speaker, subrip_cues(decoded(content))))


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
    "chapters-json": Reader(Chapter, chapters),
    "todos-json": Reader(Todo, todos),
    "statistics-json": Reader(Statistics, statistics),
}


def _with_speaker(cue: Cue) -> Cue:
    """Take the speaker from before the first colon of the first line, unless it belongs to a clock time or a URL."""
    if cue.broken:
        return cue
    colon = _COLON.search(cue.text.partition("\n")[0][: _MAX_NAME_LENGTH + 1])
    speaker = cue.text[: colon.start()].strip() if colon else ""
    if not colon or not speaker or _CLOCK_OR_URL.match(cue.text, colon.start() - 1):
        return cue
    return Cue(cue.text[colon.end() :].strip(), speaker, cue.start_ms, cue.end_ms)


def _segments(file: StoredFile, cues: Iterable[Cue]) -> Iterator[TranscriptSegment]:
    for number, cue in enumerate(cues):
        yield TranscriptSegment(
            **_ids(file),
            file_id=file.file_id,
            kind=file.kind,
            segment_no=number,
            paragraph_no=number,
            speaker_name=cue.speaker,
            start_ms=cue.start_ms,
            end_ms=cue.end_ms,
            text=cue.text,
            broken=cue.broken,
        )


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
