"""Rows of invalid values, and rows that several parameters share."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SECRET = "s3cr3t-of-a-connection"
MINUTE = "obcnroadmap0000000000001"
LONG = "a" * 5000


@dataclass(frozen=True)
class Row:
    """An invalid value of a parameter, and the parts of the error message.

    :param kind: text that describes the value.
    :param remedy: text that says what to do.
    :param also: other arguments of the same call.
    :param label: text that names the parameter, if it is not the parameter's name.
    """

    parameter: str
    value: Any
    kind: str
    remedy: str
    also: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None

    def __str__(self) -> str:
        value = self.value[:20] if isinstance(self.value, str | bytes) else self.value
        # Without memory addresses: all pytest-xdist workers must collect the same ids.
        shown = re.sub(" at 0x[0-9a-f]+", "", repr(value))
        return f"{self.parameter}={shown:.40}".encode("ascii", "backslashreplace").decode()


class Opaque:
    """An object of an unknown class."""


def conn_ids(name: str) -> list[Row]:
    return [
        Row(name, value, kind, remedy)
        for value, kind, remedy in [
            (7, "int", "the id of a connection"),
            (True, "bool", "the id of a connection"),
            (b"feishu_default", "bytes", "the id of a connection"),
            (["feishu_default"], "list", "the id of a connection"),
            (Opaque(), "Opaque", "the id of a connection"),
            ("", "is empty", "the id of a connection"),
            ("  ", "is empty", "the id of a connection"),
            (LONG, "5000 characters", "at most 250"),
            (f"feishu://app:{SECRET}@open.feishu.cn", "is an address", "store it as a connection"),
            ("a\nb", "control character", "the id of a connection"),
            ("nowhere", "connection 'nowhere' is not defined", "AIRFLOW_CONN_"),
            ("unreadable", "connection 'unreadable'", "AIRFLOW_CONN_"),
            ("of_no_type", "of type 'carrier_pigeon'", "Install the Airflow provider"),
        ]
    ]


def id_lists(name: str, also: Mapping[str, Any] | None = None, *, query: bool = False) -> list[Row]:
    """Return invalid lists of ids.

    :param query: for `RecordingQuery`, which does not read a text as JSON.
    """
    found: list[tuple[Any, str, str]] = [
        (True, "bool", "a list of strings"),
        (False, "bool", "a list of strings"),
        (b"757", "bytes", "a list of strings"),
        ({"a": 1}, "dict", "a list of strings"),
        ({}, "dict", "a list of strings"),
        (Opaque(), "Opaque", "a list of strings"),
        (7.0, "float", "a list of strings"),
        ([7e18], "7e+18", "tojson"),
        ([float("nan")], "nan", "in quotes, or in a template"),
        ([True], "bool", "in quotes"),
        ([None], "NoneType", "in quotes"),
        ([b"757"], "bytes", "in quotes"),
        ([["757"]], "list", "in quotes"),
        ([{"id": "757"}], "dict", "in quotes"),
        ([""], "is empty", "remove empty ones"),
        (["757", " "], "is empty", "remove empty ones"),
        ([LONG], "5000 characters", "at most 256"),
        (["757\n"], "control character", "without spaces"),
        (["757\0"], "control character", "without spaces"),
        (["\ud800"], "control character", "without spaces"),
        ([" 757"], "space at an end", "without spaces"),
    ]
    if query:
        found += [
            *((7, "int", "a list of strings"), (0, "int", "a list of strings"), ([7], "int", "in quotes")),
            ("757", "the single text '757'", "write ['757']"),
            ("", "the single text ''", "must be a list"),
        ]
    else:
        found += [
            ("757", "the text '757'", "tojson"),
            ("", "the text ''", "tojson"),
            ("None", "the text 'None'", "tojson"),
            ("['757']", 'the text "[', "tojson"),
            ('{"a": 1}', "the text", "tojson"),
            (LONG, "the text 'aaaa", "tojson"),
            ("[7e18]", "float", "tojson"),
            (("757", 7.5), "float", "tojson"),
            (iter(["757"]), "list_iterator", "must be a list"),
        ]
    return [Row(name, value, kind, remedy, also or {}) for value, kind, remedy in found]


def times(name: str, also: Mapping[str, Any]) -> list[Row]:
    found: list[tuple[Any, str, str]] = [
        ("2026-11-12T00:00:00", "no time zone", "pendulum.datetime"),
        ("2026-11-12", "no time zone", "pendulum.datetime"),
        (datetime.datetime(2026, 11, 12), "no time zone", "pendulum.datetime"),
        (datetime.date(2026, 11, 12), "got date", "ISO 8601"),
        (1762905600, "got int", "ISO 8601"),
        (True, "got bool", "ISO 8601"),
        (b"2026-11-12T00:00:00Z", "got bytes", "ISO 8601"),
        (["2026-11-12T00:00:00Z"], "got list", "ISO 8601"),
        ("", "''", "ISO 8601"),
        ("None", "'None'", "set start and end"),
        ("tomorrow", "'tomorrow'", "ISO 8601"),
        (LONG, "'aaaa", "ISO 8601"),
        ("2026-11-12T00:00:00\ud800Z", "is not", "ISO 8601"),
        ("0001-01-01T00:00:00+08:00", "beyond the calendar", "0001"),
        ("9999-12-31T23:59:59-08:00", "beyond the calendar", "9999"),
    ]
    return [Row(name, value, kind, remedy, also) for value, kind, remedy in found]


def invalid_items(name: str, item: str, valid: Mapping[str, Any], fields: list[tuple[str, Any, str]]) -> list[Row]:
    """Return values that are not the output of a previous task.

    :param item: how the error names an item.
    :param fields: fields of `valid`, each with an invalid value and the text that describes it.
    """
    remedy, unchanged = "pass the task's .output", "Pass the previous task's output"
    others: list[tuple[Any, str]] = [
        ("{{ x }}", "got str"),
        (7, "got int"),
        (True, "got bool"),
        (b"[]", "got bytes"),
        *([([None], "got NoneType")] if name != "stored_files" else []),  # a task that died returns None
        (["757"], "got str"),
        ([[7]], "got int"),
        (Opaque(), "got Opaque"),
    ]
    invalid: list[Any] = [[{}], [{"x": 1}], [{1: 2, "x": 3}], [valid, [{"x": 1}]]]
    return [
        *(Row(name, value, kind, remedy) for value, kind in others),
        *(Row(name, value, f"is not a {item}: ", unchanged) for value in invalid),
        *(Row(name, [{**valid, key: value}], kind, unchanged) for key, value, kind in fields),
    ]


def choices(name: str, first: str) -> list[Row]:
    values: list[Any] = ["", "nothing", first.upper(), None, 7, True, first.encode(), [first], Opaque(), LONG]
    return [Row(name, value, f"got {value!r:.60}", f"must be one of {first}, ") for value in values]
