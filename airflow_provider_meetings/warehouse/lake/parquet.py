"""Write and read one Parquet file of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, Table, Text

from airflow_provider_meetings.extras import install
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.tables.types import Id

GROUP = 10_000
"""Rows per row group, and rows held in memory."""


def check_installed() -> None:
    """Raise LoadError if pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401 - only the import is tested
    except ImportError:
        raise LoadError(f"Parquet needs pyarrow. {install('parquet')}") from None


def schema_of(table: Table) -> Any:
    """Return the Arrow schema of a table, with its column order and comments; only key columns are not nullable.

    JSON is stored as text, because every reader has JSON functions for text. Times are microseconds in UTC.
    """
    import pyarrow as pa

    types = {
        **dict.fromkeys((Id, Text, JSON), pa.string()),
        DateTime: pa.timestamp("us", tz="UTC"),
        BigInteger: pa.int64(),
        Boolean: pa.bool_(),
    }
    fields = [
        pa.field(
            column.name,
            types[type(column.type)],
            nullable=not column.primary_key,
            metadata={"comment": column.comment or ""},
        )
        for column in table.columns
    ]
    return pa.schema(fields, metadata={"comment": table.comment or ""})


def write(path: Path, table: Table, rows: Iterable[Row]) -> int:
    """Write rows as SQLite returns them, in the table's column order; return the number of rows.

    The same rows result in the same bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schema_of(table)
    source = iter(rows)
    count = 0
    # All engines can read Snappy.
    with pq.ParquetWriter(path, schema, compression="snappy") as writer:
        while group := list(islice(source, GROUP)):
            columns = zip(table.columns, schema.types, zip(*group, strict=True), strict=True)
            arrays = [pa.array(_to_arrow(column, values), type=kind) for column, kind, values in columns]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema), row_group_size=GROUP)
            count += len(group)
    return count


def read(path: Path, table: Table, name: str, only: Sequence[str] | None = None) -> Iterator[list[Row]]:
    """Yield the rows of a file in batches, as SQLite takes them; None for columns that the file lacks.

    :param name: the object's URI, for errors.
    :param only: columns to read, in this order; None for all, in the table's order.
    :raises LoadError: for a file that another program or a later version has written.
    """
    names = list(only or table.c.keys())
    with _open(path, table, name) as file:
        present = [each for each in names if each in file.schema_arrow.names]
        # One iterator over the whole file would keep about 150 bytes per row in memory (measured).
        for group in range(file.num_row_groups):
            for batch in file.iter_batches(batch_size=GROUP, row_groups=[group], columns=present):
                columns = {each: _to_sqlite(batch.column(each).to_pylist()) for each in present}
                yield list(zip(*(columns.get(each, [None] * len(batch)) for each in names), strict=True))


def _open(path: Path, table: Table, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError):
        raise LoadError.at(table, f"{name} is not a Parquet file: move it away, or choose another target") from None
    if problem := _schema_problem(file.schema_arrow, table):
        file.close()
        raise LoadError.at(table, f"{name} {problem}")
    return file


def _schema_problem(found: Any, table: Table) -> str:
    expected = schema_of(table)
    for field in found:
        if field.name not in expected.names:
            # Rewriting the file would lose this column.
            return f"has a column {field.name!r} that this version does not know: install the version that wrote it"
        if field.type != (kind := expected.field(field.name).type):
            return f"has {field.name!r} as {field.type}, not {kind}: another program wrote it. Choose another target"
    missing = ", ".join(column.name for column in table.primary_key if column.name not in found.names)
    return f"lacks the key column(s) {missing}: another program wrote it. Choose another target" if missing else ""


def _to_arrow(column: Column[Any], values: Sequence[Any]) -> Sequence[Any]:
    if isinstance(column.type, DateTime):
        return [None if value is None else datetime.fromisoformat(value) for value in values]
    if isinstance(column.type, Boolean):
        return [None if value is None else bool(value) for value in values]
    if isinstance(column.type, JSON):
        # SQLite returns a JSON document that is a bare number as a number.
        return [value if value is None or isinstance(value, str) else str(value) for value in values]
    return values


def _to_sqlite(values: list[Any]) -> list[Any]:
    if any(isinstance(value, datetime) for value in values):
        return [None if value is None else value.isoformat(" ", "microseconds") for value in values]
    return values
