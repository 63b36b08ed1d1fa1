"""What the loader needs of a database, and of the Airflow hook that connects to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Table
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.merge.staging import Stage
from airflow_provider_meetings.warehouse.merge.statements import Merge
from airflow_provider_meetings.warehouse.tables.types import fits


class Hook(Protocol):
    """The part of Airflow's ``DbApiHook`` that is used here; the hook is handed in."""

    @property
    def conn_type(self) -> str:
        """The connection's type, which names the engine."""

    def get_conn(self) -> Any:
        """Open a connection of the driver."""

    def get_conn_id(self) -> str:
        """Name the Airflow connection, for messages."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A table or view as it stands in the database.

    :param columns: the database's word for the type of each column, both in lower case.
    :param key: the columns of the primary key, in lower case.
    :param folded: of these the ones by whose collation texts that differ are equal, each with its collation.
    """

    columns: Mapping[str, str]
    key: frozenset[str] = frozenset()
    folded: Mapping[str, str] = field(default_factory=dict)


class Engine(ABC):
    """Write to one kind of database. One file per kind.

    A call goes through these in order: `open`; `shape`; `begin_staging`, `append`, `staged`, `hold`; `exclude_others`
    and DDL where something is missing; `merge` and others, then a commit. They let the driver's errors out: `Session`
    turns those into errors that may be shown.
    """

    dialect: Dialect
    """Quotes the names and writes the statements; its placeholders are the driver's."""
    takes_schema: bool = True
    keyed_stages: bool = False
    """Whether stages have the key of their target."""

    def __init__(self, hook: Hook) -> None:
        self.hook = hook

    @abstractmethod
    def open(self) -> Any:
        """Return a driver connection, waiting for other writers first where there can be only one.

        :raises LoadError: if the database cannot be opened, or other writers do not end in time.
        """

    @abstractmethod
    def shape(self, connection: Any, table: Table) -> Shape | None:
        """Return how the table or view of this name stands in the database; None if there is none."""

    def has_schema(self, connection: Any, name: str) -> bool:
        """Tell whether there is such a schema; asked only where a database has any."""
        return True

    def fits(self, present: str, wanted: TypeEngine[Any]) -> bool:
        """Tell whether a column that is there, of the type `present` by `shape`, holds ours as it is."""
        return fits(present, wanted)

    @abstractmethod
    def run(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""

    @abstractmethod
    def change(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement and return how many rows it inserted, changed or deleted."""

    @abstractmethod
    def append(self, connection: Any, stage: Stage, rows: Sequence[Row]) -> None:
        """Put rows into a stage, in the order of its names."""

    @abstractmethod
    def merge(self, connection: Any, merge: Merge) -> int:
        """Merge staged rows into their table; return how many were inserted or rewritten."""

    def exclude_others(self, connection: Any) -> None:  # noqa: B027 - the same
        """Keep other loaders from DDL until the transaction ends, where they are not kept from it already."""

    def begin_staging(self, connection: Any) -> None:  # noqa: B027 - not every engine has to
        """Begin the transaction in which rows are staged, where the driver does not."""

    def begin_merging(self, connection: Any) -> None:  # noqa: B027 - the same
        """Begin the transaction in which tables are written, where the driver does not."""

    def staged(self, connection: Any, stage: Stage) -> None:  # noqa: B027 - the same
        """Prepare a stage, of which all rows have come, for being searched by its key."""

    def hold(self, connection: Any) -> None:
        """Make what is staged outlast a merge that fails, and begin to merge."""
        connection.commit()
        self.begin_merging(connection)

    def undo(self, connection: Any) -> None:
        """Take back what was merged, but not what is staged, and begin to merge again."""
        connection.rollback()
        self.begin_merging(connection)

    def contended(self, error: Exception) -> bool:
        """Tell whether another writer was in the way, so that the same merge may work now."""
        return False

    def explain(self, error: Exception) -> str:
        """Say what went wrong and what to do, without the driver's text, which may repeat values."""
        return type(error).__name__
