"""Feishu's search of minutes, which needs a user's token."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.feishu import json_body
from airflow_provider_meetings.emulator.answers.paging import page_of
from airflow_provider_meetings.emulator.answers.request_check import Handler
from airflow_provider_meetings.emulator.feishu.tokens import authorize
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_MINUTES: Final = "feishu.minutes_search"
_AVATAR: Final = "https://example.invalid/avatar.jpg"
Range = tuple[datetime | None, datetime | None]


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/search
async def minutes_search(state: EmulatorState, request: Request) -> Response:
    """Answer with one page, the newest first (assumed). Page parameters in the body are ignored.

    The results are the minutes that are not marked forbidden or deleted. Assumed: 99992402 for bad parameters, 2094005
    for a page token that is unknown or was issued for other parameters.
    """
    authorize(state, request, _MINUTES, "user")
    body = await json_body(request)
    try:
        size, filters = _page_size(request), _object(body, "filter")
        created = _range(filters, "create_time")
        owners = _texts(filters, "owner_ids")
    except ValueError:
        raise answers.error(_MINUTES, 99992402) from None
    found = [
        minute
        for minute in state.company.feishu_minutes.values()
        if minute.status not in {"deleted", "forbidden"}
        and _within(minute.create_time, created)
        and (not owners or answers.user_id(request, minute.owner, _MINUTES, 99992402) in owners)
    ]
    found.sort(key=lambda minute: minute.create_time, reverse=True)
    try:
        names = {minute.token: minute for minute in found[: state.minutes_search_most]}
        token = request.query_params.get("page_token", "")
        page, next_token = page_of(state, _MINUTES, names, size, token, filters)
    except ValueError:
        raise answers.error(_MINUTES, 2094005) from None
    if page and state.minutes_search_depth is not None and found.index(page[-1]) >= state.minutes_search_depth:
        raise answers.error(_MINUTES, 2094007)
    items = []
    for minute in page:
        link = minute.url or f"https://sample.{state.domain}/minutes/{minute.token}"
        description = f"{minute.owner.name} {minute.create_time:%Y-%m-%d %H:%M}"
        meta_data = {"app_link": link, "avatar": _AVATAR, "description": description}
        items.append({"token": minute.token, "display_info": minute.title, "meta_data": meta_data})
    data: dict[str, Any] = {"items": items, "total": len(names), "has_more": next_token is not None}
    if next_token:
        data["page_token"] = next_token
    return answers.success(data, state.now())


def _page_size(request: Request) -> int:
    size = answers.whole_number(request.query_params.get("page_size", "15"))
    if size is None or not 1 <= size <= 30:
        raise ValueError("page_size")
    return size


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise ValueError(name)
    return value


def _texts(body: Mapping[str, Any], name: str) -> list[str]:
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(name)
    return value


def _range(body: Mapping[str, Any], name: str) -> Range:
    """Return both ends of a range of ISO 8601 times with time zones; both are optional."""
    value = _object(body, name)
    ends = []
    for end in ("start_time", "end_time"):
        text = value.get(end)
        if text is not None and not isinstance(text, str):
            raise ValueError(end)
        time = None if text is None else datetime.fromisoformat(text)
        if time is not None and time.tzinfo is None:
            raise ValueError(end)
        ends.append(time)
    return ends[0], ends[1]


def _within(time: datetime, ends: Range) -> bool:
    start, end = ends
    return (start is None or start <= time) and (end is None or time <= end)


HANDLERS: Final[dict[str, Handler]] = {_MINUTES: minutes_search}
