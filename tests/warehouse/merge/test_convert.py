from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_meetings.warehouse.merge.convert import boolean, digest, integer, json_text, text, utc_datetime

# `st.characters()` alone leaves surrogates out.
ANY_TEXT = st.text(st.one_of(st.characters(), st.characters(categories=["Cs"]), st.just("\x00")))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(ANY_TEXT)
def test_text_keeps_storable_characters(value: str) -> None:
    stored = text(value)
    stored.encode()
    assert "\x00" not in stored
    assert text(stored) == stored
    assert len(stored) == len(value)
    kept = [(a, b) for a, b in zip(value, stored, strict=True) if a != b]
    assert all(b == "\ufffd" and (a == "\x00" or 0xD800 <= ord(a) < 0xE000) for a, b in kept)


@given(JSON)
def test_json_is_strict_and_canonical(value: Any) -> None:
    written = json_text(value)
    written.encode()

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    again = json.loads(written, parse_constant=refuse)
    assert json_text(again) == written
    assert "\\u0000" not in written


@given(st.dictionaries(st.text(min_size=1), st.integers(), min_size=1))
def test_json_ignores_key_order(value: dict[str, int]) -> None:
    assert json_text(dict(reversed(value.items()))) == json_text(value)


@given(st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)), st.integers(-1439, 1439))
def test_time_is_same_instant_in_utc(naive: datetime, minutes: int) -> None:
    aware = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    for value in (aware, aware.isoformat()):
        found = utc_datetime(value)
        assert found == aware
        assert (type(found), found.tzinfo) == (datetime, UTC)


def test_pendulum_time_becomes_datetime() -> None:
    assert type(utc_datetime(pendulum.datetime(2026, 5, 1, tz="Asia/Shanghai"))) is datetime


@pytest.mark.parametrize(
    "value", ["", "2026-05-01", "2026-05-01T00:00:00", datetime(2026, 5, 1), 1, "0001-01-01T00:00+23:00"]
)
def test_invalid_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"is (not|beyond)|has no time zone|must be a datetime"):
        utc_datetime(value)


@pytest.mark.parametrize("value", [True, 1.0, "1", 2**63, -(2**63) - 1, math.nan])
def test_invalid_integer_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        integer(value)


def test_integer_limits() -> None:
    assert (integer(2**63 - 1), integer(-(2**63)), boolean(False)) == (2**63 - 1, -(2**63), False)


def test_digest_uses_canonical_json() -> None:
    assert digest([{"b": 1, "a": 2}]) == digest([{"a": 2, "b": 1}])
    assert digest(["a\x00"]) == digest(["a\ufffd"])
    assert digest(["a", "b"]) != digest(["ab"])
