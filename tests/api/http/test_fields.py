from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pendulum
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pendulum import DateTime

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.fields import Fields
from tests.contract.leaks import error_text

read = Fields("acme")
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.integers(-(10**21), 10**21).map(str)
    | st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
READERS: dict[str, tuple[type, ...]] = {
    "text": (str, type(None)),
    "required": (str,),
    "texts": (tuple,),
    "integer": (int, type(None)),
    "boolean": (bool, type(None)),
    "milliseconds": (DateTime, type(None)),
    "rfc3339": (DateTime, type(None)),
}


def outcome(reader: Callable[..., Any], *arguments: Any) -> tuple[Any, ServerError | None]:
    try:
        return reader(*arguments), None
    except ServerError as error:
        return None, error


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=60, deadline=None)
@given(value=json_values)
@example(value=10**400)
@example(value="9" * 19)
@example(value=-(10**15))
@example(value=float("nan"))
def test_any_value_is_parsed_or_refused(reader: str, value: Any) -> None:
    for raw in ({"x": value}, {}):
        result, error = outcome(getattr(read, reader), raw, "x")
        if error is not None:
            assert (error.platform, error.code) == ("acme", None)
            assert "x" in str(error)
        else:
            assert isinstance(result, READERS[reader])
            assert getattr(result, "timezone_name", "UTC") == "UTC"


@settings(max_examples=40, deadline=None)
@given(value=json_values)
def test_any_value_is_mapping_or_array_or_refused(value: Any) -> None:
    for reader, kind in ((read.mapping, Mapping), (read.array, list)):
        result, error = outcome(reader, value, "x")
        assert error or isinstance(result, kind)


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
def test_time_beyond_calendar_is_refused(value: str) -> None:
    with pytest.raises(ServerError):
        read.rfc3339({"x": value}, "x")


@pytest.mark.parametrize("value", [[{"a": 1}], [["a"]], [True]])
def test_list_of_other_types_is_refused(value: list[Any]) -> None:
    with pytest.raises(ServerError):
        read.texts({"x": value}, "x")


@pytest.mark.parametrize(
    ("reader", "value", "result"),
    [
        ("text", "a", "a"),
        ("text", "", None),
        ("text", 5, "5"),
        ("texts", ["a", "b"], ("a", "b")),
        ("texts", None, ()),
        ("integer", "314000", 314000),
        ("integer", -5, -5),
        ("integer", "", None),
        ("boolean", 1, True),
        ("boolean", 0, False),
        ("boolean", True, True),
        ("milliseconds", "1669098360477", pendulum.datetime(2022, 11, 22, 6, 26, 0, 477000, tz="UTC")),
        ("milliseconds", 0, None),
        ("rfc3339", "2022-05-23T00:00:00+08:00", pendulum.datetime(2022, 5, 22, 16, tz="UTC")),
        ("rfc3339", "", None),
    ],
)
def test_documented_forms(reader: str, value: Any, result: Any) -> None:
    found = getattr(read, reader)({"x": value}, "x")
    assert (found, type(found)) == (result, type(result))


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        ("text", True),
        ("text", 1.5),
        ("text", []),
        ("texts", "a"),
        ("integer", True),
        ("integer", 1.0),
        ("integer", "1e3"),
        ("integer", "١٢"),
        ("boolean", "true"),
        ("boolean", 2),
        ("milliseconds", "soon"),
        ("rfc3339", "2022-05-23T00:00:00"),
        ("rfc3339", 1653235200),
        ("required", ""),
        ("required", None),
    ],
)
def test_undocumented_forms_are_refused(reader: str, value: Any) -> None:
    with pytest.raises(ServerError) as caught:
        getattr(read, reader)({"x": value}, "x")
    assert not caught.value.permanent


def test_refused_value_is_not_in_error() -> None:
    with pytest.raises(ServerError) as caught:
        read.text({"x": {"token": "SECRET"}}, "x")
    assert "SECRET" not in error_text(caught.value)
    assert json.dumps("dict") not in error_text(caught.value)
    assert "(dict)" in str(caught.value)


def test_empty_texts_are_omitted_from_list() -> None:
    assert read.texts({"x": ["a", "", None, 7]}, "x") == ("a", "7")
