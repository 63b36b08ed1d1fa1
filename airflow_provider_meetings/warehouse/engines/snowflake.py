"""Snowflake's SQL: generated, not run here (see `merge_into`)."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import GenericTypeCompiler, IdentifierPreparer

from airflow_provider_meetings.warehouse.engines.merge_into import MergingCompiler


class _Types(GenericTypeCompiler):
    """Name types as https://docs.snowflake.com/en/sql-reference/intro-summary-data-types does."""

    def visit_text(self, type_: Any, **kw: Any) -> str:
        return "VARCHAR"

    def visit_datetime(self, type_: Any, **kw: Any) -> str:
        return "TIMESTAMP_TZ"

    def visit_JSON(self, type_: Any, **kw: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        return "VARIANT"


class _Preparer(IdentifierPreparer):
    # Unquoted names become capitals there, as users write them; an underscore in front needs no quotes.
    illegal_initial_characters = {str(digit) for digit in range(10)} | {"$"}


class SnowflakeDialect(DefaultDialect):
    """Write names, types and statements as Snowflake reads them."""

    name = "snowflake"
    statement_compiler = MergingCompiler
    type_compiler_cls = _Types
    preparer = _Preparer
    supports_comments = True
    supports_native_boolean = True
