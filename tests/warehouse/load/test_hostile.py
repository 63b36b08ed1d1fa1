"""Unusual values and names: refused with the column's name, or stored alike on every engine."""

from __future__ import annotations

import math
from collections import UserDict
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Hook
from tests.warehouse.ledgers import DATE, DONE, item, ledger

Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]
Chain = Callable[[BaseException], str]
Sql = Callable[[str], list[dict[str, Any]]]


def _nested(depth: int) -> Any:
    found: Any = "PRIVATE"
    for _ in range(depth):
        found = [found]
    return found


class Text(str):
    """A subclass of str, as template engines and parsers return."""

    __slots__ = ()


class Whole(int):
    """A subclass of int."""


class Silent:
    """A value without text."""

    def __str__(self) -> str:
        raise RuntimeError("PRIVATE")


CIRCLE: dict[str, Any] = {"PRIVATE": 1}
CIRCLE["self"] = CIRCLE
TOO_EARLY = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23)))

REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("'source' is nested too deeply", {"source": {"a": _nested(10_000)}}),
    ("'source' is nested too deeply", {"source": {"a\x00": _nested(10_000)}}),
    ("'source' is nested too deeply", {"source": CIRCLE}),
    ("'state_code' cannot be read", {"source": ["PRIVATE"]}),
    ("'title' cannot be read", {"title": Silent()}),
    ("'duration_ms' is not a whole number", {"duration_ms": "PRIVATE"}),
    ("'duration_ms' is not a whole number", {"duration_ms": True}),
    ("'duration_ms' is not a whole number", {"duration_ms": 1.0}),
    ("'duration_ms' is not a whole number", {"duration_ms": math.nan}),
    ("'duration_ms' is not a whole number", {"duration_ms": 2**63}),
    ("'duration_ms' is not a whole number", {"duration_ms": -(2**63) - 1}),
    ("'started_at' is not an ISO 8601 time", {"started_at": "2026-06-30T23:59:60Z PRIVATE"}),
    ("'started_at' has no time zone", {"started_at": "2026-05-01T00:00:00"}),
    ("'started_at' must be a datetime or ISO 8601 text", {"started_at": 1_762_905_600}),
    ("'started_at' is beyond the calendar", {"started_at": TOO_EARLY}),
    ("'started_at' is beyond the calendar", {"started_at": "9999-12-31T23:59:59-23:59"}),
    ("'file_id' has no value", {"files": [{"kind": "PRIVATE"}]}),
    ("'recording_id' has no value", {"recording_id": ""}),
]


def test_refused_value_is_neither_shown_nor_written(load: Load, recording: Make, dump: Dump, chain: Chain) -> None:
    load(recordings=[recording(title="before")])
    before = dump("recordings"), dump("recording_files")
    for message, changes in REFUSED:
        recordings = [recording(title="after"), {**recording(recording_id="PRIVATE", title="PRIVATE"), **changes}]
        with pytest.raises(LoadError, match=message) as caught:
            load(recordings=recordings)
        assert "PRIVATE" not in chain(caught.value), message
    assert (dump("recordings"), dump("recording_files")) == before
    assert load(recordings=[recording(title="after")])["recordings"] == 1


def test_values_of_subclasses_are_stored_alike(load: Load, recording: Make, dump: Dump) -> None:
    recordings: list[Any] = [
        MappingProxyType(recording(recording_id="1", source=MappingProxyType({"a": MappingProxyType({"b": 1})}))),
        UserDict(recording(recording_id="2", source=UserDict({"a": (1, UserDict(b=2))}))),
        recording(recording_id=Text("3"), title=Text("t"), duration_ms=Whole(7), source={"a": Text("t")}),
        recording(recording_id="4", source={"a": [math.nan, math.inf, 2**63, 2**64 - 1, -(2**63)], "b": Whole(1)}),
        recording(recording_id="5", started_at="2026-05-01T00:00:00+05:53:28", duration_ms=2**63 - 1),
        recording(recording_id="6", started_at="0001-01-01T00:00:00+00:00", duration_ms=-(2**63)),
        # COPY's end marker and NULL.
        recording(recording_id="\\.", title="\\.\n\\.", meeting_id="\\N"),
        recording(recording_id="\\N", title="\\N", source={"\\": "\\u0041"}),
        recording(recording_id=" ", title="\ufeff"),
        recording(recording_id="\u3000", title="\u2028"),
    ]
    assert load(recordings=recordings)["recordings"] == len(recordings)
    assert load(recordings=recordings)["recordings"] == 0
    rows = {row["recording_id"]: row for row in dump("recordings")}
    assert set(rows) == {"1", "2", "3", "4", "5", "6", "\\.", "\\N", " ", "\u3000"}
    assert [rows[one]["source"] for one in ("1", "2", "3")] == ['{"a":{"b":1}}', '{"a":[1,{"b":2}]}', '{"a":"t"}']
    assert rows["4"]["source"] == (
        '{"a":[null,null,9223372036854775808,18446744073709551615,-9223372036854775808],"b":1}'
    )
    assert (rows["3"]["title"], rows["3"]["duration_ms"], rows["6"]["duration_ms"]) == ("t", 7, -(2**63))
    assert rows["5"]["started_at"].startswith("2026-04-30 18:06:32")
    assert rows["6"]["started_at"].startswith("0001-01-01 00:00:00")
    assert (rows["\\."]["title"], rows["\\."]["meeting_id"]) == ("\\.\n\\.", "\\N")
    assert (rows["\\N"]["title"], rows["\\N"]["source"]) == ("\\N", '{"\\\\":"\\\\u0041"}')
    assert (rows[" "]["title"], rows["\u3000"]["title"]) == ("\ufeff", "\u2028")


