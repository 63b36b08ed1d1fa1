from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.platforms.feishu.api.models import (
    Minute,
    MinuteArtifacts,
    MinuteChapter,
    MinuteStatistics,
    MinuteTodo,
    UserViewDetail,
)


def answer(name: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "answers" / f"{name}.json").read_text())["data"]


def test_minute_with_note_example() -> None:
    minute = Minute.parse(answer("minute_with_note"), "minute")
    assert (minute.title, minute.duration) == ("周会 / weekly", 314_000)
    assert minute.raw["note_id"] == "7616590025794260496"
    assert minute.create_time == pendulum.datetime(2026, 1, 1, 0, 0, 0, 477000, tz="UTC")


def test_statistics_example() -> None:
    data = answer("minute_statistics")
    raw = data["statistics"]
    viewer = UserViewDetail("ou_0001", pendulum.datetime(2026, 1, 1, 1, tz="UTC"), raw=raw["user_view_list"][0])
    assert MinuteStatistics.parse(data, "statistics") == MinuteStatistics(2, 5, (viewer,), raw=raw)


def test_statistics_without_permission_for_ids() -> None:
    statistics = {"user_view_count": 2, "user_view_list": [{"view_time": 1767229200000}]}
    read = MinuteStatistics.parse(statistics)
    assert (read.user_view_count, read.page_view_count) == (2, None)
    assert (read.user_view_list[0].user_id, read.user_view_list[0].view_time) == (
        None,
        pendulum.datetime(2026, 1, 1, 1, tz="UTC"),
    )


def test_artifacts_example() -> None:
    data = answer("minute_artifacts")
    chapter = MinuteChapter("intro", 0, 31_000, "text", raw=data["minute_chapters"][0])
    todo = MinuteTodo("do it", ("甲",), raw=data["minute_todos"][0])
    assert MinuteArtifacts.parse(data) == MinuteArtifacts("summary text", (chapter,), (todo,), (), None, raw=data)


def test_minute_without_artifacts() -> None:
    data = {"summary": "", "minute_todos": None, "transcript": ""}
    assert MinuteArtifacts.parse(data) == MinuteArtifacts(None, (), (), (), None, raw=data)


def test_artifacts_as_read_by_the_vendors_client() -> None:
    intro = {"title": "Intro", "summary_content": "Opening"}
    data = {"minute_chapters": [intro], "keywords": ["缓存", "家乡话", ""], "transcript": "说话人 1 00:01\nyes"}
    found = MinuteArtifacts.parse(data)
    assert found.minute_chapters == (MinuteChapter("Intro", None, None, "Opening", raw=intro),)
    assert (found.keywords, found.transcript) == (("缓存", "家乡话"), "说话人 1 00:01\nyes")


def test_empty_assignee_is_dropped() -> None:
    assert MinuteTodo.parse({"assignees": ["", "甲", None]}).assignees == ("甲",)


@pytest.mark.parametrize("data", [None, [], "x", {}, {"statistics": None}, {"statistics": []}])
def test_invalid_statistics_are_refused(data: object) -> None:
    with pytest.raises(ServerError, match="undocumented form"):
        MinuteStatistics.parse(data, "statistics")
