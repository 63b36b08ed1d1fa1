from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.pagination import Page
from airflow_provider_meetings.platforms.feishu.api.models import parse_page
from airflow_provider_meetings.platforms.feishu.api.models_meetings import MeetingBrief, MeetingInfo


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
            meeting_topic="讨论会",
            meeting_start_time=pendulum.datetime(2026, 1, 1, 1, tz="UTC"),
            meeting_end_time=pendulum.datetime(2026, 1, 1, 1, 30, tz="UTC"),
            meeting_duration=1800,
            recording=True,
            raw=data["meeting_list"][0],
        ),
    )
    assert "a@example.com" not in repr(page)
    start = page.items[0].meeting_start_time
    assert start is not None
    assert start.timezone_name == "UTC"


def test_meetings_of_number_example() -> None:
    data = answer("list_by_no")
    page = parse_meeting_briefs(data)
    assert page.next_cursor is None
    assert page.items == (
        MeetingBrief(
            id="7000000000000000001",
            meeting_no="705605196",
            topic="讨论会",
            raw=data["meeting_briefs"][0],
        ),
    )
    for secret in ("000000'", "https://"):
        assert secret not in repr(page)


def meeting(**fields: Any) -> MeetingInfo:
    return MeetingInfo.parse({"meeting_id": "705605196", **fields})


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2022.12.23 11:16:59 (GMT+08:00)", pendulum.datetime(2022, 12, 23, 3, 16, 59, tz="UTC")),
        ("2022.12.23 11:16:59 (GMT-05:30)", pendulum.datetime(2022, 12, 23, 16, 46, 59, tz="UTC")),
        ("2024.02.29 00:00:00 (GMT+00:00)", pendulum.datetime(2024, 2, 29, tz="UTC")),
        ("", None),
        (None, None),
    ],
)
def test_display_time(text: str | None, time: pendulum.DateTime | None) -> None:
    assert meeting(meeting_start_time=text).meeting_start_time == time


@pytest.mark.parametrize(
    "text",
    [
        "2022.12.23 11:16:59",
        "2022-12-23 11:16:59 (GMT+08:00)",
        "2023.02.29 11:16:59 (GMT+08:00)",
        "2022.12.23 25:16:59 (GMT+08:00)",
        "2022.12.23 11:16:59 (GMT+99:00)",
        "2022.12.23 11:16:59 (GMT+08:00)\n",
        "0001.01.01 00:00:00 (GMT+08:00)",
        "1671765419",
        1671765419,
        "-",
    ],
)
def test_invalid_time_is_refused(text: object) -> None:
    with pytest.raises(ServerError, match="meeting_end_time of an undocumented form"):
        meeting(meeting_end_time=text)


@pytest.mark.parametrize(
    ("text", "duration"), [("00:01:52", 112), ("00:00:00", 0), ("100:00:01", 360_001), ("", None), (None, None)]
)
def test_display_duration_is_read_as_seconds(text: str | None, duration: int | None) -> None:
    assert meeting(meeting_duration=text).meeting_duration == duration


@pytest.mark.parametrize("text", ["01:52", "00:60:00", "00:00:60", "-1:00:00", 112, "1 h", "00:01:52 "])
def test_invalid_duration_is_refused(text: object) -> None:
    with pytest.raises(ServerError, match="meeting_duration of an undocumented form"):
        meeting(meeting_duration=text)


def test_older_answer_has_number_only() -> None:
    assert (meeting().meeting_id, meeting().meeting_instance_id) == ("705605196", None)


def test_meeting_without_id_is_refused() -> None:
    with pytest.raises(ServerError, match="meeting_id"):
        MeetingInfo.parse({"meeting_topic": "x"})


@pytest.mark.parametrize("more", [{}, {"has_more": False}, {"has_more": None}])
def test_page_without_more_is_the_last(more: dict[str, Any]) -> None:
    assert parse_meeting_list({"page_token": "20", **more}).next_cursor is None


@pytest.mark.parametrize(
    "data", [{"has_more": True}, {"has_more": True, "page_token": "20"}, {"has_more": True, "meeting_list": []}]
)
def test_more_without_list_or_token_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ServerError, match="announces more"):
        parse_meeting_list(data)


@settings(max_examples=100, deadline=None)
@given(st.datetimes(), st.integers(-23 * 60, 23 * 60))
def test_display_time_keeps_instant(local: Any, offset: int) -> None:
    hours, minutes = divmod(abs(offset), 60)
    sign = "-" if offset < 0 else "+"
    text = f"{local:%Y.%m.%d %H:%M:%S} (GMT{sign}{hours:02}:{minutes:02})"
    zone = pendulum.FixedTimezone(offset * 60)
    text = text if local.year >= 1000 else f"{local.year:04}" + text[text.index(".") :]
    try:
        time = meeting(meeting_start_time=text).meeting_start_time
    except ServerError:
        assert local.year in {1, 9999}
        return
    assert time == pendulum.instance(local.replace(microsecond=0), tz=zone)
