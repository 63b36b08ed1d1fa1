"""What stands in the transcripts that a file was landed as."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_meetings.api.artifacts import Reader
from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.models import StoredFile, TranscriptSegment
from airflow_provider_meetings.api.sanitize import storable_text
from airflow_provider_meetings.api.subtitles import decoded, headed_cues
from airflow_provider_meetings.platforms.wecom.api.models_transcripts import Paragraph

_LATEST_MS = 2**53
_NO_WORDS = frozenset({"pid", "sid", "wid", "userid", "start_time", "end_time", "text"})


# https://developer.work.weixin.qq.com/document/path/98211
def json_segments(file: StoredFile, content: bytes) -> Iterator[TranscriptSegment]:
    """Read each sentence of each paragraph; a paragraph of an unknown form is kept as one broken segment.

    Speakers are marked as not final while ``audio_detect`` is 0.
    """
    text = decoded(content)
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    paragraphs = whole.get("paragraphs") if isinstance(whole, dict) else None
    if not isinstance(paragraphs, list):
        yield from _kept(file, text.strip())
        return
    detected = whole.get("audio_detect")
    first = 0
    for number, entry in enumerate(paragraphs):
        found = _sentences(file, entry, detected if detected in (0, 1) else None)
        if found is None:
            found = list(_kept(file, _shown(entry)))
        for segment in found:
            yield replace(segment, segment_no=first, paragraph_no=number)
            first += 1


# https://developer.work.weixin.qq.com/document/path/98193
def ai_txt_segments(file: StoredFile, content: bytes) -> Iterator[TranscriptSegment]:
    """Read the smoothed transcript: a name and a time above each paragraph. No page shows one: layout assumed."""
    for number, cue in enumerate(headed_cues(decoded(content))):
        yield _segment(
            file,
            segment_no=number,
            paragraph_no=number,
            speaker_name=cue.speaker,
            start_ms=cue.start_ms,
            text=cue.text,
            broken=cue.broken,
        )


READERS: Mapping[str, Reader] = {
    "transcript-json": Reader(TranscriptSegment, json_segments),
    "ai_transcript-txt": Reader(TranscriptSegment, ai_txt_segments),
}


def _sentences(file: StoredFile, entry: object, detected: int | None) -> list[TranscriptSegment] | None:
    """Return the sentences of a paragraph; None if it is of another form, or holds what no sentence shows."""
    try:
        paragraph = Paragraph.parse(entry)
    except MeetingsApiError:
        return None
    found = [
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
    # A text that stands elsewhere than in a word was added since the page was written.
    spoken = "".join(segment.text for segment in found)
    if not all(text in spoken for text in _texts(entry)):
        return None
    # Nor is nothing said where words stand under another name.
    if not (found and all(segment.text for segment in found)) and _has_other_words(entry):
        return None
    times = (time for segment in found for time in (segment.start_ms, segment.end_ms) if time is not None)
    return found if all(0 <= time < _LATEST_MS for time in times) else None


def _texts(entry: object) -> Iterator[str]:
    """Yield every text under that name, however deep."""
    return (storable_text(value) for name, value in _leaves(entry) if name == "text" and isinstance(value, str))


def _has_other_words(entry: object) -> bool:
    return any(name not in _NO_WORDS and isinstance(value, str) and value.strip() for name, value in _leaves(entry))


def _leaves(entry: object) -> Iterator[tuple[str, object]]:
    """Yield what is neither list nor mapping, however deep, each with the name it stands under."""
    waiting: list[tuple[str, object]] = [("", entry)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += [(name, one) for one in value]
        else:
            yield name, value


def _shown(entry: object) -> str:
    try:
        return storable_text(json.dumps(entry, ensure_ascii=False))
    except RecursionError:
        return "\n".join(_texts(entry))


def _kept(file: StoredFile, text: str) -> Iterator[TranscriptSegment]:
    if text:
        yield _segment(file, segment_no=0, text=text, broken=True)


def _segment(file: StoredFile, **fields: Any) -> TranscriptSegment:
    owner = {name: getattr(file, name) for name in ("platform", "tenant", "recording_id", "file_id", "kind")}
    return TranscriptSegment(**owner, **fields)
