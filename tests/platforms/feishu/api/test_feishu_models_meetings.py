from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.pagination import Page
from airflow_provider_meetings.platforms.feishu.api.models import MeetingBrief, MeetingInfo, parse_page


def answer(name: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "answers" / f"{name}.json").read_text())["data"]


def parse_meeting_list(data: object) -> Page[MeetingInfo]:
    return parse_page(data, "meeting_list", MeetingInfo)


def parse_meeting_briefs(data: object) -> Page[MeetingBrief]:
    return parse_page(data, "meeting_briefs", MeetingBrief)


def test_report_example() -> None:
    data = answer("meeting_list")
    page = parse_meeting_list(data)
    assert page.next_cursor == "20"
    assert page.items == (
        MeetingInfo(
            meeting_id="705605196",
            meeting_instance_id="7000000000000000001",
            recording=True,
            meeting_start_time=pendulum.datetime(2026, 1, 1, 1, tz="UTC"),
            meeting_end_time=pendulum.datetime(2026, 1, 1, 1, 30, tz="UTC"),
            raw=data["meeting_list"][0],
        ),
    )
    assert "a@example.com" not in repr(page)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2022.12.23 11:16:59 (GMT+08:00)", pendulum.datetime(2022, 12, 23, 3, 16, 59, tz="UTC")),
        ("2022.12.23 11:16:59 (GMT-05:30)", pendulum.datetime(2022, 12, 23, 16, 46, 59, tz="UTC")),
        ("2022.12.23 11:16:59", None),
        ("2023.02.29 11:16:59 (GMT+08:00)", None),
        ("0001.01.01 00:00:00 (GMT+08:00)", None),
        ("Dec 23, 2022 11:16 AM", None),
        ("", None),
        (None, None),
        (1671765419, None),
        ([], None),
    ],
)
def test_displayed_time(text: object, time: pendulum.DateTime | None) -> None:
    read = MeetingInfo.parse({"meeting_start_time": text}).meeting_start_time
    assert read == time
    assert read is None or read.timezone_name == "UTC"


def test_meetings_of_number_example() -> None:
    data = answer("list_by_no")
    page = parse_meeting_briefs(data)
    assert page.next_cursor is None
    assert page.items == (MeetingBrief(id="7000000000000000001", raw=data["meeting_briefs"][0]),)
    for secret in ("000000'", "https://"):
        assert secret not in repr(page)


@pytest.mark.parametrize("more", [{}, {"has_more": False}, {"has_more": None}])
def test_page_without_more_is_the_last(more: dict[str, Any]) -> None:
    assert parse_meeting_list({"page_token": "20", **more}).next_cursor is None


@pytest.mark.parametrize(
    "data", [{"has_more": True}, {"has_more": True, "page_token": "20"}, {"has_more": True, "meeting_list": []}]
)
def test_more_without_list_or_token_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ServerError, match="announces more"):
        parse_meeting_list(data)
