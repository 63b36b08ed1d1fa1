"""A temporary database in which one attempt merges rows with the code that loads a warehouse.

Rows of the affected partitions are inserted, the load runs, and the result is written by day. So a load has the same
result in a lake and in a warehouse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, MetaData, Table, Text
from sqlalchemy.schema import CreateTable

from airflow_provider_meetings.warehouse.engines.duckdb import DuckDBEngine
from airflow_provider_meetings.warehouse.lake import parquet
from airflow_provider_meetings.warehouse.lake.parquet import quoted
from airflow_provider_meetings.warehouse.lake.partitions import DEFAULT
from airflow_provider_meetings.warehouse.merge.row_builder import Row

# The loader ignores columns that it does not know.
_FROM, _ALSO, _TO = "__from_day", "__also_day", "__to_day"
# With one thread the same rows result in the same bytes.
_SETTINGS = "SET autoinstall_known_extensions = false; SET threads = 1; SET GLOBAL TimeZone = 'UTC'"


@dataclass(frozen=True, slots=True)
class Family:
    """Tables that are loaded together.

    :param head: the table whose rows have a day.
    :param time: the head's column that determines the day; None if each row keeps its day.
    :param owned: tables whose rows are in the partition of their head's row; they have the head's key columns.
    :param undated: tables whose rows have no day.
    """

    head: Table
    time: str | None = None
    owned: tuple[Table, ...] = ()
    undated: tuple[Table, ...] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        return (self.head, *self.owned, *self.undated)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.head.primary_key)


class ScratchHook:
    """The hook that the DuckDB engine needs."""

    conn_type = "duckdb"

    def __init__(self, path: Path) -> None:
        import duckdb

        self.connection = duckdb.connect(str(path))
        self.connection.execute(_SETTINGS)

    def get_conn(self) -> Any:
        """Return another connection: as fast as a cursor, with the same settings."""
        return self.connection.cursor()

    def get_conn_id(self) -> str:
        return "scratch"


class Scratch:
    """The database of one attempt.

    :param path: a file that does not exist.
    """

    def __init__(self, path: Path, family: Family) -> None:
        self._family = family
        hook = ScratchHook(path)
        self.engine = DuckDBEngine(hook)
        self._connection = hook.connection
        self._run("CREATE TABLE __before (name VARCHAR, day VARCHAR, rows BIGINT, digest HUGEINT)")
        for table in family.tables:
            extended = table.to_metadata(MetaData())
            for name in (_FROM, _ALSO):
                extended.append_column(Column(name, Text()))
            self._run(str(CreateTable(extended).compile(dialect=self.engine.dialect)))
        key = ", ".join(f"{name} VARCHAR" for name in family.key)
        self._run(f"CREATE TABLE __incoming ({key}, day VARCHAR)")

    def close(self) -> None:
        self._connection.close()

    def add_keys(self, rows: Sequence[Row]) -> None:
        """Add incoming keys of the head, each followed by its day, or None if the day is unknown."""
        columns = list(map(list, zip(*rows, strict=True)))
        values = ", ".join("unnest(?::VARCHAR[])" for _ in columns)
        self._connection.execute(f"INSERT INTO __incoming SELECT {values}", columns)

    def incoming_days(self) -> list[str]:
        return [day for (day,) in self._run("SELECT DISTINCT day FROM __incoming WHERE day IS NOT NULL ORDER BY day")]

    def missing(self) -> int:
        """Return the number of incoming keys whose day is neither known nor found in the inserted partitions."""
        key = ", ".join(self._family.key)
        unknown = f"SELECT {key} FROM __incoming GROUP BY {key} HAVING max(day) IS NULL"
        ((count,),) = self._run(f"SELECT count(*) FROM ({unknown} EXCEPT SELECT {key} FROM {self._family.head.name})")
        return int(count)

    def has_key(self, uri: str, path: Path) -> bool:
        """Return whether a file of the head contains an incoming key."""
        keys = parquet.rows_of(self._connection, self._family.head, {uri: path}, self._family.key)
        key = ", ".join(self._family.key)
        return bool(self._run(f"SELECT 1 FROM ({keys}) SEMI JOIN __incoming USING ({key}) LIMIT 1"))

    def insert(self, table: Table, files: Mapping[str, Path]) -> None:
        """Insert the rows of partitions.

        A load that was killed during a move leaves a row in two partitions: the row that was written last counts.

        :param files: see `parquet.rows_of`.
        """
        names, rows = table.c.keys(), parquet.rows_of(self._connection, table, files)
        self._run(f"INSERT INTO __before {self._digests(table, f'SELECT *, {_FROM} AS day FROM ({rows})')}")
        key = [column.name for column in table.primary_key]
        landed = "_landed_at" if "_landed_at" in names else "NULL"
        newer = "TRUE"
        if "_landed_at" in names:
            newer = f"coalesce(excluded._landed_at >= {table.name}._landed_at, {table.name}._landed_at IS NULL)"
        updates = [
            f"{name} = CASE WHEN {newer} THEN excluded.{name} ELSE {table.name}.{name} END"
            for name in (*names, _FROM)
            if name not in key
        ]
        updates.append(f"{_ALSO} = CASE WHEN {newer} THEN {table.name}.{_FROM} ELSE excluded.{_FROM} END")
        self._run(
            f"INSERT INTO {table.name} ({', '.join(names)}, {_FROM}, {_ALSO}) "
            f"SELECT {', '.join(names)}, {_FROM}, lead({_FROM}) OVER again "
            f"FROM ({rows}) "
            f"WINDOW again AS (PARTITION BY {', '.join(key)} ORDER BY {landed} DESC NULLS LAST) "
            f"QUALIFY row_number() OVER again = 1 "
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(updates)}"
        )

    def place(self, table: Table) -> None:
        """Set the day of all rows of a table, the head first; an owned row without its head keeps its day."""
        head, join, day = self._family.head, "", f"'{DEFAULT}'"
        if table is head and not self._family.time:
            day = f"coalesce(t.{_FROM}, '{DEFAULT}')"
        elif table is head:
            day = f"coalesce(strftime(t.{self._family.time}, '%Y-%m-%d'), '{DEFAULT}')"  # in UTC: see _SETTINGS
        elif table in self._family.owned:
            key = ", ".join(self._family.key)
            join = f"LEFT JOIN (SELECT {key}, {_TO} AS day FROM __placed_{head.name}) USING ({key})"
            day = f"coalesce(day, t.{_FROM}, '{DEFAULT}')"
        columns = ", ".join(f"t.{name}" for name in (*table.c.keys(), _FROM, _ALSO))
        self._run(
            f"CREATE OR REPLACE TABLE __placed_{table.name} AS SELECT {columns}, {day} AS {_TO} "
            f"FROM {table.name} t {join} ORDER BY {_TO}"
        )

    def changed(self, table: Table) -> set[str]:
        """Return the days whose rows differ from those that were inserted."""
        now = self._digests(table, f"SELECT {', '.join(table.c.keys())}, {_TO} AS day FROM __placed_{table.name}")
        before = f"FROM __before WHERE name = {quoted(table.name)}"
        found = self._run(f"({now} EXCEPT {before}) UNION ALL ({before} EXCEPT {now})")
        return {day for _, day, *_ in found}

    def moves(self, table: Table) -> set[tuple[str, str]]:
        """Return the moves of a table's rows as pairs of source day and destination day."""
        found = self._run(
            f"SELECT DISTINCT {_FROM}, {_ALSO}, {_TO} FROM __placed_{table.name} "
            f"WHERE {_FROM} <> {_TO} OR {_ALSO} <> {_TO}"
        )
        return {(source, to) for *sources, to in found for source in sources if source not in (None, to)}

    def write(self, table: Table, day: str, path: Path, *, leaving: bool = False) -> int:
        """Write the rows of a partition in key order; return their number.

        :param leaving: include the rows that move to another day.
        """
        key = ", ".join(column.name for column in table.primary_key)
        columns = ", ".join(f"{c.name}::VARCHAR AS {c.name}" if isinstance(c.type, JSON) else c.name for c in table.c)
        days = f"{_TO}, {_FROM}, {_ALSO}" if leaving else _TO
        ((count,),) = self._run(
            f"COPY (SELECT {columns} FROM __placed_{table.name} WHERE {quoted(day)} IN ({days}) ORDER BY {key}) "
            f"TO {quoted(path)} (FORMAT parquet)"
        )
        return int(count)

    def _digests(self, table: Table, source: str) -> str:
        columns = ", ".join(table.c.keys())
        digest = f"sum(hash({columns})::HUGEINT)"
        return f"SELECT {quoted(table.name)} AS name, day, count(*), {digest} FROM ({source}) GROUP BY day"

    def _run(self, statement: str) -> list[Row]:
        found: list[Row] = self._connection.execute(statement).fetchall()
        return found
