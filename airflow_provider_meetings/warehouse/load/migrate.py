"""Bring the database to the tables of this version: create what is missing, never drop or retype."""

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
    """Tell whether anything is missing.

    :param changes: ``fail`` raises if anything is.
    :raises LoadError: naming the table and what it lacks, or what it has that does not fit.
    """
    if tables[0].schema is not None and not session.engine.takes_schema:
        raise LoadError(f"{session.engine.dialect.name} has no schemas: leave schema None, or use table_prefix")
    plan = _plan(session, tables)
    if plan and changes == "fail":
        raise LoadError(
            f"schema_changes='fail', and the database lacks: {'; '.join(_told(t, c) for t, c in plan.items())}. "
            "Create them, or load once with schema_changes='add'"
        )
    return bool(plan)


def change(session: Session, tables: Sequence[Table]) -> None:
    """Create the schema and the tables that are missing, and add the columns that are missing; log each.

    :raises LoadError: if the database refuses.
    """
    session.exclude_others()
    # Another loader may have done it while we waited.
    plan = _plan(session, tables)
    dialect, schema = session.engine.dialect, tables[0].schema
    # Asked first: PostgreSQL wants the right to make schemas even where there is nothing to make.
    if schema is not None and plan and not session.has_schema(schema):
        session.define([_sql(CreateSchema(schema, if_not_exists=True), dialect)])
    for table, columns in plan.items():
        log.info("Changing the warehouse: %s", _told(table, columns))
        session.define(_ddl(table, columns, dialect), table)


def create_views(session: Session, views: Sequence[View]) -> None:
    """Create the views that are missing; where that fails it is a warning, for the tables hold everything."""
    for view in views:
        try:
            if session.shape(view.table) is None:
                session.begin()
                session.exclude_others()
                if session.shape(view.table) is None:
                    log.info("Changing the warehouse: view %r", view.table.name)
                    session.define([view.create(session.engine.dialect)])
                session.commit()
        except LoadError as error:
            log.warning("The view %r was not created: %s", view.table.name, error)
            session.rollback()


def _plan(session: Session, tables: Sequence[Table]) -> Plan:
    found = {table: _missing(session, table) for table in tables}
    return {table: columns for table, columns in found.items() if columns}


def _missing(session: Session, table: Table) -> list[Column[Any]]:
    present = session.shape(table)
    if present is None:
        return list(table.columns)
    missing = [column for column in table.columns if column.name not in present.columns]
    keys = [column.name for column in table.primary_key]
    lacking = [name for name in keys if name not in present.columns]
    fault = ""
    if lacking:
        fault = f"without the key column(s) {', '.join(lacking)}"
    elif present.key != set(keys):
        fault = f"with the primary key ({', '.join(sorted(present.key)) or 'none'})"
    if fault:
        raise LoadError.at(
            table,
            f"the table is there, {fault}: it is not one of this package. Choose another table_prefix or schema",
        )
    for column in table.columns:
        kind = present.columns.get(column.name)
        if kind is not None and not session.engine.fits(kind, column.type):
            raise LoadError.at(
                table,
                f"column {column.name!r} is there, of type {kind}: {_sql_type(column, session.engine.dialect)} is "
                "needed, and types are not changed here. Change it, or choose another table_prefix or schema",
            )
    _check_collations(table, present, session.engine.dialect)
    return missing


def _check_collations(table: Table, present: Shape, dialect: Dialect) -> None:
    for column in table.primary_key:
        if collation := present.folded.get(column.name):
            needed = _sql_type(column, dialect)
            needed += "" if "COLLATE" in needed else " COLLATE BINARY"
            raise LoadError.at(
                table,
                f"key column {column.name!r} is there, with the collation {collation}, by which ids that differ may be "
                f"equal: {needed} is needed, and collations are not changed here. Change it, or choose another "
                "table_prefix or schema",
            )


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
    # Where comments are inline, CREATE TABLE and ADD COLUMN have written them.
    if dialect.supports_comments and not dialect.inline_comments:
        statements += [_sql(comment, dialect) for comment in comments]
    return statements


def _sql(element: DDLElement | CreateColumn, dialect: Dialect) -> str:
    return str(element.compile(dialect=dialect)).strip()


def _sql_type(column: Column[Any], dialect: Dialect) -> str:
    return column.type.compile(dialect=dialect)
