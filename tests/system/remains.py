"""Everything that runs wrote, by place, as bytes to search."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq


def places(root: Path, printed: str = "") -> dict[str, bytes]:
    """Read what runs wrote below ``root``: homes, lake and warehouse.

    :param printed: what the runs printed.
    """
    homes = sorted(path for path in root.glob("home*") if path.is_dir())
    databases = [path for home in homes for path in home.glob("airflow.db*")]
    others = [path for home in homes for path in home.rglob("*") if path.is_file() and path not in databases]
    lake = [path for path in (root / "lake").rglob("*") if path.is_file()]
    return {
        "printed": printed.encode(),
        "logs": _contents(others),
        "metadata, raw": _contents(databases),
        "metadata, decoded": "\n".join(text for home in homes for text in _cells(home / "airflow.db")).encode(),
        "receipts": _contents([path for path in lake if path.name.endswith(".receipt.json")]),
        "lake": _contents([path for path in lake if not path.name.endswith(".receipt.json")]),
        "lake, rows": "\n".join(_lake_rows(root / "lake")).encode(),
        "warehouse, raw": _contents([root / "warehouse.duckdb"]),
        "warehouse, rows": "\n".join(_rows(root / "warehouse.duckdb")).encode(),
    }


def _contents(paths: list[Path]) -> bytes:
    return b"\n".join(str(path).encode() + b"\n" + path.read_bytes() for path in paths)


def _cells(database: Path) -> Iterator[str]:
    """Yield each cell of Airflow's database as text, and each string in JSON cells such as XComs."""
    with closing(sqlite3.connect(database)) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in db.execute(f'SELECT * FROM "{table}"'):
                for cell in row:
                    text = cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)
                    yield f"{table}: {text}"
                    yield from _strings(text)


def _strings(value: Any) -> Iterator[str]:
    """Yield the strings in a value, also those in strings of JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value
        if value[:1] in ('"', "[", "{"):
            with suppress(ValueError):
                yield from _strings(json.loads(value))


def _rows(warehouse: Path) -> Iterator[str]:
    with closing(duckdb.connect(str(warehouse), read_only=True)) as db:
        for (name,) in db.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            for row in db.execute(f'SELECT COLUMNS(*)::VARCHAR FROM "{name}"').fetchall():
                for cell in row:
                    yield f"{name}: {cell}"
                    yield from _strings(cell)


def _lake_rows(lake: Path) -> Iterator[str]:
    """Yield the metadata and all cells of the Parquet files, which are compressed."""
    for path in sorted(lake.rglob("*.parquet")):
        file = pq.ParquetFile(path)
        yield f"{path}: {file.metadata.metadata} {file.schema_arrow}"
        for row in file.read().to_pylist():
            for name, cell in row.items():
                yield f"{name}: {cell}"
                yield from _strings(cell)


def tables_with_rows(lake: Path) -> set[str]:
    """Return the names of the tables with rows in the lake."""
    found = lake.rglob("*.parquet")
    return {path.parent.parent.name for path in found if pq.ParquetFile(path).metadata.num_rows}
