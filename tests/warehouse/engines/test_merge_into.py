"""The generated SQL is parsed in the warehouse's dialect; it is not executed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlglot
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.schema import CreateTable
from sqlglot import exp

from airflow_provider_meetings.warehouse.engines import merge_into
from airflow_provider_meetings.warehouse.engines.snowflake import SnowflakeDialect
from airflow_provider_meetings.warehouse.load.plans import PostPlan, RecordingPlan
from airflow_provider_meetings.warehouse.tables.tables import tables

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DIALECTS = [SnowflakeDialect()]


def _read(sql: str, dialect: DefaultDialect) -> exp.Expr:
    (found,) = sqlglot.parse(sql, read=dialect.name, error_level=sqlglot.ErrorLevel.RAISE)
    assert found is not None
    # The parser returns a statement that it does not know as a command.
    assert not isinstance(found, exp.Command), sql
    return found


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_tables_are_created_with_types(dialect: DefaultDialect) -> None:
    for table in tables("pre_", "lake"):
        found = _read(str(CreateTable(table).compile(dialect=dialect)), dialect)
        kinds = {column.name: column.args["kind"].sql(dialect=dialect.name) for column in found.find_all(exp.ColumnDef)}
        assert list(kinds) == [column.name for column in table.columns]
        assert set(kinds.values()) <= {"VARCHAR", "TIMESTAMPTZ", "TIMESTAMP_TZ", "BIGINT", "BOOLEAN", "VARIANT"}


@pytest.mark.parametrize("plan", [RecordingPlan, PostPlan])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_script_merges_from_staging(dialect: DefaultDialect, plan: type[RecordingPlan | PostPlan]) -> None:
    made = plan(tables("pre_", "lake"), NOW)
    stages, steps = made.stages, made.steps()
    if isinstance(made, RecordingPlan):
        stages, steps = [*stages, *made.journal_stages], [*steps, *made.journal_steps()]
    for sql in merge_into.staging(stages, dialect):
        assert isinstance(_read(sql, dialect), exp.Create)
    first, *statements, last = merge_into.script(steps, dialect)
    assert (first, last.partition(" ")[0]) == ("BEGIN TRANSACTION", "COMMIT")
    read = [_read(sql, dialect) for sql in statements]
    merges = [found for found in read if isinstance(found, exp.Merge)]
    names = {table.name for table in made.tables}
    assert {merge.this.name for merge in merges} == names
    for merge in merges:
        (table,) = [table for table in made.tables if table.name == merge.this.name]
        on = {column.name for column in merge.args["on"].find_all(exp.Column)}
        assert on == {column.name for column in table.primary_key}
        updated = [when for when in merge.args["whens"].expressions if when.args["matched"]]
        for assigned in updated[0].find_all(exp.EQ):
            assert assigned.this.name not in on
    others = [found for found in read if not isinstance(found, exp.Merge)]
    assert all(isinstance(found, exp.Delete | exp.Update | exp.Insert) for found in others)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_hostile_names_are_quoted(dialect: DefaultDialect) -> None:
    made = PostPlan(tables('x"`; drop --', "S p"), NOW)
    for sql in merge_into.script(made.steps(), dialect):
        if sql.startswith(("MERGE", "UPDATE")):
            found = _read(sql, dialect).find(exp.Table)
            assert found is not None
            assert found.db == "S p"
