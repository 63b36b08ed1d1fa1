"""Create missing schemas, tables, columns and views; never drop or change existing ones."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Column, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateColumn, CreateSchema, CreateTable, DDLElement, SetColumnComment, SetTableComment

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.session import Session
from airflow_provider_meetings.warehouse.merge.engine import Shape
from airflow_provider_meetings.warehouse.tables.views import View

SchemaChanges = Literal["add", "fail"]
Plan = Mapping[Table, Sequence[Column[Any]]]

log = logging.getLogger(__name__)


def check(session: Session, tables: Sequence[Table], changes: SchemaChanges) -> bool:
    """Return whether anything is missing.

    :param changes: ``fail`` raises if anything is missing.
    :raises LoadError: for an incompatible table, and with ``fail`` for a missing one, or its columns.
    """
    plan = _plan(session, tables)
    if plan and changes == "fail":
        raise LoadError(
            f"schema_changes='fail', and the database lacks: {'; '.join(_format(t, c) for t, c in plan.items())}. "
            "Create them, or load once with schema_changes='add'"
        )
    return bool(plan)


def change(session: Session, tables: Sequence[Table]) -> None:
    """Create the missing schema, tables and columns; log each.

    :raises LoadError: if the database refuses.
    """
    session.lock_ddl()
    # Another loader may have created them in the meantime.
    plan = _plan(session, tables)
    dialect, schema = session.engine.dialect, tables[0].schema
    # PostgreSQL requires the privilege to create schemas even if the schema exists.
    if schema is not None and plan and not session.has_schema(schema):
        session.define([_sql(CreateSchema(schema, if_not_exists=True), dialect)])
    for table, columns in plan.items():
        log.info("Creating %s", _format(table, columns))
        session.define(_ddl(table, columns, dialect), table)


def create_views(session: Session, views: Sequence[View]) -> None:
    """Create the missing views; log a warning on failure, since the tables contain all data."""
    for view in views:
        try:
            if not session.shape(view.table).columns:
                session.begin()
                session.lock_ddl()
                if not session.shape(view.table).columns:
                    log.info("Creating view %r", view.table.name)
                    session.define([view.create(session.engine.dialect)])
                session.commit()
        except LoadError as error:
            log.warning("Failed to create view %r: %s", view.table.name, error)
            session.rollback()


def _plan(session: Session, tables: Sequence[Table]) -> Plan:
    found = {table: _missing(session, table) for table in tables}
    return {table: columns for table, columns in found.items() if columns}


def _missing(session: Session, table: Table) -> list[Column[Any]]:
    existing = session.shape(table)
    if not existing.columns:
        return list(table.columns)
    missing = [column for column in table.columns if column.name not in existing.columns]
    keys = [column.name for column in table.primary_key]
    lacking = [name for name in keys if name not in existing.columns]
    reason = ""
    if lacking:
        reason = f"without the key column(s) {', '.join(lacking)}"
    elif existing.key != set(keys):
        reason = f"with the primary key ({', '.join(sorted(existing.key)) or 'none'})"
    if reason:
        raise LoadError.at(
            table,
            f"the table exists {reason}, so it is not of this package. Choose another table_prefix or schema",
        )
    for column in table.columns:
        kind = existing.columns.get(column.name)
        if kind is not None and not session.engine.is_compatible(kind, column.type):
            raise LoadError.at(
                table,
                f"column {column.name!r} has the type {kind}, not {_sql_type(column, session.engine.dialect)}. Change "
                "the type, or choose another table_prefix or schema",
            )
    _check_collations(table, existing, session.engine.dialect)
    return missing


def _check_collations(table: Table, existing: Shape, dialect: Dialect) -> None:
    for column in table.primary_key:
        if collation := existing.folded.get(column.name):
            needed = _sql_type(column, dialect)
            needed += "" if "COLLATE" in needed else " COLLATE BINARY"
            raise LoadError.at(
                table,
                f"key column {column.name!r} has the collation {collation}, by which different ids may be equal, not "
                f"{needed}. Change the collation, or choose another table_prefix or schema",
            )


def _format(table: Table, columns: Sequence[Column[Any]]) -> str:
    if len(columns) == len(table.columns):
        return f"table {table.name!r}"
    return f"table {table.name!r} column(s) {', '.join(column.name for column in columns)}"


def _ddl(table: Table, columns: Sequence[Column[Any]], dialect: Dialect) -> list[str]:
    comments: list[DDLElement] = [SetColumnComment(column) for column in columns]
    if len(columns) == len(table.columns):
        statements = [_sql(CreateTable(table), dialect)]
        comments.insert(0, SetTableComment(table))
    else:
        name = dialect.identifier_preparer.format_table(table)
        statements = [f"ALTER TABLE {name} ADD COLUMN {_sql(CreateColumn(column), dialect)}" for column in columns]
    # Inline comments are part of CREATE TABLE and ADD COLUMN.
    if dialect.supports_comments and not dialect.inline_comments:
        statements += [_sql(comment, dialect) for comment in comments]
    return statements


def _sql(element: DDLElement | CreateColumn, dialect: Dialect) -> str:
    return str(element.compile(dialect=dialect)).strip()


def _sql_type(column: Column[Any], dialect: Dialect) -> str:
    return column.type.compile(dialect=dialect)
