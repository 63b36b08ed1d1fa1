"""The objects in Feishu's answers, with the platform's field names."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.fields import Answer, Fields, Raw
from airflow_provider_meetings.api.http.pagination import Page
from airflow_provider_meetings.api.sanitize import NeverPickled, storable, storable_text

_USER_TYPES = {1: "named", 2: "nickname", 3: "anonymous", 4: "official"}
_MINUTE_TOKEN = re.compile(r"[A-Za-z0-9]{24}\Z")
TranscriptFormat = Literal["txt", "srt"]


class FeishuAnswer(Answer):
    """An object of Feishu's answers."""

    __slots__ = ()
    fields: ClassVar[Fields] = Fields("feishu")


T = TypeVar("T", bound=FeishuAnswer)


# https://open.feishu.cn/document/server-docs/minutes-v1/minute/get
@dataclass(frozen=True, slots=True)
class Minute(FeishuAnswer):
    """The basic information of a minute: `create_time` in UTC, `duration` in milliseconds."""

    token: str
    owner_id: str | None
    create_time: Annotated[DateTime | None, Fields.milliseconds]
    title: str | None
    duration: int | None
    url: str | None


# https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
@dataclass(frozen=True, slots=True)
class MeetingRecording(FeishuAnswer):
    """The recording of a meeting: the page of its minute, and `duration` in milliseconds."""

    url: str
    duration: int | None = None

    @property
    def minute_token(self) -> str:
        """Return the token in the page's address: the part behind ``/minutes/``.

        :raises ServerError: if there is none.
        """
        try:
            token = urlsplit(self.url).path.rpartition("/minutes/")[2].strip("/")
        except ValueError:  # not an address
            token = ""
        if not is_minute_token(token):
            raise ServerError(
                "The recording's address does not end in a minute token of 24 characters", platform="feishu"
            )
        return token


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
@dataclass(frozen=True, slots=True)
class UserViewDetail(FeishuAnswer):
    """A person's last view of a minute; `view_time` in UTC. Without the field permission the id is None."""

    user_id: str | None
    view_time: Annotated[DateTime | None, Fields.milliseconds]


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
@dataclass(frozen=True, slots=True)
class MinuteStatistics(FeishuAnswer):
    """How many people viewed a minute, how often in total, and who."""

    user_view_count: int | None
    page_view_count: int | None
    user_view_list: tuple[UserViewDetail, ...]


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
@dataclass(frozen=True, slots=True)
class MinuteChapter(FeishuAnswer):
    """A chapter; `start_ms` and `stop_ms` in milliseconds from the start of the minute."""

    title: str | None
    start_ms: int | None
    stop_ms: int | None
    summary_content: str | None


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
@dataclass(frozen=True, slots=True)
class MinuteTodo(FeishuAnswer):
    """A to-do and the names of its assignees."""

    content: str | None
    assignees: tuple[str, ...]


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
# https://github.com/larksuite/cli/blob/main/shortcuts/minutes/minutes_fetch.go
@dataclass(frozen=True, slots=True)
class MinuteArtifacts(FeishuAnswer):
    """The AI artifacts of a minute; each part may be missing. Only the vendor's client shows the last two."""

    summary: str | None
    minute_chapters: tuple[MinuteChapter, ...]
    minute_todos: tuple[MinuteTodo, ...]
    keywords: tuple[str, ...]
    transcript: str | None


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/search
@dataclass(frozen=True, slots=True)
class MinuteItem(FeishuAnswer):
    """A minute found by the search; its title and link are in `raw`, everything else in `get_minute`."""

    token: str


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
def _displayed_time(_: Fields, raw: Raw, name: str) -> DateTime | None:
    """Read "2022.12.23 11:16:59 (GMT+08:00)"; None for another form: the text is for display, and stays in `raw`."""
    try:
        return pendulum.instance(datetime.strptime(str(raw.get(name)), "%Y.%m.%d %H:%M:%S (GMT%z)")).in_timezone("UTC")
    except (ValueError, OverflowError):
        return None


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
@dataclass(frozen=True, slots=True)
class MeetingInfo(FeishuAnswer):
    """A meeting of the report: times in UTC; topic, duration, participants and devices are only in `raw`.

    `meeting_id` is the 9-digit number. `meeting_instance_id` is taken as the id for requesting the recording, which no
    page says; older answers may lack it. `recording` shows whether the meeting was recorded.
    """

    meeting_id: str | None
    meeting_instance_id: str | None
    recording: bool | None
    meeting_start_time: Annotated[DateTime | None, _displayed_time] = None
    meeting_end_time: Annotated[DateTime | None, _displayed_time] = None


