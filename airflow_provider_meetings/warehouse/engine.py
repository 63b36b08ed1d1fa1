"""What the loader needs of a database, and of the Airflow hook that connects to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Table
from sqlalchemy.engine import Dialect

from airflow_provider_meetings.warehouse.upsert import Upsert
from airflow_provider_meetings.warehouse.values import Row


class Hook(Protocol):
    """The part of Airflow's ``DbApiHook`` that is used here; the hook is handed in."""

    @property
    def conn_type(self) -> str:
        """The connection's type, which names the engine."""

    def get_conn(self) -> Any:
        """Open a connection of the driver."""

    def get_conn_id(self) -> str:
        """Name the Airflow connection, for messages."""


class Engine(ABC):
    """Write to one kind of database. One file per kind.

    All but `open` are called within a transaction, on the connection that `open` returned. They let the driver's
    errors out: `Session` turns those into errors that may be shown.
    """

    dialect: Dialect
    """Quotes the names and writes the statements; its placeholders are the driver's."""
    takes_schema: bool = True

    def __init__(self, hook: Hook) -> None:
        self.hook = hook

    @abstractmethod
    def open(self) -> Any:
        """Return a driver connection with a transaction begun, waiting for other writers first.

        :raises LoadError: if the database cannot be opened, or other writers do not end in time.
        """

    @abstractmethod
    def columns(self, connection: Any, table: Table) -> frozenset[str]:
        """Return the names, in lower case, of the columns `table` has now; empty if there is no such table."""

    @abstractmethod
    def run(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""

    @abstractmethod
    def upsert(self, connection: Any, upsert: Upsert, rows: Sequence[Row]) -> int:
        """Upsert `rows`, whose keys differ; return how many were inserted or rewritten."""

    def explain(self, error: Exception) -> str:
        """Say what went wrong without the driver's text, which may repeat values."""
        return type(error).__name__
