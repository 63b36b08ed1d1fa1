"""A connection that processes share through: what leads to a backend, on real servers, and what is refused by name."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, BaseHook

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend, BackendError
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.hooks import shared_state as sharing
from airflow_provider_meetings.hooks.connections import SUPERVISOR_LOCK
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from tests.contract import backend_servers
from tests.contract.own_servers import OwnRedis
from tests.hooks.test_shared_state import OPTION, forget

REDIS = {"conn_type": "redis", "host": "127.0.0.1"}
POSTGRES = {"conn_type": "postgres", "host": "127.0.0.1", "login": "postgres", "schema": "test"}
MYSQL = {"conn_type": "mysql", "host": "127.0.0.1", "login": "root", "schema": "test"}
CONNECTOR = {"client": "mysql-connector-python"}


def name(monkeypatch: pytest.MonkeyPatch, conn_id: str, **fields: Any) -> str:
    """Write a connection."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
    return conn_id


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    forget(monkeypatch)
    yield
    forget(monkeypatch)


@pytest.fixture(params=["redis", "psycopg", "psycopg2", "mysqlclient", "mysql-connector-python"])
def named(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name a connection to a real server, by each driver that a hook of its type may use."""
    kind = request.param
    if kind == "redis":
        with OwnRedis() as server:
            yield name(monkeypatch, "shared", **REDIS, port=server.port)
    elif kind.startswith("psycopg"):
        backend_servers.need("PostgreSQL", 5432)
        schema = f"meetings_{uuid.uuid4().hex}"
        with closing(backend_servers.connect_postgres("public", autocommit=True)) as postgres:
            postgres.execute(f"CREATE SCHEMA {schema}")
            monkeypatch.setattr("airflow.providers.postgres.hooks.postgres.USE_PSYCOPG3", kind == "psycopg")
            # The words of the connection itself stay: rows are asked for by position nevertheless.
            extra = {"options": f"-c search_path={schema}", "cursor": "dictcursor", "connect_timeout": 7}
            yield name(monkeypatch, "shared", **POSTGRES, extra=extra)
            forget(monkeypatch)
            postgres.execute(f"DROP SCHEMA {schema} CASCADE")
    else:
        backend_servers.need("MariaDB", 3306)
        backend_servers.need_mysql()
        database = f"meetings_{uuid.uuid4().hex}"
        with closing(backend_servers.connect_mariadb("test", autocommit=True)) as mariadb:
            mariadb.cursor().execute(f"CREATE DATABASE {database}")
            extra = {"client": kind, "cursor": "dictcursor"}
            yield name(monkeypatch, "shared", **{**MYSQL, "schema": database, "extra": extra})
            forget(monkeypatch)
            mariadb.cursor().execute(f"DROP DATABASE {database}")


def works(backend: Backend) -> None:
    """Use all there is."""
    key = str(uuid.uuid4())
    backend.set(key, bytes(range(256)), 60)
    assert backend.get(key) == bytes(range(256))
    with backend.lock(key, 0):
        assert backend.reserve(key, [Rate(5, 1)], 0) == 0
        backend.block(key, 1)
    backend.set(key, b"", 0.001)
    backend.set(key + "other", b"", 60)


def test_it_is_shared_through(named: str, caplog: pytest.LogCaptureFixture) -> None:
    works(sharing.durable_backend(named))
    works(sharing.backend(named))
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_two_processes_find_one_token(
    emulated: Any, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulated.connect("feishu", extra={"coordination_conn_id": named})
    for number in range(2):
        # No folder in common: they are two hosts.
        monkeypatch.setenv(OPTION, str(tmp_path / str(number)))
        forget(monkeypatch)
        FeishuHook().get_conn().whoami()
        assert not (tmp_path / str(number)).exists()
    assert emulated.state.token_requests == {"feishu": 1}


def test_airflow_is_asked_once_and_while_nobody_else_speaks_with_it(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = BaseHook.get_connection
    asked: list[tuple[str, bool]] = []

    def ask(conn_id: str) -> Any:
        asked.append((conn_id, SUPERVISOR_LOCK.locked()))
        return read(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", ask)
    works(sharing.backend(named))
    assert asked == [(named, True)]


def test_the_connections_test_says_so(emulated: Any, named: str) -> None:
    emulated.connect("feishu", extra={"coordination_conn_id": named})
    conn_type = type(sharing.durable_backend(named)).__name__
    for _ in range(2):
        works, said = FeishuHook().test_connection()
        assert works, said
        assert said.endswith("connection 'shared'")
        assert ("redis" in said) == (conn_type == "RedisBackend")


@pytest.mark.parametrize("conn", [REDIS, POSTGRES, MYSQL], ids=lambda conn: str(conn["conn_type"]))
def test_one_for_a_process_until_the_connection_says_something_else(
    conn: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if conn is MYSQL:
        backend_servers.need_mysql()
    name(monkeypatch, "shared", **conn)
    first, durable = sharing.backend("shared"), sharing.durable_backend("shared")
    assert (sharing.backend("shared"), sharing.durable_backend("shared")) == (first, durable)
    name(monkeypatch, "shared", **conn, password="new")
    assert sharing.backend("shared") is not first
    assert sharing.durable_backend("shared") is not durable
    name(monkeypatch, "other", **conn)
    assert sharing.backend("other") is not sharing.backend("shared")


def test_another_state_folder_is_narrowed_to_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name(monkeypatch, "shared", conn_type="redis", host="127.0.0.1", port=1)
    for folder in ("one", "two"):
        monkeypatch.setenv(OPTION, str(tmp_path / folder))
        sharing.backend("shared").set("k", b"v", 60)
        assert list((tmp_path / folder).iterdir())


def test_what_is_durable_without_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPTION, str(tmp_path / "here"))
    durable = sharing.durable_backend(None)
    assert isinstance(durable, HostBackend)
    works(durable)
    (tmp_path / "here").chmod(0o755)
    with pytest.raises(BackendError, match="chmod 700"):
        durable.get("k")
    monkeypatch.setenv(OPTION, "")
    with pytest.raises(AirflowFailException, match=r"coordination_conn_id.*option state_dir of section meetings"):
        sharing.durable_backend(None)


@pytest.mark.parametrize(
    ("conn", "words"),
    [
        ({"conn_type": "sqlite", "host": "/hunter2"}, "is of type 'sqlite'. Name one of type redis, postgres, mysql"),
        ({**REDIS, "extra": {"cluster": True}}, "is a cluster's"),
        ({**POSTGRES, "extra": {"sslmode": {}, "hunter2": "hunter2"}}, "cannot be opened as it is written"),
        ({**POSTGRES, "extra": {"hunter2": "hunter2"}}, r"cannot be opened as it is written \(ProgrammingError\)"),
        ({**MYSQL, "extra": {"client": "hunter2"}}, "cannot be opened as it is written"),
        ({**MYSQL, "extra": {"client": "mysql-connector-python", "ssl_hunter2": 1}}, "cannot be opened as it is"),
    ],
)
def test_a_connection_that_is_written_wrong_is_no_reason_to_narrow(
    conn: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if conn["conn_type"] == "mysql":
        backend_servers.need_mysql()
    name(monkeypatch, "shared", **conn)
    with pytest.raises(AirflowFailException, match=words) as refused:
        sharing.backend("shared").get("k")
    assert "'shared'" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.parametrize("value", ["nowhere", "redis://:hunter2@host", " "])
def test_an_id_that_leads_nowhere(emulated: Any, value: str) -> None:
    emulated.connect("feishu", extra={"coordination_conn_id": value})
    with pytest.raises(AirflowFailException, match="coordination_conn_id") as refused:
        FeishuHook().get_conn()
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("conn", [REDIS, POSTGRES, MYSQL], ids=lambda conn: str(conn["conn_type"]))
def test_a_provider_that_is_not_installed(conn: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    name(monkeypatch, "shared", **conn)
    monkeypatch.setitem(__import__("sys").modules, f"airflow.providers.{conn['conn_type']}.hooks", None)
    monkeypatch.setitem(
        __import__("sys").modules, f"airflow.providers.{conn['conn_type']}.hooks.{conn['conn_type']}", None
    )
    with pytest.raises(AirflowFailException, match=f"install apache-airflow-providers-{conn['conn_type']}"):
        sharing.backend("shared")
