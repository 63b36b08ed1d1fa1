"""Nested lists, JSON lists of ids, and values that Jinja must not render."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, literal

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import Post, Recording
from airflow_provider_meetings.hooks import arguments

ITEM = {"platform": "wecom", "tenant": "t", "recording_id": "r", "state": "ready"}
NOON = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=8)))
FILE = {"platform": "wecom", "tenant": "t", "recording_id": "r", "meeting_id": None, "file_id": "f", "kind": "video"}


@pytest.mark.parametrize(
    "value",
    [[ITEM, ITEM], (ITEM, ITEM), iter([ITEM, ITEM]), [[ITEM], [ITEM]], [[ITEM, ITEM], []], literal([ITEM, ITEM])],
)
def test_items(value: Any) -> None:
    assert list(arguments.items(value, "recordings", {})) == [ITEM, ITEM]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *(({name: "PRIVATE 2026-05-01"}, f"{name} is not an ISO 8601") for name in ("started_at", "ended_at")),
        ({"started_at": "2031-05-01T07:08:09"}, "started_at has no time zone"),
        ({"started_at": datetime.datetime(2031, 5, 1)}, "started_at has no time zone"),
        ({"started_at": "0001-01-01T00:00:00+08:00"}, "started_at is beyond the calendar"),
        ({"state": "PRIVATE"}, "state must be one of recording, processing"),
        ({"state": ["PRIVATE"]}, "state must be one of recording, processing"),
        ({"files": "PRIVATE"}, "MediaFile must be a dict, got str"),
        ({"files": [["PRIVATE"]]}, "MediaFile must be a dict, got list"),
        ({"files": [{**FILE, "started_at": "PRIVATE"}]}, "started_at is not an ISO 8601"),
        ({"files": [{**FILE, "url": "PRIVATE"}]}, "MediaFile has no field 'url'"),
        ({"files": [{"kind": "video"}]}, "its platform is missing"),
        ({"title": ["PRIVATE"]}, "title is of type list"),
        ({"PRIVATE words": 1}, "has no field for a key that is no name"),
        ({"PRIVATE" * 6: 1}, "has no field for a key that is no name"),
        ({("PRIVATE",): 1}, "has no field for a key that is no name"),
        ({"titel": "PRIVATE"}, "has no field 'titel'"),
    ],
)
def test_error_names_item_and_field_without_value(changes: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        list(arguments.values(Recording, [ITEM, [{**ITEM, **changes}]], "recordings", {}))
    assert "recordings: item 2 is not a Recording" in str(caught.value)
    assert message in str(caught.value)
    assert not any(private in str(caught.value) for private in ("PRIVATE", "2031", "0001"))


@pytest.mark.parametrize("started_at", ["2026-05-01T08:00:00.5+08:00", " 2026-05-01T00:00:00.500Z ", NOON, None])
def test_rows_have_all_fields_and_utc_times(started_at: Any) -> None:
    item = {**ITEM, "started_at": started_at, "files": ({**FILE, "ended_at": started_at},)}
    post = {"platform": "feishu", "tenant": "t", "post_id": "1", "created_at": started_at, "category_ids": ("c",)}
    for cls, value in ((Recording, item), (Post, post)):
        assert list(arguments.rows(cls, [value], "values", {})) == [cls(**value).to_dict()]


@pytest.mark.parametrize(("value", "expected"), [(None, None), (["a"], ["a"]), ('["a", "b"]', ["a", "b"]), ("[]", [])])
def test_ids(value: Any, expected: Any) -> None:
    assert arguments.ids(value, "owner_ids") == expected


def test_values_are_not_rendered_and_xcomargs_are_dependencies() -> None:
    class Upstream(BaseOperator):
        def execute(self, context: Any) -> None: ...

    class Reader(BaseOperator):
        template_fields = ("recordings",)

        def __init__(self, *, recordings: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.recordings = arguments.as_literal(recordings)

        def execute(self, context: Any) -> None: ...

    title = {**ITEM, "title": "{{ 6 * 7 }}"}
    with DAG("d", schedule=None, start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)):
        upstream = Upstream(task_id="upstream")
        plain = Reader(task_id="plain", recordings=[title])
        nested = Reader(task_id="nested", recordings=[upstream.output, [title]])
        direct = Reader(task_id="direct", recordings=upstream.output)
        deep = Reader(task_id="deep", recordings=[[title], [[upstream.output]]])
        inside = Reader(task_id="inside", recordings={"windows": upstream.output, "note": "{{ 6 * 7 }}"})
    assert deep.upstream_task_ids == inside.upstream_task_ids == {"upstream"}
    assert inside.recordings["note"].resolve({}) == "{{ 6 * 7 }}"
    assert direct.upstream_task_ids == nested.upstream_task_ids == {"upstream"}
    plain.render_template_fields({})
    assert plain.recordings == [title]
