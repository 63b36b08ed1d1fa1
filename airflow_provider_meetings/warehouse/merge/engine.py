"""The interface between a load and a database, and the Airflow hook that it needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Table
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.merge.staging import Stage
from airflow_provider_meetings.warehouse.merge.statements import Merge
from airflow_provider_meetings.warehouse.tables.types import is_compatible


class Hook(Protocol):
    """The part of Airflow's ``DbApiHook`` that is used here."""

    @property
    def conn_type(self) -> str:
        """The connection's type."""

    def get_conn(self) -> Any:
        """Open a driver connection."""

    def get_conn_id(self) -> str:
        """Return the id of the Airflow connection, for messages."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a table or view in the database.

    :param columns: the database's type of each column, both in lower case.
    :param key: the columns of the primary key, in lower case.
    :param folded: key columns with a collation by which different texts are equal, and their collations.
    """

    columns: Mapping[str, str]
    key: frozenset[str] = frozenset()
    folded: Mapping[str, str] = field(default_factory=dict)


class Engine(ABC):
    """Write to one kind of database.

    A load calls, in this order: `open`; `shape`; `begin_staging`, `append`, `index_stage`, `keep_stages`; `lock_ddl`
    and DDL where something is missing; `merge` and other statements, then a commit. The methods raise the errors of
    the driver: `Session` replaces them by errors without values.
    """

    dialect: Dialect
    """Quotes names and compiles statements, with the driver's placeholders."""
    schema_query: str = ""
    """Returns a row if the schema of a name exists; empty if the database has no schemas."""
    open_hint: str = ""
    """What to do if the database cannot be opened, besides the explanation of the error."""
    keyed_stages: bool = False
    """Whether stages have the key of their target."""

    def __init__(self, hook: Hook) -> None:
        self.hook = hook

    def open(self) -> Any:
        """Return a prepared driver connection; wait for other writers where only one is possible.

        :raises LoadError: if the database cannot be opened, or another writer blocks it for too long.
        """
        connection = None
        try:
            connection = self.hook.get_conn()
            self.prepare(connection)
            return connection
        except Exception as error:
            reason = str(error) if isinstance(error, LoadError) else self.explain(error)
        # Raised after the except block: the driver's error may show values.
        if connection is not None:
            connection.close()
        raise LoadError(f"connection {self.hook.get_conn_id()!r} cannot be opened ({reason}){self.open_hint}")

    def prepare(self, connection: Any) -> None:  # noqa: B027 - not every engine has to
        """Set up a new connection."""

    @abstractmethod
    def shape(self, connection: Any, table: Table) -> Shape:
        """Return the shape of the table or view of this name; without columns if it does not exist."""

    def has_schema(self, connection: Any, name: str) -> bool:
        """Return whether the schema exists; called only if the database has schemas."""
        return bool(self.run(connection, self.schema_query, [name]))

    def is_compatible(self, existing: str, required: TypeEngine[Any]) -> bool:
        """Return whether an existing column, of the type `existing` by `shape`, stores `required` unchanged."""
        return is_compatible(existing, required)

    def run(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with closing(connection.cursor()) as cursor:
            self.execute(cursor, sql, parameters)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def change(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement and return how many rows it inserted, changed or deleted."""
        with closing(connection.cursor()) as cursor:
            self.execute(cursor, sql, parameters)
            return int(cursor.rowcount)

    def execute(self, cursor: Any, sql: str, parameters: Sequence[Any]) -> None:
        # Percent signs in names are doubled for the driver, which unescapes them only if there are parameters.
        if parameters:
            cursor.execute(sql, list(parameters))
        else:
            cursor.execute(sql % ())

    @abstractmethod
    def append(self, connection: Any, stage: Stage, rows: Sequence[Row]) -> None:
        """Put rows into a stage, in the order of its names."""

    @abstractmethod
    def merge(self, connection: Any, merge: Merge) -> int:
        """Merge staged rows into their table; return how many were inserted or updated."""

    def lock_ddl(self, connection: Any) -> None:  # noqa: B027 - the same
        """Block the DDL of other loaders until the transaction ends, if the database does not."""

    def begin_staging(self, connection: Any) -> None:  # noqa: B027 - not every engine has to
        """Begin the transaction that stages rows, if the driver does not."""

    def begin_merging(self, connection: Any) -> None:  # noqa: B027 - the same
        """Begin the transaction that merges, if the driver does not."""

    def index_stage(self, connection: Any, stage: Stage) -> None:  # noqa: B027 - the same
        """Prepare a complete stage for lookups by its key."""

    def keep_stages(self, connection: Any) -> None:
        """Keep the stages from the rollback of a merge, and begin to merge."""
        connection.commit()
        self.begin_merging(connection)

    def restore_stages(self, connection: Any) -> None:
        """Roll back the merge but not the stages, and begin to merge again."""
        connection.rollback()
        self.begin_merging(connection)

    def wipe(self, connection: Any) -> None:  # noqa: B027 - a server's files are not ours
        """Remove what deleted rows have left in the file of the database; after a commit."""

    def is_write_conflict(self, error: Exception) -> bool:
        """Return whether the merge conflicted with another writer, so that a retry may succeed."""
        return False

    def explain(self, error: Exception) -> str:
        """Return the cause and what to do, without the driver's text, which may contain values."""
        return type(error).__name__
