"""How something is done with a database: what is tried again, for how long, and what is said."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.sql.dialects import code
from airflow_provider_meetings.coordination.sql.errors import (
    CROWDED,
    DEADLOCKS,
    GONE,
    MADE,
    NO_TABLE,
    SLOW,
    from_database,
    line,
    unmade,
)
from airflow_provider_meetings.coordination.sql.pool import Connection, Pool, Session

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")
_TRIES = 10
_LONGEST_PAUSE = 2.0
_PAUSES = random.SystemRandom()  # the plain generator would give forked processes the same pauses


class Sessions:
    """Run work on connections of a pool.

    :param longest: seconds to wait for an answer.
    :param timeout: seconds to wait for a connection while the server has none free.
    """

    def __init__(self, connect: Callable[[], Connection], longest: float, timeout: float) -> None:
        self._pool = Pool(connect, longest)
        self._timeout = timeout

    def do(self, work: Callable[[Session], _Result], *, keep: bool = False) -> _Result:
        """Run `work` in a transaction of its own; again where another one was in its way or the connection was old.

        :param keep: leave the transaction open where the result is true; `end` ends it.
        """
        until = time.monotonic() + self._timeout
        tries = 0
        while True:
            tries += 1
            session = None
            reused = False
            try:
                session, reused = self._pool.take(spare=keep)
                session.begin()
                result = work(session)
                if keep and result:
                    session.rest()
                    return result
                (session.rollback if keep else session.commit)()
            except BaseException as error:
                if session is not None:
                    self._pool.drop(session)
                    if keep:
                        self._pool.drop_spare()
                if not isinstance(error, Exception) or not from_database(error):
                    raise
                self._mend(error, session, reused, tries, until)
            else:
                self._pool.give(session)
                if keep:
                    self._pool.drop_spare()
                return result

    def end(self, session: Session, number: bytes) -> None:
        """End a transaction that was left open, and its lock."""
        session.work()
        try:
            session.dialect.unlock(session, number)
            session.commit()
        except Exception:
            # The lock ended with the session, and the work that was done under it stays done.
            log.warning("A hold ended while it was needed: the connection to the database was cut")
            self._pool.drop(session)
        else:
            self._pool.give(session)
        self._pool.drop_spare()

    def close(self) -> None:
        """Close what is unused."""
        self._pool.close()

    def _mend(self, error: Exception, session: Session | None, reused: bool, tries: int, until: float) -> None:
        """Return where trying again makes sense; raise what to say where not."""
        number = code(error)
        if session is not None and session.late:
            raise BackendError(SLOW) from None
        if number in CROWDED and time.monotonic() < until:
            time.sleep(_PAUSES.uniform(0, min(_LONGEST_PAUSE, 0.05 * 2**tries)))
        elif tries < _TRIES and number in DEADLOCKS:
            # Those who met must not meet again.
            time.sleep(_PAUSES.uniform(0, 0.02))
        elif tries < _TRIES and number in NO_TABLE:
            self._create()
        elif tries < _TRIES and reused and (number in GONE or not number):
            self.close()  # the server went away meanwhile: so did the others
        else:
            raise BackendError(line(error, opened=session is not None)) from None

    def _create(self) -> None:
        def create(session: Session) -> None:
            try:
                for statement in session.dialect.create:
                    session.run(statement)
            except Exception as error:
                if not from_database(error) or code(error) in GONE | CROWDED or not code(error):
                    raise
                session.rollback()
                if code(error) not in MADE | DEADLOCKS:
                    raise BackendError(unmade(session.dialect.create)) from None

        self.do(create)
