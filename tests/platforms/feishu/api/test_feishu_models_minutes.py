from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["0", "17"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def test_minute_with_note_example() -> None:
    minute = Minute.parse(answer("minute_with_note"), "minute")
    assert (minute.title, minute.duration) == ("周会 / weekly", 314_000)
    assert minute.raw["note_id"] == "7616590025794260496"
    assert minute.create_time == pendulum.datetime(2026, 1, 1, 0, 0, 0, 477000, tz="UTC")


def test_statistics_example() -> None:
    data = answer("minute_statistics")
    raw = data["statistics"]
    seen = UserViewDetail("ou_0001", pendulum.datetime(2026, 1, 1, 1, tz="UTC"), raw=raw["user_view_list"][0])
    assert MinuteStatistics.parse(data, "statistics") == MinuteStatistics(2, 5, (seen,), raw=raw)


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
    assert MinuteArtifacts.parse(data) == MinuteArtifacts("summary text", (chapter,), (todo,), raw=data)


def test_minute_without_artifacts() -> None:
    data = {"summary": "", "minute_todos": None, "keywords": ["new"]}
    assert MinuteArtifacts.parse(data) == MinuteArtifacts(None, (), (), raw=data)


def test_empty_assignee_is_dropped() -> None:
    assert MinuteTodo.parse({"assignees": ["", "甲", None]}).assignees == ("甲",)


@pytest.mark.parametrize("data", [None, [], "x", {}, {"statistics": None}, {"statistics": []}])
def test_invalid_statistics_are_refused(data: object) -> None:
    with pytest.raises(ServerError, match="undocumented form"):
        MinuteStatistics.parse(data, "statistics")


@settings(max_examples=150, deadline=None)
@given(
    where=st.sampled_from(["statistics", "view"]),
    field=st.sampled_from(["user_view_count", "page_view_count", "user_view_list", "user_id", "view_time"]),
    value=json_values,
)
def test_any_statistics_are_read_or_refused(where: str, field: str, value: Any) -> None:
    data = answer("minute_statistics")
    {"statistics": data["statistics"], "view": data["statistics"]["user_view_list"][0]}[where][field] = value
    try:
        read = MinuteStatistics.parse(data, "statistics")
    except ServerError:
        return
    assert type(read.user_view_count) in {int, type(None)}
    for view in read.user_view_list:
        given_time: Any = view.raw.get("view_time")
        if view.view_time is None:
            assert given_time in (None, "", 0) or int(given_time) == 0
        else:  # the unit is never guessed
            assert view.view_time.timezone_name == "UTC"
            assert abs(view.view_time.timestamp() * 1000 - int(given_time)) < 1


@settings(max_examples=150, deadline=None)
@given(
    where=st.sampled_from(["data", "chapter", "todo"]),
    field=st.sampled_from(
        ["summary", "minute_chapters", "minute_todos", "title", "start_ms", "stop_ms", "content", "assignees"]
    ),
    value=json_values,
)
def test_any_artifacts_are_read_or_refused(where: str, field: str, value: Any) -> None:
    data = answer("minute_artifacts")
    {"data": data, "chapter": data["minute_chapters"][0], "todo": data["minute_todos"][0]}[where][field] = value
    try:
        read = MinuteArtifacts.parse(data)
    except ServerError:
        return
    for chapter in read.minute_chapters:
        assert chapter.start_ms is None or chapter.start_ms == int(chapter.raw["start_ms"])
    assert all(name for todo in read.minute_todos for name in todo.assignees)
    assert read.raw == data or where != "data" or value != value  # NaN is never itself


@settings(max_examples=60, deadline=None)
@given(json_values)
def test_any_answer_is_read_or_refused(data: Any) -> None:
    for cls, path in ((MinuteStatistics, ("statistics",)), (MinuteArtifacts, ())):
        for shape in (data, {"statistics": data}, {"minute_chapters": data}):
            try:
                cls.parse(shape, *path)
            except ServerError:
                continue
            assert isinstance(shape, dict)
