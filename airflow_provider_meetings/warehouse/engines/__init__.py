"""One module per kind of database."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow_provider_meetings.warehouse.engines.duckdb import DuckDBEngine
from airflow_provider_meetings.warehouse.engines.mysql import MySQLEngine
from airflow_provider_meetings.warehouse.engines.postgres import PostgresEngine
from airflow_provider_meetings.warehouse.engines.sqlite import SQLiteEngine
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Engine, Hook

_ENGINES: Mapping[str, Callable[[Hook], Engine]] = {
    "duckdb": DuckDBEngine,
    "mysql": MySQLEngine,
    "postgres": PostgresEngine,
    "sqlite": SQLiteEngine,
}


def engine_for(hook: Hook) -> Engine:
    """Return the engine for the hook's connection type.

    :raises LoadError: naming the types that work, if there is none for this one.
    """
    make = _ENGINES.get(hook.conn_type)
    if make is None:
        raise LoadError(
            f"connection {hook.get_conn_id()!r} is of type {hook.conn_type!r}; "
            f"rows can be loaded through the types {', '.join(sorted(_ENGINES))}"
        )
    return make(hook)
