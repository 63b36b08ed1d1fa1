"""Database connections of one backend: a pool, transactions with retries, and connections that hold a lock."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.sql.dialects import Dialect, MySQL, Postgres, code
from airflow_provider_meetings.coordination.sql.errors import (
    GONE,
    NO_TABLE,
    SLOW,
    TRANSIENT,
    create_table_refused,
    from_database,
    line,
)

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 1.0
"""Idle connections are closed after this time: a server has about a hundred for all processes of all hosts."""

_Result = TypeVar("_Result")


class _TransientError(BackendError):
    """The operation may succeed if it is retried."""


class Session:
    """One connection while it is checked out of the pool; used by one thread at a time."""

    def __init__(self, connection: PoolProxiedConnection) -> None:
        self.pooled = connection
        self._connection: Any = connection.dbapi_connection
        self._guard = threading.Lock()
        self._waiting_since: float | None = time.monotonic()
        self.timed_out = False
        self.reused = "dialect" in connection.info
        if self.reused:
            self.dialect: Dialect = connection.info["dialect"]

    def set_up(self) -> None:
        """Detect the dialect of a new connection and configure it."""
        # A connection in autocommit mode would release its locks after each statement.
        self._set_autocommit(False)
        version = str((self.row("SELECT version()") or ("",))[0])
        self.dialect = Postgres() if version.startswith("PostgreSQL") else MySQL()
        for statement in self.dialect.opening:
            self.run(statement)
        self._connection.commit()
        if self.dialect.begin:
            # Without autocommit the driver sends a separate BEGIN, which costs one more round trip.
            self._set_autocommit(True)
            # A prepared statement exists on one server connection; a pooler such as PgBouncer may switch to another.
            if hasattr(self._connection, "prepare_threshold"):
                self._connection.prepare_threshold = None
        self.pooled.info["dialect"] = self.dialect

    def _set_autocommit(self, on: bool) -> None:
        if callable(getattr(self._connection, "autocommit", None)):
            self._connection.autocommit(on)
        else:
            self._connection.autocommit = on

    def begin(self) -> None:
        if self.dialect.begin:
            self.run(self.dialect.begin)

    def commit(self) -> None:
        """Commit. psycopg2's own `commit` does nothing here, because it did not begin the transaction."""
        self.run("COMMIT")

    def run(self, statement: str, *values: Any) -> Sequence[Sequence[Any]]:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else ()

    def row(self, statement: str, *values: Any) -> Sequence[Any] | None:
        return next(iter(self.run(statement, *values)), None)

    def start_waiting(self) -> None:
        """Start the clock that limits how long the server may take to answer."""
        self._waiting_since = time.monotonic()

    def stop_waiting(self) -> None:
        with self._guard:
            self._waiting_since = None

    def cut_if_late(self, timeout: float) -> None:
        """Shut the socket down if the server has not answered for `timeout` seconds: libpq has no such timeout."""
        with self._guard:  # keeps close() out: the file descriptor could be reused
            if self._waiting_since is None or time.monotonic() - self._waiting_since < timeout:
                return
            self.timed_out = True
            with suppress(Exception), socket.socket(fileno=os.dup(self._connection.fileno())) as duplicate:
                duplicate.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.stop_waiting()
        with suppress(Exception):
            self.pooled.invalidate()


