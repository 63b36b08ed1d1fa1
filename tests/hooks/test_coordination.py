"""Coordination connections: the backends that they give, on real servers, and connections that are refused."""

from __future__ import annotations

import json
import logging
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, BaseHook

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend, BackendError
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.hooks import shared_state
from airflow_provider_meetings.hooks.connections import SUPERVISOR_LOCK, hook_of
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from tests.contract.backends import backend_servers
from tests.contract.backends.own_servers import OwnRedis
from tests.hooks.test_shared_state import OPTION, forget

REDIS = {"conn_type": "redis", "host": "127.0.0.1"}
POSTGRES = {"conn_type": "postgres", "host": "127.0.0.1", "login": "postgres", "schema": "test"}
MYSQL = {"conn_type": "mysql", "host": "127.0.0.1", "login": "root", "schema": "test"}
CONNECTOR = {"client": "mysql-connector-python"}


def define(monkeypatch: pytest.MonkeyPatch, conn_id: str, **fields: Any) -> str:
    """Define a connection."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
    return conn_id


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    forget(monkeypatch)
    yield
    forget(monkeypatch)


@pytest.fixture(params=["redis", "psycopg", "psycopg2", "mysqlclient", "mysql-connector-python"])
def named(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Define a connection to a real server, for each driver that the hook may use."""
    kind = request.param
    if kind == "redis":
        with OwnRedis() as server:
            yield define(monkeypatch, "shared", **REDIS, port=server.port)
    elif kind.startswith("psycopg"):
        backend_servers.need("PostgreSQL", 5432)
        schema = f"meetings_{uuid.uuid4().hex}"
        with closing(backend_servers.connect_postgres("public", autocommit=True)) as postgres:
            postgres.execute(f"CREATE SCHEMA {schema}")
            monkeypatch.setattr("airflow.providers.postgres.hooks.postgres.USE_PSYCOPG3", kind == "psycopg")
            # The extras of the connection are kept, except the cursor class.
            extra = {"options": f"-c search_path={schema}", "cursor": "dictcursor", "connect_timeout": 7}
            yield define(monkeypatch, "shared", **POSTGRES, extra=extra)
            forget(monkeypatch)
            postgres.execute(f"DROP SCHEMA {schema} CASCADE")
    else:
        backend_servers.need("MariaDB", 3306)
        backend_servers.need_mysql()
        database = f"meetings_{uuid.uuid4().hex}"
        with closing(backend_servers.connect_mariadb("test", autocommit=True)) as mariadb:
            mariadb.cursor().execute(f"CREATE DATABASE {database}")
            extra = {"client": kind, "cursor": "dictcursor"}
            yield define(monkeypatch, "shared", **{**MYSQL, "schema": database, "extra": extra})
            forget(monkeypatch)
            mariadb.cursor().execute(f"DROP DATABASE {database}")


def use(backend: Backend) -> None:
    """Use the backend in every way."""
    key = str(uuid.uuid4())
    backend.set(key, bytes(range(256)), 60)
    assert backend.get(key) == bytes(range(256))
    with backend.lock(key, 0):
        assert backend.reserve(key, [Rate(5, 1)], 0) == 0
        backend.block(key, 1)
    backend.set(key, b"", 0.001)
    backend.set(key + "other", b"", 60)


