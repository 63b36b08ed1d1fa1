"""How arguments are read: what may be nested, what must be JSON, what Jinja never sees."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, literal

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.hooks import arguments

ITEM = {"platform": "wecom", "tenant": "t", "recording_id": "r", "state": "ready"}
FILE = {"platform": "wecom", "tenant": "t", "recording_id": "r", "meeting_id": None, "file_id": "f", "kind": "video"}


@pytest.mark.parametrize(
    "given",
    [[ITEM, ITEM], (ITEM, ITEM), iter([ITEM, ITEM]), [[ITEM], [ITEM]], [[ITEM, ITEM], []], literal([ITEM, ITEM])],
)
def test_items_of_lists_lazy_sequences_and_batches(given: Any) -> None:
    assert list(arguments.items(given, "recordings", {})) == [ITEM, ITEM]


@pytest.mark.parametrize("given", ["[{}]", 3, None, [None], ["x"]])
def test_anything_else_is_refused_by_name(given: Any) -> None:
    with pytest.raises(InvalidRequest, match="recordings must be a list as the previous task returns it"):
        list(arguments.items(given, "recordings", {}))


@pytest.mark.parametrize("given", [{"x": 1}, {**ITEM, "state": "odd"}, {**ITEM, "title2": "x"}, {"state": "ready"}])
def test_what_is_no_recording_is_refused_by_name(given: Any) -> None:
    with pytest.raises(InvalidRequest, match="recordings: item 1 is not a recording: "):
        list(arguments.recordings([given], "recordings", {}))


@pytest.mark.parametrize(
    ("changes", "told"),
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
        ({"title": ["PRIVATE"]}, "title is of type list"),
        ({"PRIVATE words": 1}, "has no field for a key that is no name"),
        ({"PRIVATE" * 6: 1}, "has no field for a key that is no name"),
        ({("PRIVATE",): 1}, "has no field for a key that is no name"),
        ({"titel": "PRIVATE"}, "has no field 'titel'"),
    ],
)
def test_what_another_task_handed_over_is_named_and_not_shown(changes: Any, told: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        list(arguments.recordings([ITEM, [{**ITEM, **changes}]], "recordings", {}))
    assert "recordings: item 2 is not a recording" in str(caught.value)
    assert told in str(caught.value)
    assert not any(private in str(caught.value) for private in ("PRIVATE", "2031", "0001"))


@pytest.mark.parametrize("name", ["reactions", "category_ids"])
def test_a_list_of_a_post_is_named(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"posts: item 1 is not a post: {name} must be a list, got int"):
        list(arguments.posts([{"platform": "feishu", "tenant": "t", "post_id": "1", name: 7}], "posts", {}))


@pytest.mark.parametrize(("given", "expected"), [(None, None), (["a"], ["a"]), ('["a", "b"]', ["a", "b"]), ("[]", [])])
def test_ids_of_a_list_or_its_json(given: Any, expected: Any) -> None:
    assert arguments.ids(given, "owner_ids") == expected


@pytest.mark.parametrize("given", ["a", "['a']", '{"a": 1}', '"a"', "None"])
def test_rendered_text_that_is_no_json_list_names_the_filter(given: str) -> None:
    with pytest.raises(InvalidRequest, match=r"owner_ids must be a list .*tojson"):
        arguments.ids(given, "owner_ids")


def test_a_hostile_title_is_never_rendered_and_dependencies_are_seen() -> None:
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
