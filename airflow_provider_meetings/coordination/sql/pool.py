"""Connections to a database that several threads take and give back; none is kept long, or waited on for ever."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from airflow_provider_meetings.coordination.sql.dialects import Dialect, MySQL, Postgres

IDLE_SECONDS: Final = 1.0
"""So long a connection is kept unused: a server has a hundred, and every process of every host comes to it."""


class Connection(Protocol):
    """A connection as PEP 249 has it."""

    def cursor(self) -> Any:
        """Open a cursor."""

    def commit(self) -> None:
        """Commit what the driver began."""

    def close(self) -> None:
        """Close."""


class Session:
    """One connection, and the words its database understands; used by one thread at a time."""

    dialect: Dialect

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.spare = False
        self.late = False
        self.unused_since = 0.0
        self._busy_since: float | None = time.monotonic()
        self._guard = threading.Lock()

    def open(self) -> None:
        """Find out who answers, and say how we work."""
        # Without this, a connection that commits by itself would let go of every lock at once.
        self._autocommit(False)
        version = str((self.row("SELECT version()") or ("",))[0])
        self.dialect = Postgres() if version.startswith("PostgreSQL") else MySQL()
        for statement in self.dialect.opening:
            self.run(statement)
        self.connection.commit()
        if self.dialect.begin:
            # Else the driver would begin each transaction in words of its own, and ours would be one more question.
            self._autocommit(True)
            # What psycopg prepares would be looked for on whichever connection a pooler gives next.
            if hasattr(self.connection, "prepare_threshold"):
                self.connection.prepare_threshold = None

    def begin(self) -> None:
        """Begin a transaction."""
        if self.dialect.begin:
            self.run(self.dialect.begin)

    def commit(self) -> None:
        """Commit; psycopg2 itself would not, for it did not begin the transaction."""
        self.run("COMMIT")

    def rollback(self) -> None:
        """Roll back."""
        self.run("ROLLBACK")

    def _autocommit(self, on: bool) -> None:
        if callable(getattr(self.connection, "autocommit", None)):
            self.connection.autocommit(on)
        else:
            self.connection.autocommit = on

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

    def work(self) -> None:
        """Say that answers are waited for from now on."""
        self._busy_since = time.monotonic()

    def rest(self) -> None:
        """Say that none are."""
        with self._guard:
            self._busy_since = None
        self.unused_since = time.monotonic()

    def cut(self, longest: float) -> None:
        """End a wait for an answer that has lasted too long, for the thread that waits: libpq has no limit for it."""
        with self._guard:  # else the number of its socket might be another's by now
            if self._busy_since is None or time.monotonic() - self._busy_since < longest:
                return
            self.late = True
            with suppress(Exception), socket.socket(fileno=os.dup(self.connection.fileno())) as its_socket:
                its_socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, whatever its state."""
        self.rest()
        with suppress(Exception):
            self.connection.close()


class Pool:
    """What is open.

    :param longest: seconds to wait for answers, from taking a connection to giving it back.
    """

    def __init__(self, connect: Callable[[], Connection], longest: float) -> None:
        self._connect = connect
        self._longest = longest
        self._inherited: list[object] = []
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._guard = threading.Lock()
        self._idle: list[Session] = []
        self._taken: set[Session] = set()
        self._own = threading.local()
        self._looked_after = False

    def take(self, *, spare: bool = False) -> tuple[Session, bool]:
        """Take a connection, and tell whether it is used again.

        :param spare: only with another one beside it, for what this thread does next. Who kept a connection while all
            others are taken by those who wait for him would wait, too.
        """
        if self._process != os.getpid():
            # After a fork they are the parent's. Kept, for closing them would say goodbye in its name.
            self._inherited.append((self._guard, self._idle, self._taken, self._own))
            self._begin()
        session, reused = self._take(self._spares().pop() if self._spares() else None)
        if spare:
            try:
                other, _ = self._take(None)
            except BaseException:
                self.drop(session)
                raise
            other.spare = True
            self.give(other)
        return session, reused

    def give(self, session: Session) -> None:
        """Give a connection back."""
        session.rest()
        with self._guard:
            self._taken.discard(session)
            if session.spare:
                self._spares().append(session)
            else:
                self._idle.append(session)

    def drop(self, session: Session) -> None:
        """Give back one that is used no more."""
        with self._guard:
            self._taken.discard(session)
        session.close()

    def drop_spare(self) -> None:
        """Let go of what `take` put beside."""
        if self._spares():
            self._spares().pop().close()

    def close(self) -> None:
        """Close what is unused."""
        with self._guard:
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _spares(self) -> list[Session]:
        spares: list[Session] = self._own.__dict__.setdefault("spares", [])
        return spares

    def _take(self, known: Session | None) -> tuple[Session, bool]:
        with self._guard:
            if known is None and self._idle:
                known = self._idle.pop()
            if known is not None:
                known.work()
                self._taken.add(known)
        if known is not None:
            self._look_after()
            return known, True
        session = Session(self._connect())
        with self._guard:
            self._taken.add(session)
        self._look_after()
        try:
            session.open()
        except BaseException:
            self.drop(session)
            raise
        return session, False

    def _look_after(self) -> None:
        with self._guard:
            begin, self._looked_after = not self._looked_after, True
        if begin:
            threading.Thread(target=self._looking, daemon=True).start()

    def _looking(self) -> None:
        while True:
            time.sleep(min(IDLE_SECONDS, self._longest) / 2)
            since = time.monotonic() - IDLE_SECONDS
            with self._guard:
                old = [session for session in self._idle if session.unused_since < since]
                self._idle = [session for session in self._idle if session.unused_since >= since]
                taken = list(self._taken)
                self._looked_after = bool(self._idle or taken)
                ends = not self._looked_after
            for session in old:
                session.close()
            for session in taken:
                session.cut(self._longest)
            if ends:
                return
