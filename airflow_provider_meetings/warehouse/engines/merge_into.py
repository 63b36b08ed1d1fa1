"""MERGE from a staging table, for warehouses without ON CONFLICT: SQL text only.

Not run here: there is no such warehouse to try it on. Tests read the text with a parser, and `engine_for` does not
offer it. Stage the rows with the warehouse's own COPY or LOAD, then run the script.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, MetaData, Table, and_, func, select
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import SQLCompiler

from airflow_provider_meetings.warehouse.merge.staging import Stage
from airflow_provider_meetings.warehouse.merge.statements import Merge, ReadJson, Step, columns_equal


class MergingCompiler(SQLCompiler):
    """Write UPDATE .. FROM, which these warehouses know."""

    def update_from_clause(
        self, update_stmt: Any, from_table: Any, extra_froms: Any, from_hints: Any, **kw: Any
    ) -> str:
        """Name the further tables of an UPDATE."""
        kw["asfrom"] = True
        return "FROM " + ", ".join(t._compiler_dispatch(self, fromhints=from_hints, **kw) for t in extra_froms)


def read_json(column: Any, _: object) -> Any:
    """Make JSON of its text."""
    return func.parse_json(column)


def merge_into(merge: Merge, dialect: DefaultDialect, read: ReadJson = read_json) -> str:
    """Write ``MERGE INTO .. USING (staged rows) .. WHEN MATCHED .. WHEN NOT MATCHED``."""
    target = merge.target.alias("existing")
    rows = select(*(merge.value(name, read).label(name) for name in merge.columns))
    incoming = (rows if merge.where is None else rows.where(merge.where)).subquery("incoming")

    def text(element: Any) -> str:
        return str(element.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))

    def quoted(name: str) -> str:
        return dialect.identifier_preparer.quote(name)

    matched = "WHEN MATCHED" + (f" AND {text(merge.update_if(target.c, incoming.c))}" if merge.update_if else "")
    sets = [f"{quoted(name)} = {text(merge.updated_value(name, target.c, incoming.c))}" for name in merge.updates]
    names = ", ".join(quoted(name) for name in merge.columns)
    values = ", ".join(text(incoming.c[name]) for name in merge.columns)
    same = and_(*columns_equal(target, incoming, merge.key))
    return (
        f"MERGE INTO {dialect.identifier_preparer.format_table(merge.target)} AS existing "  # noqa: S608 - quoted by the dialect
        f"USING ({text(incoming.element)}) AS incoming ON {text(same)} "
        f"{matched} THEN UPDATE SET {', '.join(sets)} "
        f"WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
    )


def staging(stages: Sequence[Stage], dialect: DefaultDialect) -> Iterator[str]:
    """Write the statements that make the staging tables."""
    for stage in stages:
        columns: list[Column[Any]] = [Column(column.name, column.type) for column in stage.table.columns]
        table = Table(stage.table.name, MetaData(), *columns, prefixes=["TEMPORARY"])
        yield str(CreateTable(table).compile(dialect=dialect)).strip()


def script(steps: Sequence[Step], dialect: DefaultDialect) -> Iterator[str]:
    """Write the statements that merge what is staged, to be run in one transaction."""
    yield "BEGIN TRANSACTION"
    for step in steps:
        if isinstance(step, Merge):
            yield merge_into(step, dialect)
        else:
            yield str(step.statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    yield "COMMIT"
