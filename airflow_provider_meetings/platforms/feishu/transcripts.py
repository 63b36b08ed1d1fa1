"""What stands in the files that a minute was landed as: its transcripts, chapters, todos, statistics."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_meetings.api.artifacts import Chapter, Reader, Statistics, Todo
from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.models import StoredFile, TranscriptSegment
from airflow_provider_meetings.api.sanitize import json_file, without_links
from airflow_provider_meetings.api.subtitles import Cue, decoded, headed_cues, subrip_cues
from airflow_provider_meetings.platforms.feishu.api.models import (
    MinuteArtifacts,
    MinuteChapter,
    MinuteStatistics,
    MinuteTodo,
)

_COLON = re.compile("[:：]")
# What stands before would be taken for a speaker, and go where speakers are redacted.
_OF_A_CLOCK_OR_ADDRESS = re.compile(r"[0-9]:[0-9]|.://")
_LONGEST_NAME = 128


# https://open.feishu.cn/document/minutes-v1/minute-transcript/get
def txt_segments(file: StoredFile, content: bytes) -> Iterator[TranscriptSegment]:
    """Read the export as text: speaker and time above each paragraph. The page shows no example: layout assumed."""
    return _segments(file, headed_cues(decoded(content)))


# https://open.feishu.cn/document/minutes-v1/minute-transcript/get
def srt_segments(file: StoredFile, content: bytes) -> Iterator[TranscriptSegment]:
    """Read the export as SubRip: ``speaker: `` before the text. The page shows no example: layout assumed."""
    return _segments(file, map(_with_speaker, subrip_cues(decoded(content))))


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
def chapters(file: StoredFile, content: bytes) -> Iterator[Chapter]:
    """Read the chapters; what is none keeps its number, and `source` holds it."""
    for number, entry in enumerate(_entries(content)):
        read: dict[str, Any] = {}
        try:
            found = MinuteChapter.parse(entry)
        except MeetingsApiError:
            pass
        else:
            read = {"title": found.title, "start_ms": found.start_ms, "stop_ms": found.stop_ms}
            read["summary"] = found.summary_content
        yield Chapter(**_owner(file), item_no=number, source=without_links(entry), **read)


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
def todos(file: StoredFile, content: bytes) -> Iterator[Todo]:
    """Read the todos; what is none keeps its number, and `source` holds it."""
    for number, entry in enumerate(_entries(content)):
        read: dict[str, Any] = {}
        try:
            found = MinuteTodo.parse(entry)
        except MeetingsApiError:
            pass
        else:
            read = {"content": found.content, "assignees": list(found.assignees)}
        yield Todo(**_owner(file), item_no=number, source=without_links(entry), **read)


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
def statistics(file: StoredFile, content: bytes) -> Iterator[Statistics]:
    """Read the statistics; what is none is one row without numbers, and `source` holds it."""
    for entry in _entries(content)[:1]:
        read: dict[str, Any] = {}
        try:
            found = MinuteStatistics.parse(entry)
        except MeetingsApiError:
            pass
        else:
            read = {"user_view_count": found.user_view_count, "page_view_count": found.page_view_count}
            read["viewers"] = [
                {"user_id": view.user_id, "viewed_at": None if view.view_time is None else view.view_time.isoformat()}
                for view in found.user_view_list
            ]
        yield Statistics(**_owner(file), source=without_links(entry), **read)


READERS: Mapping[str, Reader] = {
    "transcript-txt": Reader(TranscriptSegment, txt_segments),
    "transcript-srt": Reader(TranscriptSegment, srt_segments),
    "chapters-json": Reader(Chapter, chapters),
    "todos-json": Reader(Todo, todos),
    "statistics-json": Reader(Statistics, statistics),
}


def _with_speaker(cue: Cue) -> Cue:
    """Take the speaker from before the first colon of the first line, unless it is that of a clock or an address."""
    if cue.broken:
        return cue
    colon = _COLON.search(cue.text.partition("\n")[0][: _LONGEST_NAME + 1])
    speaker = cue.text[: colon.start()].strip() if colon else ""
    if not colon or not speaker or _OF_A_CLOCK_OR_ADDRESS.match(cue.text, colon.start() - 1):
        return cue
    return Cue(cue.text[colon.end() :].strip(), speaker, cue.start_ms, cue.end_ms)


def _segments(file: StoredFile, cues: Iterable[Cue]) -> Iterator[TranscriptSegment]:
    for number, cue in enumerate(cues):
        yield TranscriptSegment(
            **_owner(file),
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


def _owner(file: StoredFile) -> dict[str, Any]:
    return {"platform": file.platform, "tenant": file.tenant, "recording_id": file.recording_id}


def _entries(content: bytes) -> list[Any]:
    """Read the list that the file holds; what is none counts as its only entry."""
    text = decoded(content)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    if isinstance(found, list):
        return found
    return [found] if found else []


ARTIFACT_KINDS = ("summary-txt", "chapters-json", "todos-json")
STATISTICS_KIND = "statistics-json"
FRESH_SECONDS = 60.0
"""How long the other parts of an answer may be waited with."""


class ArtifactFiles:
    """Serve the three parts of one answer, each once: one call for three files, and a new one for the same file again.

    :param fetch: asks the platform for a minute's artifacts.
    :param clock: seconds, as `time.time`.
    """

    def __init__(self, fetch: Callable[[str], MinuteArtifacts], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._unread: tuple[str, float, dict[str, bytes]] = ("", 0.0, {})

    def take(self, minute_token: str, kind: str) -> bytes | None:
        """Return the file of one of `ARTIFACT_KINDS`; None where the minute has no such part, or not yet.

        :raises MeetingsApiError: as `fetch`.
        """
        token, asked, files = self._unread
        fresh = token == minute_token and 0 <= self._clock() - asked < FRESH_SECONDS
        content = files.pop(kind, None) if fresh else None
        if content is None:
            asked = self._clock()
            files = artifact_files(self._fetch(minute_token))
            content = files.pop(kind)
            self._unread = (minute_token, asked, files)
        return content or None


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
def artifact_files(artifacts: MinuteArtifacts) -> dict[str, bytes]:
    """Write each part as a file, by kind; chapters and todos with the platform's own fields. Empty: there is none."""
    chapters = [chapter.raw for chapter in artifacts.minute_chapters]
    todos = [todo.raw for todo in artifacts.minute_todos]
    summary = artifacts.summary if artifacts.summary and artifacts.summary.strip() else ""
    contents = (summary.encode(), json_file(chapters) if chapters else b"", json_file(todos) if todos else b"")
    return dict(zip(ARTIFACT_KINDS, contents, strict=True))


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
def statistics_file(statistics: MinuteStatistics) -> bytes:
    """Write the statistics as a file, with the platform's own fields; a minute that nobody looked at has them, too."""
    return json_file(statistics.raw)
