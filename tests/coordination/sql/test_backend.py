"""The SQL backend, on a real PostgreSQL and a real MariaDB."""

from __future__ import annotations

import os
import socket
import uuid
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

import pytest

from airflow_provider_meetings.coordination.backend import Backend, BackendError
from airflow_provider_meetings.coordination.sql.backend import SqlBackend
from airflow_provider_meetings.coordination.sql.dialects import MySQL, Postgres
from tests.contract.backends import backend_servers
from tests.contract.backends.backend import SLOW, ServerContract, eventually, refusals
from tests.contract.backends.backend_processes import DEADLINE
from tests.contract.backends.backend_servers import connect_mariadb, connect_postgres

HOUR = 3_600_000_000
TABLE = "meetings_coordination"


class SqlContract(ServerContract):
    """Tests of both databases."""

    database: str
    """The driver's argument for the name of the database."""

    one_connection: str
    """Limits a user to one connection."""

    create_refused: str
    """The error for a user without the right to create the table."""

    @abstractmethod
    def connect(self, location: str, **changes: Any) -> Any:
        """Open a connection."""

    @abstractmethod
    def cut(self, location: str) -> None:
        """Kill all other connections to this location."""

    @abstractmethod
    def unprivileged_user(self, location: str) -> AbstractContextManager[str]:
        """Create a user without rights, with the password `hunter2`."""

    def execute(self, location: str, statement: str) -> Any:
        connection = self.connect(location)
        try:
            cursor = connection.cursor()
            cursor.execute(statement)
            rows = cursor.fetchall() if statement.startswith("SELECT") else []
            connection.commit()
            return rows
        finally:
            connection.close()

    def test_expired_rows_are_removed(self, backend: Backend, location: str, key: str) -> None:
        backend.set(key, b"value", 0.01)
        backend.reserve(key, [SLOW], 0)
        self.execute(location, f"UPDATE {TABLE} SET expires = 1 WHERE value IS NULL")
        eventually(lambda: backend.get(key) is None)
        backend.set(key + "other", b"value", 60)
        assert len(self.execute(location, f"SELECT name FROM {TABLE}")) == 1

    def test_removed_row_and_table_are_recreated(self, backend: Backend, location: str, key: str) -> None:
        backend.reserve(key, [SLOW], 0)
        self.execute(location, f"DELETE FROM {TABLE}")
        assert backend.reserve(key, [SLOW], 0) == 0
        self.execute(location, f"DROP TABLE {TABLE}")
        assert backend.reserve(key, [SLOW], 0) == 0

    def test_row_names_hide_the_key(self, backend: Backend, location: str, key: str) -> None:
        backend.set(key, b"value", 60)
        backend.reserve(key, [SLOW], 0)
        assert len(rows := self.execute(location, f"SELECT name FROM {TABLE}")) == 2
        assert not [row for row in rows if key in row[0]]

    def set_clock(self, location: str, key: str, hours: int) -> None:
        columns = ("slot", "blocked_until", "seen", "expires")
        self.execute(location, f"UPDATE {TABLE} SET {', '.join(f'{one} = {one} - {hours * HOUR}' for one in columns)}")

    def test_killed_connections_are_replaced(
        self, backend: Backend, location: str, key: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        backend.set(key, b"value", 60)
        with backend.lock(key, 0), backend.lock(key + "other", 0):
            self.cut(location)
        assert caplog.text.count("Lost a lock while it was held") == 2
        assert backend.get(key) == b"value"
        self.cut(location)
        with backend.lock(key, DEADLINE):
            assert backend.reserve(key, [SLOW], 0) == 0

    def test_forked_process_opens_its_own_connections(self, location: str, key: str) -> None:
        opened = []

        def connect() -> Any:
            opened.append(os.getpid())
            return self.connect(location)

        with closing(SqlBackend(connect)) as backend:
            backend.set(key, b"value", 60)
            child = os.fork()
            if child == 0:
                os._exit(0 if backend.get(key) == b"value" and opened[-1] == os.getpid() else 1)
            assert os.waitpid(child, 0)[1] == 0
            before = len(opened)
            assert backend.get(key) == b"value"
            assert len(opened) == before

    def test_autocommit_connection_keeps_lock(self, location: str, key: str) -> None:
        backends = [SqlBackend(lambda: self.connect(location, autocommit=True)) for _ in range(2)]
        with (
            backends[0].lock(key, 0),
            pytest.raises(BackendError, match="has held this"),
            backends[1].lock(key, 0),
        ):
            pass
        for backend in backends:
            backend.close()

    def test_missing_permission(self, location: str, key: str) -> None:
        with self.unprivileged_user(location) as user:
            backend = SqlBackend(lambda: self.connect(location, user=user, password="hunter2"))
            with pytest.raises(BackendError, match=self.create_refused):
                backend.set(key, b"value", 60)
            with closing(self.make(location)) as allowed:
                allowed.set(key, b"value", 60)
            for text in refusals(backend):
                assert "needs SELECT, INSERT, UPDATE and DELETE on the table" in text
                assert user not in text
            backend.close()

    def test_unreachable_server(self, location: str, key: str) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            for text in refusals(SqlBackend(lambda: self.connect(location, port=port))):
                assert "cannot be reached" in text
                assert not [part for part in ("127.0.0.1", str(port)) if part in text]

    def test_unknown_database(self, location: str, key: str) -> None:
        for text in refusals(SqlBackend(lambda: self.connect(location, **{self.database: "meetings_nowhere"}))):
            assert "refused the login" in text
            assert "nowhere" not in text

    def test_no_free_connection(self, location: str, key: str) -> None:
        with self.unprivileged_user(location) as user:
            self.execute(location, self.one_connection.format(user=user))
            other = self.connect(location, user=user, password="hunter2")
            backend = SqlBackend(lambda: self.connect(location, user=user, password="hunter2"), timeout=0.5)
            with pytest.raises(BackendError, match="no connection free"):
                backend.get(key)
            other.close()

    def test_row_locked_by_another_session(
        self, backend: Backend, location: str, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Postgres, "begin", Postgres.begin.replace("'5s'", "'1s'"))
        monkeypatch.setattr(
            MySQL, "opening", tuple(text.replace("timeout = 5", "timeout = 1") for text in MySQL.opening)
        )
        backend.reserve(key, [SLOW], 0)
        other = self.connect(location)
        other.cursor().execute(f"SELECT name FROM {TABLE} FOR UPDATE")
        with pytest.raises(BackendError, match="did not answer in time"):
            backend.reserve(key, [SLOW], 60)
        other.close()
        eventually(lambda: backend.reserve(key, [SLOW], 3600) > 0)


class Pooled:
    """A client connection to a pooler; the server connection behind it stays open."""

    def __init__(self, server: Any) -> None:
        self.__dict__["_server"] = server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._server, name, value)

    def close(self) -> None:
        self._server.rollback()
        self._server.autocommit = False


