"""Connections to a real PostgreSQL: how many are open, when they are closed, and when one is cut."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any

import psycopg
import pytest

from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.sql.backend import SqlBackend
from tests.contract.backends.backend import eventually
from tests.contract.backends.backend_processes import DEADLINE
from tests.contract.backends.own_servers import OwnPostgres


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    """Start a server with a user `three` who may have three connections."""
    with OwnPostgres() as server:
        with closing(server.connect()) as root:
            root.execute("CREATE ROLE three LOGIN CONNECTION LIMIT 3")
            root.execute("GRANT pg_read_all_data, pg_write_all_data TO three")
        yield server


def server_processes(server: OwnPostgres) -> list[int]:
    """Return the ids of the server processes of all backends."""
    with closing(server.connect()) as root:
        rows = root.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'backend'").fetchall()
    return [row[0] for row in rows]


def backend_of(server: OwnPostgres, user: str = "postgres", **changes: Any) -> SqlBackend:
    return SqlBackend(lambda: server.connect(autocommit=False, application_name="backend", user=user), **changes)


def test_connection_is_reused_and_closed_when_idle(server: OwnPostgres) -> None:
    with closing(backend_of(server)) as backend:
        backend.set("k", b"v", 60)
        (first,) = server_processes(server)
        assert backend.get("k") == b"v"
        assert server_processes(server) == [first]
        eventually(lambda: server_processes(server) == [])
        assert backend.get("k") == b"v"


def test_lock_reserves_a_connection_for_its_holder(server: OwnPostgres) -> None:
    with (
        closing(backend_of(server, user="three")) as backend,
        closing(backend_of(server, user="three", timeout=0.2)) as other,
    ):
        backend.set("k", b"", 60)
        with backend.lock("k", 0):
            # The other process gets the third connection, but no second one for its lock.
            assert other.get("k") == b""
            with pytest.raises(BackendError, match="no connection free"), other.lock("l", 0):
                pass
            other.close()
            taken = []

            def all_taken() -> bool:
                with suppress(psycopg.OperationalError):
                    taken.append(server.connect(user="three"))
                return bool(taken)

            eventually(all_taken)
            backend.set("k", b"v", 60)
            with ThreadPoolExecutor(1) as threads:  # renewals write in another thread
                assert threads.submit(backend.get, "k").result() == b"v"
            taken[0].close()


def test_more_processes_than_connections(server: OwnPostgres) -> None:
    """Twelve backends, as of twelve processes, share three connections."""
    with closing(server.connect()) as root:
        root.execute("DROP TABLE IF EXISTS meetings_coordination")
        root.execute("GRANT CREATE ON SCHEMA public TO three")
    exclusive = threading.Lock()
    done: list[bool] = []

    def use_backend() -> None:
        with closing(backend_of(server, user="three", timeout=DEADLINE)) as backend:
            backend.get("k")
            with backend.lock("k", DEADLINE):
                assert exclusive.acquire(blocking=False)
                backend.set("k", b"v", 60)
                backend.get("k")
                exclusive.release()
                done.append(True)

    with ThreadPoolExecutor(12) as threads:
        for result in [threads.submit(use_backend) for _ in range(12)]:
            result.result()
    assert len(done) == 12


@pytest.mark.parametrize("locked", [False, True])
def test_stopped_server_process(server: OwnPostgres, locked: bool) -> None:
    with closing(backend_of(server, answer_timeout=0.8)) as backend:
        backend.set("k", b"v", 60)
        calls: list[Callable[[], object]] = [lambda: backend.get("k"), lambda: backend.set("k", b"w", 60)]
        for call in calls:
            if locked:
                with backend.lock("k", 0):
                    _call_while_stopped(server, call)
            else:
                backend.get("k")
                _call_while_stopped(server, call)
        assert backend.get("k") == b"v"


def _call_while_stopped(server: OwnPostgres, call: Callable[[], object]) -> None:
    stopped = server_processes(server)
    assert stopped
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(BackendError, match="did not answer in time"):
            call()
    finally:
        for pid in stopped:
            with suppress(ProcessLookupError):  # one that was ending when it was stopped
                os.kill(pid, signal.SIGCONT)
    eventually(lambda: len(set(server_processes(server)) & set(stopped)) < len(stopped))
