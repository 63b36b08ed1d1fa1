"""The temporary tables that rows wait in until all of a call have come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import JSON, BigInteger, Column, Delete, Insert, MetaData, Table, Update

from airflow_provider_meetings.warehouse.tables import types

SEQ = "_seq"
"""The number of a row in its stage: of rows with the same key the one with the highest counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A temporary table, and what it holds.

    :param target: the table that they wait for.
    :param table: described for the session's own temporary schema, its key that of the target.
    :param names: the columns that rows bring, in order; the last is `SEQ`.
    :param unite: what is done where a key has more than one row; None leaves the last one, as a whole.
    """

    target: Table
    table: Table
    names: tuple[str, ...]
    unite: Sequence[Insert | Delete | Update] | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key columns."""
        return tuple(column.name for column in self.table.primary_key)


def stage(label: str, target: Table, names: Sequence[str], *extra: Column[object]) -> Stage:
    """Describe a stage for the columns `names` of `target`.

    :param label: tells this stage from the others of the call.
    :param extra: further columns, for the statements that read the stage.
    """
    columns: list[Column[object]] = []
    for name in names:
        column = target.c[name]
        # JSON waits as text: binary COPY and LOAD DATA know no better, and it is read once when it is merged.
        kind = types.words() if isinstance(column.type, JSON) else column.type
        columns.append(Column(name, kind, primary_key=column.primary_key, autoincrement=False))
    columns += [*extra, Column(SEQ, BigInteger())]
    table = Table(f"_meetings_stage_{label}", MetaData(), *columns, prefixes=["TEMPORARY"])
    return Stage(target, table, tuple(str(column.name) for column in columns))
