"""One Parquet file: its schema from the table, its rows a group at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, Table, Text

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.tables.types import Id

GROUP = 10_000
"""How many rows are a row group, and are held in memory."""

_MISSING = "Parquet needs pyarrow: pip install 'airflow-provider-meetings[parquet]'"


def available() -> None:
    """Raise LoadError, saying what to install, where pyarrow is missing."""
    try:
        import pyarrow.parquet  # noqa: F401 - asked for, not used
    except ImportError:
        raise LoadError(_MISSING) from None


def schema_of(table: Table) -> Any:
    """Return the schema: columns in the table's order, with its comments; only a key is never null.

    JSON stays text, for which every reader has functions, and a time is microseconds of UTC.
    """
    import pyarrow as pa

    types = {
        Id: pa.string(),
        Text: pa.string(),
        JSON: pa.string(),
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
    """Write rows as SQLite hands them out, in the table's order of columns; return how many.

    The same rows make the same bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schema_of(table)
    source = iter(rows)
    count = 0
    # Snappy, for there is no engine that does not read it.
    with pq.ParquetWriter(path, schema, compression="snappy") as writer:
        while group := list(islice(source, GROUP)):
            columns = zip(table.columns, schema.types, zip(*group, strict=True), strict=True)
            arrays = [pa.array(_typed(column, values), type=kind) for column, kind, values in columns]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema), row_group_size=GROUP)
            count += len(group)
    return count


def read(path: Path, table: Table, name: str, only: Sequence[str] | None = None) -> Iterator[list[Row]]:
    """Yield the rows of a file in batches, as SQLite takes them; None for a column that the file does not have yet.

    :param name: the object's address, for errors.
    :param only: the columns wanted, in this order; all in the table's order, if None.
    :raises LoadError: for a file that is not one of this table: written by others, or by a later version.
    """
    names = list(only or table.c.keys())
    with _opened(path, table, name) as file:
        held = [each for each in names if each in file.schema_arrow.names]
        # Arrow keeps more of a file the longer it is read in one go: 150 bytes a row, measured.
        for group in range(file.num_row_groups):
            for batch in file.iter_batches(batch_size=GROUP, row_groups=[group], columns=held):
                columns = {each: _stored(batch.column(each).to_pylist()) for each in held}
                yield list(zip(*(columns.get(each, [None] * len(batch)) for each in names), strict=True))


def _opened(path: Path, table: Table, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError):
        fault = "is no Parquet file: move it away, or choose another target"
    else:
        fault = _fault(file.schema_arrow, table)
        if not fault:
            return file
        file.close()
    raise LoadError.at(table, f"{name} {fault}")


def _fault(found: Any, table: Table) -> str:
    wanted = schema_of(table)
    for field in found:
        if field.name not in wanted.names:
            # Written anew without it, its values would be gone.
            return f"has a column {field.name!r} that this version does not know: install the version that wrote it"
        if field.type != (kind := wanted.field(field.name).type):
            return f"has {field.name!r} as {field.type}, not {kind}: it is not ours. Choose another target"
    lacking = [column.name for column in table.primary_key if column.name not in found.names]
    return f"lacks the key column(s) {', '.join(lacking)}: it is not ours. Choose another target" if lacking else ""


def _typed(column: Column[Any], values: Sequence[Any]) -> Sequence[Any]:
    """Turn what SQLite stores into what Arrow takes."""
    if isinstance(column.type, DateTime):
        return [None if value is None else datetime.fromisoformat(value) for value in values]
    if isinstance(column.type, Boolean):
        return [None if value is None else bool(value) for value in values]
    if isinstance(column.type, JSON):
        # SQLite takes a document that is a bare number for a number.
        return [value if value is None or isinstance(value, str) else str(value) for value in values]
    return values


def _stored(values: list[Any]) -> list[Any]:
    if any(isinstance(value, datetime) for value in values):
        return [None if value is None else value.isoformat(" ", "microseconds") for value in values]
    return values
