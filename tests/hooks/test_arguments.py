"""How arguments are read: what may be nested, what must be JSON, what Jinja never sees."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, literal

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.hooks import arguments

ITEM = {"platform": "wecom", "tenant": "t", "recording_id": "r", "state": "ready"}


@pytest.mark.parametrize(
    "given",
    [[ITEM, ITEM], (ITEM, ITEM), iter([ITEM, ITEM]), [[ITEM], [ITEM]], [[ITEM, ITEM], []], literal([ITEM, ITEM])],
)
def test_items_of_lists_lazy_sequences_and_batches(given: Any) -> None:
    assert list(arguments.items(given, "recordings", {})) == [ITEM, ITEM]


@pytest.mark.parametrize("given", ["[{}]", 3, None, [None], ["x"]])
def test_anything_else_is_refused_by_name(given: Any) -> None:
    with pytest.raises(InvalidRequest, match="recordings must be a list as the task before returns it"):
        list(arguments.items(given, "recordings", {}))


@pytest.mark.parametrize("given", [{"x": 1}, {**ITEM, "state": "odd"}, {**ITEM, "title2": "x"}, {"state": "ready"}])
def test_what_is_no_recording_is_refused_by_name(given: Any) -> None:
    with pytest.raises(InvalidRequest, match="recordings holds something that is no recording"):
        list(arguments.recordings([given], "recordings", {}))


@pytest.mark.parametrize(("given", "expected"), [(None, ()), (["a"], ["a"]), ('["a", "b"]', ["a", "b"]), ("[]", [])])
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
            self.recordings = arguments.verbatim(recordings)

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
