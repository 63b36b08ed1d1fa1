"""The files: types, the same bytes for the same rows, and files of other programs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import JSON, BigInteger, Boolean, DateTime, Text

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.tables.tables import tables
from airflow_provider_meetings.warehouse.tables.types import Id
from tests.warehouse.lake.lakes import content, land, query

Make = Callable[..., dict[str, Any]]
KINDS = {
    **dict.fromkeys((Id, Text, JSON), pa.string()),
    DateTime: pa.timestamp("us", tz="UTC"),
    BigInteger: pa.int64(),
    Boolean: pa.bool_(),
}
PLACE = "recordings/dt=2026-05-01/rows.parquet"


def test_schema(tmp_path: Path, recording: Make, stored: Make) -> None:
    land(tmp_path, [recording(source={"a": [1]})], stored=[stored()])
    for path in tmp_path.rglob("*.parquet"):
        table = getattr(tables(), path.relative_to(tmp_path).parts[0])
        found = pq.read_schema(path)
        assert found.names == table.c.keys()
        assert [field.type for field in found] == [KINDS[type(column.type)] for column in table.c]


def test_same_rows_are_same_bytes(tmp_path: Path, recording: Make) -> None:
    found = [recording(recording_id=f"rec-{number:06}", title=f"Title {number % 7}") for number in range(2500)]
    land(tmp_path / "one", found)
    land(tmp_path / "other", reversed(found[:1000]))
    land(tmp_path / "other", found[1000:])
    land(tmp_path / "other", found[500:])
    assert content(tmp_path / "one") == content(tmp_path / "other")


def test_missing_duckdb(tmp_path: Path, recording: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(LoadError, match=r"pip install 'airflow-provider-meetings\[parquet\]'"):
        land(tmp_path, [recording()])
    assert content(tmp_path) == {}


def rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    pq.write_table(change(pq.read_table(path, partitioning=None)), path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.append_column("mood", pa.array(["good"])), "column 'mood' that this version does not know"),
        (lambda t: t.set_column(0, "platform", pa.array([7])), "'platform' as BIGINT, not VARCHAR"),
        (lambda t: t.drop_columns(["tenant"]), r"lacks the key column\(s\) tenant"),
        (None, "is not a Parquet file"),
    ],
)
def test_other_files_are_not_changed(tmp_path: Path, recording: Make, chain: Any, change: Any, text: str) -> None:
    land(tmp_path, [recording(title="s3cr3t-title")])
    if change:
        rewrite(tmp_path / PLACE, change)
    else:
        (tmp_path / PLACE).write_bytes(b"s3cr3t-title" * 1000)
    before = content(tmp_path)
    with pytest.raises(LoadError, match=text) as raised:
        land(tmp_path, [recording(title="new")])
    assert f"file://{tmp_path}/{PLACE}" in str(raised.value)
    assert "s3cr3t" not in chain(raised.value)
    assert content(tmp_path) == before


def test_file_of_earlier_version_gets_new_columns(tmp_path: Path, recording: Make) -> None:
    land(tmp_path, [recording(), recording(recording_id="rec-2")])
    rewrite(tmp_path / PLACE, lambda t: t.drop_columns(["page_url", "state_code"]))
    land(tmp_path, [recording(recording_id="rec-2", page_url="https://example.com/p")])
    assert query(f"SELECT recording_id, page_url FROM '{tmp_path}/{PLACE}' ORDER BY 1") == [
        {"recording_id": "rec-1", "page_url": None},
        {"recording_id": "rec-2", "page_url": "https://example.com/p"},
    ]
