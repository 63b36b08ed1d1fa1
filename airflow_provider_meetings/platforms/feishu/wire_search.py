"""What Feishu's search of minutes finds."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.fields import Fields, Raw
from airflow_provider_meetings.api.http.pagination import Page

_read = Fields("feishu")


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
