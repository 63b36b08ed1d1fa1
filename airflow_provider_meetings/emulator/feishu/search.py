"""Feishu's search of minutes, which needs a user's token."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.feishu import json_body
from airflow_provider_meetings.emulator.feishu.tokens import authorize
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_MINUTES: Final = "feishu.minutes_search"
_AVATAR: Final = "https://example.invalid/avatar.jpg"
_ALWAYS: Final = {"start_time": "0001-01-01T00:00:00+00:00", "end_time": "9999-12-31T23:59:59+00:00"}


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/search
async def minutes_search(state: EmulatorState, request: Request) -> Response:
    """Answer with one page, the newest first (assumed). Page parameters in the body are ignored.

    The results are the minutes that are not marked forbidden or deleted. Assumed: 99992402 for bad parameters, 2094005
    for a page token that is unknown or was issued for other parameters.
    """
    authorize(state, request, _MINUTES, "user")
    body = await json_body(request)
    filters = body.get("filter") or {}
    size = answers.whole_number(request.query_params.get("page_size", "15"))
    try:
        start, end, owners = _filters(filters)
    except (AttributeError, TypeError, ValueError):
        raise answers.error(_MINUTES, 99992402) from None
    if size is None or not 1 <= size <= 30:
        raise answers.error(_MINUTES, 99992402)
    found = [
        minute
        for minute in state.company.feishu_minutes.values()
        if minute.status not in {"deleted", "forbidden"}
        and start <= minute.create_time <= end
        and (not owners or answers.user_id(request, minute.owner, _MINUTES, 99992402) in owners)
    ]
    found.sort(key=lambda minute: minute.create_time, reverse=True)
    try:
        names = {minute.token: minute for minute in found[: state.minutes_search_most]}
        token = request.query_params.get("page_token", "")
        page, next_token = state.pages.page(_MINUTES, names, size, token, filters)
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


def _filters(filters: Mapping[str, Any]) -> tuple[datetime, datetime, list[str]]:
    """Return both ends of ``create_time``, ISO 8601 with time zones, and the owners; all are optional."""
    created = {**_ALWAYS, **(filters.get("create_time") or {})}
    start, end = (datetime.fromisoformat(created[name]) for name in _ALWAYS)
    owners = filters.get("owner_ids") or []
    if start.tzinfo is None or end.tzinfo is None or not isinstance(owners, list):
        raise ValueError(filters)
    return start, end, owners
