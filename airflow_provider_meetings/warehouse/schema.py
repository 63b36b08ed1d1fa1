"""Bring the database to the tables of this version: create what is missing, never drop or retype."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import Column, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateColumn, CreateSchema, CreateTable, DDLElement, SetColumnComment, SetTableComment

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.session import Session

SchemaChanges = Literal["add", "fail"]

log = logging.getLogger(__name__)


def prepare(session: Session, tables: Sequence[Table], changes: SchemaChanges) -> None:
    """Create the schema and the tables that are missing, and add the columns that are missing.

    :param changes: ``add`` does so and logs it; ``fail`` changes nothing and raises if anything is missing.
    :raises LoadError: naming the table and what it lacks.
    """
    schema = tables[0].schema
    if schema is not None and not session.engine.takes_schema:
        raise LoadError(f"{session.engine.dialect.name} has no schemas: leave schema None, or use table_prefix")
    plans = {table: _missing(session, table) for table in tables}
    plans = {table: columns for table, columns in plans.items() if columns}
    if not plans:
        return
    if changes == "fail":
        raise LoadError(
            f"schema_changes='fail', and the database lacks: {'; '.join(_told(t, c) for t, c in plans.items())}. "
            "Create them, or load once with schema_changes='add'"
        )
    dialect = session.engine.dialect
    if schema is not None:
        session.define([_sql(CreateSchema(schema, if_not_exists=True), dialect)])
    for table, columns in plans.items():
        log.info("Changing the warehouse: %s", _told(table, columns))
        session.define(_ddl(table, columns, dialect), table)


def _missing(session: Session, table: Table) -> list[Column[Any]]:
    present = session.columns(table)
    missing = [column for column in table.columns if column.name not in present]
    keys = [column.name for column in missing if column.primary_key]
    if present and keys:
        raise LoadError.at(
            table,
            f"the table is there, without the key column(s) {', '.join(keys)}: it is not one of this package. "
            "Choose another table_prefix or schema",
        )
    return missing


def _told(table: Table, columns: Sequence[Column[Any]]) -> str:
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
    if dialect.supports_comments:
        statements += [_sql(comment, dialect) for comment in comments]
    return statements


def _sql(element: DDLElement | CreateColumn, dialect: Dialect) -> str:
    return str(element.compile(dialect=dialect)).strip()
