"""The database session of a load: stage rows, merge them all or nothing, without driver text in errors."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import ClauseElement, Column, MetaData, Select, Table
from sqlalchemy.schema import CreateTable

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Engine, Shape
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.merge.staging import Stage
from airflow_provider_meetings.warehouse.merge.statements import DmlStep, Merge, Step

ATTEMPTS = 12
"""How often a merge is tried after write conflicts."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
log = logging.getLogger(__name__)

# The only driver text that names a column and contains no value; SQLite and DuckDB use the same.
_NOT_NULL = re.compile(r"(?:Constraint Error: )?NOT NULL constraint failed: .*?(\w+)\Z")


@dataclass(frozen=True, slots=True)
class Session:
    """A connection and its engine. Each method raises LoadError instead of the driver's errors.

    :param sleep: sleep for a number of seconds.
    """

    engine: Engine
    connection: Any
    sleep: Callable[[float], None] = time.sleep

    def shape(self, table: Table) -> Shape:
        return self._safely(table, self.engine.shape, self.connection, table)

    def has_schema(self, name: str) -> bool:
        return self._safely(None, self.engine.has_schema, self.connection, name)

    def begin(self) -> None:
        self._safely(None, self.engine.begin_merging, self.connection)

    def lock_ddl(self) -> None:
        self._safely(None, self.engine.lock_ddl, self.connection)

    def define(self, statements: Sequence[str], table: Table | None = None) -> None:
        for statement in statements:
            self._safely(table, self.engine.run, self.connection, statement)

    def commit(self) -> None:
        self._safely(None, self.connection.commit)

    def rollback(self) -> None:
        """Roll back; an error would show at the next use of the connection."""
        with suppress(Exception):
            self.connection.rollback()

    def begin_staging(self) -> None:
        self._safely(None, self.engine.begin_staging, self.connection)

    def create_stage(self, stage: Stage) -> None:
        # Rows are appended faster without a key, except in MySQL, which stores them in its order.
        table = stage.table if self.engine.keyed_stages else _without_key(stage.table)
        self.define([str(CreateTable(table).compile(dialect=self.engine.dialect))], stage.target)

    def append(self, stage: Stage, rows: Sequence[Row]) -> None:
        """Put rows into a stage, which has none of the same keys."""
        if rows:
            self._safely(stage.target, self.engine.append, self.connection, stage, rows)

    def merge(
        self, stages: Sequence[Stage], steps: Sequence[Step], first: Callable[[], None] | None = None
    ) -> dict[str, int]:
        """Run all steps and commit; return how many rows of each table were inserted or changed.

        After a write conflict (a deadlock, a row that another writer has inserted) all steps run again.

        :param first: what to do before the steps, in the same transaction.
        """
        for stage in stages:
            self._safely(stage.target, self.engine.index_stage, self.connection, stage)
        self._safely(None, self.engine.keep_stages, self.connection)
        for attempt in range(ATTEMPTS):
            try:
                if first is not None:
                    first()
                counts = self._attempt(steps)
                self.commit()
                return counts
            except LoadError as error:
                if not error.write_conflict or attempt == ATTEMPTS - 1:
                    raise
            log.info("Write conflict; retrying merge (attempt %s of %s)", attempt + 2, ATTEMPTS)
            self._safely(None, self.engine.restore_stages, self.connection)
            self.sleep(random.uniform(0, min(2.0, 0.05 * 2**attempt)))  # noqa: S311 - jitter
        raise AssertionError("the last attempt returns or raises")

    def wipe(self) -> None:
        self._safely(None, self.engine.wipe, self.connection)

    def _attempt(self, steps: Sequence[Step]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for step in steps:
            if isinstance(step, Merge):
                name = step.target.name
                count = self._safely(step.target, self.engine.merge, self.connection, step)
            else:
                name, count = step.table.name, self._change(step)
                if not step.counted:
                    continue
            counts[name] = counts.get(name, 0) + count
        return counts

    def rows(self, table: Table, query: Select[Any]) -> list[Row]:
        return self._safely(table, self.engine.run, self.connection, *self._compiled(query))

    def _change(self, step: DmlStep) -> int:
        return self._safely(step.table, self.engine.change, self.connection, *self._compiled(step.statement))

    def _compiled(self, statement: ClauseElement) -> tuple[str, list[Any]]:
        compiled: Any = statement.compile(dialect=self.engine.dialect)
        return str(compiled), [compiled.params[name] for name in compiled.positiontup or ()]

    def _safely(
        self, table: Table | None, call: Callable[Arguments, Result], *args: Arguments.args, **named: Arguments.kwargs
    ) -> Result:
        try:
            return call(*args, **named)
        except LoadError:
            raise
        except Exception as error:
            column = _NOT_NULL.match(str(error))
            reason = self.engine.explain(error)
            write_conflict = self.engine.is_write_conflict(error)
        if column:
            reason += f": column {column[1]!r} is NOT NULL in the database, and a row has no value for it"
        # Raised after the except block: the driver's error, which may show values, would be the context otherwise.
        failure = LoadError.at(table, reason) if table is not None else LoadError(reason)
        failure.write_conflict = write_conflict
        raise failure


def _without_key(table: Table) -> Table:
    columns: list[Column[Any]] = [Column(column.name, column.type) for column in table.columns]
    return Table(table.name, MetaData(), *columns, prefixes=["TEMPORARY"])


@contextmanager
def session(engine: Engine) -> Iterator[Session]:
    """Open a connection; at the end of the block, roll back what is not committed and close it."""
    with closing(engine.open()) as connection:
        current = Session(engine, connection)
        try:
            yield current
        finally:
            # A failed rollback does not hide the first error; closing the connection ends the transaction.
            current.rollback()
