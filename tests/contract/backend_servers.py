"""The real servers that shared backends are tried on: where they are, and what happens where they are not."""

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

from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.redis.backend import RedisBackend
from airflow_provider_meetings.coordination.sql.backend import SqlBackend

HOST = "127.0.0.1"
REQUIRED = "MEETINGS_REQUIRE_SERVERS"


def need(name: str, port: int) -> None:
    """Skip by name where the server does not answer; fail where it must."""
    try:
        socket.create_connection((HOST, port), 2).close()
    except OSError:
        missing(f"no {name} answers at {HOST}:{port}")


def need_mysql() -> None:
    """Skip by name where Airflow's MySQL provider, which needs a compiler, is not installed; fail where it must be."""
    if importlib.util.find_spec("MySQLdb") is None:
        missing("no apache-airflow-providers-mysql with mysqlclient is installed")


def missing(reason: str) -> NoReturn:
    """Skip, or fail where servers are required."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason}, and {REQUIRED}=1 requires it")
    pytest.skip(reason)


def host(folder: str) -> HostBackend:
    return HostBackend(Path(folder))


def redis(_place: str) -> RedisBackend:
    return RedisBackend(Redis(HOST, 6379))


def postgres(schema: str) -> SqlBackend:
    return SqlBackend(lambda: connect_postgres(schema))


def mariadb(database: str) -> SqlBackend:
    return SqlBackend(lambda: connect_mariadb(database))


def connect_postgres(schema: str, **changes: Any) -> psycopg.Connection[Any]:
    options = f"-c search_path={schema}"
    known = {"host": HOST, "user": "postgres", "dbname": "test", "connect_timeout": 5, "options": options}
    known["application_name"] = schema
    return psycopg.connect(**{**known, **changes})


def connect_mariadb(place: str, **changes: Any) -> Any:
    known = {"host": HOST, "user": "root", "connect_timeout": 5, "read_timeout": 10, "write_timeout": 10}
    return pymysql.connect(**{**known, "database": place, **changes})
