"""Feishu's meetings: the administrator's report with its display times, and the meetings of one number."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.fields import Fields, Raw
from airflow_provider_meetings.api.http.pagination import Page
from airflow_provider_meetings.api.sanitize import NeverPickled

T = TypeVar("T")

_TIME = re.compile(r"([0-9]{4})\.([0-9]{2})\.([0-9]{2}) ([0-9:]{8}) \(GMT([+-][0-9]{2}:[0-9]{2})\)")
_DURATION = re.compile(r"([0-9]{1,9}):([0-5][0-9]):([0-5][0-9])")

_read = Fields("feishu")


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
@dataclass(frozen=True, slots=True)
class MeetingInfo:
    """A meeting of the report: times in UTC, `meeting_duration` in seconds.

    `meeting_id` is the 9-digit number. `meeting_instance_id` is the id that the recording is asked for with; an older
    answer may lack it. `recording` tells whether it was ever recorded. The people's names, mails and phones do not
    show in the repr.
    """

    meeting_id: str | None
    meeting_instance_id: str | None
    meeting_topic: str | None
    meeting_type: int | None
    organizer: str | None = field(repr=False)
    department: str | None
    user_id: str | None
    employee_id: str | None
    email: str | None = field(repr=False)
    mobile: str | None = field(repr=False)
    meeting_start_time: DateTime | None
    meeting_end_time: DateTime | None
    meeting_duration: int | None
    number_of_participants: int | None
    number_of_devices: int | None
    audio: bool | None
    video: bool | None
    sharing: bool | None
    recording: bool | None
    telephone: bool | None
    has_related_document: bool | None
    ai_note: bool | None
    is_external: bool | None
    meeting_subtype: int | None
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, value: object) -> MeetingInfo:
        """Read one entry of ``meeting_list``; one without any id is undocumented."""
        raw = _read.mapping(value, "meeting_list[]")
        instance = _read.text(raw, "meeting_instance_id")
        return cls(
            meeting_id=_read.text(raw, "meeting_id") if instance else _read.required(raw, "meeting_id"),
            meeting_instance_id=instance,
            meeting_topic=_read.text(raw, "meeting_topic"),
            meeting_type=_read.integer(raw, "meeting_type"),
            organizer=_read.text(raw, "organizer"),
            department=_read.text(raw, "department"),
            user_id=_read.text(raw, "user_id"),
            employee_id=_read.text(raw, "employee_id"),
            email=_read.text(raw, "email"),
            mobile=_read.text(raw, "mobile"),
            meeting_start_time=_display_time(raw, "meeting_start_time"),
            meeting_end_time=_display_time(raw, "meeting_end_time"),
            meeting_duration=_display_duration(raw, "meeting_duration"),
            number_of_participants=_read.integer(raw, "number_of_participants"),
            number_of_devices=_read.integer(raw, "number_of_devices"),
            audio=_read.boolean(raw, "audio"),
            video=_read.boolean(raw, "video"),
            sharing=_read.boolean(raw, "sharing"),
            recording=_read.boolean(raw, "recording"),
            telephone=_read.boolean(raw, "telephone"),
            has_related_document=_read.boolean(raw, "has_related_document"),
            ai_note=_read.boolean(raw, "ai_note"),
            is_external=_read.boolean(raw, "is_external"),
            meeting_subtype=_read.integer(raw, "meeting_subtype"),
            raw=raw,
        )


# https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no
@dataclass(frozen=True, slots=True)
class MeetingBrief(NeverPickled):
    """A meeting by its long `id`; the link to join and the password do not show in the repr."""

    id: str
    meeting_no: str | None
    topic: str | None
    url: str | None = field(repr=False)
    password: str | None = field(repr=False)
    note_id: str | None
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, value: object) -> MeetingBrief:
        """Read one entry of ``meeting_briefs``."""
        raw = _read.mapping(value, "meeting_briefs[]")
        return cls(
            id=_read.required(raw, "id"),
            meeting_no=_read.text(raw, "meeting_no"),
            topic=_read.text(raw, "topic"),
            url=_read.text(raw, "url"),
            password=_read.text(raw, "password"),
            note_id=_read.text(raw, "note_id"),
            raw=raw,
        )


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
def parse_meeting_list(data: object) -> Page[MeetingInfo]:
    """Read a page of the report."""
    return _page(data, "meeting_list", MeetingInfo.parse)


# https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no
def parse_meeting_briefs(data: object) -> Page[MeetingBrief]:
    """Read a page of the meetings of one number."""
    return _page(data, "meeting_briefs", MeetingBrief.parse)


def seconds(time: DateTime) -> str:
    """Write a time as the questions want it: UNIX seconds, as text."""
    return str(int(time.timestamp()))


def _page(data: object, name: str, parse: Callable[[object], T]) -> Page[T]:
    # An empty listing may leave the list out; an answer that says that more follows may not.
    raw = _read.mapping(data, "data")
    items = tuple(parse(item) for item in _read.array(raw.get(name), name))
    more = _read.boolean(raw, "has_more") or False
    token = _read.text(raw, "page_token") if more else None
    if more and (token is None or name not in raw):
        raise ServerError(f"feishu says that more follows but gives no {name} or no page_token", platform="feishu")
    return Page(items, token)


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
def _display_time(raw: Raw, name: str) -> DateTime | None:
    """Read "2022.12.23 11:16:59 (GMT+08:00)"; the zone is part of the text, no other form is documented."""
    text = _read.text(raw, name)
    if text is None:
        return None
    found = _TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        year, month, day, clock, offset = found.groups()
        return pendulum.instance(datetime.fromisoformat(f"{year}-{month}-{day}T{clock}{offset}")).in_timezone("UTC")
    except (ValueError, OverflowError):
        raise _read.undocumented(name, text) from None


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
def _display_duration(raw: Raw, name: str) -> int | None:
    """Read "00:01:52" as seconds; the hours may have more than two digits."""
    text = _read.text(raw, name)
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if found is None:
        raise _read.undocumented(name, text)
    hours, minutes, rest = (int(part) for part in found.groups())
    return (hours * 60 + minutes) * 60 + rest
