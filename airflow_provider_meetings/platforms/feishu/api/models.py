"""Feishu's objects as the documents describe them: their names, their clocks, their numbers written as text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from pendulum import DateTime

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.fields import Fields, Raw
from airflow_provider_meetings.api.models import MediaFile, MediaKind, Post, Recording, RecordingState
from airflow_provider_meetings.api.sanitize import storable, storable_text, without_links

_MINUTE_TOKEN = re.compile(r"[A-Za-z0-9]{24}\Z")
TranscriptFormat = Literal["txt", "srt"]

_USER_TYPES = {1: "named", 2: "nickname", 3: "anonymous", 4: "official"}

_read = Fields("feishu")


# https://open.feishu.cn/document/server-docs/minutes-v1/minute/get
@dataclass(frozen=True, slots=True)
class Minute:
    """A minute's basic facts; `create_time` in UTC, `duration` in milliseconds.

    `note_id` names the minute's note; only answers of 2026 and later have it.
    """

    token: str
    owner_id: str | None
    create_time: DateTime | None
    title: str | None
    cover: str | None
    duration: int | None
    url: str | None
    note_id: str | None
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, data: object) -> Minute:
        """Read ``data.minute``."""
        raw = _read.mapping(_read.mapping(data, "data").get("minute"), "data.minute")
        return cls(
            token=_read.required(raw, "token"),
            owner_id=_read.text(raw, "owner_id"),
            create_time=_read.milliseconds(raw, "create_time"),
            title=_read.text(raw, "title"),
            cover=_read.text(raw, "cover"),
            duration=_read.integer(raw, "duration"),
            url=_read.text(raw, "url"),
            note_id=_read.text(raw, "note_id"),
            raw=raw,
        )


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal
def parse_token(body: Raw, name: str = "tenant_access_token") -> tuple[str, int]:
    """Read a token and the seconds it has left; flat, not under ``data``. An older token may be given again."""
    return _read.required(body, name), _read.integer(body, "expire") or 0


# https://open.feishu.cn/document/minutes-v1/minute-media/get
def parse_download_url(data: object) -> str:
    """Read ``data.download_url``."""
    return _read.required(_read.mapping(data, "data"), "download_url")


# https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
@dataclass(frozen=True, slots=True)
class MeetingRecording:
    """A meeting's recording: the page of its minute, and `duration` in milliseconds."""

    url: str
    duration: int | None
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, data: object) -> MeetingRecording:
        """Read ``data.recording``."""
        raw = _read.mapping(_read.mapping(data, "data").get("recording"), "data.recording")
        return cls(url=_read.required(raw, "url"), duration=_read.integer(raw, "duration"), raw=raw)

    @property
    def minute_token(self) -> str:
        """Take the minute's token from the page's address: the part behind ``/minutes/``."""
        try:
            token = urlsplit(self.url).path.rpartition("/minutes/")[2].strip("/")
        except ValueError:  # an address that is none
            token = ""
        if not is_minute_token(token):
            raise ServerError(
                "The recording's address does not end in a minute token of 24 characters", platform="feishu"
            )
        return token


# https://open.feishu.cn/document/moments-v1/post/get
@dataclass(frozen=True, slots=True)
class MomentsPost:
    """A Moments post; `create_time` in UTC, `content` as paragraphs of nodes, `reactions` as (type, count)."""

    id: str
    user_id: str | None
    user_type: int | None
    content: list[Any] | None
    content_text: str | None
    create_time: DateTime | None
    comment_count: int | None
    dislike_count: int | None
    total_count: int | None
    reactions: tuple[tuple[str, int], ...]
    category_ids: tuple[str, ...]
    image_key_list: tuple[str, ...]
    media_file_token: str | None
    media_cover_image_key: str | None
    link: str | None
    raw: Raw = field(repr=False)

    @property
    def author_kind(self) -> str | None:
        """Name `user_type`: named, nickname, anonymous, official; None for one that is not documented."""
        return _USER_TYPES.get(self.user_type) if self.user_type is not None else None

    @classmethod
    def parse(cls, data: object) -> MomentsPost:
        """Read ``data.post``."""
        raw = _read.mapping(_read.mapping(data, "data").get("post"), "data.post")
        reaction_set = _read.mapping(raw.get("reaction_set") or {}, "post.reaction_set")
        nodes, text = _content(raw.get("content"))
        return cls(
            id=_read.required(raw, "id"),
            user_id=_read.text(raw, "user_id"),
            user_type=_read.integer(raw, "user_type"),
            content=nodes,
            content_text=text,
            create_time=_read.rfc3339(raw, "create_time"),
            comment_count=_read.integer(raw, "comment_count"),
            dislike_count=_read.integer(raw, "dislike_count"),
            total_count=_read.integer(reaction_set, "total_count"),
            reactions=_reactions(reaction_set.get("reactions")),
            category_ids=_read.texts(raw, "category_ids"),
            image_key_list=_read.texts(raw, "image_key_list"),
            media_file_token=_read.text(raw, "media_file_token"),
            media_cover_image_key=_read.text(raw, "media_cover_image_key"),
            link=_read.text(raw, "link"),
            raw=raw,
        )


