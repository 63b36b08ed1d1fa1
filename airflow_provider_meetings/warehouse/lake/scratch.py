"""A database of one attempt's own, in which rows are merged by the very code that loads a warehouse.

What stands in the lake is put in, the load is done, and what then stands there is written out by day. So a lake and a
warehouse can not come to differ in what a load means.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from airflow_provider_meetings.warehouse.engines.sqlite import SQLiteEngine
from airflow_provider_meetings.warehouse.lake.partitions import DEFAULT
from airflow_provider_meetings.warehouse.merge.row_builder import Row

# The loader leaves columns alone that it does not know.
_FROM, _ALSO, _TO = "__from_day", "__also_day", "__to_day"
_MOVES = f"{_FROM} <> {_TO} OR {_ALSO} <> {_TO}"
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """Tables that are loaded together.

    :param head: the table whose rows have a day.
    :param time: its column that tells the day.
    :param owned: tables whose rows stand where their head's row does; they have its key columns.
    :param undated: tables whose rows have no day.
    """

    head: Table
    time: str
    owned: tuple[Table, ...]
    undated: tuple[Table, ...] = ()

    @property
    def dated(self) -> tuple[Table, ...]:
        """The tables that have a partition for each day."""
        return (self.head, *self.owned)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables: what others are a proof of comes first."""
        return (*self.dated, *self.undated)

    @property
    def key(self) -> tuple[str, ...]:
        """The head's key columns."""
        return tuple(column.name for column in self.head.primary_key)


class ScratchHook:
    """Open the database, as the engine of SQLite asks a hook to."""

    conn_type = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path

    def get_conn(self) -> sqlite3.Connection:
        """Open it; what is lost with the machine is made anew."""
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    def get_conn_id(self) -> str:
        """Name it in errors."""
        return "scratch"


class Scratch:
    """The database of one attempt.

    :param path: a file that is not there yet.
    """

    def __init__(self, path: Path, family: Family) -> None:
        self._family = family
        self.hook = ScratchHook(path)
        self.engine = SQLiteEngine(self.hook)
        self._connection = self.hook.get_conn()
        for table in family.tables:
            self._run(str(CreateTable(table).compile(dialect=sqlite.dialect())))
            for name in (_FROM, _ALSO, _TO):
                self._run(f"ALTER TABLE {table.name} ADD COLUMN {name} TEXT")
        key = ", ".join(family.key)
        self._run(f"CREATE TABLE __asked ({key}, day TEXT)")
        self._run(f"CREATE INDEX __asked_key ON __asked ({key}, day)")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(self, rows: Sequence[Row]) -> None:
        """Note keys that this load is about, each with its day behind it, None where it is not told."""
        self._many(f"INSERT INTO __asked VALUES ({_marks(len(self._family.key) + 1)})", rows)

    def asked_days(self) -> list[str]:
        """Return the days that were told."""
        return [day for (day,) in self._run("SELECT DISTINCT day FROM __asked WHERE day IS NOT NULL ORDER BY day")]

    def unplaced(self) -> int:
        """Return of how many keys neither the load nor what was put in tells the day."""
        key = ", ".join(self._family.key)
        told = f"SELECT {key} FROM __asked GROUP BY {key} HAVING max(day) IS NULL"
        present = f"SELECT {key} FROM {self._family.head.name}"
        ((count,),) = self._run(f"SELECT count(*) FROM ({told} EXCEPT {present})")
        return int(count)

    def wants(self, keys: Sequence[Key]) -> bool:
        """Tell whether one of these keys of the head was noted."""
        query = f"SELECT 1 FROM __asked WHERE ({', '.join(self._family.key)}) = ({_marks(len(self._family.key))})"
        return any(self._connection.execute(query, key).fetchone() for key in keys)

    def put(self, table: Table, day: str, batches: Iterable[Sequence[Row]]) -> None:
        """Put in what stands in a partition.

        A row that stands in two, where a load died while it moved, counts as it was last written, and leaves one.
        """
        names = table.c.keys()
        key = [column.name for column in table.primary_key]
        newer = "1"
        if "_landed_at" in names:
            newer = f"coalesce(excluded._landed_at, '') >= coalesce({table.name}._landed_at, '')"
        taken = [
            f"{name} = CASE WHEN {newer} THEN excluded.{name} ELSE {table.name}.{name} END"
            for name in (*names, _FROM)
            if name not in key
        ]
        taken.append(f"{_ALSO} = CASE WHEN {newer} THEN {table.name}.{_FROM} ELSE excluded.{_FROM} END")
        statement = (
            f"INSERT INTO {table.name} ({', '.join(names)}, {_FROM}) VALUES ({_marks(len(names))}, ?) "
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(taken)}"
        )
        for batch in batches:
            self._many(statement, [(*row, day) for row in batch])

    def place(self, table: Table) -> None:
        """Find the day of every row of a table, of the head's first; one whose head is not there stays where it was."""
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
        """Return the days that rows of a table now belong to."""
        return {day for (day,) in self._run(f"SELECT DISTINCT {_TO} FROM {table.name}")}

    def moves(self, table: Table) -> set[tuple[str, str]]:
        """Return between which days rows of a table move: from where, to where."""
        found = self._run(f"SELECT DISTINCT {_FROM}, {_ALSO}, {_TO} FROM {table.name} WHERE {_MOVES}")
        return {(source, to) for *sources, to in found for source in sources if source not in (None, to)}

    def rows(self, table: Table, day: str, *, leaving: bool = False) -> Iterator[Row]:
        """Yield the rows of a partition in the order of their key.

        :param leaving: those too that move away from it.
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


def _marks(count: int) -> str:
    return ", ".join("?" * count)
