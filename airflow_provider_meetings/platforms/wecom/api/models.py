"""The objects in WeCom's answers, with the platform's field names, except transcripts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pendulum import DateTime

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.fields import Answer, Fields, Raw
from airflow_provider_meetings.api.http.pagination import Page
from airflow_provider_meetings.api.sanitize import NeverPickled

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