class Connections:
    """Run transactions on pooled connections; see `SqlBackend`."""

    def __init__(self, connect: Callable[[], Any], answer_timeout: float, timeout: float) -> None:
        from sqlalchemy.pool import QueuePool

        self._pool = QueuePool(connect, max_overflow=-1, use_lifo=True, reset_on_return=None)
        self._answer_timeout = answer_timeout
        self._timeout = timeout
        self._inherited: list[object] = []
        self._start_process()

    def _start_process(self) -> None:
        self._pid = os.getpid()
        self._guard = threading.Lock()
        self._taken: set[Session] = set()
        self._reserve: list[Session] = []
        self._locks = 0  # held or being acquired: each has one connection in the reserve
        self._last_used = time.monotonic()
        self._watched = False

    def run(self, work: Callable[[Session], _Result], *, hold: bool = False) -> _Result:
        """Run `work` in a separate transaction; retry it after a deadlock, a lost idle connection and the like.

        :param hold: if the result is true, leave the transaction open; `release` ends it. A second connection is
            opened first and kept in reserve: the processes that wait for a lock could otherwise use up all
            connections, and the holder could not write the value that they wait for.
        :raises BackendError: if it cannot be done; the text names the remedy.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(_TransientError),
            wait=wait_random_exponential(multiplier=0.05, max=2),
            stop=stop_after_delay(self._timeout),
            reraise=True,
        )
        result: _Result = retrying(self._run_once, work, hold)
        return result

    def release(self, session: Session, number: bytes) -> None:
        """Release a lock and end the transaction that `run` left open for it."""
        session.start_waiting()
        try:
            session.dialect.unlock(session, number)
            session.commit()
        except Exception:
            # The lock ended with the session. What was done under it is done.
            log.warning("Lost a lock while it was held: the connection to the database was cut")
            self._drop(session)
        else:
            self._give_back(session)
        self._shrink_reserve()

    def close(self) -> None:
        self._pool.dispose()

    def _run_once(self, work: Callable[[Session], _Result], hold: bool) -> _Result:
        if self._pid != os.getpid():
            # After a fork the connections belong to the parent. They must stay referenced: closing them, also by
            # garbage collection, would end the parent's sessions.
            self._inherited.append((self._pool, self._taken, self._reserve))
            self._pool = self._pool.recreate()
            self._start_process()
        session = None
        try:
            if hold:
                with self._guard:
                    self._locks += 1
                self._give_back(self._take(new=True))
            session = self._take(new=hold)
            session.begin()
            result = work(session)
            if hold and result:
                session.stop_waiting()
                return result
            session.commit()
        except BaseException as error:
            if session is not None:
                self._drop(session)
            if hold:
                self._shrink_reserve()
            if not isinstance(error, Exception) or not from_database(error):
                raise
            raise self._translate(error, session) from None
        self._give_back(session)
        if hold:
            self._shrink_reserve()
        return result

    def _translate(self, error: Exception, session: Session | None) -> BackendError:
        number = code(error)
        text = line(error, opened=session is not None)
        if session is not None and session.timed_out:
            return BackendError(SLOW)
        if number in NO_TABLE:
            self.run(_create_table)
        elif session is not None and session.reused and (number in GONE or not number):
            self.close()  # the server closed this connection while it was idle, and probably the others too
        elif number not in TRANSIENT:
            return BackendError(text)
        return _TransientError(text)

    def _take(self, *, new: bool) -> Session:
        """Check a connection out.

        :param new: leave the reserve alone.
        """
        with self._guard:
            session = self._reserve.pop() if self._reserve and not new else None
        if session is None:
            session = Session(self._pool.connect())
        session.start_waiting()
        with self._guard:
            self._taken.add(session)
            watched, self._watched = self._watched, True
        if not watched:
            threading.Thread(target=self._watch, daemon=True).start()
        if not session.reused:
            try:
                session.set_up()
            except BaseException:
                self._drop(session)
                raise
        return session

    def _give_back(self, session: Session) -> None:
        session.stop_waiting()
        session.reused = True
        with self._guard:
            self._taken.discard(session)
            self._last_used = time.monotonic()
            if len(self._reserve) < self._locks:
                self._reserve.append(session)
                return
        session.pooled.close()

    def _drop(self, session: Session) -> None:
        with self._guard:
            self._taken.discard(session)
        session.close()

    def _shrink_reserve(self) -> None:
        with self._guard:
            self._locks -= 1
            extra, self._reserve = self._reserve[self._locks :], self._reserve[: self._locks]
        for session in extra:
            session.close()

    def _watch(self) -> None:
        """Close idle connections, and cut those whose server does not answer."""
        while True:
            time.sleep(min(IDLE_SECONDS, self._answer_timeout) / 2)
            with self._guard:
                taken = list(self._taken)
                idle = time.monotonic() - self._last_used >= IDLE_SECONDS
                watched = self._watched = bool(taken) or not idle
            for session in taken:
                session.cut_if_late(self._answer_timeout)
            if idle:
                self._pool.dispose()
            if not watched:
                return


def _create_table(session: Session) -> None:
    for statement in session.dialect.create:
        try:
            session.run(statement)
        except Exception as error:
            number = code(error)
            if from_database(error) and number and number not in TRANSIENT | GONE:
                raise BackendError(create_table_refused(session.dialect.create)) from None
            raise
