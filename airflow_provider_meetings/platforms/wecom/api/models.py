"""WeCom's objects as the documents describe them: seconds in questions, milliseconds in answers, two spellings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pendulum import DateTime

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.fields import Fields, Raw
from airflow_provider_meetings.api.http.pagination import Page
from airflow_provider_meetings.api.models import MediaFile, MediaKind, Recording, RecordingState
from airflow_provider_meetings.api.sanitize import NeverPickled, without_links

_read = Fields("wecom")

FILE_LISTS = ("record_file_list", "record_files")
"""The table's name and the example's name of a recording's files."""

STATE_RECORDING = 1
STATE_TRANSCODED = 3
"""Only this state has files. 2 (transcoding) is not documented here but is by the sister product Tencent Meeting."""


# https://developer.work.weixin.qq.com/document/path/91039
def parse_token(body: Raw) -> tuple[str, int]:
    """Read a token and its lifetime in seconds."""
    return _read.required(body, "access_token"), _read.integer(body, "expires_in") or 0


# https://developer.work.weixin.qq.com/document/path/98192
@dataclass(frozen=True, slots=True)
class RecordFile(NeverPickled):
    """A file of a recording: times in UTC, `record_size` in bytes as declared, `sharing_expire` as it came.

    `password` and `sharing_url` are secrets and do not show in the repr.
    """

    record_file_id: str
    record_start_time: DateTime | None
    record_end_time: DateTime | None
    record_size: int | None
    sharing_state: int | None
    sharing_url: str | None = field(repr=False)
    required_same_corp: bool | None
    required_attendee: bool | None
    password: str | None = field(repr=False)
    sharing_expire: int | None
    allow_download: bool | None
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, value: object) -> RecordFile:
        """Read one RecordFile."""
        raw = _read.mapping(value, "record_files[]")
        return cls(
            record_file_id=_read.required(raw, "record_file_id"),
            record_start_time=_read.milliseconds(raw, "record_start_time"),
            record_end_time=_read.milliseconds(raw, "record_end_time"),
            record_size=_size(raw),
            sharing_state=_read.integer(raw, "sharing_state"),
            sharing_url=_read.text(raw, "sharing_url"),
            required_same_corp=_read.boolean(raw, "required_same_corp"),
            required_attendee=_read.boolean(raw, "required_attendee"),
            password=_read.text(raw, "password"),
            sharing_expire=_read.integer(raw, "sharing_expire"),
            allow_download=_read.boolean(raw, "allow_download"),
            raw=raw,
        )


# https://developer.work.weixin.qq.com/document/path/98192
@dataclass(frozen=True, slots=True)
class Record(NeverPickled):
    """A recording of a meeting; `meeting_start_time` in UTC. It has files only at state 3."""

    meeting_record_id: str
    meetingid: str | None
    meeting_code: str | None
    host_user_id: str | None
    meeting_start_time: DateTime | None
    title: str | None
    state: int | None
    record_file_list: tuple[RecordFile, ...]
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, value: object) -> Record:
        """Read one Record, under either spelling of its files."""
        raw = _read.mapping(value, "record_list[]")
        files = either(raw, *FILE_LISTS)
        return cls(
            meeting_record_id=_read.required(raw, "meeting_record_id"),
            meetingid=_read.text(raw, "meetingid"),
            meeting_code=_read.text(raw, "meeting_code"),
            host_user_id=_read.text(raw, "host_user_id"),
            meeting_start_time=_read.milliseconds(raw, "meeting_start_time"),
            title=_read.text(raw, "title"),
            state=_read.integer(raw, "state"),
            record_file_list=tuple(RecordFile.parse(f) for f in files),
            raw=raw,
        )


# https://developer.work.weixin.qq.com/document/path/98192
@dataclass(frozen=True, slots=True)
class RecordPage:
    """One page of a listing."""

    record_list: tuple[Record, ...]
    next_cursor: str | None

    @classmethod
    def parse(cls, body: Raw) -> RecordPage:
        """Read an answer; without ``has_more``, as in the document's own example, it is the last page.

        :raises ServerError: if more is said to follow but no cursor says where: the rest would be lost.
        """
        records = tuple(Record.parse(r) for r in either(body, "record_list", "record_meetings"))
        more = _read.boolean(body, "has_more") or False
        cursor = _read.text(body, "next_cursor") if more else None
        if more and (cursor is None or not (body.keys() & {"record_list", "record_meetings"})):
            raise ServerError("wecom says that more recordings follow but gives no list or no cursor", platform="wecom")
        return cls(records, cursor)


# https://developer.work.weixin.qq.com/document/path/97457
def parse_meeting_ids(body: Raw) -> Page[str]:
    """Read a page of a member's meetings; without a cursor it is the last one."""
    cursor = _read.text(body, "next_cursor")
    if cursor is not None and "meetingid_list" not in body:
        raise ServerError("wecom says that more meetings follow but gives no list", platform="wecom")
    return Page(_read.texts(body, "meetingid_list"), cursor)


def neutral_recording(record: Record, state: RecordingState, *, tenant: str) -> Recording:
    """Read a record: it begins with its first file, or with the meeting while it has none."""
    files = tuple(
        MediaFile(
            platform="wecom",
            tenant=tenant,
            recording_id=record.meeting_record_id,
            meeting_id=record.meetingid,
            file_id=file.record_file_id,
            kind=str(MediaKind.VIDEO),
            declared_size=file.record_size,
            started_at=file.record_start_time,
            ended_at=file.record_end_time,
            source=without_links(file.raw),
        )
        for file in record.record_file_list
    )
    reason = None if state is RecordingState.READY else f"state {record.state}"
    if record.state == STATE_TRANSCODED and not files:
        reason = "transcoded, but no file is listed"
    spans = [(f.ended_at - f.started_at).total_seconds() for f in files if f.started_at and f.ended_at]
    return Recording(
        platform="wecom",
        tenant=tenant,
        recording_id=record.meeting_record_id,
        state=state,
        meeting_id=record.meetingid,
        meeting_number=record.meeting_code,
        owner_id=record.host_user_id,
        title=record.title,
        started_at=min((f.started_at for f in files if f.started_at), default=record.meeting_start_time),
        ended_at=max((f.ended_at for f in files if f.ended_at), default=None),
        duration_ms=round(sum(spans) * 1000) if spans else None,
        reason=reason,
        files=files,
        source=without_links({k: v for k, v in record.raw.items() if k not in FILE_LISTS}),
    )


def seconds(time: DateTime) -> int:
    """Write a time as WeCom's questions want it."""
    return int(time.timestamp())


def either(raw: Raw, name: str, other: str) -> list[Any]:
    """Read a list under one of two names: the document's table and its example disagree."""
    return _read.array(raw.get(name), name) or _read.array(raw.get(other), other)


def _size(raw: Raw) -> int | None:
    # Declared int32: past 2 GiB it may come wrapped. A negative size is no size; `raw` keeps it.
    size = _read.integer(raw, "record_size")
    return size if size is not None and size >= 0 else None
