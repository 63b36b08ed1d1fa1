"""Temporary tables that hold the rows of a call until they are merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import JSON, Column, MetaData, Table

from airflow_provider_meetings.warehouse.tables import types


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A temporary table for rows of `target`, with at most one row per key.

    :param target: the table that the rows are merged into.
    :param table: the temporary table; its key is that of the target.
    :param names: the columns of its rows, in order.
    """

    target: Table
    table: Table
    names: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.table.primary_key)


def targets(stages: Sequence[Stage]) -> Sequence[Table]:
    """Return the tables that the rows of these stages are merged into."""
    return tuple(dict.fromkeys(stage.target for stage in stages))


def stage(label: str, target: Table, names: Sequence[str], *extra: Column[object]) -> Stage:
    """Describe a stage for the columns `names` of `target`.

    :param label: distinguishes the stages of a call.
    :param extra: further columns, for the statements that read the stage.
    """
    columns: list[Column[object]] = []
    for name in names:
        column = target.c[name]
        # JSON is staged as text: binary COPY does not take it otherwise, and so it is parsed once, when it is merged.
        kind = types.TEXT if isinstance(column.type, JSON) else column.type
        columns.append(Column(name, kind, primary_key=column.primary_key, autoincrement=False))
    columns += extra
    table = Table(
        f"_meetings_stage_{label}",
        MetaData(),
        *columns,
        prefixes=["TEMPORARY"],
        # An engine without transactions would not restore the stages when a merge is rolled back.
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )
    return Stage(target, table, tuple(str(column.name) for column in columns))
