"""One transaction: all of a load or nothing, and no driver's text in its errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select, Table

from airflow_provider_meetings.warehouse.engine import Engine
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.upsert import Upsert
from airflow_provider_meetings.warehouse.values import Row

Result = TypeVar("Result")

# The one driver text that names a column and holds no value; SQLite and DuckDB write it alike.
_NOT_NULL = re.compile(r"(?:Constraint Error: )?NOT NULL constraint failed: .*?(\w+)\Z")


@dataclass(frozen=True, slots=True)
class Session:
    """What may be done within the transaction. Each method raises LoadError where the driver raises its own."""

    engine: Engine
    connection: Any

    def columns(self, table: Table) -> frozenset[str]:
        """Return the names, in lower case, of the columns `table` has now; empty if there is no such table."""
        return self._safely(table, lambda: self.engine.columns(self.connection, table))

    def define(self, statements: Sequence[str], table: Table | None = None) -> None:
        """Run DDL."""
        for statement in statements:
            self._safely(table, lambda sql=statement: self.engine.run(self.connection, sql))  # type: ignore[misc]  # mypy takes the bound value for a parameter

    def read(self, table: Table, select: Select[Any]) -> list[tuple[Any, ...]]:
        """Run a query; an ``IN`` list takes one placeholder per value."""
        compiled: Any = select.compile(dialect=self.engine.dialect, compile_kwargs={"render_postcompile": True})
        values = [compiled.params[name] for name in compiled.positiontup]
        return self._safely(table, lambda: self.engine.run(self.connection, str(compiled), values))

    def upsert(self, upsert: Upsert, rows: Sequence[Row]) -> int:
        """Upsert `rows`, whose keys differ; return how many were inserted or rewritten."""
        if not rows:
            return 0
        return self._safely(upsert.table, lambda: self.engine.upsert(self.connection, upsert, rows))

    def commit(self) -> None:
        """Make everything last."""
        self._safely(None, self.connection.commit)

    def _safely(self, table: Table | None, call: Callable[[], Result]) -> Result:
        try:
            return call()
        except Exception as error:
            column = _NOT_NULL.match(str(error))
            reason = self.engine.explain(error)
        if column:
            reason += f": column {column[1]!r} is NOT NULL in the database, and a row has no value for it"
        # Raised here, after the except block: the driver's error would else be the context of ours.
        raise LoadError.at(table, reason) if table is not None else LoadError(reason)


@contextmanager
def session(engine: Engine) -> Iterator[Session]:
    """Open a connection, and commit at the end of the block or roll back if it raises; close in any case."""
    with closing(engine.open()) as connection:
        opened = Session(engine, connection)
        try:
            yield opened
            opened.commit()
        except BaseException:
            # The first error is the one to show; closing ends what a failed rollback leaves.
            with suppress(Exception):
                connection.rollback()
            raise
