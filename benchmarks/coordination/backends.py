"""The coordination backends to measure: this host's files, and Redis, PostgreSQL and MariaDB as Airflow connections.

The servers are those of the tests: 127.0.0.1, Redis 6379 (database 15), PostgreSQL 5432 (user postgres, database test),
MariaDB 3306 (user root). Drivers are imported late, because imports raise the memory peak that is measured: see
`benchmarks.processes.Run`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_meetings.coordination.backend import Backend

HOST = "127.0.0.1"
REDIS_DATABASE = 15


@dataclass(frozen=True, slots=True)
class BenchBackend:
    """One coordination backend.

    :param connection: an Airflow connection; None for the files of this host.
    :param limiters: the peers that can use this backend, by their names in `benchmarks.coordination.limiters`.
    :param address: the address that these peers take.
    """

    name: str
    connection: Mapping[str, Any] | None = None
    limiters: Sequence[str] = ()
    address: str = ""

    def environment(self, platform: Callable[..., str]) -> dict[str, str]:
        """Return Airflow connections that use this backend.

        :param platform: returns the connection of the platform, with the extras that it is passed.
        """
        if self.connection is None:
            return {"AIRFLOW_CONN_BENCH": platform()}
        shared = {"AIRFLOW_CONN_BENCH_BACKEND": json.dumps(self.connection)}
        return {"AIRFLOW_CONN_BENCH": platform(coordination_conn_id="bench_backend"), **shared}


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchServer(BenchBackend):
    """A backend on a server.

    :param connect: opens our backend without Airflow.
    :param set_clock: moves all stored times into the past by some seconds, as if the server's clock had been set.
    """

    connect: Callable[[], Backend]
    set_clock: Callable[[float], None]


HOST_FILES = BenchBackend("host", limiters=["pyrate_file"])


@contextmanager
def servers() -> Iterator[list[BenchServer | str]]:
    """Yield an empty backend on each server, or the name of a server that is missing; empty them on exit."""
    name = f"bench_{secrets.token_hex(6)}"
    with ExitStack() as stack:
        found: list[BenchServer | str] = []
        for provider, make in (("redis", _redis), ("postgres", _postgres), ("mysql", _mariadb)):
            try:
                version(f"apache-airflow-providers-{provider}")
                found.append(stack.enter_context(make(name)))
            except Exception as error:
                found.append(f"{make.__name__[1:]} ({type(error).__name__}: {error})"[:200])
        yield found


@contextmanager
def _redis(_name: str) -> Iterator[BenchServer]:
    from redis import Redis

    from airflow_provider_meetings.coordination.redis.backend import RedisBackend

    def connect() -> Redis:
        return Redis(HOST, 6379, db=REDIS_DATABASE)

    def clear() -> None:
        for pattern in ("meetings:*", "bench:*", "LIMITS:*"):  # ours and the peers'
            for key in client.scan_iter(pattern, count=1000):
                client.delete(key)

    def set_clock(step: float) -> None:
        for key in client.scan_iter("meetings:*:slots", count=1000):
            for field in ("slot", "blocked_until", "seen"):
                client.hincrby(key, field, -round(step * 1e6))
        for key in client.scan_iter("meetings:*", count=1000):
            client.pexpire(key, client.pttl(key) - round(step * 1e3))

    with connect() as client, ExitStack() as stack:
        clear()
        stack.callback(clear)
        yield BenchServer(
            "redis",
            {"conn_type": "redis", "host": HOST, "port": 6379, "extra": {"db": REDIS_DATABASE}},
            ["pyrate_redis", "limits_redis"],
            f"redis://{HOST}:6379/{REDIS_DATABASE}",
            connect=lambda: RedisBackend(connect()),
            set_clock=set_clock,
        )


@contextmanager
def _postgres(name: str) -> Iterator[BenchServer]:
    import psycopg

    from airflow_provider_meetings.coordination.sql.backend import SqlBackend

    options = f"-c search_path={name}"

    def connect() -> Any:
        return psycopg.connect(host=HOST, user="postgres", dbname="test", connect_timeout=5, options=options)

    def run(statement: str) -> None:
        with connect() as connection:
            connection.execute(statement)

    run(f"CREATE SCHEMA {name}")
    with ExitStack() as stack:
        stack.callback(run, f"DROP SCHEMA {name} CASCADE")
        fields = {"conn_type": "postgres", "host": HOST, "port": 5432, "login": "postgres", "schema": "test"}
        yield BenchServer(
            "postgresql",
            {**fields, "extra": {"options": options}},
            ["pyrate_postgres"],
            f"postgresql://postgres@{HOST}/test?options=-csearch_path%3D{name}",
            connect=lambda: SqlBackend(connect),
            set_clock=lambda step: run(_shift_times(step)),
        )


@contextmanager
def _mariadb(name: str) -> Iterator[BenchServer]:
    import pymysql

    from airflow_provider_meetings.coordination.sql.backend import SqlBackend

    def connect(database: str | None = name) -> Any:
        return pymysql.connect(host=HOST, user="root", database=database, connect_timeout=5, read_timeout=10)

    def run(statement: str, database: str | None = name) -> None:
        with connect(database) as connection:
            connection.cursor().execute(statement)
            connection.commit()

    run(f"CREATE DATABASE {name}", None)
    with ExitStack() as stack:
        stack.callback(run, f"DROP DATABASE {name}", None)
        yield BenchServer(
            "mariadb",
            {"conn_type": "mysql", "host": HOST, "port": 3306, "login": "root", "schema": name},
            [],
            "",
            connect=lambda: SqlBackend(connect),
            set_clock=lambda step: run(_shift_times(step)),
        )


_TIMES = ("slot", "blocked_until", "seen", "expires")


def _shift_times(step: float) -> str:
    shifted = ", ".join(f"{column} = {column} - {round(step * 1e6)}" for column in _TIMES)
    return f"UPDATE meetings_coordination SET {shifted}"
