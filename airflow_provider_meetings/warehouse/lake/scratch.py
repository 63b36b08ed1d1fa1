"""A temporary database in which one attempt merges rows with the code that loads a warehouse.

Rows of the affected partitions are inserted, the load runs, and the result is written by day. So a load has the same
result in a lake and in a warehouse.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from airflow_provider_meetings.warehouse.engines.sqlite import SQLiteEngine
from airflow_provider_meetings.warehouse.lake.partitions import DEFAULT
from airflow_provider_meetings.warehouse.merge.row_builder import Row

# The loader ignores columns that it does not know.
_FROM, _ALSO, _TO = "__from_day", "__also_day", "__to_day"
_MOVES = f"{_FROM} <> {_TO} OR {_ALSO} <> {_TO}"
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """Tables that are loaded together.

    :param head: the table whose rows have a day.
    :param time: the head's column that determines the day.
    :param owned: tables whose rows are in the partition of their head's row; they have the head's key columns.
    :param undated: tables whose rows have no day.
    """

    head: Table
    time: str
    owned: tuple[Table, ...]
    undated: tuple[Table, ...] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        return (self.head, *self.owned, *self.undated)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.head.primary_key)


class ScratchHook:
    """The hook that the SQLite engine needs."""

    conn_type = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path

    def get_conn(self) -> sqlite3.Connection:
        """Connect without fsync: a crash makes the database worthless anyway."""
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    def get_conn_id(self) -> str:
        return "scratch"


class Scratch:
    """The database of one attempt.

    :param path: a file that does not exist.
    """

    def __init__(self, path: Path, family: Family) -> None:
        self._family = family
        hook = ScratchHook(path)
        self.engine = SQLiteEngine(hook)
        self._connection = hook.get_conn()
        for table in family.tables:
            self._run(str(CreateTable(table).compile(dialect=sqlite.dialect())))
            for name in (_FROM, _ALSO, _TO):
                self._run(f"ALTER TABLE {table.name} ADD COLUMN {name} TEXT")
        key = ", ".join(family.key)
        self._run(f"CREATE TABLE __incoming ({key}, day TEXT)")
        self._run(f"CREATE INDEX __incoming_key ON __incoming ({key}, day)")

    def close(self) -> None:
        self._connection.close()

    def add_keys(self, rows: Sequence[Row]) -> None:
        """Add incoming keys of the head, each followed by its day, or None if the day is unknown."""
        self._many(f"INSERT INTO __incoming VALUES ({_placeholders(len(self._family.key) + 1)})", rows)

    def incoming_days(self) -> list[str]:
        return [day for (day,) in self._run("SELECT DISTINCT day FROM __incoming WHERE day IS NOT NULL ORDER BY day")]

    def missing(self) -> int:
        """Return the number of incoming keys whose day is neither known nor found in the inserted partitions."""
        key = ", ".join(self._family.key)
        unknown = f"SELECT {key} FROM __incoming GROUP BY {key} HAVING max(day) IS NULL"
        present = f"SELECT {key} FROM {self._family.head.name}"
        ((count,),) = self._run(f"SELECT count(*) FROM ({unknown} EXCEPT {present})")
        return int(count)

    def has_key(self, keys: Sequence[Key]) -> bool:
        query = (
            f"SELECT 1 FROM __incoming WHERE ({', '.join(self._family.key)}) = ({_placeholders(len(self._family.key))})"
        )
        return any(self._connection.execute(query, key).fetchone() for key in keys)

    def insert(self, table: Table, day: str, batches: Iterable[Sequence[Row]]) -> None:
        """Insert the rows of a partition.

        A load that was killed during a move leaves a row in two partitions: the row that was written last counts.
        """
        names = table.c.keys()
        key = [column.name for column in table.primary_key]
        newer = "1"
        if "_landed_at" in names:
            newer = f"coalesce(excluded._landed_at, '') >= coalesce({table.name}._landed_at, '')"
        updates = [
            f"{name} = CASE WHEN {newer} THEN excluded.{name} ELSE {table.name}.{name} END"
            for name in (*names, _FROM)
            if name not in key
        ]
        updates.append(f"{_ALSO} = CASE WHEN {newer} THEN {table.name}.{_FROM} ELSE excluded.{_FROM} END")
        statement = (
            f"INSERT INTO {table.name} ({', '.join(names)}, {_FROM}) VALUES ({_placeholders(len(names))}, ?) "
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(updates)}"
        )
        for batch in batches:
            self._many(statement, [(*row, day) for row in batch])

    def place(self, table: Table) -> None:
        """Set the day of all rows of a table, the head first; an owned row without its head keeps its day."""
        head = self._family.head
        if table is head:
            day = f"coalesce(substr({self._family.time}, 1, 10), '{DEFAULT}')"
        elif table in self._family.owned:
            same = " AND ".join(f"h.{name} = {table.name}.{name}" for name in self._family.key)
            day = f"coalesce((SELECT h.{_TO} FROM {head.name} h WHERE {same}), {_FROM}, '{DEFAULT}')"
        else:
            day = f"'{DEFAULT}'"
        self._run(f"UPDATE {table.name} SET {_TO} = {day}")
        key = ", ".join(column.name for column in table.primary_key)
        self._run(f"CREATE INDEX IF NOT EXISTS __{table.name}_day ON {table.name} ({_TO}, {key})")
        columns = f"{_FROM}, {_ALSO}, {_TO}"
        self._run(f"CREATE INDEX IF NOT EXISTS __{table.name}_moves ON {table.name} ({columns}) WHERE {_MOVES}")

    def days(self, table: Table) -> set[str]:
        return {day for (day,) in self._run(f"SELECT DISTINCT {_TO} FROM {table.name}")}

    def moves(self, table: Table) -> set[tuple[str, str]]:
        """Return the moves of a table's rows as pairs of source day and destination day."""
        found = self._run(f"SELECT DISTINCT {_FROM}, {_ALSO}, {_TO} FROM {table.name} WHERE {_MOVES}")
        return {(source, to) for *sources, to in found for source in sources if source not in (None, to)}

    def rows(self, table: Table, day: str, *, leaving: bool = False) -> Iterator[Row]:
        """Yield the rows of a partition in key order.

        :param leaving: include the rows that move to another day.
        """
        key = ", ".join(column.name for column in table.primary_key)
        where = f"? IN ({_TO}, {_FROM}, {_ALSO})" if leaving else f"{_TO} = ?"
        query = f"SELECT {', '.join(table.c.keys())} FROM {table.name} WHERE {where} ORDER BY {key}"
        with closing(self._connection.execute(query, [day])) as cursor:
            yield from cursor

    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany(statement, rows)
        self._connection.execute("COMMIT")

    def _run(self, statement: str) -> list[Row]:
        return self._connection.execute(statement).fetchall()


def _placeholders(count: int) -> str:
    return ", ".join("?" * count)
