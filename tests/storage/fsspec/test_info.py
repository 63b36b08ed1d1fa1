from __future__ import annotations

import datetime as dt
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.storage.fsspec.calls import modified, validator


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"generation": "17", "etag": "x", "mtime": 1}, "generation:17"),
        ({"ETag": '"a"', "LastModified": 1}, 'ETag:"a"'),
        ({"etag": "", "md5": bytearray(b"\1")}, "md5:01"),
        ({"mtime": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)}, "mtime:2026-01-02T00:00:00+00:00"),
        ({"size": 1}, ""),
    ],
)
def test_validator(info: dict[str, Any], expected: str) -> None:
    assert validator(info) == expected


@pytest.mark.parametrize(
    "value",
    [
        1_767_312_000,
        1_767_312_000.0,
        dt.datetime(2026, 1, 2),
        dt.datetime(2026, 1, 2, 8, tzinfo=dt.timezone(dt.timedelta(hours=8))),
        "20260102000000",
        "20260102000000.000",
        "2026-01-02T00:00:00Z",
    ],
)
def test_modified(value: Any) -> None:
    found = modified({"mtime": value})
    assert found == pendulum.datetime(2026, 1, 2, tz="UTC")
    assert modified({"mtime": "yesterday"}) is None
