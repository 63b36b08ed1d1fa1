"""Connections to a database that several threads take and give back, with what is tried again and what is said."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.sql_dialects import Dialect, MySQL, Postgres, code
from airflow_provider_meetings.coordination.sql_errors import (
    CROWDED,
    DEADLOCKS,
    GONE,
    MADE,
    NO_TABLE,
    from_database,
    line,
    unmade,
)

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")
_IDLE = 30.0  # seconds that a connection is kept unused
_TRIES = 10


class Connection(Protocol):
    """A connection as PEP 249 has it."""

    def cursor(self) -> Any:
        """Open a cursor."""

    def commit(self) -> None:
        """Commit."""

    def rollback(self) -> None:
        """Roll back."""

    def close(self) -> None:
        """Close."""


class Session:
    """One connection, and the words its database understands; used by one thread at a time."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.used = 0.0
        # Without this, a connection that commits by itself would let go of every lock at once.
        if callable(getattr(connection, "autocommit", None)):
            connection.autocommit(False)
        else:
            connection.autocommit = False
        version = str((self.row("SELECT version()") or ("",))[0])
        self.dialect: Dialect = Postgres() if version.startswith("PostgreSQL") else MySQL()
        for statement in self.dialect.opening:
            self.run(statement)
        connection.commit()

    def rows(self, statement: str, *values: Any) -> Sequence[Sequence[Any]]:
        """Return the answer's rows."""
        cursor = self.connection.cursor()
        try:
            cursor.execute(statement, values)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
        finally:
            cursor.close()
        return rows

    def row(self, statement: str, *values: Any) -> Sequence[Any] | None:
        """Return the first row of the answer, if there is one."""
        rows = self.rows(statement, *values)
        return rows[0] if rows else None

    def run(self, statement: str, *values: Any) -> None:
        """Run a statement that answers nothing."""
        cursor = self.connection.cursor()
        try:
            cursor.execute(statement, values)
        finally:
            cursor.close()

    def close(self) -> None:
        """Close the connection, whatever its state."""
        with suppress(Exception):
            self.connection.close()


class Sessions:
    """What is open and unused, and how something is done with it."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._guard = threading.Lock()
        self._idle: list[Session] = []
        self._process = os.getpid()
        self._inherited: list[Session] = []

    def do(self, work: Callable[[Session], _Result], *, keep: bool = False) -> _Result:
        """Run `work` in a transaction of its own; again where another one was in its way or the connection was old.

        :param keep: leave the transaction open where the result is true; `end` ends it.
        """
        for attempt in range(1, _TRIES + 1):
            session = None
            reused = False
            try:
                session, reused = self._take()
                result = work(session)
                if keep and result:
                    return result
                (session.connection.rollback if keep else session.connection.commit)()
            except BaseException as error:
                if session is not None:
                    session.close()
                if not isinstance(error, Exception) or not from_database(error):
                    raise
                self._mend(error, session, reused, last=attempt == _TRIES)
            else:
                self._give(session)
                return result
        raise AssertionError("the last try returns or raises")

    def end(self, session: Session, number: bytes) -> None:
        """End a transaction that was left open, and its lock."""
        try:
            session.dialect.unlock(session, number)
            session.connection.commit()
        except Exception:
            # The lock ended with the session, and the work that was done under it stays done.
            log.warning("A hold ended while it was needed: the connection to the database was cut")
            session.close()
        else:
            self._give(session)

    def close(self) -> None:
        """Close what is unused."""
        with self._guard:
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _take(self) -> tuple[Session, bool]:
        with self._guard:
            if self._process != os.getpid():
                # After a fork they are the parent's. Kept, for closing them would say goodbye in its name.
                self._inherited, self._idle, self._process = self._idle, [], os.getpid()
            since = time.monotonic() - _IDLE
            for session in self._idle:
                if session.used < since:
                    session.close()
            self._idle = [session for session in self._idle if session.used >= since]
            if self._idle:
                return self._idle.pop(), True
        connection = self._connect()
        try:
            return Session(connection), False
        except BaseException:
            connection.close()
            raise

    def _give(self, session: Session) -> None:
        session.used = time.monotonic()
        with self._guard:
            self._idle.append(session)

    def _mend(self, error: Exception, session: Session | None, reused: bool, *, last: bool) -> None:
        """Return where trying again makes sense; raise what to say where not."""
        number = code(error)
        if not last and number in DEADLOCKS:
            # Those who met must not meet again.
            time.sleep(random.uniform(0, 0.02))  # noqa: S311
        elif not last and number in CROWDED:
            time.sleep(random.uniform(0, 0.4))  # noqa: S311
        elif not last and number in NO_TABLE:
            self._create()
        elif not last and reused and (number in GONE or not number):
            self.close()  # the server went away meanwhile: so did the others
        else:
            raise BackendError(line(error, opened=session is not None)) from None

    def _create(self) -> None:
        session, _ = self._take()
        try:
            for statement in session.dialect.create:
                session.run(statement)
            session.connection.commit()
        except Exception as error:
            if not from_database(error):
                raise
            if code(error) not in MADE | DEADLOCKS:
                raise BackendError(unmade(session.dialect.create)) from None
        finally:
            session.close()
