"""The real servers of the backend tests; tests are skipped, or fail, if a server is missing."""

from __future__ import annotations

import importlib.util
import os
import socket
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pymysql
import pytest
from redis import Redis

from airflow_provider_meetings.coordination.backend import DurableBackend
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.redis.backend import RedisBackend
from airflow_provider_meetings.coordination.sql.backend import SqlBackend

HOST = "127.0.0.1"
REQUIRED = "MEETINGS_REQUIRE_SERVERS"


def need(name: str, port: int) -> None:
    """Skip the test if the server does not answer, or fail if servers are required."""
    try:
        socket.create_connection((HOST, port), 2).close()
    except OSError:
        missing(f"no {name} answers at {HOST}:{port}")


def need_mysql() -> None:
    """Skip the test, or fail, if Airflow's MySQL provider is not installed: it needs a compiler."""
    if importlib.util.find_spec("MySQLdb") is None:
        missing("no apache-airflow-providers-mysql with mysqlclient is installed")


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail if servers are required."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason}, and {REQUIRED}=1 requires it")
    pytest.skip(reason)


def make_backend(kind: str, location: str) -> DurableBackend:
    """Return a backend of a kind; `location` is its folder, schema or database."""
    if kind == "host":
        return HostBackend(Path(location))
    if kind == "redis":
        return RedisBackend(Redis(HOST, 6379))
    connect = {"postgres": connect_postgres, "mariadb": connect_mariadb}[kind]
    return SqlBackend(lambda: connect(location))


def connect_postgres(schema: str, **changes: Any) -> psycopg.Connection[Any]:
    options = f"-c search_path={schema}"
    known = {"host": HOST, "user": "postgres", "dbname": "test", "connect_timeout": 60, "options": options}
    known["application_name"] = schema
    return psycopg.connect(**{**known, **changes})


def connect_mariadb(schema: str, **changes: Any) -> Any:
    known = {"host": HOST, "user": "root", "connect_timeout": 60, "read_timeout": 60, "write_timeout": 60}
    return pymysql.connect(**{**known, "database": schema, **changes})
