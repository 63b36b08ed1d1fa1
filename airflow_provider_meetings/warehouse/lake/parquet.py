"""Check and read Parquet files of a table with DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, DateTime, Table, Text

from airflow_provider_meetings.extras import install
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.tables.types import Id

# JSON is stored as text, because every reader has JSON functions for text. Times are microseconds in UTC.
_TYPES: Mapping[type, str] = {
    **dict.fromkeys((Id, Text, JSON), "VARCHAR"),
    DateTime: "TIMESTAMP WITH TIME ZONE",
    BigInteger: "BIGINT",
    Boolean: "BOOLEAN",
}


def check_installed() -> None:
    """Raise LoadError if DuckDB is not installed."""
    try:
        import duckdb  # noqa: F401 - only the import is tested
    except ImportError:
        raise LoadError(f"Parquet needs DuckDB. {install('parquet')}") from None


def rows_of(connection: Any, table: Table, files: Mapping[str, Path], only: Sequence[str] = ()) -> str:
    """Return a query for the rows of files, with their day; NULL in columns that no file has.

    :param files: by the URIs of their objects, for errors; each is named ``{day}.parquet``.
    :param only: columns; none for those of the table.
    :raises LoadError: for a file that another program or a later version has written.
    """
    present = set[str]()
    for uri, path in files.items():
        present |= _checked(connection, table, uri, path)
    columns = [name if name in present else f"NULL AS {name}" for name in only or table.c.keys()]
    paths = ", ".join(map(quoted, files.values()))
    return (
        f"SELECT {', '.join(columns)}, parse_filename(filename, true) AS __from_day "  # noqa: S608
        f"FROM read_parquet([{paths}], union_by_name = true, hive_partitioning = false, filename = true)"
    )


def quoted(text: object) -> str:
    """Return a text as a literal of SQL."""
    escaped = str(text).replace("'", "''")
    return f"'{escaped}'"


def _checked(connection: Any, table: Table, uri: str, path: Path) -> set[str]:
    import duckdb

    query = f"DESCRIBE SELECT * FROM read_parquet({quoted(path)}, hive_partitioning = false)"  # noqa: S608
    try:
        found = {name: kind for name, kind, *_ in connection.execute(query).fetchall()}
    except duckdb.Error:
        raise LoadError.at(table, f"{uri} is not a Parquet file: move it away, or choose another target") from None
    expected = {column.name: _TYPES[type(column.type)] for column in table.columns}
    for name, kind in found.items():
        if name not in expected:
            # Rewriting the file would lose this column.
            problem = f"has a column {name!r} that this version does not know: install the version that wrote it"
            raise LoadError.at(table, f"{uri} {problem}")
        if kind != expected[name]:
            problem = f"has {name!r} as {kind}, not {expected[name]}: another program wrote it. Choose another target"
            raise LoadError.at(table, f"{uri} {problem}")
    if missing := ", ".join(column.name for column in table.primary_key if column.name not in found):
        problem = f"lacks the key column(s) {missing}: another program wrote it. Choose another target"
        raise LoadError.at(table, f"{uri} {problem}")
    return set(found)
