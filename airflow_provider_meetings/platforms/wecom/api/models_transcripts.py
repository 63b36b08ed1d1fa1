"""A transcript in WeCom's answers: paragraphs of one speaker, sentences, words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.fields import Raw
from airflow_provider_meetings.api.http.pagination import Page
from airflow_provider_meetings.api.sanitize import json_file
from airflow_provider_meetings.platforms.wecom.api.models import WeComAnswer


# https://developer.work.weixin.qq.com/document/path/98211
@dataclass(frozen=True, slots=True)
class Word(WeComAnswer):
    """A word."""

    text: str | None


# https://developer.work.weixin.qq.com/document/path/98211
@dataclass(frozen=True, slots=True)
class Sentence(WeComAnswer):
    """A sentence; `start_time` and `end_time` in milliseconds from the start of the file."""

    start_time: int | None
    end_time: int | None
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """Join the words, with a space only between Latin letters or digits."""
        joined = ""
        for word in (word.text for word in self.words if word.text):
            joined += f" {word}" if _latin(joined[-1:]) and _latin(word[0]) else word
        return joined


# https://developer.work.weixin.qq.com/document/path/98211
@dataclass(frozen=True, slots=True)
class SpeakerInfo(WeComAnswer):
    """The speaker; one from outside the company has no `userid`."""

    userid: str | None


# https://developer.work.weixin.qq.com/document/path/98211
@dataclass(frozen=True, slots=True)
class Paragraph(WeComAnswer):
    """Consecutive sentences of one speaker."""

    pid: str
    speaker_info: SpeakerInfo
    sentences: tuple[Sentence, ...]


# https://developer.work.weixin.qq.com/document/path/98211
@dataclass(frozen=True, slots=True)
class Transcripts(WeComAnswer):
    """The transcript of a file, or one page of it; empty if the file has none.

    `audio_detect` is 1 when the speakers are final; with 0 a later answer may assign them differently.
    """

    paragraphs: tuple[Paragraph, ...]
    keywords: tuple[str, ...]
    audio_detect: int | None

    @classmethod
    def joined(cls, pages: Iterable[Self]) -> Self:
        """Join pages: a paragraph or keyword that two pages share is taken once."""
        transcripts = list(pages)
        paragraphs: dict[str, Paragraph] = {}
        for page in transcripts:
            for paragraph in page.paragraphs:
                paragraphs.setdefault(paragraph.pid, paragraph)
        keywords = tuple(dict.fromkeys(keyword for page in transcripts for keyword in page.keywords))
        # Speakers that are not final on one page are not final at all.
        detected = min((page.audio_detect for page in transcripts if page.audio_detect is not None), default=None)
        raw: dict[str, Any] = {name: value for page in transcripts for name, value in page.raw.items()}
        raw |= {"paragraphs": [paragraph.raw for paragraph in paragraphs.values()], "keywords": list(keywords)}
        if detected is not None:
            raw["audio_detect"] = detected
        return cls(tuple(paragraphs.values()), keywords, detected, raw=raw)

    def as_file(self) -> bytes:
        """Return the transcript as one JSON object with the platform's own fields; empty without paragraphs."""
        return json_file(self.raw) if self.paragraphs else b""


# https://developer.work.weixin.qq.com/document/path/98211
def parse_transcript(body: Raw) -> Page[Transcripts]:
    """Read a page; its last paragraph is the cursor of the next one.

    :raises ServerError: if the answer announces more but has no paragraph.
    """
    page = Transcripts.parse(body.get("transcripts") or {})
    more = WeComAnswer.fields.boolean(body, "has_more")
    if more and not page.paragraphs:
        raise ServerError("wecom announces more of a transcript but gives no paragraph", platform="wecom")
    return Page((page,), page.paragraphs[-1].pid if more else None)


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()
