"""The upsert: which columns a new row gets, which of them an existing row takes over, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnCollection, ColumnElement, Table, and_, bindparam, func, literal_column, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from airflow_provider_meetings.api.models import RecordingState

Columns = ColumnCollection[str, Any]
When = Callable[[Columns, Columns], ColumnElement[bool]]
"""Tells, of the row that is there and the row that comes, whether to rewrite it."""

ConflictInsert = Callable[[Table], "sqlite.Insert | postgresql.Insert"]
"""A dialect's own ``insert``, one that knows ``on_conflict_do_update``."""


# Written into the statement, not bound: they are ours, and placeholders stand for values of rows only.
_WAITING: list[ColumnElement[str]] = [
    literal_column(f"'{state}'") for state in RecordingState if state.waits or state is RecordingState.OVERDUE
]


def answered(there: Columns) -> ColumnElement[bool]:
    """Tell whether the recording of a row no longer waits."""
    return cast(ColumnElement[bool], there["state"].not_in(_WAITING))


def later_word(there: Columns, comes: Columns) -> ColumnElement[bool]:
    """Tell whether what the platform says differs and is no older: nothing that has an answer waits again.

    It would seem so when an earlier load is run again after a later one.
    """
    return and_(source_changed(there, comes), or_(~answered(there), answered(comes)))


def source_changed(there: Columns, comes: Columns) -> ColumnElement[bool]:
    """Tell whether what the platform says differs."""
    return cast(ColumnElement[bool], there["_source_hash"].is_distinct_from(comes["_source_hash"]))


def stored_changed(there: Columns, comes: Columns) -> ColumnElement[bool]:
    """Tell whether what was landed differs."""
    return cast(ColumnElement[bool], there["_stored_hash"].is_distinct_from(comes["_stored_hash"]))


def changed_or_back(there: Columns, comes: Columns) -> ColumnElement[bool]:
    """Tell whether the content differs, or the row was marked as deleted and is there again."""
    return or_(source_changed(there, comes), there["_deleted_at"].is_not(None))


def not_yet_deleted(there: Columns, comes: Columns) -> ColumnElement[bool]:
    """Tell whether the row is not marked as deleted: the first mark stays."""
    return cast(ColumnElement[bool], there["_deleted_at"].is_(None))


@dataclass(frozen=True, slots=True)
class Upsert:
    """Insert rows by key; of a row that is there, set only the columns given.

    :param table: the table.
    :param columns: the columns given, the key among them. All others keep their values.
    :param keep: columns given for a new row only.
    :param fill: columns of which an existing row keeps its value where the new row has none.
    :param when: rewrite an existing row only then; always, if None.
    """

    table: Table
    columns: tuple[str, ...]
    keep: frozenset[str] = frozenset()
    fill: frozenset[str] = frozenset()
    when: When | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key columns."""
        return tuple(column.name for column in self.table.primary_key)

    @property
    def updates(self) -> tuple[str, ...]:
        """The columns that an existing row takes over."""
        return tuple(name for name in self.columns if name not in self.key and name not in self.keep)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement for a fixed number of rows, and which row's which column each placeholder takes, in order."""

    sql: str
    order: tuple[tuple[int, str], ...]


def on_conflict(upsert: Upsert, insert: ConflictInsert, dialect: Dialect, rows: int) -> Prepared:
    """Write ``INSERT .. ON CONFLICT (key) DO UPDATE`` for `rows` rows, with placeholders for all values."""
    places = {f"r{i}c{j}": (i, name) for i in range(rows) for j, name in enumerate(upsert.columns)}
    values: list[dict[str, Any]] = [
        {name: bindparam(f"r{i}c{j}") for j, name in enumerate(upsert.columns)} for i in range(rows)
    ]
    statement = insert(upsert.table).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=list(upsert.key),
        set_={name: _taken(upsert, statement.excluded, name) for name in upsert.updates},
        where=upsert.when(upsert.table.c, statement.excluded) if upsert.when else None,
    )
    compiled: Any = statement.compile(dialect=dialect)
    return Prepared(str(compiled), tuple(places[name] for name in compiled.positiontup))


def _taken(upsert: Upsert, comes: Columns, name: str) -> ColumnElement[Any]:
    if name not in upsert.fill:
        return cast(ColumnElement[Any], comes[name])
    return func.coalesce(comes[name], upsert.table.c[name])
