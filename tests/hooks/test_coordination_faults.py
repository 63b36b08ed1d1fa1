"""A coordination server that is unreachable, slow or forbids access: tasks continue, with one warning."""

from __future__ import annotations

import json
import logging
import socket
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from airflow_provider_meetings.coordination import fallback
from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.hooks import coordination, shared_state
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from tests.contract.backends import backend_servers
from tests.contract.backends.own_servers import OwnMariaDB, OwnPostgres, OwnRedis, OwnServer
from tests.hooks.test_shared_state import OPTION, forget

PASSWORD = "hunter2-of-the-server"
FALLBACK = "Cannot share tokens and quotas through"
HOST_ONLY = "; sharing them between the processes of this host only: "
CONNECTIONS: dict[str, dict[str, Any]] = {
    "redis": {"conn_type": "redis"},
    "postgres": {"conn_type": "postgres", "login": "postgres", "schema": "postgres"},
    "mysql": {"conn_type": "mysql", "login": "root", "schema": "test"},
    "mysql-connector-python": {
        "conn_type": "mysql",
        "login": "root",
        "schema": "test",
        "extra": {"client": "mysql-connector-python"},
    },
}
OWN: dict[str, type[OwnServer]] = {"redis": OwnRedis, "postgres": OwnPostgres, "mysql": OwnMariaDB}


