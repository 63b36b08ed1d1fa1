"""The files: types, comments, row groups, and files of other programs."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.lake import parquet
from airflow_provider_meetings.warehouse.tables.tables import tables
from tests.warehouse.lake.lakes import content, land, query

Make = Callable[..., dict[str, Any]]
PLACE = "recordings/dt=2026-05-01/rows.parquet"


@pytest.mark.parametrize("table", list(tables()), ids=lambda table: str(table.name))
def test_schema(table: Any, tmp_path: Path) -> None:
    assert parquet.write(tmp_path / "x.parquet", table, []) == 0
    found = pq.read_schema(tmp_path / "x.parquet")
    assert found.names == table.c.keys()
    assert found.metadata[b"comment"].decode() == table.comment
    for column in table.c:
        field = found.field(column.name)
        assert field.metadata[b"comment"].decode() == column.comment
        assert field.nullable is not column.primary_key
    kinds = {
        "platform": pa.string(),
        "source": pa.string(),
        "started_at": pa.timestamp("us", tz="UTC"),
        "declared_size": pa.int64(),
        "same_corp_only": pa.bool_(),
    }
    for name in set(kinds) & set(found.names):
        assert found.field(name).type == kinds[name]


def test_row_groups(tmp_path: Path) -> None:
    table = tables().post_reactions
    names = table.c.keys()

    def rows() -> Any:
        for n in range(25_000):
            values = {"platform": "p", "tenant": "t", "post_id": f"{n:06}", "reaction_type": "OK", "reaction_count": n}
            yield tuple(values.get(name) for name in names)

    assert parquet.write(tmp_path / "x.parquet", table, rows()) == 25_000
    with pq.ParquetFile(tmp_path / "x.parquet") as file:
        groups = [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]
    assert groups == [10_000, 10_000, 5_000]
    read = [row for batch in parquet.read(tmp_path / "x.parquet", table, "x") for row in batch]
    assert read == list(rows())
    parquet.write(tmp_path / "y.parquet", table, iter(read))
    digests = {hashlib.sha256((tmp_path / name).read_bytes()).digest() for name in ("x.parquet", "y.parquet")}
    assert len(digests) == 1


def test_missing_pyarrow(tmp_path: Path, recording: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(LoadError, match=r"pip install 'airflow-provider-meetings\[parquet\]'"):
        land(tmp_path, [recording()])
    assert content(tmp_path) == {}


def rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    pq.write_table(change(pq.read_table(path, partitioning=None)), path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.append_column("mood", pa.array(["good"])), "column 'mood' that this version does not know"),
        (lambda t: t.set_column(0, "platform", pa.array([7])), "'platform' as int64, not string"),
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
