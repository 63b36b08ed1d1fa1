"""What a company of the emulator is made of: values named as the vendors name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Final, Literal

from airflow_provider_meetings.emulator.media import Media

# A fixed offset, not a zone name: China has had no summer time since 1991, and Windows ships no zone database.
SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")


def milliseconds(moment: datetime) -> int:
    """Return an aware ``moment`` as a UNIX time in milliseconds."""
    return round(moment.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class FeishuUser:
    """One member, under each of the three kinds of user id."""

    open_id: str
    union_id: str
    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One utterance; ``start`` and ``end`` are milliseconds from the beginning of the recording."""

    start: int
    end: int
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class FeishuMinute:
    """One minute (妙记); ``duration`` in milliseconds, ``create_time`` aware.

    ``fate``: what a reader of it meets. ``processing`` honours the emulator's ``not_ready_polls``.
    """

    token: str
    owner: FeishuUser
    create_time: datetime
    title: str
    duration: int
    media: Media
    transcript: tuple[TranscriptLine, ...] = ()
    note_id: str = ""
    fate: Literal["ready", "processing", "deleted", "forbidden"] = "ready"


@dataclass(frozen=True, slots=True)
class FeishuMeeting:
    """One meeting, and what becomes of its recording; ``minute_token`` is empty where there is none."""

    meeting_id: str
    topic: str
    minute_token: str = ""
    fate: Literal["ready", "processing", "running", "unrecorded", "forbidden"] = "ready"


@dataclass(frozen=True, slots=True)
class FeishuPost:
    """One Moments post (公司圈); ``content`` is paragraphs of nodes.

    ``user_type``: 1 named, 2 nickname, 3 anonymous, 4 official account. ``author`` is shown only for 1.
    """

    post_id: str
    user_type: Literal[1, 2, 3, 4]
    create_time: datetime
    content: tuple[tuple[Mapping[str, str], ...], ...]
    author: FeishuUser | None = None
    reactions: tuple[tuple[str, int], ...] = ()
    comment_count: int = 0
    dislike_count: int = 0
    category_ids: tuple[str, ...] = ()
    image_keys: tuple[str, ...] = ()
    forbidden: bool = False


@dataclass(frozen=True, slots=True)
class WecomSharing:
    """How a file is shared; ``expire`` in milliseconds as the vendor sends it, 0 for ever."""

    url: str
    password: str
    expire: int = 0
    required_same_corp: bool = True
    required_attendee: bool = False
    allow_download: bool = True


@dataclass(frozen=True, slots=True)
class WecomFile:
    """One file of a recording; ``record_size`` None declares the true size of ``video`` (else of ``audio``)."""

    record_file_id: str
    record_start_time: datetime
    record_end_time: datetime
    video: Media | None = None
    audio: Media | None = None
    summaries: tuple[Media, ...] = ()
    sharing: WecomSharing | None = None
    record_size: int | None = None


@dataclass(frozen=True, slots=True)
class WecomRecording:
    """One recording of a meeting. ``creator`` created the meeting and finds it by userid; the host may be another.

    ``fate``: ``processing`` honours the emulator's ``not_ready_polls``; ``recording`` stays at state 1 for ever.
    """

    meeting_record_id: str
    meetingid: str
    meeting_code: str
    creator: str
    host_user_id: str
    meeting_start_time: datetime
    title: str
    files: tuple[WecomFile, ...] = ()
    fate: Literal["done", "processing", "recording"] = "done"


@dataclass(frozen=True, slots=True)
class Company:
    """All that the emulator serves, each kind by its id."""

    name: str
    feishu_meetings: Mapping[str, FeishuMeeting] = field(default_factory=dict)
    feishu_minutes: Mapping[str, FeishuMinute] = field(default_factory=dict)
    feishu_posts: Mapping[str, FeishuPost] = field(default_factory=dict)
    wecom_recordings: Mapping[str, WecomRecording] = field(default_factory=dict)