class Tasks:
    """Tasks on one host that share through a connection."""

    def __init__(self, emulated: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        self.emulated = emulated
        self._monkeypatch = monkeypatch
        self._caplog = caplog

    def connect(self, kind: str, port: int, **changes: Any) -> None:
        if kind.startswith("mysql"):
            backend_servers.need_mysql()
        fields = {"host": backend_servers.HOST, "port": port, **CONNECTIONS[kind], **changes}
        self._monkeypatch.setenv("AIRFLOW_CONN_SHARED", json.dumps(fields))
        self.emulated.connect("feishu", extra={"coordination_conn_id": "shared"})

    def start(self) -> None:
        """Make a call as a new process."""
        forget(self._monkeypatch)
        self.call()

    def call(self) -> None:
        client = FeishuHook().get_conn()
        assert isinstance(client, FeishuClient)
        client.get_minute(READY_MINUTE)

    def revoke_tokens(self) -> None:
        self.emulated.state.revoke_tokens()

    def messages(self) -> list[str]:
        """Return the messages about sharing since the last call, and check that the log shows no secret."""
        texts = [record.getMessage() for record in self._caplog.records if record.name.startswith("airflow_provider")]
        everything = self._caplog.text
        self._caplog.clear()
        assert PASSWORD not in everything
        return [text for text in texts if "quotas through" in text]

    @property
    def fetched(self) -> int:
        return int(self.emulated.state.token_requests["feishu"])


@pytest.fixture
def tasks(
    emulated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Tasks]:
    caplog.set_level(logging.DEBUG, logger="airflow_provider_meetings")
    monkeypatch.setenv(OPTION, str(tmp_path / "state"))
    yield Tasks(emulated, monkeypatch, caplog)
    forget(monkeypatch)


@pytest.mark.parametrize("kind", list(CONNECTIONS))
def test_unreachable_server(tasks: Tasks, kind: str) -> None:
    with socket.socket() as taken:
        taken.bind((backend_servers.HOST, 0))
        tasks.connect(kind, taken.getsockname()[1], password=PASSWORD)
        for _ in range(2):
            tasks.start()
            (warning,) = tasks.messages()
            conn_type = CONNECTIONS[kind]["conn_type"]
            assert warning.startswith(f"{FALLBACK} {conn_type} connection 'shared'{HOST_ONLY}")
            assert "cannot be reached. Check that it runs and that host, port and TLS" in warning
    # The processes of this host still share.
    assert tasks.fetched == 1


@pytest.mark.parametrize("kind", list(CONNECTIONS))
def test_silent_server(tasks: Tasks, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_CONNECT_SECONDS", "_ANSWER_SECONDS"):
        monkeypatch.setattr(coordination, name, 2)  # libpq treats 1 as 2
    monkeypatch.setattr("airflow_provider_meetings.coordination.redis.backend._TIMEOUT", 1.0)
    with socket.create_server((backend_servers.HOST, 0)) as silent:
        tasks.connect(kind, silent.getsockname()[1], password=PASSWORD)
        tasks.start()
        tasks.call()
    (warning,) = tasks.messages()
    assert HOST_ONLY in warning
    assert tasks.fetched == 1


@pytest.mark.parametrize("kind", list(OWN))
def test_killed_and_restarted_server(tasks: Tasks, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallback, "RETRY_SECONDS", 0.0)
    with OWN[kind]() as server:
        tasks.connect(kind, server.port)
        tasks.start()
        assert tasks.messages() == []
        server.kill()
        tasks.revoke_tokens()
        tasks.call()
        tasks.call()
        (warning,) = tasks.messages()
        assert warning.startswith(f"{FALLBACK} {kind} connection 'shared'{HOST_ONLY}")
        assert tasks.fetched == 2
        server.start()
        tasks.revoke_tokens()
        tasks.call()
        assert tasks.messages() == [f"Sharing tokens and quotas through {kind} connection 'shared' again"]
        server.kill()
        tasks.revoke_tokens()
        tasks.call()
        (warning,) = tasks.messages()
        assert HOST_ONLY in warning
        assert tasks.fetched == 4


def _overwrite_all(kind: str, server: Any) -> None:
    if kind == "redis":
        with Redis(backend_servers.HOST, server.port) as client:
            for name in list(client.scan_iter("meetings:*")):
                if name.endswith(b":slots"):
                    client.hset(name, "blocked_until", "inf")
                else:
                    client.delete(name)
                    client.rpush(name, "x")
        return
    with closing(server.connect()) as root:
        table = "meetings_coordination" if kind == "postgres" else "test.meetings_coordination"
        root.cursor().execute(f"UPDATE {table} SET value = NULL, blocked_until = seen + 315360000000000")


@pytest.mark.parametrize("kind", list(OWN))
def test_state_that_others_have_overwritten(tasks: Tasks, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with OWN[kind]() as server:
        tasks.connect(kind, server.port)
        tasks.start()
        _overwrite_all(kind, server)
        tasks.start()
        ignored = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Ignoring ")]
        assert len(ignored) == len(set(ignored)) == 3  # the token, and the slots of the login and of the minute
        assert tasks.messages() == []
        tasks.start()
        assert tasks.fetched == 2
        assert "Ignoring" not in caplog.text


def test_unusable_state_folder_too(tasks: Tasks, tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    tasks.connect("redis", 1, password=PASSWORD)
    for number in (1, 2):
        tasks.start()
        tasks.call()
        first, second = tasks.messages()
        assert HOST_ONLY in first
        assert second.startswith(f"{FALLBACK} the state folder; sharing them within this process only: ")
        assert tasks.fetched == number


@contextmanager
def _redis_user() -> Iterator[tuple[str, dict[str, Any]]]:
    with OwnRedis() as server, Redis(backend_servers.HOST, server.port) as root:
        root.execute_command("ACL", "SETUSER", "reader", "on", f">{PASSWORD}", "resetchannels", "+ping", "~*")
        yield "redis", {"port": server.port, "login": "reader", "password": PASSWORD}


@contextmanager
def _postgres_user() -> Iterator[tuple[str, dict[str, Any]]]:
    with OwnPostgres() as server, closing(server.connect()) as root:
        root.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
        yield "postgres", {"port": server.port, "login": "reader", "password": PASSWORD}


@contextmanager
def _mysql_user() -> Iterator[tuple[str, dict[str, Any]]]:
    backend_servers.need("MariaDB", 3306)
    user, database = f"u{uuid.uuid4().hex[:12]}", f"meetings_{uuid.uuid4().hex}"
    with closing(backend_servers.connect_mariadb("test", autocommit=True)) as root:
        cursor = root.cursor()
        cursor.execute(f"CREATE DATABASE {database}")
        try:
            cursor.execute(f"CREATE TABLE {database}.visible (one int)")
            cursor.execute(f"CREATE USER {user} IDENTIFIED BY '{PASSWORD}'")
            cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.* TO {user}")
            yield "mysql", {"port": 3306, "login": user, "password": PASSWORD, "schema": database}
        finally:
            cursor.execute(f"DROP DATABASE {database}")
            cursor.execute(f"DROP USER IF EXISTS {user}")


@pytest.mark.parametrize(
    ("user", "changes", "error"),
    [
        (_redis_user(), {}, "The Redis user may not do this. It needs the commands GET"),
        (_postgres_user(), {}, "may not create the table meetings_coordination. Grant it CREATE once"),
        (_mysql_user(), {}, "may not create the table meetings_coordination. Grant it CREATE once"),
        (
            _mysql_user(),
            {"password": f"{PASSWORD}-wrong", "extra": {"client": "mysql-connector-python"}},
            "refused the login. Check user, password and database",
        ),
    ],
    ids=["redis", "postgres", "mysql", "mysql-connector-python"],
)
def test_missing_permission(tasks: Tasks, user: Any, changes: dict[str, Any], error: str) -> None:
    with user as (kind, fields):
        tasks.connect(kind, **{**fields, **changes})
        tasks.start()
        tasks.call()
        (warning,) = tasks.messages()
        assert warning.startswith(f"{FALLBACK} {kind} connection 'shared'{HOST_ONLY}")
        assert error in warning
        assert str(fields["login"]) not in warning
        # A durable backend raises the same error instead.
        with pytest.raises(BackendError) as refused:
            shared_state.durable_backend("shared").set("k", b"v", 60)
        assert error in str(refused.value)
        works, message = FeishuHook().test_connection()
        assert not works
        assert f"cannot be shared through {kind} connection 'shared': " in message
        assert error in message
        assert PASSWORD not in message
        assert tasks.fetched == 2  # the test logs in anew
        forget(pytest.MonkeyPatch())
