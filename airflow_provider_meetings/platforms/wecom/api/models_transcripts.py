"""WeCom's transcripts: paragraphs of one speaker, sentences, words; all times in milliseconds from the file's start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.fields import Fields, Raw
from airflow_provider_meetings.api.models import TranscriptSegment
from airflow_provider_meetings.api.sanitize import json_file

_read = Fields("wecom")


# https://developer.work.weixin.qq.com/document/path/98211
@dataclass(frozen=True, slots=True)
class Word:
    """A word; `start_time` and `end_time` in milliseconds from the file's start."""

    wid: str | None
    start_time: int | None
    end_time: int | None
    text: str | None

    @classmethod
    def parse(cls, value: object) -> Word:
        """Read one entry of ``words``."""
        raw = _read.mapping(value, "words[]")
        return cls(
            wid=_read.text(raw, "wid"),
            start_time=_read.integer(raw, "start_time"),
            end_time=_read.integer(raw, "end_time"),
            text=_read.text(raw, "text"),
        )


# https://developer.work.weixin.qq.com/document/path/98211
@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence; times as in `Word`."""

    sid: str | None
    start_time: int | None
    end_time: int | None
    words: tuple[Word, ...]

    @classmethod
    def parse(cls, value: object) -> Sentence:
        """Read one entry of ``sentences``."""
        raw = _read.mapping(value, "sentences[]")
        return cls(
            sid=_read.text(raw, "sid"),
            start_time=_read.integer(raw, "start_time"),
            end_time=_read.integer(raw, "end_time"),
            words=tuple(Word.parse(w) for w in _read.array(raw.get("words"), "words")),
        )

    @property
    def text(self) -> str:
        """Join the words; a space only between two that end and begin with Latin letters or digits."""
        joined = ""
        for word in (word.text for word in self.words if word.text):
            joined += f" {word}" if _latin(joined[-1:]) and _latin(word[0]) else word
        return joined


# https://developer.work.weixin.qq.com/document/path/98211
@dataclass(frozen=True, slots=True)
class SpeakerInfo:
    """Who speaks; a speaker from outside has no `userid`."""

    userid: str | None
    raw: Raw = field(repr=False)


# https://developer.work.weixin.qq.com/document/path/98211
@dataclass(frozen=True, slots=True)
class Paragraph:
    """What one speaker says at a stretch; `pid` is a text, times as in `Word`."""

    pid: str
    start_time: int | None
    end_time: int | None
    speaker_info: SpeakerInfo
    sentences: tuple[Sentence, ...]
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, value: object) -> Paragraph:
        """Read one entry of ``paragraphs``."""
        raw = _read.mapping(value, "paragraphs[]")
        speaker = _read.mapping(raw.get("speaker_info") or {}, "speaker_info")
        return cls(
            pid=_read.required(raw, "pid"),
            start_time=_read.integer(raw, "start_time"),
            end_time=_read.integer(raw, "end_time"),
            speaker_info=SpeakerInfo(_read.text(speaker, "userid"), speaker),
            sentences=tuple(Sentence.parse(s) for s in _read.array(raw.get("sentences"), "sentences")),
            raw=raw,
        )


# https://developer.work.weixin.qq.com/document/path/98211
@dataclass(frozen=True, slots=True)
class Transcripts:
    """A file's transcript, or one page of it; empty where the file has none.

    `audio_detect` is 1 when the speakers are told apart for good; with 0 they may change, and a later reading differ.
    `raw` holds each page as it came.
    """

    paragraphs: tuple[Paragraph, ...]
    keywords: tuple[str, ...]
    audio_detect: int | None
    has_more: bool
    raw: tuple[Raw, ...] = field(repr=False)

    @classmethod
    def parse(cls, body: Raw) -> Transcripts:
        """Read one page.

        :raises ServerError: if more is said to follow a page without paragraphs: nothing says where.
        """
        raw = _read.mapping(body.get("transcripts") or {}, "transcripts")
        paragraphs = tuple(Paragraph.parse(p) for p in _read.array(raw.get("paragraphs"), "paragraphs"))
        words = _read.array(raw.get("keywords"), "keywords")
        keywords = [_read.text({"keywords[]": word}, "keywords[]") for word in words]
        more = _read.boolean(body, "has_more") or False
        if more and not paragraphs:
            raise ServerError("wecom says that more of a transcript follows but gives no paragraph", platform="wecom")
        return cls(
            paragraphs=paragraphs,
            keywords=tuple(keyword for keyword in keywords if keyword),
            audio_detect=_read.integer(raw, "audio_detect"),
            has_more=more,
            raw=(body,),
        )

    @classmethod
    def joined(cls, pages: Iterable[Transcripts]) -> Transcripts:
        """Put pages together: the paragraph that two pages share comes once, and so does each keyword."""
        read = list(pages)
        paragraphs: dict[str, Paragraph] = {}
        for page in read:
            for paragraph in page.paragraphs:
                paragraphs.setdefault(paragraph.pid, paragraph)
        said = [page.audio_detect for page in read if page.audio_detect is not None]
        return cls(
            paragraphs=tuple(paragraphs.values()),
            keywords=tuple(dict.fromkeys(keyword for page in read for keyword in page.keywords)),
            audio_detect=min(said, default=None),  # not for good on one page is not for good
            has_more=False,
            raw=tuple(raw for page in read for raw in page.raw),
        )

    def as_file(self) -> bytes:
        """Write the whole as one JSON object in the platform's own fields; empty where nothing was said."""
        if not self.paragraphs:
            return b""
        fields = {name: value for page in self.raw for name, value in (page.get("transcripts") or {}).items()}
        whole = {"paragraphs": [paragraph.raw for paragraph in self.paragraphs], "keywords": list(self.keywords)}
        if self.audio_detect is not None:
            whole["audio_detect"] = self.audio_detect
        return json_file(fields | whole)


def neutral_segments(
    transcripts: Transcripts, *, tenant: str, recording_id: str, file_id: str, kind: str
) -> tuple[TranscriptSegment, ...]:
    """Read each sentence as a segment, numbered from 0 through the whole file."""
    spoken = (
        (number, paragraph, sentence)
        for number, paragraph in enumerate(transcripts.paragraphs)
        for sentence in paragraph.sentences
    )
    return tuple(
        TranscriptSegment(
            platform="wecom",
            tenant=tenant,
            recording_id=recording_id,
            file_id=file_id,
            kind=kind,
            segment_no=segment_no,
            paragraph_no=paragraph_no,
            speaker_id=paragraph.speaker_info.userid,
            start_ms=sentence.start_time,
            end_ms=sentence.end_time,
            text=sentence.text,
            speaker_final=None if transcripts.audio_detect is None else transcripts.audio_detect == 1,
        )
        for segment_no, (paragraph_no, paragraph, sentence) in enumerate(spoken)
    )


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()
