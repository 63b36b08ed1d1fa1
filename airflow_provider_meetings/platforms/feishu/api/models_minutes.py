"""What Feishu counts and writes about a minute: statistics, summary, chapters, todos."""

from __future__ import annotations

from dataclasses import dataclass, field

from pendulum import DateTime

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.fields import Fields, Raw
from airflow_provider_meetings.api.http.pagination import Page

_read = Fields("feishu")


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
@dataclass(frozen=True, slots=True)
class UserViewDetail:
    """A person's last look at a minute; `view_time` in UTC. Without the field's permission the id is None."""

    user_id: str | None
    view_time: DateTime | None
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, value: object) -> UserViewDetail:
        """Read one entry of ``user_view_list``; the time comes in milliseconds, as text."""
        raw = _read.mapping(value, "user_view_list[]")
        return cls(user_id=_read.text(raw, "user_id"), view_time=_read.milliseconds(raw, "view_time"), raw=raw)


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
@dataclass(frozen=True, slots=True)
class MinuteStatistics:
    """How many people looked at a minute, how often in all, and who."""

    user_view_count: int | None
    page_view_count: int | None
    user_view_list: tuple[UserViewDetail, ...]
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, data: object) -> MinuteStatistics:
        """Read ``data.statistics``; its counts are written as text."""
        raw = _read.mapping(_read.mapping(data, "data").get("statistics"), "data.statistics")
        return cls(
            user_view_count=_read.integer(raw, "user_view_count"),
            page_view_count=_read.integer(raw, "page_view_count"),
            user_view_list=tuple(
                UserViewDetail.parse(v) for v in _read.array(raw.get("user_view_list"), "user_view_list")
            ),
            raw=raw,
        )


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
@dataclass(frozen=True, slots=True)
class MinuteChapter:
    """A chapter; `start_ms` and `stop_ms` in milliseconds from the minute's beginning."""

    title: str | None
    start_ms: int | None
    stop_ms: int | None
    summary_content: str | None
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, value: object) -> MinuteChapter:
        """Read one entry of ``minute_chapters``."""
        raw = _read.mapping(value, "minute_chapters[]")
        return cls(
            title=_read.text(raw, "title"),
            start_ms=_read.integer(raw, "start_ms"),
            stop_ms=_read.integer(raw, "stop_ms"),
            summary_content=_read.text(raw, "summary_content"),
            raw=raw,
        )


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
@dataclass(frozen=True, slots=True)
class MinuteTodo:
    """A todo, and the names of those who shall do it."""

    content: str | None
    assignees: tuple[str, ...]
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, value: object) -> MinuteTodo:
        """Read one entry of ``minute_todos``; a name that is empty is no name."""
        raw = _read.mapping(value, "minute_todos[]")
        names = (
            _read.text({"assignees[]": name}, "assignees[]") for name in _read.array(raw.get("assignees"), "assignees")
        )
        return cls(content=_read.text(raw, "content"), assignees=tuple(name for name in names if name), raw=raw)


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
@dataclass(frozen=True, slots=True)
class MinuteArtifacts:
    """What the platform wrote about a minute; each part may be missing."""

    summary: str | None
    minute_chapters: tuple[MinuteChapter, ...]
    minute_todos: tuple[MinuteTodo, ...]
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, data: object) -> MinuteArtifacts:
        """Read ``data`` itself: there is no object around the parts."""
        raw = _read.mapping(data, "data")
        chapters = _read.array(raw.get("minute_chapters"), "minute_chapters")
        todos = _read.array(raw.get("minute_todos"), "minute_todos")
        return cls(
            summary=_read.text(raw, "summary"),
            minute_chapters=tuple(MinuteChapter.parse(c) for c in chapters),
            minute_todos=tuple(MinuteTodo.parse(t) for t in todos),
            raw=raw,
        )


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/search
@dataclass(frozen=True, slots=True)
class MinuteItem:
    """A minute that was found; `display_info` and `description` are written for people. All else: `get_minute`."""

    token: str
    display_info: str | None
    app_link: str | None
    avatar: str | None
    description: str | None
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, value: object) -> MinuteItem:
        """Read one entry of ``items``."""
        raw = _read.mapping(value, "items[]")
        meta = _read.mapping(raw.get("meta_data") or {}, "meta_data")
        return cls(
            token=_read.required(raw, "token"),
            display_info=_read.text(raw, "display_info"),
            app_link=_read.text(meta, "app_link"),
            avatar=_read.text(meta, "avatar"),
            description=_read.text(meta, "description"),
            raw=raw,
        )


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/search
def parse_minute_items(data: object) -> Page[MinuteItem]:
    """Read a page of the search."""
    raw = _read.mapping(data, "data")
    items = tuple(MinuteItem.parse(item) for item in _read.array(raw.get("items"), "items"))
    more = _read.boolean(raw, "has_more") or False
    token = _read.text(raw, "page_token") if more else None
    if more and not token:
        raise ServerError("feishu says that more minutes follow but gives no page_token", platform="feishu")
    return Page(items, token)