def test_connection_works_and_is_read_once_under_the_supervisor_lock(
    named: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = BaseHook.get_connection
    calls: list[tuple[str, bool]] = []

    def get_connection(conn_id: str) -> Any:
        calls.append((conn_id, SUPERVISOR_LOCK.locked()))
        return read(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", get_connection)
    use(shared_state.backend(named))
    assert calls == [(named, True)]
    use(shared_state.durable_backend(named))
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


# The driver makes no difference to the tests that have this mark.
one_connection_of_each_type = pytest.mark.parametrize("named", ["redis", "psycopg"], indirect=True)


@one_connection_of_each_type
def test_two_processes_share_one_token(
    emulated: Any, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulated.connect("feishu", extra={"coordination_conn_id": named})
    for number in range(2):
        # Without a common folder, like two hosts.
        monkeypatch.setenv(OPTION, str(tmp_path / str(number)))
        forget(monkeypatch)
        FeishuHook().get_conn().whoami()
        assert not (tmp_path / str(number)).exists()
    assert emulated.state.token_requests == {"feishu": 1}


@one_connection_of_each_type
def test_connection_test_names_coordination(emulated: Any, named: str) -> None:
    emulated.connect("feishu", extra={"coordination_conn_id": named})
    conn_type = type(shared_state.durable_backend(named)).__name__
    for _ in range(2):
        works, message = FeishuHook().test_connection()
        assert works, message
        assert message.endswith("connection 'shared'")
        assert ("redis" in message) == (conn_type == "RedisBackend")


@pytest.mark.parametrize("conn", [REDIS, POSTGRES, MYSQL], ids=lambda conn: str(conn["conn_type"]))
def test_backend_is_kept_until_connection_changes(conn: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    if conn is MYSQL:
        backend_servers.need_mysql()
    define(monkeypatch, "shared", **conn)
    first, durable = shared_state.backend("shared"), shared_state.durable_backend("shared")
    assert (shared_state.backend("shared"), shared_state.durable_backend("shared")) == (first, durable)
    define(monkeypatch, "shared", **conn, password="new")
    assert shared_state.backend("shared") is not first
    assert shared_state.durable_backend("shared") is not durable
    define(monkeypatch, "other", **conn)
    assert shared_state.backend("other") is not shared_state.backend("shared")


def test_changed_state_folder_is_used_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "shared", conn_type="redis", host="127.0.0.1", port=1)
    for folder in ("one", "two"):
        monkeypatch.setenv(OPTION, str(tmp_path / folder))
        shared_state.backend("shared").set("k", b"v", 60)
        assert list((tmp_path / folder).iterdir())


def test_durable_backend_without_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPTION, str(tmp_path / "here"))
    durable = shared_state.durable_backend(None)
    assert isinstance(durable, HostBackend)
    use(durable)
    (tmp_path / "here").chmod(0o755)
    with pytest.raises(BackendError, match="chmod 700"):
        durable.get("k")
    monkeypatch.setenv(OPTION, "")
    with pytest.raises(AirflowFailException, match=r"coordination_conn_id.*option state_dir of section meetings"):
        shared_state.durable_backend(None)


@pytest.mark.parametrize(
    ("conn", "error"),
    [
        ({"conn_type": "sqlite", "host": "/hunter2"}, "is of type 'sqlite'. Name one of type redis, postgres, mysql"),
        ({**REDIS, "extra": {"cluster": True}}, "is a cluster"),
        ({**POSTGRES, "extra": {"sslmode": {}, "hunter2": "hunter2"}}, "cannot be opened with its fields"),
        ({**POSTGRES, "extra": {"hunter2": "hunter2"}}, r"cannot be opened with its fields \(ProgrammingError\)"),
        ({**MYSQL, "extra": {"client": "hunter2"}}, "cannot be opened with its fields"),
        (
            {**MYSQL, "extra": {"client": "mysql-connector-python", "ssl_hunter2": 1}},
            "cannot be opened with its fields",
        ),
    ],
)
def test_invalid_connection_is_an_error(conn: dict[str, Any], error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if conn["conn_type"] == "mysql":
        backend_servers.need_mysql()
    define(monkeypatch, "shared", **conn)
    with pytest.raises(AirflowFailException, match=error) as refused:
        shared_state.backend("shared").get("k")
    assert "'shared'" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__context__ is None or refused.value.__suppress_context__


@pytest.mark.parametrize("value", ["nowhere", "redis://:hunter2@host", " "])
def test_unknown_connection_id(emulated: Any, value: str) -> None:
    emulated.connect("feishu", extra={"coordination_conn_id": value})
    with pytest.raises(AirflowFailException, match="coordination_conn_id") as refused:
        FeishuHook().get_conn()
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("conn", [REDIS, POSTGRES, MYSQL], ids=lambda conn: str(conn["conn_type"]))
def test_missing_provider(conn: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "shared", **conn)
    # Airflow keeps whether a hook can be imported: without this, later tests of the process would not find it.
    with suppress(AirflowFailException):
        hook_of("shared", "conn_id")
    monkeypatch.setitem(sys.modules, f"airflow.providers.{conn['conn_type']}.hooks", None)
    monkeypatch.setitem(sys.modules, f"airflow.providers.{conn['conn_type']}.hooks.{conn['conn_type']}", None)
    with pytest.raises(AirflowFailException, match=rf"pip install 'airflow-provider-meetings\[{conn['conn_type']}\]'"):
        shared_state.backend("shared")
