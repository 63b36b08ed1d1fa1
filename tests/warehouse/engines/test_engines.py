from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Hook


class OtherHook:
    conn_type = "oracle"

    def get_conn(self) -> Any:
        raise AssertionError("nothing is opened before the type is known")

    def get_conn_id(self) -> str:
        return "dwh"


def test_the_engine_is_the_one_of_the_connection_type(hook: Hook) -> None:
    names = {
        "sqlite": "SQLiteEngine",
        "duckdb": "DuckDBEngine",
        "postgres": "PostgresEngine",
        "mysql": "MySQLEngine",
    }
    name = names[hook.conn_type]
    assert type(engine_for(hook)).__name__ == name


def test_another_type_is_refused_and_those_that_work_are_named() -> None:
    with pytest.raises(LoadError, match=r"'dwh' is of type 'oracle'; .* duckdb, mysql, postgres, sqlite"):
        engine_for(OtherHook())
