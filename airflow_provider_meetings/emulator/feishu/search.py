"""Feishu's two searches, for users' tokens alone: of minutes and of meetings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.feishu import shown_user
from airflow_provider_meetings.emulator.answers.paging import page_of
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.feishu.meetings import seconds
from airflow_provider_meetings.emulator.feishu.tokens import authorize, json_body
from airflow_provider_meetings.emulator.model.feishu import FeishuMeeting, FeishuMinute
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_MINUTES: Final = "feishu.minutes_search"
_MEETINGS: Final = "feishu.meetings_search"
_AVATAR: Final = "https://example.invalid/avatar.jpg"
# Of the most results that the search of meetings gives away.
_MOST: Final = 150
Range = tuple[datetime | None, datetime | None]


class FeishuSearch:
    """Answer for one company; what a user may see is assumed to be what is not marked forbidden or deleted."""

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return both routes."""
        return [self.gate.route(_MINUTES, self.minutes), self.gate.route(_MEETINGS, self.meetings)]

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/search
    async def minutes(self, request: Request) -> Response:
        """Answer with one page, newest first (assumed). Only the query string turns pages: the body's are ignored.

        Assumed: 99992402 for bad parameters, 2094005 for a page token that is unknown or of another question, and the
        query is looked for in the title.
        """
        authorize(self.state, request, _MINUTES, "user")
        body = await json_body(request)
        try:
            size, wanted = _size(request, 15, 30), _object(body, "filter")
            created = _range(wanted, "create_time")
            owners = _texts(wanted, "owner_ids") + _texts(wanted, "participant_ids")
            text = str(body.get("query") or "")
        except ValueError:
            raise answers.refused(_MINUTES, 99992402) from None
        found = [
            minute
            for minute in self.state.company.feishu_minutes.values()
            if minute.status not in {"deleted", "forbidden"}
            and text in minute.title
            and _inside(minute.create_time, created)
            and (not owners or shown_user(request, minute.owner, _MINUTES, 99992402) in owners)
        ]
        found.sort(key=lambda minute: minute.create_time, reverse=True)
        try:
            page, following = page_of(found, size, request.query_params.get("page_token", ""), [text, wanted])
        except ValueError:
            raise answers.refused(_MINUTES, 2094005) from None
        return self._answer([_minute(minute, self.state.domain) for minute in page], len(found), following)

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting/search
    async def meetings(self, request: Request) -> Response:
        """Answer with one page of at most 150 meetings, newest first (assumed). Errors of the caller are HTTP 500."""
        authorize(self.state, request, _MEETINGS, "user")
        body = await json_body(request)
        try:
            size, wanted = _size(request, 15, 30), _object(body, "meeting_filter")
            started = _range(wanted, "start_time")
            organizers = _texts(wanted, "organizer_ids") + _texts(wanted, "participant_ids")
            text = str(body.get("query") or "")
            found = [
                meeting
                for meeting in self.state.company.feishu_meetings.values()
                if meeting.start is not None
                and text in meeting.topic
                and _inside(meeting.start, started)
                and (not organizers or shown_user(request, meeting.organizer, _MEETINGS, 121001) in organizers)
            ]
            found.sort(key=lambda meeting: str(meeting.start), reverse=True)
            found = found[:_MOST]
            page, following = page_of(found, size, request.query_params.get("page_token", ""), [text, wanted])
        except ValueError:
            raise answers.refused(_MEETINGS, 121001) from None
        return self._answer([_meeting(meeting, self.state.domain) for meeting in page], len(found), following)

    def _answer(self, items: list[dict[str, Any]], total: int, following: str) -> Response:
        data: dict[str, Any] = {"items": items, "total": total, "has_more": bool(following)}
        if following:
            data["page_token"] = following
        return answers.success(data, self.state.now())


def _minute(minute: FeishuMinute, domain: str) -> dict[str, Any]:
    link = minute.url or f"https://sample.{domain}/minutes/{minute.token}"
    about = f"{minute.owner.name} {minute.create_time:%Y-%m-%d %H:%M}"
    return {
        "token": minute.token,
        "display_info": minute.title,
        "meta_data": {"app_link": link, "avatar": _AVATAR, "description": about},
    }


def _meeting(meeting: FeishuMeeting, domain: str) -> dict[str, Any]:
    about = f"{meeting.organizer.name if meeting.organizer else ''} {meeting.start:%Y-%m-%d %H:%M}"
    return {
        "id": meeting.meeting_id,
        "display_info": meeting.topic,
        "meta_data": {
            "app_link": f"https://vc.{domain}/j/{meeting.meeting_no}",
            "avatar": _AVATAR,
            "description": about,
        },
    }


def _size(request: Request, default: int, highest: int) -> int:
    size = seconds(request.query_params.get("page_size", str(default)))
    if size is None or not 1 <= size <= highest:
        raise ValueError("page_size")
    return size


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise ValueError(name)
    return value


def _texts(body: Mapping[str, Any], name: str) -> list[str]:
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(name)
    return value


def _range(body: Mapping[str, Any], name: str) -> Range:
    """Return both ends of an ISO 8601 range with zones, either of which may be missing."""
    value = _object(body, name)

    def moment(end: str) -> datetime | None:
        text = value.get(end)
        if text is None:
            return None
        if not isinstance(text, str):
            raise ValueError(end)
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is None:
            raise ValueError(end)
        return parsed

    return moment("start_time"), moment("end_time")


def _inside(moment: datetime, ends: Range) -> bool:
    start, end = ends
    return (start is None or start <= moment) and (end is None or moment <= end)
