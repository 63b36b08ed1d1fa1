"""Views: the latest recording of each meeting, and the open items of a ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, MetaData, Select, Table, case, func, literal_column, select
from sqlalchemy.engine import Dialect

from airflow_provider_meetings.warehouse.tables.tables import Tables


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A view: its name, as a table without columns, and its query."""

    table: Table
    query: Select[Any]

    def create(self, dialect: Dialect) -> str:
        name = dialect.identifier_preparer.format_table(self.table)
        body = self.query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        return f"CREATE VIEW {name} AS {body}"


def views(tables: Tables) -> tuple[View, ...]:
    """Describe the views of a set of tables."""
    queries = {"v_recordings_latest": _latest(tables.recordings), "v_pending": _pending(tables.pending_items)}
    # Not in the MetaData of the tables: a view is not created or compared as a table.
    return tuple(
        View(Table(tables.prefix + name, MetaData(), schema=tables.recordings.schema), query)
        for name, query in queries.items()
    )


def _latest(recordings: Table) -> Select[Any]:
    """Select the recording of each meeting that started last and is not deleted, and recordings without a meeting."""
    c = recordings.c
    meeting: ColumnElement[Any] = func.coalesce(c.meeting_id, c.recording_id)
    # Databases sort NULL differently.
    undated = case((c.started_at.is_(None), literal_column("1")), else_=literal_column("0"))
    latest = (
        func.row_number()
        .over(
            partition_by=[c.platform, c.tenant, meeting],
            order_by=[undated, c.started_at.desc(), c.recording_id.desc()],
        )
        .label("_nth")
    )
    ranked = select(*recordings.c, latest).where(c["_deleted_at"].is_(None)).subquery("ranked")
    return select(*(column for column in ranked.c if column.name != "_nth")).where(
        ranked.c["_nth"] == literal_column("1")
    )


def _pending(pending_items: Table) -> Select[Any]:
    c = pending_items.c
    names = (column for column in c if column.name != "settled_at")
    return select(*names).where(c.settled_at.is_(None))
