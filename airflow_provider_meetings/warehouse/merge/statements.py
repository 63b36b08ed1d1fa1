"""What is done with staged rows: which columns a new row gets, which of them an existing row takes over, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    JSON,
    ColumnCollection,
    ColumnElement,
    Delete,
    FromClause,
    Insert,
    Select,
    Table,
    Update,
    and_,
    case,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.warehouse.merge.staging import Stage

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
    """Tell whether what was landed differs, and is no older: an earlier load may be run again after a later one."""
    differs = there["_stored_hash"].is_distinct_from(comes["_stored_hash"])
    older = comes["landed_at"] < there["landed_at"]
    return and_(differs, or_(there["landed_at"].is_(None), comes["landed_at"].is_(None), ~older))


def changed_or_back(there: Columns, comes: Columns) -> ColumnElement[bool]:
    """Tell whether the content differs, or the row was marked as deleted and is there again."""
    return or_(source_changed(there, comes), there["_deleted_at"].is_not(None))


def not_yet_deleted(there: Columns, comes: Columns) -> ColumnElement[bool]:
    """Tell whether the row is not marked as deleted: the first mark stays."""
    return cast(ColumnElement[bool], there["_deleted_at"].is_(None))


def agree(one: FromClause, other: FromClause, names: Sequence[str]) -> list[ColumnElement[bool]]:
    """Say that two rows agree in some columns."""
    return [one.c[name] == other.c[name] for name in names]


ReadJson = Callable[[ColumnElement[Any], TypeEngine[Any]], ColumnElement[Any]]
"""Makes a value of a JSON type of its text."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Insert staged rows by key; of a row that is there, set only the columns given.

    :param target: the table.
    :param stage: where the rows wait, one per key.
    :param columns: the columns given, the key among them. All others keep their values.
    :param keep: columns given for a new row only.
    :param fill: columns of which an existing row keeps its value where the new row has none.
    :param first: columns of which an existing row keeps its value where the new row has one.
    :param when: rewrite an existing row only then; always, if None.
    :param only: the staged rows that are meant; all, if None. It may look at other tables, but not at the target.
    """

    target: Table
    stage: Stage
    columns: tuple[str, ...]
    keep: frozenset[str] = frozenset()
    fill: frozenset[str] = frozenset()
    first: frozenset[str] = frozenset()
    when: When | None = None
    only: ColumnElement[bool] | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key columns."""
        return tuple(column.name for column in self.target.primary_key)

    @property
    def updates(self) -> tuple[str, ...]:
        """The columns that an existing row takes over."""
        return tuple(name for name in self.columns if name not in self.key and name not in self.keep)

    def source(self, read_json: ReadJson | None = None) -> Select[Any]:
        """Return the staged rows that are meant, as the target takes them."""
        given = select(*(self.value(name, read_json) for name in self.columns))
        # SQLite takes ON CONFLICT after a SELECT without WHERE for the ON of a join.
        return given.where(literal_column("1 = 1") if self.only is None else self.only)

    def value(self, name: str, read_json: ReadJson | None = None) -> ColumnElement[Any]:
        """Return a staged column as the target takes it; JSON is staged as text."""
        column: ColumnElement[Any] = self.stage.table.c[name]
        kind = self.target.c[name].type
        return read_json(column, kind) if read_json and isinstance(kind, JSON) else column

    def taken(self, name: str, there: Columns, comes: Columns) -> ColumnElement[Any]:
        """Return what the row that is there gets of the one that comes."""
        if name in self.fill:
            return func.coalesce(comes[name], there[name])
        if name in self.first:
            return case((comes[name].is_not(None), func.coalesce(there[name], comes[name])))
        return cast(ColumnElement[Any], comes[name])


@dataclass(frozen=True, slots=True)
class DmlStep:
    """A statement between merges: it marks rows of `table` as gone, or changes staged rows.

    :param counted: whether its rows count as inserted or changed.
    """

    table: Table
    statement: Insert | Update | Delete
    counted: bool = True


Step = Merge | DmlStep


def on_conflict(
    merge: Merge,
    insert: ConflictInsert,
    dialect: Dialect,
    *,
    read_json: ReadJson | None = None,
    ordered: bool = False,
) -> str:
    """Write ``INSERT .. SELECT .. ON CONFLICT (key) DO UPDATE``.

    :param read_json: where the database does not read it by itself.
    :param ordered: insert in one order, as every other writer does: then two seldom wait for each other. It is that of
        the key from its end, since most rows differ there: a tenth of a load's time less.
    """
    source = merge.source(read_json)
    if ordered:
        source = source.order_by(*(merge.stage.table.c[name] for name in reversed(merge.key)))
    statement = insert(merge.target).from_select(list(merge.columns), source)
    statement = statement.on_conflict_do_update(
        index_elements=list(merge.key),
        set_={name: merge.taken(name, merge.target.c, statement.excluded) for name in merge.updates},
        where=merge.when(merge.target.c, statement.excluded) if merge.when else None,
    )
    return str(statement.compile(dialect=dialect))
