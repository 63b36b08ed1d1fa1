"""The SQL backend, on a real PostgreSQL and a real MariaDB."""

from __future__ import annotations

import os
import socket
import uuid
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

import pytest

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend, BackendError
from airflow_provider_meetings.coordination.sql.backend import SqlBackend
from tests.contract import backend_servers
from tests.contract.backend import DEADLINE, SLOW, BackendContract, assert_apart, eventually
from tests.contract.backend_peer import slots
from tests.contract.backend_servers import connect_mariadb, connect_postgres

HOUR = 3_600_000_000
TABLE = "meetings_coordination"


class SqlContract(BackendContract):
    """What both databases keep besides."""

    database: str
    """What a driver calls the name of the database."""

    one_connection: str
    """Let a user have one."""

    unmade: str
    """What is said to a user who may not create the table."""

    @abstractmethod
    def connect(self, place: str, **changes: Any) -> Any:
        """Open a connection."""

    @abstractmethod
    def cut(self, place: str) -> None:
        """Cut all connections to this place but one's own."""

    @abstractmethod
    def somebody(self, place: str) -> AbstractContextManager[str]:
        """Make a user who may do nothing, with the password `hunter2`."""

    def tell(self, place: str, statement: str) -> Any:
        connection = self.connect(place)
        try:
            cursor = connection.cursor()
            cursor.execute(statement)
            rows = cursor.fetchall() if statement.startswith("SELECT") else []
            connection.commit()
            return rows
        finally:
            connection.close()

    def test_rows_that_ran_out_are_removed(self, backend: Backend, place: str, key: str) -> None:
        backend.set(key, b"value", 0.01)
        backend.reserve(key, [SLOW], 0)
        self.tell(place, f"UPDATE {TABLE} SET expires = 1 WHERE value IS NULL")
        eventually(lambda: backend.get(key) is None)
        backend.set(key + "other", b"value", 60)
        assert len(self.tell(place, f"SELECT name FROM {TABLE}")) == 1

    def test_a_row_removed_while_in_use_does_no_harm(self, backend: Backend, place: str, key: str) -> None:
        backend.reserve(key, [SLOW], 0)
        self.tell(place, f"DELETE FROM {TABLE}")
        assert backend.reserve(key, [SLOW], 0) == 0
        self.tell(place, f"DROP TABLE {TABLE}")
        assert backend.reserve(key, [SLOW], 0) == 0

    def test_no_name_shows_what_it_is_for(self, backend: Backend, place: str, key: str) -> None:
        backend.set(key, b"value", 60)
        backend.reserve(key, [SLOW], 0)
        assert len(rows := self.tell(place, f"SELECT name FROM {TABLE}")) == 2
        assert not [row for row in rows if key in row[0]]

    def test_a_value_from_before_the_clock_was_set_back_is_gone_and_a_record_is_not(
        self, backend: SqlBackend, place: str, key: str
    ) -> None:
        backend.set(key, b"1", 60)
        assert backend.compare_and_set(key, None, b"record")
        self.tell(place, f"UPDATE {TABLE} SET seen = seen + {HOUR}, expires = expires + {HOUR}")
        assert backend.get(key) is None
        assert backend.read(key) == b"record"
        backend.set(key, b"2", 60)
        assert backend.get(key) == b"2"

    def test_a_clock_set_back_keeps_the_distance(self, backend: Backend, place: str, key: str) -> None:
        backend.reserve(key, [SLOW], 0)
        backend.block(key, 20)
        self.tell(
            place,
            f"UPDATE {TABLE} SET slot = slot + {HOUR}, postponed = postponed + {HOUR}, seen = seen + {HOUR}",
        )
        assert 0 < backend.reserve(key, [SLOW], 3600) <= 20
        assert 10 < backend.reserve(key, [SLOW], 3600) <= 30

    def set_forward(self, place: str) -> None:
        """Do to all times what an hour forward does to the clock."""
        columns = ("slot", "postponed", "seen", "expires")
        self.tell(place, f"UPDATE {TABLE} SET {', '.join(f'{one} = {one} - {HOUR}' for one in columns)}")

    def test_a_clock_set_forward_keeps_those_apart_who_wait(self, backend: Backend, place: str, key: str) -> None:
        taken = slots(backend, key, [[5, 1]], 8)
        self.set_forward(place)
        backend.set(key, b"value", 60)  # removes what ran out
        assert_apart(taken + slots(backend, key, [[5, 1]], 8), 0.2)

    def test_a_queue_of_long_ago_costs_little_and_none_costs_nothing(
        self, backend: Backend, place: str, key: str
    ) -> None:
        slots(backend, key, [[5, 1]], 200)
        self.set_forward(place)
        assert 1 < backend.reserve(key, [Rate(5, 1)], 60) <= 2.2
        self.tell(place, f"DELETE FROM {TABLE}")
        backend.reserve(key, [SLOW], 0)
        self.set_forward(place)
        assert backend.reserve(key, [SLOW], 0) == 0

    def test_connections_that_were_cut_are_opened_anew(
        self, backend: Backend, place: str, key: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        backend.set(key, b"value", 60)
        with backend.lock(key, 0), backend.lock(key + "other", 0):
            self.cut(place)
        assert caplog.text.count("Lost a lock while it was held") == 2
        assert backend.get(key) == b"value"
        self.cut(place)
        with backend.lock(key, DEADLINE):
            assert backend.reserve(key, [SLOW], 0) == 0

    def test_a_forked_process_opens_connections_of_its_own(self, place: str, key: str) -> None:
        opened = []

        def connect() -> Any:
            opened.append(os.getpid())
            return self.connect(place)

        with closing(SqlBackend(connect)) as backend:
            backend.set(key, b"value", 60)
            child = os.fork()
            if child == 0:
                os._exit(0 if backend.get(key) == b"value" and opened[-1] == os.getpid() else 1)
            assert os.waitpid(child, 0)[1] == 0
            before = len(opened)
            assert backend.get(key) == b"value"
            assert len(opened) == before

    def test_a_connection_that_commits_by_itself_holds_nevertheless(self, place: str, key: str) -> None:
        backends = [SqlBackend(lambda: self.connect(place, autocommit=True)) for _ in range(2)]
        with (
            backends[0].lock(key, 0),
            pytest.raises(BackendError, match="has held this"),
            backends[1].lock(key, 0),
        ):
            pass
        for backend in backends:
            backend.close()

    def test_without_permission(self, place: str, key: str) -> None:
        with self.somebody(place) as user:
            backend = SqlBackend(lambda: self.connect(place, user=user, password="hunter2"))
            with pytest.raises(BackendError, match=self.unmade):
                backend.set(key, b"value", 60)
            with closing(self.make(place)) as allowed:
                allowed.set(key, b"value", 60)
            for words in refused(backend, key):
                assert "needs SELECT, INSERT, UPDATE and DELETE on the table" in words
                assert user not in words
            backend.close()

    def test_nobody_there(self, place: str, key: str) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            for words in refused(SqlBackend(lambda: self.connect(place, port=port)), key):
                assert "cannot be reached" in words
                assert not [word for word in ("127.0.0.1", str(port)) if word in words]

    def test_no_such_database(self, place: str, key: str) -> None:
        for words in refused(SqlBackend(lambda: self.connect(place, **{self.database: "meetings_nowhere"})), key):
            assert "refused the login" in words
            assert "nowhere" not in words

    def test_no_connection_free(self, place: str, key: str) -> None:
        with self.somebody(place) as user:
            self.tell(place, self.one_connection.format(user=user))
            other = self.connect(place, user=user, password="hunter2")
            backend = SqlBackend(lambda: self.connect(place, user=user, password="hunter2"), timeout=0.5)
            with pytest.raises(BackendError, match="no connection free"):
                backend.get(key)
            other.close()

    def test_a_row_that_somebody_else_locks(self, backend: Backend, place: str, key: str) -> None:
        backend.reserve(key, [SLOW], 0)
        other = self.connect(place)
        other.cursor().execute(f"SELECT name FROM {TABLE} FOR UPDATE")
        with pytest.raises(BackendError, match="did not answer in time"):
            backend.reserve(key, [SLOW], 60)
        other.close()
        eventually(lambda: backend.reserve(key, [SLOW], 3600) > 0)


class Pooled:
    """A client's connection to a pooler: what is done on it is done on the server's, which outlives it."""

    def __init__(self, server: Any) -> None:
        self.__dict__["_server"] = server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._server, name, value)

    def close(self) -> None:
        self._server.rollback()
        self._server.autocommit = False