def neutral_recording(minute: Minute, *, tenant: str, meeting_id: str | None) -> Recording:
    """Read a minute as a ready recording: its video and its transcripts, under the minute's own token."""
    start = minute.create_time
    try:
        end = start.add(seconds=minute.duration / 1000) if start and minute.duration is not None else None
    except (OverflowError, ValueError):
        raise _read.undocumented("duration", minute.duration) from None
    kinds = (MediaKind.VIDEO, *(f"{MediaKind.TRANSCRIPT}-{file_format}" for file_format in get_args(TranscriptFormat)))
    return Recording(
        platform="feishu",
        tenant=tenant,
        recording_id=minute.token,
        state=RecordingState.READY,
        meeting_id=meeting_id,
        owner_id=minute.owner_id,
        title=minute.title,
        started_at=start,
        ended_at=end,
        duration_ms=minute.duration,
        page_url=minute.url,
        files=tuple(
            MediaFile(
                platform="feishu",
                tenant=tenant,
                recording_id=minute.token,
                meeting_id=meeting_id,
                file_id=minute.token,
                kind=str(kind),
                started_at=start,
                ended_at=end,
            )
            for kind in kinds
        ),
        source=without_links(minute.raw),
    )


def neutral_post(post: MomentsPost, *, tenant: str) -> Post:
    """Read a post; its author only where it was written under the real name, and else not even in `source`."""
    named = post.author_kind == "named"
    source = without_links(post.raw if named else {k: v for k, v in post.raw.items() if k != "user_id"})
    return Post(
        platform="feishu",
        tenant=tenant,
        post_id=post.id,
        author_id=post.user_id if named else None,
        author_kind=post.author_kind,
        created_at=post.create_time,
        content_text=post.content_text,
        content=post.content,
        comment_count=post.comment_count,
        reaction_total=post.total_count,
        dislike_count=post.dislike_count,
        reactions=[{"type": kind, "count": count} for kind, count in post.reactions],
        category_ids=list(post.category_ids),
        link=post.link,
        source=source,
    )


def is_minute_token(value: str) -> bool:
    """Tell whether `value` has the documented form of a minute token: 24 letters and digits."""
    return _MINUTE_TOKEN.match(value) is not None


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/moments-v1/moments-explanation
def _content(value: object) -> tuple[list[Any] | None, str | None]:
    """Read rich text: JSON in a string, paragraphs of nodes. What is no rich text stays as plain text."""
    if not isinstance(value, str):
        return None, None
    try:
        nodes = storable(json.loads(value))
    except (ValueError, RecursionError):
        nodes = None
    if not isinstance(nodes, list):
        return None, storable_text(value)
    return nodes, "\n".join("".join(_node_text(n) for n in p) if isinstance(p, list) else "" for p in nodes)


def _node_text(node: object) -> str:
    if not isinstance(node, dict):
        return ""
    if node.get("tag") == "at":
        return f"@{node.get('user_name') or node.get('text') or ''}"
    return str(node.get("text") or node.get("href") or "")


def _reactions(value: object) -> tuple[tuple[str, int], ...]:
    if value is None:
        return ()
    items = [_read.mapping(v, "reactions[]") for v in _read.array(value, "reactions")]
    return tuple((_read.required(i, "type"), _read.integer(i, "count") or 0) for i in items)
