from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Hook


class OtherHook:
    conn_type = "oracle"

    def get_conn(self) -> Any:
        raise AssertionError("no connection is opened for an unknown type")

    def get_conn_id(self) -> str:
        return "dwh"


def test_engine_is_chosen_by_connection_type(hook: Hook) -> None:
    names = {
        "sqlite": "SQLiteEngine",
        "duckdb": "DuckDBEngine",
        "postgres": "PostgresEngine",
        "mysql": "MySQLEngine",
    }
    name = names[hook.conn_type]
    assert type(engine_for(hook)).__name__ == name


def test_unsupported_type_error_names_supported_types() -> None:
    with pytest.raises(LoadError, match=r"'dwh' is of type 'oracle'; .* duckdb, mysql, postgres, sqlite"):
        engine_for(OtherHook())


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_memory_is_refused(make_hook: Callable[[str, str], Hook], kind: str) -> None:
    with pytest.raises(LoadError, match="has no file"):
        engine_for(make_hook(kind, "")).open()
