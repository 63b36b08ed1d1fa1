"""Share through a PostgreSQL or MySQL/MariaDB: one small table, a locked row per key, the database's own clock.

The table is made when it is missing. Where the database's clock is set, back or forward, the distance to the last slot
is kept; forward for 2 seconds at most, so that with a longer queue new slots may fall between those of before.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import RECORD_SECONDS, Busy
from airflow_provider_meetings.coordination.sql.pool import Connection, Session
from airflow_provider_meetings.coordination.sql.sessions import Sessions

_AT_ONCE = 2.0  # seconds that a place in the queue for a hold is kept; then the wait looks up, and queues anew
_KEPT = 7200  # seconds that slots outlive their use: a clock that is set forward shall not end them
_FORWARD = 60_000_000  # microseconds after which the clock may have been set forward since the last word
_QUEUE_KEPT = 2_000_000  # microseconds of a queue that are kept then: few, for those who stood in it may be gone
_CLEARED = 100  # rows that ran out, removed at once


class SqlBackend:
    """Share values, holds and slots through a database.

    :param connect: opens a connection (psycopg, psycopg2, PyMySQL, mysqlclient, MySQL's own: any whose parameters are
        ``%s``). It must give up by itself when the network does not answer: ``connect_timeout``, and with MySQL
        ``read_timeout`` and ``write_timeout``, each a few seconds. Connections are kept for a second.
    :param longest: seconds to wait for answers, longer than any lock is waited for.
    :param timeout: seconds to wait for a connection while the server has none free.
    """

    def __init__(self, connect: Callable[[], Connection], *, longest: float = 10.0, timeout: float = 30.0) -> None:
        self._sessions = Sessions(connect, longest, timeout)

    def get(self, key: str) -> bytes | None:
        """Return what was set, or None."""

        def read(session: Session) -> bytes | None:
            row = session.row(session.dialect.get, _name(key, "value"))
            return None if row is None else bytes(row[0])

        return self._sessions.do(read)

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        """Set a value for `lifetime` seconds, and remove rows that ran out."""

        def write(session: Session) -> None:
            session.run(session.dialect.set, _name(key, "value"), value, round(lifetime * 1e6))

        self._sessions.do(write)
        for name in self._sessions.do(_ran_out):
            self._sessions.do(partial(_remove, name))

    @contextmanager
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        """Be the only one who holds the key; a lock of the database's, which ends with the session."""
        number = hashlib.sha256(f"meetings:{key}".encode()).digest()
        deadline = time.monotonic() + timeout

        def lock(session: Session) -> Session | None:
            left = max(0.0, deadline - time.monotonic())
            return session if session.dialect.lock(session, number, min(left, _AT_ONCE)) else None

        while (session := self._sessions.do(lock, keep=True)) is None:
            if time.monotonic() >= deadline:
                raise Busy(f"Another process has held this for {timeout:g} seconds. Try again later.")
        try:
            yield
        finally:
            self._sessions.end(session, number)

    def reserve(self, key: str, rates: Sequence[Rate], longest: float) -> float:
        """Take the next free slot that all rates allow, and return how many seconds from now it is."""
        spacing = math.ceil(max(rate.spacing for rate in rates) * 1e6)
        taken, away = self._sessions.do(lambda s: _reserve(s, _name(key, "slots"), spacing, longest * 1e6))
        if not taken:
            raise Busy.until_slot(away / 1e6, longest)
        return away / 1e6

    def block(self, key: str, seconds: float) -> None:
        """Give no slot of the key for so long from now, to anybody."""

        def write(session: Session) -> None:
            now, slot, postponed = _locked(session, _name(key, "slots"))
            _keep(session, _name(key, "slots"), now, slot, max(postponed, now + math.ceil(seconds * 1e6)), 0)

        self._sessions.do(write)

    def read(self, key: str) -> bytes | None:
        """Return the record, or None; see `DurableBackend`."""

        def ask(session: Session) -> bytes | None:
            row = session.row("SELECT value FROM meetings_coordination WHERE name = %s", _name(key, "record"))
            return None if row is None or row[0] is None else bytes(row[0])

        return self._sessions.do(ask)

    def compare_and_set(self, key: str, old: bytes | None, new: bytes) -> bool:
        """Write the record if it is still `old`; see `DurableBackend`."""
        return self._sessions.do(lambda session: _swap(session, _name(key, "record"), old, new))

    def close(self) -> None:
        """Let go of the connections."""
        self._sessions.close()


def _name(key: str, part: str) -> str:
    return f"{hashlib.sha256(key.encode()).hexdigest()}:{part}"


def _reserve(session: Session, name: str, spacing: int, longest: float) -> tuple[bool, int]:
    now, slot, postponed = _locked(session, name)
    free = max(now, slot + spacing, postponed)
    if free - now > longest:
        return False, free - now
    _keep(session, name, now, free, postponed, spacing)
    return True, free - now


def _locked(session: Session, name: str) -> tuple[int, int, int]:
    """Lock the row of the key, and return the time now, the last slot, and until when none is given."""
    while (row := session.row(session.dialect.locked, name)) is None:
        session.run(session.dialect.add, name)
        # With MySQL, two that add the same row would each keep a lock that the other one needs.
        session.commit()
        session.begin()
    slot, postponed, seen, *told = row
    # Asked only now: a time from before the wait for the lock would make the slot seem further away than it is.
    if not told:
        told = list(session.row(f"SELECT {session.dialect.now}") or ())
    now = int(told[0])
    # A clock that shows less than it did at the last word was set back: the others go back with it.
    back = max(0, seen - now)
    if slot > seen and now - seen > _FORWARD:
        slot = now + min(slot - seen, _QUEUE_KEPT)
    return now, slot - back, postponed - back


def _keep(session: Session, name: str, now: int, slot: int, postponed: int, longer: int) -> None:
    session.run(
        "UPDATE meetings_coordination SET slot = %s, postponed = %s, seen = %s, expires = %s WHERE name = %s",
        *(slot, postponed, now, max(now, slot, postponed) + longer + _KEPT * 1_000_000, name),
    )


def _swap(session: Session, name: str, old: bytes | None, new: bytes) -> bool:
    ask = "SELECT value FROM meetings_coordination WHERE name = %s FOR UPDATE"
    while (row := session.row(ask, name)) is None:
        session.run(session.dialect.add, name)
        session.commit()
        session.begin()
    stands = None if row[0] is None else bytes(row[0])
    if stands == new:  # committed, and only the word of it was lost
        return True
    if stands != old:
        return False
    for statement in session.dialect.durable:
        session.run(statement)
    session.run(
        f"UPDATE meetings_coordination SET value = %s, expires = {session.dialect.now} + %s WHERE name = %s",  # noqa: S608
        *(new, RECORD_SECONDS * 1_000_000, name),
    )
    return True


def _ran_out(session: Session) -> list[str]:
    ask = f"SELECT name FROM meetings_coordination WHERE expires < {session.dialect.now} LIMIT {_CLEARED}"  # noqa: S608
    return [str(row[0]) for row in session.rows(ask)]


def _remove(name: str, session: Session) -> None:
    # One row in a transaction: two that clear at once cannot lock each other out.
    session.run(f"DELETE FROM meetings_coordination WHERE name = %s AND expires < {session.dialect.now}", name)  # noqa: S608
