"""Readers of landed transcripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_meetings.api.artifacts import Reader
from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.models import StoredFile, TranscriptSegment
from airflow_provider_meetings.api.sanitize import storable_text
from airflow_provider_meetings.api.subtitles import as_segments, decoded, headed_cues
from airflow_provider_meetings.platforms.wecom.api.models import Paragraph

_MAX_MS = 2**53
_KNOWN_FIELDS = frozenset({"pid", "sid", "wid", "userid", "start_time", "end_time", "text"})


# https://developer.work.weixin.qq.com/document/path/98211
def json_segments(file: StoredFile, content: bytes) -> Iterator[TranscriptSegment]:
    """Read each sentence of each paragraph; a paragraph of an unknown form becomes one broken segment.

    Speakers are not final while ``audio_detect`` is 0.
    """
    text = decoded(content)
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    paragraphs = whole.get("paragraphs") if isinstance(whole, dict) else None
    if not isinstance(paragraphs, list):
        yield from _broken(file, text.strip())
        return
    detected = whole.get("audio_detect")
    segment_no = 0
    for number, entry in enumerate(paragraphs):
        segments = _sentences(file, entry, detected if detected in (0, 1) else None)
        if segments is None:
            segments = list(_broken(file, _as_text(entry)))
        for segment in segments:
            yield replace(segment, segment_no=segment_no, paragraph_no=number)
            segment_no += 1


# https://developer.work.weixin.qq.com/document/path/98193
def ai_txt_segments(file: StoredFile, content: bytes) -> Iterator[TranscriptSegment]:
    """Read the AI transcript: name and time above each paragraph. No page shows an example: the layout is assumed."""
    return as_segments(file, headed_cues(decoded(content)))


READERS: Mapping[str, Reader] = {
    "transcript-json": Reader(TranscriptSegment, json_segments),
    "ai_transcript-txt": Reader(TranscriptSegment, ai_txt_segments),
}


def _sentences(file: StoredFile, entry: object, detected: int | None) -> list[TranscriptSegment] | None:
    """Return the sentences of a paragraph; None if it has another form, or text that no sentence contains."""
    try:
        paragraph = Paragraph.parse(entry)
    except MeetingsApiError:
        return None
    segments = [
        _segment(
            file,
            segment_no=number,
            speaker_id=paragraph.speaker_info.userid,
            start_ms=sentence.start_time,
            end_ms=sentence.end_time,
            text=sentence.text,
            speaker_final=None if detected is None else detected == 1,
        )
        for number, sentence in enumerate(paragraph.sentences)
    ]
    # Text outside of words is a field that the page does not document.
    spoken = "".join(segment.text for segment in segments)
    if not all(text in spoken for text in _texts(entry)):
        return None
    # An empty sentence may have its words in an undocumented field.
    if not (segments and all(segment.text for segment in segments)) and _has_other_words(entry):
        return None
    times = (time for segment in segments for time in (segment.start_ms, segment.end_ms) if time is not None)
    return segments if all(0 <= time < _MAX_MS for time in times) else None


def _texts(entry: object) -> Iterator[str]:
    """Yield the value of every field ``text``, at any depth."""
    return (storable_text(value) for name, value in _leaves(entry) if name == "text" and isinstance(value, str))


def _has_other_words(entry: object) -> bool:
    return any(name not in _KNOWN_FIELDS and isinstance(value, str) and value.strip() for name, value in _leaves(entry))


def _leaves(entry: object) -> Iterator[tuple[str, object]]:
    """Yield the scalar values at any depth, each with its field name."""
    stack: list[tuple[str, object]] = [("", entry)]
    while stack:
        name, value = stack.pop()
        if isinstance(value, dict):
            stack += value.items()
        elif isinstance(value, list):
            stack += [(name, item) for item in value]
        else:
            yield name, value


def _as_text(entry: object) -> str:
    try:
        return storable_text(json.dumps(entry, ensure_ascii=False))
    except RecursionError:
        return "\n".join(_texts(entry))


def _broken(file: StoredFile, text: str) -> Iterator[TranscriptSegment]:
    if text:
        yield _segment(file, segment_no=0, text=text, broken=True)


def _segment(file: StoredFile, **fields: Any) -> TranscriptSegment:
    ids = {name: getattr(file, name) for name in ("platform", "tenant", "recording_id", "file_id", "kind")}
    return TranscriptSegment(**ids, **fields)
