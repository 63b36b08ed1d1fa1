"""How staged rows change a table: which columns of new and existing rows are written, and under which condition."""

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
UpdateIf = Callable[[Columns, Columns], ColumnElement[bool]]
"""Takes the existing and the incoming row; returns the condition for updating the existing one."""

ConflictInsert = Callable[[Table], "sqlite.Insert | postgresql.Insert"]
"""A dialect's own ``insert`` with ``on_conflict_do_update``."""


PENDING_STATES = frozenset(str(s) for s in RecordingState if s.is_pending or s is RecordingState.OVERDUE)
# Literals, not bound values: placeholders are for the values of rows only.
_EXCLUDED: ColumnElement[str] = literal_column(f"'{RecordingState.EXCLUDED}'")
_PENDING: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in sorted(PENDING_STATES)]


# Each function below returns a condition in SQL.


def is_settled(row: Columns) -> ColumnElement[bool]:
    """Whether the recording of a row is no longer pending."""
    return cast(ColumnElement[bool], row["state"].not_in(_PENDING))


def is_current(existing: Columns, incoming: Columns) -> ColumnElement[bool]:
    """Whether the platform did not answer with the existing row after the incoming one.

    A settled recording is not pending again: "pending" is also what the platform failed to answer. One that was loaded
    before it was excluded keeps its row.
    """
    stays = and_(is_settled(existing), existing["state"] != _EXCLUDED, incoming["state"] == _EXCLUDED)
    first_settled = and_(~is_settled(existing), is_settled(incoming))
    not_older = or_(existing["asked_at"].is_(None), existing["asked_at"] <= incoming["asked_at"])
    return and_(~stays, or_(first_settled, and_(or_(~is_settled(existing), is_settled(incoming)), not_older)))


def observation_changed(existing: Columns, incoming: Columns) -> ColumnElement[bool]:
    """Whether the source changed, and was not asked for earlier."""
    return and_(source_changed(existing, incoming), is_current(existing, incoming))


def source_changed(existing: Columns, incoming: Columns) -> ColumnElement[bool]:
    """Whether the platform's values differ."""
    return cast(ColumnElement[bool], existing["_source_hash"].is_distinct_from(incoming["_source_hash"]))


def stored_changed(existing: Columns, incoming: Columns) -> ColumnElement[bool]:
    """Whether the stored file differs and is not an older one, as in an earlier load that is repeated."""
    differs = existing["_stored_hash"].is_distinct_from(incoming["_stored_hash"])
    older = incoming["landed_at"] < existing["landed_at"]
    return and_(differs, or_(existing["landed_at"].is_(None), incoming["landed_at"].is_(None), ~older))


def changed_or_restored(existing: Columns, incoming: Columns) -> ColumnElement[bool]:
    """Whether the content differs, or the existing row is marked as deleted."""
    return or_(source_changed(existing, incoming), existing["_deleted_at"].is_not(None))


def not_yet_deleted(existing: Columns, incoming: Columns) -> ColumnElement[bool]:
    """Whether the existing row is not marked as deleted: the time of the first mark stays."""
    return cast(ColumnElement[bool], existing["_deleted_at"].is_(None))


def clock_changed(existing: Columns, incoming: Columns) -> ColumnElement[bool]:
    """Whether one of the dates differs."""
    return or_(*(existing[name].is_distinct_from(incoming[name]) for name in ("seen_until", "settled_until")))


def columns_equal(one: FromClause, other: FromClause, names: Sequence[str]) -> list[ColumnElement[bool]]:
    """Whether two rows are equal in the columns `names`; one condition per column."""
    return [one.c[name] == other.c[name] for name in names]


ReadJson = Callable[[ColumnElement[Any], TypeEngine[Any]], ColumnElement[Any]]
"""Converts JSON text to a value of a JSON type."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Insert staged rows by key; update the columns of existing rows.

    :param stage: the staged rows, one per key; an existing row keeps the columns that they lack.
    :param insert_only: columns that an existing row keeps.
    :param fill: columns that an existing row keeps where the incoming value is NULL.
    :param keep_existing: columns that an existing row keeps where neither value is NULL.
    :param update_if: whether to update an existing row; always, if None.
    :param where: which staged rows to merge; all, if None. It may read other tables, but not the target.
    """

    stage: Stage
    insert_only: frozenset[str] = frozenset()
    fill: frozenset[str] = frozenset()
    keep_existing: frozenset[str] = frozenset()
    update_if: UpdateIf | None = None
    where: ColumnElement[bool] | None = None

    @property
    def target(self) -> Table:
        return self.stage.target

    @property
    def key(self) -> tuple[str, ...]:
        return self.stage.key

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in self.stage.names if name in self.target.c)

    @property
    def updates(self) -> tuple[str, ...]:
        return tuple(name for name in self.columns if name not in self.key and name not in self.insert_only)

    def source(self, read_json: ReadJson | None = None) -> Select[Any]:
        rows = select(*(self.value(name, read_json) for name in self.columns))
        # SQLite parses ON CONFLICT after a SELECT without WHERE as the ON of a join.
        return rows.where(literal_column("1 = 1") if self.where is None else self.where)

    def value(self, name: str, read_json: ReadJson | None = None) -> ColumnElement[Any]:
        """Return a staged column with the type of the target; JSON is staged as text."""
        column: ColumnElement[Any] = self.stage.table.c[name]
        kind = self.target.c[name].type
        return read_json(column, kind) if read_json and isinstance(kind, JSON) else column

    def updated_value(self, name: str, existing: Columns, incoming: Columns) -> ColumnElement[Any]:
        if name in self.fill:
            return func.coalesce(incoming[name], existing[name])
        if name in self.keep_existing:
            return case((incoming[name].is_not(None), func.coalesce(existing[name], incoming[name])))
        return cast(ColumnElement[Any], incoming[name])


@dataclass(frozen=True, slots=True)
class DmlStep:
    """A statement between merges, such as marking rows of `table` as deleted, or changing staged rows.

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

    :param read_json: for databases that do not convert JSON text by themselves.
    :param ordered: insert in the order of the reversed key: if all writers do, they seldom wait for each other. Most
        rows differ in the last key column; sorting by it first makes a load a tenth faster.
    """
    source = merge.source(read_json)
    if ordered:
        source = source.order_by(*(merge.stage.table.c[name] for name in reversed(merge.key)))
    statement = insert(merge.target).from_select(list(merge.columns), source)
    statement = statement.on_conflict_do_update(
        index_elements=list(merge.key),
        set_={name: merge.updated_value(name, merge.target.c, statement.excluded) for name in merge.updates},
        where=merge.update_if(merge.target.c, statement.excluded) if merge.update_if else None,
    )
    return str(statement.compile(dialect=dialect))
