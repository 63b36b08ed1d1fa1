"""Share through PostgreSQL or MySQL/MariaDB: one small table, one locked row per key, the database's own clock.

The table is created if it is missing. If the database's clock is set, the distance to the last slot is kept; after a
step forward at most 2 seconds of it: new slots may then fall between the slots of a longer queue.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from airflow_provider_meetings.api.http.rate_limit import MAX_SECONDS, Rate
from airflow_provider_meetings.coordination.backend import RECORD_SECONDS, Busy, DurableBackend
from airflow_provider_meetings.coordination.sql.connections import Connections, Session
from airflow_provider_meetings.coordination.sql.dialects import STORED
from airflow_provider_meetings.coordination.stored import stored_bytes, warn_ignored

_LOCK_WAIT_SECONDS = 2.0  # one wait for a lock; it must be shorter than the time after which a connection is cut
_SLOT_SECONDS = 7200  # slots outlive their use, so that a clock set forward does not end them
_CLOCK_STEP = 60_000_000  # microseconds since the last write after which the clock may have been set forward
_KEPT_QUEUE = 2_000_000  # microseconds of a queue that are kept then: the processes in it may be gone
_CLEANUP_ROWS = 100  # expired rows that one write removes
# A row that was added and not written yet has no value.
_RECORD = f"SELECT COALESCE({STORED}, '') FROM meetings_coordination WHERE name = %s"  # noqa: S608


class SqlBackend(DurableBackend):
    """Share values, locks and slots through a database.

    :param connect: opens a connection with a driver whose parameters are ``%s`` (psycopg, psycopg2, PyMySQL,
        mysqlclient, MySQL Connector). It must have timeouts of a few seconds: ``connect_timeout``, and with MySQL
        ``read_timeout`` and ``write_timeout``.
    :param answer_timeout: seconds to wait for the server, then it is cut off; more than one wait for a lock takes.
    :param timeout: seconds to retry while the server has no free connection.
    """

    def __init__(self, connect: Callable[[], Any], *, answer_timeout: float = 10.0, timeout: float = 30.0) -> None:
        self._connections = Connections(connect, answer_timeout, timeout)

    def get(self, key: str) -> bytes | None:
        name = _name(key, "value")
        return self._connections.run(lambda session: _content(session.row(session.dialect.get, name), name))

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        row = _name(key, "value"), value, round(lifetime * 1e6)
        self._connections.run(lambda session: session.run(session.dialect.set, *row))
        for name in self._connections.run(_expired):
            self._connections.run(partial(_remove_expired, name))

    @contextmanager
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        """Hold the lock of the key: a lock of the database's, which ends with its connection."""
        number = hashlib.sha256(f"meetings:{key}".encode()).digest()
        deadline = time.monotonic() + timeout

        def acquire(session: Session) -> Session | None:
            remaining = max(0.0, deadline - time.monotonic())
            return session if session.dialect.lock(session, number, min(remaining, _LOCK_WAIT_SECONDS)) else None

        while (session := self._connections.run(acquire, hold=True)) is None:
            if time.monotonic() >= deadline:
                raise Busy.lock(timeout)
        try:
            yield
        finally:
            self._connections.release(session, number)

    def reserve(self, key: str, rates: Sequence[Rate], max_wait: float) -> float:
        spacing = math.ceil(max(rate.spacing for rate in rates) * 1e6)
        name = _name(key, "slots")

        def take(session: Session) -> tuple[bool, int]:
            now, slot, blocked = _lock_slots(session, name)
            free = max(now, slot + spacing, blocked)
            if free - now > max_wait * 1e6:
                return False, free - now
            _save_slots(session, name, now, free, blocked, spacing)
            return True, free - now

        taken, wait = self._connections.run(take)
        if not taken:
            raise Busy.until_slot(wait / 1e6, max_wait)
        return wait / 1e6

    def block(self, key: str, seconds: float) -> None:
        name = _name(key, "slots")

        def write(session: Session) -> None:
            now, slot, blocked = _lock_slots(session, name)
            _save_slots(session, name, now, slot, max(blocked, now + math.ceil(seconds * 1e6)), 0)

        self._connections.run(write)

    def read(self, key: str) -> bytes | None:
        name = _name(key, "record")
        return self._connections.run(lambda session: _content(session.row(_RECORD, name), name)) or None

    def compare_and_set(self, key: str, old: bytes | None, new: bytes) -> bool:
        name = _name(key, "record")

        def write(session: Session) -> bool:
            existing = _content(_lock_row(session, f"{_RECORD} FOR UPDATE", name), name) or None
            if existing == new:  # an earlier call wrote it and its answer was lost
                return True
            if existing != old:
                return False
            for statement in session.dialect.durable:
                session.run(statement)
            session.run(
                f"UPDATE meetings_coordination SET value = %s, expires = {session.dialect.now} + %s WHERE name = %s",  # noqa: S608
                *(new, RECORD_SECONDS * 1_000_000, name),
            )
            return True

        return self._connections.run(write)

    def close(self) -> None:
        self._connections.close()


def _name(key: str, part: str) -> str:
    return f"{hashlib.sha256(key.encode()).hexdigest()}:{part}"


def _content(row: Sequence[Any] | None, name: str) -> bytes | None:
    return None if row is None else stored_bytes(row[0], name)


def _lock_row(session: Session, query: str, name: str) -> Sequence[Any]:
    while (row := session.row(query, name)) is None:
        session.run(session.dialect.add, name)
        # With MySQL, two transactions that add the same row would each keep a lock that the other one needs.
        session.commit()
        session.begin()
    return row


def _lock_slots(session: Session, name: str) -> tuple[int, int, int]:
    """Lock the slots of a key, and return the time now, the last slot, and the end of the block."""
    slot, blocked, seen, *rest = _lock_row(session, session.dialect.locked, name)
    # The clock is read after the lock was acquired: an earlier time would make the slot seem further away than it is.
    now = int((rest or session.row(f"SELECT {session.dialect.now}") or ())[0])
    try:
        slot, blocked, seen = int(slot), int(blocked), int(seen)
        if max(slot, blocked) - seen > MAX_SECONDS * 1e6:
            raise ValueError("no answer can cause such a wait")
    except (TypeError, ValueError, OverflowError):
        warn_ignored(name)
        return now, 0, 0
    # A clock that shows less than at the last write was set back: move both times back with it.
    back = max(0, seen - now)
    if slot > seen and now - seen > _CLOCK_STEP:
        slot = now + min(slot - seen, _KEPT_QUEUE)
    return now, max(0, slot - back), max(0, blocked - back)


def _save_slots(session: Session, name: str, now: int, slot: int, blocked: int, spacing: int) -> None:
    session.run(
        "UPDATE meetings_coordination SET slot = %s, blocked_until = %s, seen = %s, expires = %s WHERE name = %s",
        *(slot, blocked, now, max(now, slot, blocked) + spacing + _SLOT_SECONDS * 1_000_000, name),
    )


def _expired(session: Session) -> list[str]:
    query = f"SELECT name FROM meetings_coordination WHERE expires < {session.dialect.now} LIMIT {_CLEANUP_ROWS}"  # noqa: S608
    return [str(row[0]) for row in session.run(query)]


def _remove_expired(name: str, session: Session) -> None:
    # One row per transaction: two cleanups at once cannot deadlock.
    session.run(f"DELETE FROM meetings_coordination WHERE name = %s AND expires < {session.dialect.now}", name)  # noqa: S608