class TestPostgres(SqlContract):
    kind = "postgres"
    database = "dbname"
    one_connection = "ALTER ROLE {user} CONNECTION LIMIT 1"
    create_refused = "may not create the table meetings_coordination.*CREATE TABLE"

    @pytest.fixture
    def location(self) -> Iterator[str]:
        backend_servers.need("PostgreSQL", 5432)
        schema = f"meetings_{uuid.uuid4().hex}"
        self.execute("public", f"CREATE SCHEMA {schema}")
        yield schema
        self.execute("public", f"DROP SCHEMA {schema} CASCADE")

    def connect(self, location: str, **changes: Any) -> Any:
        return connect_postgres(location, **changes)

    def test_pooled_server_connection_keeps_its_settings(self, location: str, key: str) -> None:
        """A pooler reuses a server connection for each transaction, and resets nothing between."""
        names = ["statement_timeout", "synchronous_commit", "idle_in_transaction_session_timeout"]
        with closing(self.connect(location)) as server:

            def settings() -> list[Any]:
                names_and_isolation = [*names, "default_transaction_isolation", "transaction_isolation", "lock_timeout"]
                found = [server.execute(f"SHOW {name}").fetchone() for name in names_and_isolation]
                found.append(server.execute("SELECT count(*) FROM pg_prepared_statements").fetchone())
                server.rollback()
                return found

            server.execute("SET default_transaction_isolation = serializable")
            server.commit()
            before = settings()
            with closing(SqlBackend(lambda: Pooled(server))) as backend:
                for _ in range(10):  # a driver may prepare a frequent statement
                    backend.set(key, b"value", 60)
                    backend.reserve(key, [SLOW], 3600)
                with backend.lock(key, 1):
                    found = [server.execute(f"SHOW {name}").fetchone()[0] for name in (*names, "transaction_isolation")]
                    assert found[:2] == ["5s", "off"]
                    assert found[-1] == "read committed"
                assert backend.get(key) == b"value"
            assert settings() == before

    def cut(self, location: str) -> None:
        self.execute(
            "public",
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND pid IN "
            f"(SELECT pid FROM pg_stat_activity WHERE application_name = '{location}')",
        )

    @contextmanager
    def unprivileged_user(self, location: str) -> Iterator[str]:
        user = f"u_{location}"
        self.execute(location, f"CREATE ROLE {user} LOGIN PASSWORD 'hunter2'")
        self.execute(location, f"GRANT USAGE ON SCHEMA {location} TO {user}")
        try:
            yield user
        finally:
            self.execute(location, f"DROP OWNED BY {user}")
            self.execute(location, f"DROP ROLE {user}")


class TestMariaDB(SqlContract):
    kind = "mariadb"
    database = "database"
    one_connection = "GRANT USAGE ON *.* TO {user} WITH MAX_USER_CONNECTIONS 1"
    # MariaDB does not tell a user without rights whether the table exists.
    create_refused = "CREATE if the table is missing"

    @pytest.fixture
    def location(self) -> Iterator[str]:
        backend_servers.need("MariaDB", 3306)
        database = f"meetings_{uuid.uuid4().hex}"
        self.execute("test", f"CREATE DATABASE {database}")
        yield database
        self.execute("test", f"DROP DATABASE {database}")

    def connect(self, location: str, **changes: Any) -> Any:
        return connect_mariadb(location, **changes)

    def cut(self, location: str) -> None:
        for row in self.execute("test", f"SELECT id FROM information_schema.processlist WHERE db = '{location}'"):
            self.execute("test", f"KILL {row[0]}")

    @contextmanager
    def unprivileged_user(self, location: str) -> Iterator[str]:
        user = f"u_{location[-20:]}"
        self.execute(location, f"CREATE USER {user} IDENTIFIED BY 'hunter2'")
        self.execute(location, f"CREATE TABLE {location}.visible (one int)")
        self.execute(location, f"GRANT SELECT ON {location}.visible TO {user}")
        try:
            yield user
        finally:
            self.execute(location, f"DROP USER {user}")

    def test_wrong_password(self, location: str, key: str) -> None:
        with self.unprivileged_user(location) as user:
            backend = SqlBackend(lambda: self.connect(location, user=user, password="wrong"))
            for text in refusals(backend):
                assert "refused the login" in text
                assert user not in text
                assert "wrong" not in text
