"""The objects in WeCom's answers, with the platform's field names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Self

from pendulum import DateTime

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.fields import Answer, Fields, Raw
from airflow_provider_meetings.api.http.pagination import Page
from airflow_provider_meetings.api.sanitize import NeverPickled, json_file

FILE_LISTS = ("record_file_list", "record_files")
"""The files of a recording: the name in the document's table, and in its example."""
_RECORD_LISTS = ("record_list", "record_meetings")
_FILE_TYPE = re.compile(r"[a-z0-9]{1,8}")

STATE_RECORDING = 1
STATE_TRANSCODED = 3
"""Only this state has files. 2 (transcoding) is documented by the sister product Tencent Meeting only."""


class WeComAnswer(Answer):
    """An object of WeCom's answers."""

    __slots__ = ()
    fields: ClassVar[Fields] = Fields("wecom")


def _either(raw: Raw, names: tuple[str, str]) -> list[Any]:
    """Read a list with two names: the document's table and its example disagree."""
    read = WeComAnswer.fields
    return next(filter(None, (read.array(raw.get(name), name) for name in names)), [])


def _size(read: Fields, raw: Raw, name: str) -> int | None:
    # Declared int32: a size above 2 GiB may arrive negative.
    size = read.integer(raw, name)
    return size if size is not None and size >= 0 else None


# https://developer.work.weixin.qq.com/document/path/98205
def _by_type(read: Fields, raw: Raw, name: str) -> dict[str, str]:
    """Read addresses by file type; a second txt is ``txt-2``. The example has an object, the table a list."""
    value = raw.get(name) or []
    entries = [value] if isinstance(value, Mapping) else read.array(value, name)
    addresses: dict[str, str] = {}
    for entry in (read.mapping(entry, f"{name}[]") for entry in entries):
        file_type = (read.text(entry, "file_type") or "").lower()
        if not _FILE_TYPE.fullmatch(file_type):  # it becomes part of an object's name
            file_type = "bin"
        same = sum(known.partition("-")[0] == file_type for known in addresses)
        if address := read.text(entry, "download_address"):
            addresses[f"{file_type}-{same + 1}" if same else file_type] = address
    return addresses


# https://developer.work.weixin.qq.com/document/path/98192
@dataclass(frozen=True, slots=True)
class RecordFile(NeverPickled, WeComAnswer):
    """A file of a recording: times in UTC, `record_size` in bytes; `raw` holds the sharing link and its password."""

    record_file_id: str
    record_start_time: Annotated[DateTime | None, Fields.milliseconds]
    record_end_time: Annotated[DateTime | None, Fields.milliseconds]
    record_size: Annotated[int | None, _size]


def _record_files(_: Fields, raw: Raw, __: str) -> tuple[RecordFile, ...]:
    return tuple(map(RecordFile.parse, _either(raw, FILE_LISTS)))


# https://developer.work.weixin.qq.com/document/path/98192
@dataclass(frozen=True, slots=True)
class Record(NeverPickled, WeComAnswer):
    """A recording of a meeting; `meeting_start_time` in UTC. It has files in state 3 only."""

    meeting_record_id: str
    meetingid: str | None
    meeting_code: str | None
    host_user_id: str | None
    meeting_start_time: Annotated[DateTime | None, Fields.milliseconds]
    title: str | None
    state: int | None
    record_file_list: Annotated[tuple[RecordFile, ...], _record_files]


# https://developer.work.weixin.qq.com/document/path/98196
# https://developer.work.weixin.qq.com/document/path/98205
@dataclass(frozen=True, slots=True)
class RecordingFile(NeverPickled, WeComAnswer):
    """A file of a recording with its current addresses: signed links that expire within six hours, perhaps minutes.

    `meeting_summary` and `ai_meeting_transcripts` are addresses by file type, for one hour. get_file_list does not
    return the latter, nor the times, which are in UTC.
    """

    record_file_id: str
    download_address: str | None = field(repr=False)
    download_address_file_type: str | None
    audio_address: str | None = field(repr=False)
    audio_address_file_type: str | None
    meeting_summary: Annotated[Mapping[str, str], _by_type] = field(repr=False)
    ai_meeting_transcripts: Annotated[Mapping[str, str], _by_type] = field(repr=False)
    start_time: Annotated[DateTime | None, Fields.milliseconds] = None
    end_time: Annotated[DateTime | None, Fields.milliseconds] = None


# https://developer.work.weixin.qq.com/document/path/98192
def parse_records(body: Raw) -> Page[Record]:
    """Read a page of recordings; without ``has_more``, as in the document's example, it is the last one.

    :raises ServerError: if the answer announces more but has no list or no cursor: the rest would be lost.
    """
    read = WeComAnswer.fields
    records = tuple(map(Record.parse, _either(body, _RECORD_LISTS)))
    more = read.boolean(body, "has_more") or False
    cursor = read.text(body, "next_cursor") if more else None
    if more and (cursor is None or not body.keys() & {*_RECORD_LISTS}):
        raise ServerError("wecom announces more recordings but gives no list or no cursor", platform="wecom")
    return Page(records, cursor)


# https://developer.work.weixin.qq.com/document/path/98196
def parse_files(body: Raw) -> tuple[RecordingFile, ...]:
    """Read the answer of get_file_list."""
    return tuple(map(RecordingFile.parse, _either(body, ("record_files", "record_file_list"))))


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
