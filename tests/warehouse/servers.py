"""Connections to a database of each kind, in a schema or database of the test, through Airflow's hooks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pymysql
import pytest

from airflow_provider_meetings.warehouse.merge.engine import Hook
from tests.contract.backends.backend_servers import HOST, missing, need
from tests.contract.backends.own_servers import OwnMariaDB, OwnPostgres, OwnServer

ENGINES = ("sqlite", "duckdb", "postgres", "psycopg2", "mysql")
CONN_ID = "warehouse_test"

Connect = Callable[..., None]
"""Set the Airflow connection; keyword arguments are its fields."""


def _sqlite() -> Hook:
    from airflow.providers.sqlite.hooks.sqlite import SqliteHook

    return SqliteHook(sqlite_conn_id=CONN_ID)  # type: ignore[no-untyped-call]


def _duckdb() -> Hook:
    from airflow.providers.duckdb.hooks.duckdb import DuckDBHook

    return DuckDBHook(duckdb_conn_id=CONN_ID)


def _postgres() -> Hook:
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    return PostgresHook(postgres_conn_id=CONN_ID)


def _mysql() -> Hook:
    from airflow.providers.mysql.hooks.mysql import MySqlHook

    return MySqlHook(mysql_conn_id=CONN_ID)


_HOOKS = {"sqlite": _sqlite, "duckdb": _duckdb, "postgres": _postgres, "mysql": _mysql}


def file_hook(engine: str, path: Path | str, **changes: Any) -> Hook:
    """Return a hook for a file."""
    os.environ[f"AIRFLOW_CONN_{CONN_ID.upper()}"] = json.dumps({"conn_type": engine, "host": str(path), **changes})
    return _HOOKS[engine]()


def server_hook(engine: str, place: str, **changes: Any) -> Hook:
    """Return a hook for a server; `place` is a schema of PostgreSQL, a database of MySQL."""
    fields: dict[str, Any] = {"conn_type": engine, "host": HOST}
    if engine == "postgres":
        options = f"-c search_path={place} -c application_name={place}"
        fields |= {"login": "postgres", "schema": "test", "port": 5432, "extra": {"options": options}}
    else:
        fields |= {"login": "root", "schema": place, "port": 3306}
    os.environ[f"AIRFLOW_CONN_{CONN_ID.upper()}"] = json.dumps(fields | changes)
    return _HOOKS[engine]()


@contextmanager
def postgres_place() -> Iterator[str]:
    """Create a schema in PostgreSQL; drop it afterwards, and all schemas whose names contain its name."""
    need("PostgreSQL", 5432)
    place = f"warehouse_{uuid4().hex[:12]}"
    with psycopg.connect(host=HOST, user="postgres", dbname="test", autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {place}")
        try:
            yield place
        finally:
            made = admin.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", [f"%{place}%"]).fetchall()
            for (name,) in made:
                admin.execute(psycopg.sql.SQL("DROP SCHEMA {} CASCADE").format(psycopg.sql.Identifier(name)))


@contextmanager
def mysql_place() -> Iterator[str]:
    """Create a database in MariaDB; drop it afterwards, and all databases whose names contain its name."""
    need("MariaDB", 3306)
    place = f"warehouse_{uuid4().hex[:12]}"
    with closing(pymysql.connect(host=HOST, user="root", autocommit=True)) as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {place}")
        try:
            yield place
        finally:
            cursor.execute("SELECT schema_name FROM information_schema.schemata WHERE locate(%s, schema_name)", [place])
            for (name,) in cursor.fetchall():
                quoted = name.replace("`", "``")
                cursor.execute(f"DROP DATABASE `{quoted}`")


def need_module(name: str) -> None:
    """Skip the test if a driver is not installed (mysqlclient needs a compiler); fail if it is required."""
    try:
        import_module(name)
    except ImportError:
        missing(f"{name} is not installed")


@contextmanager
def opened(engine: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Hook, str]]:
    """Yield a hook, and a text that the names of the test's schemas must contain."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", "{}")  # restored after the test
    if engine in ("sqlite", "duckdb"):
        yield file_hook(engine, folder / f"warehouse.{engine}"), "lake"
        return
    kind = use_driver(engine, monkeypatch)
    with (mysql_place if kind == "mysql" else postgres_place)() as place:
        yield server_hook(kind, place), place


def use_driver(engine: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make Airflow's hook use the driver of this name, and return the connection type."""
    if engine == "mysql":
        need_module("MySQLdb")
        return "mysql"
    if engine == "psycopg2":
        need_module("psycopg2")
        monkeypatch.setattr("airflow.providers.postgres.hooks.postgres.USE_PSYCOPG3", False)
    return "postgres"


OWN: dict[str, type[OwnServer]] = {"postgres": OwnPostgres, "psycopg2": OwnPostgres, "mysql": OwnMariaDB}


def own_hook(engine: str, server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> Hook:
    """Return a hook for a server that the test started."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", "{}")
    if use_driver(engine, monkeypatch) == "mysql":
        return server_hook("mysql", "test", port=server.port)
    return server_hook("postgres", "public", port=server.port, schema="postgres")


def run_sql(hook: Hook, statement: str) -> list[dict[str, Any]]:
    """Run SQL as a user of the database would, with names in double quotes, and return the rows."""
    with closing(hook.get_conn()) as connection:
        if hook.conn_type in ("sqlite", "duckdb"):
            cursor = connection.execute(statement)
        else:
            cursor = connection.cursor()
            if hook.conn_type == "mysql":
                cursor.execute("SET SESSION sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'")
            cursor.execute(statement)
        # DuckDB also returns a result for a statement: the number of changed rows.
        names = [column[0] for column in cursor.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []
        connection.commit()
    return found


def as_text(value: Any) -> Any:
    """Return a time as text in UTC, and JSON as its canonical text; drivers return both in different forms."""
    if isinstance(value, datetime):
        utc = value.astimezone(UTC) if value.tzinfo else value
        return utc.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return value
