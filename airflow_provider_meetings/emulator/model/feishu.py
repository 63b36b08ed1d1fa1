"""Feishu's objects of a company: users, minutes, meetings and posts, with the vendor's field names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from airflow_provider_meetings.emulator.model.media import Media


@dataclass(frozen=True, slots=True)
class FeishuUser:
    """One member with the three types of user id. The report shows ``employee_id``, or ``user_id`` if it is empty."""

    open_id: str
    union_id: str
    user_id: str
    name: str
    department: str = ""
    email: str = ""
    employee_id: str = ""


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One utterance; ``start`` and ``end`` are milliseconds from the start of the recording."""

    start: int
    end: int
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class FeishuMinute:
    """One minute (妙记); ``duration`` in milliseconds, ``create_time`` aware.

    ``status`` decides the answer to a request for it; ``processing`` lasts for the emulator's ``not_ready_polls``.
    An empty ``cover`` or ``url`` is made from the token. ``exportable`` False: its media and transcript are refused.
    """

    token: str
    owner: FeishuUser
    create_time: datetime
    title: str
    duration: int
    media: Media
    transcript: tuple[TranscriptLine, ...] = ()
    note_id: str = ""
    status: Literal["ready", "processing", "deleted", "forbidden"] = "ready"
    cover: str = ""
    url: str = ""
    exportable: bool = True


@dataclass(frozen=True, slots=True)
class FeishuStatistics:
    """The views of a minute: their number, and each viewer with the time of the latest view."""

    page_views: int = 0
    viewers: tuple[tuple[FeishuUser, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class FeishuChapter:
    """One chapter; ``start`` and ``stop`` are milliseconds from the start of the recording."""

    title: str
    start: int
    stop: int
    summary: str


@dataclass(frozen=True, slots=True)
class FeishuArtifacts:
    """The AI's artifacts of a minute; a todo is a text and the names of its assignees."""

    summary: str = ""
    chapters: tuple[FeishuChapter, ...] = ()
    todos: tuple[tuple[str, tuple[str, ...]], ...] = ()
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeishuMeeting:
    """One meeting and the status of its recording; without a recording ``minute_token`` is empty.

    ``meeting_no`` is the 9-digit number, which the meetings of a series share. A meeting without number, organizer and
    start can be requested only by its id. ``end`` is None while the meeting is running.
    """

    meeting_id: str
    topic: str
    minute_token: str = ""
    status: Literal["ready", "processing", "running", "unrecorded", "forbidden"] = "ready"
    meeting_no: str = ""
    organizer: FeishuUser | None = None
    start: datetime | None = None
    end: datetime | None = None
    participants: int = 2
    devices: int = 2
    password: str = ""


@dataclass(frozen=True, slots=True)
class FeishuPost:
    """One Moments post (公司圈); ``content`` is a list of paragraphs, each a list of nodes.

    ``user_type``: 1 real name, 2 nickname, 3 anonymous, 4 official account. ``author`` is shown only for 1.
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
    # Placeholders of the vendor, "unused for now".
    media_file_token: str = ""
    media_cover_image_key: str = ""
