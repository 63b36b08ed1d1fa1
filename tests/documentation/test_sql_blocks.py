"""Each SQL statement of the documentation runs on the tables, or is parsed where the database is not there."""

from __future__ import annotations

import pytest
import sqlglot
from sqlalchemy import create_engine, text

from airflow_provider_meetings.warehouse.tables.tables import tables
from airflow_provider_meetings.warehouse.tables.views import views
from tests.documentation.blocks import Block, blocks

DIALECTS = {
    "BigQuery": "bigquery",
    "Snowflake": "snowflake",
    "Redshift": "redshift",
    "MaxCompute": "hive",
    "Doris": "doris",
}
NOT_RUN = {
    **dict.fromkeys(DIALECTS, "needs an account, or a cluster of the vendor's: parsed in its dialect"),
    "DuckDB": "reads a lake: tests/warehouse/lake/test_documentation.py writes one and runs it",
}
"""Sections whose statements are not run here, with the reason."""
UNKNOWN_TO_SQLGLOT = ("LOAD DATA OVERWRITE",)


def section(block: Block) -> str:
    return block.heading.partition(" ")[0]


def statements(block: Block) -> list[str]:
    return [one.strip() for one in block.code.split(";\n") if one.strip()]


@pytest.mark.parametrize("block", [one for one in blocks("sql") if section(one) not in NOT_RUN], ids=str)
def test_statement_runs(block: Block) -> None:
    engine = create_engine("sqlite://")
    made = tables()
    with engine.begin() as db:
        for table in made:
            table.create(db)
        for view in views(made):
            db.exec_driver_sql(view.create(engine.dialect))
        for statement in statements(block):
            db.execute(text(statement))


@pytest.mark.parametrize("block", [one for one in blocks("sql") if section(one) in NOT_RUN], ids=str)
def test_statement_is_parsed(block: Block) -> None:
    for statement in statements(block):
        if not statement.startswith(UNKNOWN_TO_SQLGLOT):
            assert sqlglot.parse(statement, dialect=DIALECTS.get(section(block), "duckdb"))


def test_statements_are_found() -> None:
    assert len(blocks("sql")) >= 8