@pytest.mark.parametrize("opened", ["mysql"], indirect=True)
def test_values_that_mysql_cannot_store(load: Load, recording: Make, sql: Sql, chain: Chain) -> None:
    load(recordings=[recording(title="before")])
    longest = sql("SELECT @@max_allowed_packet AS n")[0]["n"]
    refused: list[tuple[str, dict[str, Any]]] = [
        ("'recording_id': a value is longer than its column: ids have at most 256", {"recording_id": "x" * 257}),
        ("'owner_id': a value is longer than its column", {"owner_id": "会" * 257}),
        ("'source': a JSON document is nested too deeply", {"source": {"a": _nested(33)}}),
        (
            rf"'title' has a value of \d+ bytes, and the server accepts {longest} .*max_allowed",
            {"title": "'" * longest},
        ),
    ]
    for message, changes in refused:
        with pytest.raises(LoadError, match=message) as caught:
            load(recordings=[recording(title="PRIVATE"), recording(recording_id="PRIVATE") | changes])
        assert "PRIVATE" not in chain(caught.value), message
    assert sql("SELECT title FROM recordings") == [{"title": "before"}]
    large = recording(recording_id="会" * 256, title="'" * (longest // 2 - 5000), source={"a": _nested(29)})
    assert load(recordings=[recording(title="after"), large])["recordings"] == 2
    assert sql("SELECT count(*) AS n FROM recordings") == [{"n": 2}]


@pytest.mark.parametrize("opened", ["postgres", "psycopg2"], indirect=True)
def test_id_too_long_for_postgres_index(load: Load, recording: Make, dump: Dump, chain: Chain) -> None:
    load(recordings=[recording(title="before")])
    noise = "PRIVATE" + "".join(chr(0x4E00 + i * 7919 % 20_000) for i in range(5000))
    with pytest.raises(LoadError, match=r"'recordings' .*54000: a value is larger than the database accepts") as caught:
        load(recordings=[recording(title="PRIVATE"), recording(recording_id=noise)])
    assert "PRIVATE" not in chain(caught.value)
    assert [row["title"] for row in dump("recordings")] == ["before"]
    assert load(recordings=[recording(title="after")])["recordings"] == 1


@pytest.mark.parametrize("name", ["a\\'`%s%(x)s%?:b$1{a}./[会]", " \u202e\\'; drop table y; --\\"])
def test_names_may_have_any_characters(
    hook: Hook, place: str, load: Load, recording: Make, sql: Sql, name: str
) -> None:
    sql("CREATE TABLE y (a VARCHAR(50))")
    names = {"table_prefix": name, "schema": None if hook.conn_type == "sqlite" else f"{name}{place}"}
    waits = ledger(item(), dates=[DATE])
    assert load(recordings=[recording(state="processing")], ledger=waits, **names)["pending_items"] == 1
    assert load(recordings=[recording()], ledger=ledger(item(settled_at=DONE)), **names)["pending_items"] == 1
    assert load(recordings=[recording()], **names)["recordings"] == 0
    assert sql("SELECT * FROM y") == []


@pytest.mark.parametrize("opened", ["mysql"], indirect=True)
def test_names_that_mysql_refuses(load: Load, place: str) -> None:
    for one in ({"table_prefix": "😀"}, {"schema": f"{place}😀"}, {"schema": f"{place} "}):
        with pytest.raises(LoadError, match="choose another schema or table_prefix"):
            load(**one)
