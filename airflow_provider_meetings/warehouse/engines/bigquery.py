"""BigQuery's SQL: generated, not run here (see `merge_into`)."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import DDLCompiler, GenericTypeCompiler, IdentifierPreparer

from airflow_provider_meetings.warehouse.engines.merge_into import MergingCompiler


class _Types(GenericTypeCompiler):
    """Name types as https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types does."""

    def visit_text(self, type_: Any, **kw: Any) -> str:
        return "STRING"

    def visit_datetime(self, type_: Any, **kw: Any) -> str:
        return "TIMESTAMP"

    def visit_big_integer(self, type_: Any, **kw: Any) -> str:
        return "INT64"

    def visit_boolean(self, type_: Any, **kw: Any) -> str:
        return "BOOL"

    def visit_JSON(self, type_: Any, **kw: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        return "JSON"


class _Ddl(DDLCompiler):
    def get_column_specification(self, column: Any, **kwargs: Any) -> str:
        specification = super().get_column_specification(column, **kwargs)
        if column.comment:
            text = column.comment.replace("\\", "\\\\").replace("'", "\\'")
            specification += f" OPTIONS (description = '{text}')"
        return specification

    def visit_primary_key_constraint(self, constraint: Any, **kw: Any) -> str:
        """Add NOT ENFORCED, which BigQuery requires."""
        return super().visit_primary_key_constraint(constraint, **kw) + " NOT ENFORCED"


class _Preparer(IdentifierPreparer):
    illegal_initial_characters = {str(digit) for digit in range(10)} | {"$"}

    def __init__(self, dialect: Any) -> None:
        super().__init__(dialect, initial_quote="`")

    def _escape_identifier(self, value: str) -> str:
        # https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#quoted_identifiers
        return value.replace("\\", "\\\\").replace("`", "\\`")


class BigQueryDialect(DefaultDialect):
    """Compile names, types and statements for BigQuery."""

    name = "bigquery"
    statement_compiler = MergingCompiler
    type_compiler_cls = _Types
    ddl_compiler = _Ddl
    preparer: type[IdentifierPreparer] = _Preparer
    supports_native_boolean = True