# https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no
@dataclass(frozen=True, slots=True)
class MeetingBrief(NeverPickled, FeishuAnswer):
    """A meeting of a number; `raw` holds its topic, the link to join and the password."""

    id: str


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/moments-v1/moments-explanation
def _rich_text(_: Fields, raw: Raw, name: str) -> list[Any] | None:
    """Read JSON in a string: paragraphs of nodes. None for plain text."""
    try:
        nodes = storable(json.loads(raw.get(name) or ""))
    except (TypeError, ValueError, RecursionError):
        return None
    return nodes if isinstance(nodes, list) else None


@dataclass(frozen=True, slots=True)
class Reaction(FeishuAnswer):
    """A kind of reaction and its count."""

    type: str
    count: int | None


@dataclass(frozen=True, slots=True)
class ReactionSet(FeishuAnswer):
    """The reactions to a post."""

    reactions: tuple[Reaction, ...]
    total_count: int | None


# https://open.feishu.cn/document/moments-v1/post/get
@dataclass(frozen=True, slots=True)
class MomentsPost(FeishuAnswer):
    """A Moments post; `create_time` in UTC, `content` as paragraphs of nodes."""

    id: str
    user_id: str | None
    user_type: int | None
    content: Annotated[list[Any] | None, _rich_text]
    create_time: Annotated[DateTime | None, Fields.rfc3339]
    comment_count: int | None
    dislike_count: int | None
    reaction_set: ReactionSet
    category_ids: tuple[str, ...]
    link: str | None

    @property
    def author_kind(self) -> str | None:
        """Name `user_type`: named, nickname, anonymous, official; None for an undocumented one."""
        return None if self.user_type is None else _USER_TYPES.get(self.user_type)

    @property
    def content_text(self) -> str | None:
        """The content without markup."""
        if self.content is None:
            plain = self.raw.get("content")
            return storable_text(plain) if isinstance(plain, str) else None
        return "\n".join("".join(map(_node_text, p)) if isinstance(p, list) else "" for p in self.content)


def _node_text(node: object) -> str:
    if not isinstance(node, dict):
        return ""
    if node.get("tag") == "at":
        return f"@{node.get('user_name') or node.get('text') or ''}"
    return str(node.get("text") or node.get("href") or "")


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/authen-v1/user_info/get
@dataclass(frozen=True, slots=True)
class UserInfo(FeishuAnswer):
    """The user that a token belongs to."""

    open_id: str | None
    name: str | None


# https://open.feishu.cn/document/minutes-v1/minute-media/get
def parse_download_url(data: object) -> str:
    """Return ``data.download_url``."""
    read = FeishuAnswer.fields
    return read.required(read.mapping(data, "data"), "download_url")


def parse_page(data: object, name: str, cls: type[T]) -> Page[T]:
    """Read a page of a listing.

    :param name: the field with the list. The last page may leave it out.
    :raises ServerError: if the answer announces more but has no list or no page token: the rest would be lost.
    """
    read = FeishuAnswer.fields
    raw = read.mapping(data, "data")
    items = tuple(cls.parse(item) for item in read.array(raw.get(name), name))
    more = read.boolean(raw, "has_more") or False
    token = read.text(raw, "page_token") if more else None
    if more and (token is None or name not in raw):
        raise ServerError(f"feishu announces more {name} but gives no list or no page_token", platform="feishu")
    return Page(items, token, read.integer(raw, "total"))


def is_minute_token(value: str) -> bool:
    """Return whether `value` has the documented form of a minute token: 24 letters and digits."""
    return _MINUTE_TOKEN.match(value) is not None
