"""What a task does while the server it shares through is away, slow or forbids it: it goes on, with one clear line."""

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

from airflow_provider_meetings.coordination import fallback as narrowing
from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.hooks import coordination
from airflow_provider_meetings.hooks import shared_state as sharing
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from tests.contract import backend_servers
from tests.contract.own_servers import OwnMariaDB, OwnPostgres, OwnRedis, OwnServer
from tests.hooks.test_shared_state import OPTION, forget

PASSWORD = "hunter2-of-the-server"
HOST_ONLY = "Tokens and quotas are shared between the processes of this host only, no longer through"
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
    """Tasks that share through a connection; each is a process's first, on one host."""

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
        """Be another process, and make a call."""
        forget(self._monkeypatch)
        self.go_on()

    def go_on(self) -> None:
        client = FeishuHook().get_conn()
        assert isinstance(client, FeishuClient)
        client.get_minute(READY_MINUTE)

    def lose_their_tokens(self) -> None:
        self.emulated.state.revoke_tokens()

    def said(self) -> list[str]:
        """Return what stood in the log since the last question, from INFO on; and that no secret did."""
        texts = [record.getMessage() for record in self._caplog.records if record.name.startswith("airflow_provider")]
        everything = self._caplog.text
        self._caplog.clear()
        assert PASSWORD not in everything
        return [text for text in texts if "shared" in text]

    @property
    def asked(self) -> int:
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
def test_down_at_the_start(tasks: Tasks, kind: str) -> None:
    with socket.socket() as taken:
        taken.bind((backend_servers.HOST, 0))
        tasks.connect(kind, taken.getsockname()[1], password=PASSWORD)
        for _ in range(2):
            tasks.start()
            (warning,) = tasks.said()
            conn_type = CONNECTIONS[kind]["conn_type"]
            assert warning.startswith(f"{HOST_ONLY} {conn_type} connection 'shared': ")
            assert "cannot be reached. Check that it runs and that host, port and TLS" in warning
    # The processes of the host still share.
    assert tasks.asked == 1


@pytest.mark.parametrize("kind", list(CONNECTIONS))
def test_one_that_accepts_and_never_answers(tasks: Tasks, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_CONNECT_SECONDS", "_ANSWER_SECONDS"):
        monkeypatch.setattr(coordination, name, 2)  # libpq takes 1 for 2
    with socket.create_server((backend_servers.HOST, 0)) as silent:
        tasks.connect(kind, silent.getsockname()[1], password=PASSWORD)
        tasks.start()
        tasks.go_on()
    (warning,) = tasks.said()
    assert warning.startswith(HOST_ONLY)
    assert tasks.asked == 1


@pytest.mark.parametrize("kind", list(OWN))
def test_killed_on_the_way_and_back_again(tasks: Tasks, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "LOOK_AGAIN_SECONDS", 0.0)
    with OWN[kind]() as server:
        tasks.connect(kind, server.port)
        tasks.start()
        assert tasks.said() == []
        server.kill()
        tasks.lose_their_tokens()
        tasks.go_on()
        tasks.go_on()
        (warning,) = tasks.said()
        assert warning.startswith(f"{HOST_ONLY} {kind} connection 'shared': ")
        assert tasks.asked == 2
        server.start()
        tasks.lose_their_tokens()
        tasks.go_on()
        assert tasks.said() == [f"Tokens and quotas are shared through {kind} connection 'shared' again"]
        server.kill()
        tasks.lose_their_tokens()
        tasks.go_on()
        (warning,) = tasks.said()
        assert warning.startswith(HOST_ONLY)
        assert tasks.asked == 4


def test_the_host_broken_too(tasks: Tasks, tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    tasks.connect("redis", 1, password=PASSWORD)
    for number in (1, 2):
        tasks.start()
        tasks.go_on()
        first, second = tasks.said()
        assert first.startswith(HOST_ONLY)
        assert second.startswith("Tokens and quotas are shared within this process only, no longer through the state f")
        assert tasks.asked == number


@contextmanager
def _redis_user(*rights: str) -> Iterator[tuple[str, dict[str, Any]]]:
    with OwnRedis() as server, Redis(backend_servers.HOST, server.port) as root:
        root.execute_command("ACL", "SETUSER", "nobody", "on", f">{PASSWORD}", "resetchannels", *rights)
        yield "redis", {"port": server.port, "login": "nobody", "password": PASSWORD}


@contextmanager
def _postgres_user() -> Iterator[tuple[str, dict[str, Any]]]:
    with OwnPostgres() as server, closing(server.connect()) as root:
        root.execute(f"CREATE ROLE nobody LOGIN PASSWORD '{PASSWORD}'")
        yield "postgres", {"port": server.port, "login": "nobody", "password": PASSWORD}


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
    ("user", "changes", "words"),
    [
        (_redis_user("+ping", "~*"), {}, "The Redis user may not do this. It needs the commands GET"),
        (_redis_user("+@all", "~elsewhere:*"), {}, "on keys that begin with meetings:"),
        (_redis_user("+@all", "~*"), {"password": f"{PASSWORD}-wrong"}, "refused the login. Check the user"),
        (_postgres_user(), {}, "may not create the table meetings_coordination. Grant it CREATE once"),
        (_postgres_user(), {"schema": "nowhere"}, "refused the login. Check user, password and database"),
        (_mysql_user(), {}, "may not create the table meetings_coordination. Grant it CREATE once"),
        (_mysql_user(), {"password": f"{PASSWORD}-wrong"}, "refused the login. Check user, password and database"),
        (
            _mysql_user(),
            {"password": f"{PASSWORD}-wrong", "extra": {"client": "mysql-connector-python"}},
            "refused the login. Check user, password and database",
        ),
    ],
    ids=["commands", "keys", "redis-password", "create", "database", "mysql-create", "mysql-password", "connector"],
)
def test_without_permission(tasks: Tasks, user: Any, changes: dict[str, Any], words: str) -> None:
    with user as (kind, fields):
        tasks.connect(kind, **{**fields, **changes})
        tasks.start()
        tasks.go_on()
        (warning,) = tasks.said()
        assert warning.startswith(f"{HOST_ONLY} {kind} connection 'shared': ")
        assert words in warning
        assert str(fields["login"]) not in warning
        # What must not be lost is refused with the same words, instead of narrowed.
        with pytest.raises(BackendError) as refused:
            sharing.durable_backend("shared").set("k", b"v", 60)
        assert words in str(refused.value)
        works, said = FeishuHook().test_connection()
        assert not works
        assert f"cannot be shared through {kind} connection 'shared': " in said
        assert words in said
        assert PASSWORD not in said
        assert tasks.asked == 1
        forget(pytest.MonkeyPatch())
