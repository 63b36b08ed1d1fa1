"""Connections to a real PostgreSQL: how many are open, for how long, and for how long one is waited on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import psycopg
import pytest

from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.sql.backend import SqlBackend
from tests.contract.backend import eventually
from tests.contract.backend_processes import DEADLINE
from tests.contract.own_servers import OwnPostgres


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    with OwnPostgres() as server:
        with closing(server.connect()) as root:
            root.execute("CREATE ROLE three LOGIN CONNECTION LIMIT 3")
            root.execute("GRANT pg_read_all_data, pg_write_all_data TO three")
        yield server


def open_ones(server: OwnPostgres) -> list[int]:
    """Return the process ids of the backends that serve us."""
    with closing(server.connect()) as root:
        rows = root.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'ours'").fetchall()
    return [row[0] for row in rows]


def ours(server: OwnPostgres, **changes: object) -> SqlBackend:
    def connect() -> object:
        return server.connect(autocommit=False, application_name="ours", **who)

    who = {"user": changes.pop("user")} if "user" in changes else {}
    return SqlBackend(connect, **changes)  # type: ignore[arg-type]


def test_a_connection_is_used_again_and_given_up_soon(server: OwnPostgres) -> None:
    with closing(ours(server)) as backend:
        backend.set("k", b"v", 60)
        (first,) = open_ones(server)
        assert backend.get("k") == b"v"
        assert open_ones(server) == [first]
        eventually(lambda: open_ones(server) == [])
        assert backend.get("k") == b"v"


def test_a_hold_keeps_a_connection_for_what_is_done_under_it(server: OwnPostgres) -> None:
    with closing(ours(server, user="three")) as backend, closing(ours(server, user="three", timeout=0.2)) as other:
        backend.set("k", b"", 60)
        with backend.lock("k", 0):
            # The third connection is another process's, and it can have no second one.
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
            assert backend.get("k") == b"v"
            taken[0].close()


def test_more_processes_than_connections(server: OwnPostgres) -> None:
    """Each with a backend of its own, as processes have; three connections for all."""
    with closing(server.connect()) as root:
        root.execute("DROP TABLE IF EXISTS meetings_coordination")
        root.execute("GRANT CREATE ON SCHEMA public TO three")
    held = threading.Lock()
    done: list[bool] = []

    def ask() -> None:
        with closing(ours(server, user="three", timeout=10 * DEADLINE)) as backend:
            backend.get("k")
            with backend.lock("k", 10 * DEADLINE):
                assert held.acquire(blocking=False)
                backend.set("k", b"v", 60)
                backend.get("k")
                held.release()
                done.append(True)

    with ThreadPoolExecutor(12) as threads:
        for result in [threads.submit(ask) for _ in range(12)]:
            result.result()
    assert len(done) == 12


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "under a hold"])
def test_a_server_that_stops_answering(server: OwnPostgres, inside: bool) -> None:
    with closing(ours(server, longest=0.3)) as backend:
        backend.set("k", b"v", 60)
        uses: list[Callable[[], object]] = [lambda: backend.get("k"), lambda: backend.set("k", b"w", 60)]
        for use in uses:
            if inside:
                with backend.lock("k", 0):
                    _stopped(server, use)
            else:
                backend.get("k")
                _stopped(server, use)
        assert backend.get("k") == b"v"


def _stopped(server: OwnPostgres, use: Callable[[], object]) -> None:
    stopped = open_ones(server)
    assert stopped
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(BackendError, match="did not answer in time"):
            use()
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    eventually(lambda: set(open_ones(server)).isdisjoint(stopped) or len(open_ones(server)) < len(stopped))
