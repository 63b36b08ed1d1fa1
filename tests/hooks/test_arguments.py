"""Nested lists, JSON lists of ids, and values that Jinja must not render."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, literal

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import Post, Recording
from airflow_provider_meetings.api.query import check_ids
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
        ({"files": [{"kind": "video"}]}, "its platform is missing"),
        ({"title": ["PRIVATE"]}, "title is of type list"),
    ],
)
def test_error_names_item_and_field_without_value(changes: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        list(arguments.values(Recording, [ITEM, [{**ITEM, **changes}]], "recordings", {}))
    assert "recordings: item 2 is not a Recording" in str(caught.value)
    assert message in str(caught.value)
    assert not any(private in str(caught.value) for private in ("PRIVATE", "2031", "0001"))


def test_unknown_keys_are_kept_in_values_and_not_in_rows() -> None:
    newer: dict[Any, Any] = {**ITEM, "new": {"a": [1]}, ("no name",): 1, "files": [{**FILE, "new": 2}]}
    (row,) = arguments.rows(Recording, newer, "recordings", {})
    assert row.keys() == {field.name for field in dataclasses.fields(Recording)}
    assert "new" not in row["files"][0]
    (value,) = arguments.values(Recording, newer, "recordings", {})
    found = value.to_dict()
    assert (found["new"], found[("no name",)], found["files"][0]["new"]) == ({"a": [1]}, 1, 2)  # type: ignore[index]
    assert Recording.from_dict(found).to_dict() == found
    assert "new" not in repr(value)


@pytest.mark.parametrize("started_at", ["2026-05-01T08:00:00.5+08:00", " 2026-05-01T00:00:00.500Z ", NOON, None])
def test_rows_have_all_fields_and_utc_times(started_at: Any) -> None:
    item = {**ITEM, "started_at": started_at, "files": ({**FILE, "ended_at": started_at},)}
    post = {"platform": "feishu", "tenant": "t", "post_id": "1", "created_at": started_at, "category_ids": ("c",)}
    for cls, value in ((Recording, item), (Post, post)):
        assert list(arguments.rows(cls, [value], "values", {})) == [cls(**value).to_dict()]


@pytest.mark.parametrize(("value", "expected"), [(None, None), (["a"], ["a"]), ('["a", "b"]', ["a", "b"]), ("[]", [])])
def test_ids(value: Any, expected: Any) -> None:
    assert arguments.ids(value, "owner_ids") == expected


class Ids(BaseOperator):
    template_fields = ("ids", "start", "recordings")

    def __init__(self, *, ids: Any, start: Any = None, recordings: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ids = ids
        self.start = start
        self.recordings = arguments.as_literal(recordings)

    def execute(self, context: Any) -> None: ...


def rendered(x: Any, **fields: Any) -> Ids:
    """Render a task of a DAG with native rendering."""
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    with DAG("native", schedule=None, start_date=start, render_template_as_native_obj=True):
        task = Ids(task_id="t", **fields)
    context: Any = {"x": x}
    task.render_template_fields(context)
    return task


@pytest.mark.parametrize(
    "template", ["{{ x }}", ["{{ x }}"], "{{ [x] | tojson }}", "{{ x | tojson }}", ["{{ x | tojson }}"]]
)
@pytest.mark.parametrize("x", ["705605196", "7000000000000000001", "9" * 32, "0", 7000000000000000001])
def test_ids_that_native_rendering_makes_numbers(x: Any, template: Any) -> None:
    if template == "{{ x | tojson }}" and isinstance(x, str):
        x = [x]
    assert arguments.ids(rendered(x, ids=template).ids, "meeting_ids") == [str(x if isinstance(x, str | int) else x[0])]


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ("[7000000000000000001, 7000000000000000002]", ["7000000000000000001", "7000000000000000002"]),
        ('["a", 1]', ["a", "1"]),
        (["7000000000000000001", "a"], ["7000000000000000001", "a"]),
        ([7000000000000000001, "a"], ["7000000000000000001", "a"]),
        ("7,8", ["7", "8"]),
        (("7", "b"), ["7", "b"]),
        ("[]", []),
    ],
)
def test_lists_from_native_rendering(x: Any, expected: list[str]) -> None:
    assert arguments.ids(rendered(x, ids="{{ x }}").ids, "meeting_ids") == expected


@pytest.mark.parametrize(
    "x", ["1e5", "7.50", "7000000000000000001.0", "1e999", "obc", "012345678", "00", "1_000", "True"]
)
def test_ids_that_native_rendering_would_change_are_kept_by_tojson(x: str) -> None:
    assert arguments.ids(rendered(x, ids=["{{ x | tojson }}"]).ids, "meeting_ids") == [x]
    assert arguments.ids(rendered([x], ids="{{ x | tojson }}").ids, "meeting_ids") == [x]


@pytest.mark.parametrize("x", ["1e5", "7.50", "7000000000000000001.0", "1e999", 7e18])
@pytest.mark.parametrize("template", [["{{ x }}"], ["7", "{{ x }}"], "[{{ x }}]"])
def test_float_from_native_rendering_is_refused(x: Any, template: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"meeting_ids: id .* got float. A float has lost digits.*\| tojson"):
        check_ids(arguments.ids(rendered(x, ids=template).ids, "meeting_ids"), "meeting_ids")


def test_leading_zero_survives_native_rendering() -> None:
    assert arguments.ids(rendered("012345678", ids=["{{ x }}"]).ids, "meeting_numbers") == ["012345678"]


def test_other_arguments_in_native_rendering() -> None:
    task = rendered(NOON, ids=[], start="{{ x }}", recordings=[{**ITEM, "recording_id": "7", "title": "{{ 6 * 7 }}"}])
    assert task.start == NOON
    (row,) = arguments.rows(Recording, task.recordings, "recordings", {})
    assert (row["recording_id"], row["title"]) == ("7", "{{ 6 * 7 }}")


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