def refused(backend: Backend, key: str) -> Iterator[str]:
    """Try all that touches the table, and give the words of each refusal."""
    uses: list[Callable[[], object]] = [
        lambda: backend.get(key),
        lambda: backend.set(key, b"value", 1),
        lambda: backend.reserve(key, [SLOW], 1),
        lambda: backend.block(key, 1),
    ]
    for use in uses:
        with pytest.raises(BackendError) as error:
            use()
        assert error.value.__suppress_context__
        yield str(error.value)


class TestPostgres(SqlContract):
    factory = "tests.contract.backend_servers:postgres"
    database = "dbname"
    one_connection = "ALTER ROLE {user} CONNECTION LIMIT 1"
    unmade = "may not create the table meetings_coordination.*CREATE TABLE"

    @pytest.fixture
    def place(self) -> Iterator[str]:
        backend_servers.need("PostgreSQL", 5432)
        schema = f"meetings_{uuid.uuid4().hex}"
        self.tell("public", f"CREATE SCHEMA {schema}")
        yield schema
        self.tell("public", f"DROP SCHEMA {schema} CASCADE")

    def make(self, place: str) -> Backend:
        return backend_servers.postgres(place)

    def connect(self, place: str, **changes: Any) -> Any:
        return connect_postgres(place, **changes)

    def test_a_pooler_gives_others_a_connection_as_it_was(self, place: str, key: str) -> None:
        """It gives each transaction the same connection of the server's, and resets nothing between."""
        names = ["statement_timeout", "synchronous_commit", "idle_in_transaction_session_timeout"]
        with closing(self.connect(place)) as server:

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
                for _ in range(10):  # a driver may prepare what it is asked often
                    backend.set(key, b"value", 60)
                    backend.reserve(key, [SLOW], 3600)
                with backend.lock(key, 1):
                    found = [server.execute(f"SHOW {name}").fetchone()[0] for name in (*names, "transaction_isolation")]
                    assert found[:2] == ["5s", "off"]
                    assert found[-1] == "read committed"
                assert backend.get(key) == b"value"
            assert settings() == before

    def cut(self, place: str) -> None:
        self.tell(
            "public",
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND pid IN "
            f"(SELECT pid FROM pg_stat_activity WHERE application_name = '{place}')",
        )

    @contextmanager
    def somebody(self, place: str) -> Iterator[str]:
        user = f"u_{place}"
        self.tell(place, f"CREATE ROLE {user} LOGIN PASSWORD 'hunter2'")
        self.tell(place, f"GRANT USAGE ON SCHEMA {place} TO {user}")
        try:
            yield user
        finally:
            self.tell(place, f"DROP OWNED BY {user}")
            self.tell(place, f"DROP ROLE {user}")


class TestMariaDB(SqlContract):
    factory = "tests.contract.backend_servers:mariadb"
    database = "database"
    one_connection = "GRANT USAGE ON *.* TO {user} WITH MAX_USER_CONNECTIONS 1"
    # It does not tell a user without rights whether there is a table.
    unmade = "CREATE if the table is missing"

    @pytest.fixture
    def place(self) -> Iterator[str]:
        backend_servers.need("MariaDB", 3306)
        database = f"meetings_{uuid.uuid4().hex}"
        self.tell("test", f"CREATE DATABASE {database}")
        yield database
        self.tell("test", f"DROP DATABASE {database}")

    def make(self, place: str) -> Backend:
        return backend_servers.mariadb(place)

    def connect(self, place: str, **changes: Any) -> Any:
        return connect_mariadb(place, **changes)

    def cut(self, place: str) -> None:
        for row in self.tell("test", f"SELECT id FROM information_schema.processlist WHERE db = '{place}'"):
            self.tell("test", f"KILL {row[0]}")

    @contextmanager
    def somebody(self, place: str) -> Iterator[str]:
        user = f"u_{place[-20:]}"
        self.tell(place, f"CREATE USER {user} IDENTIFIED BY 'hunter2'")
        self.tell(place, f"CREATE TABLE {place}.visible (one int)")
        self.tell(place, f"GRANT SELECT ON {place}.visible TO {user}")
        try:
            yield user
        finally:
            self.tell(place, f"DROP USER {user}")

    def test_a_wrong_password(self, place: str, key: str) -> None:
        with self.somebody(place) as user:
            backend = SqlBackend(lambda: self.connect(place, user=user, password="wrong"))
            for words in refused(backend, key):
                assert "refused the login" in words
                assert user not in words
                assert "wrong" not in words
