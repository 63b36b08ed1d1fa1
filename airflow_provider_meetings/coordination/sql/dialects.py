"""Where PostgreSQL and MySQL/MariaDB speak differently: clock, writing over, locks, error codes.

Times are whole microseconds since 1970.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

_COLUMNS = """slot bigint NOT NULL DEFAULT 0, postponed bigint NOT NULL DEFAULT 0, seen bigint NOT NULL DEFAULT 0,
expires bigint NOT NULL"""


def _get(now: str) -> str:
    # What was set later than now, was so before the clock was set back. Kept, a refusal would outlast its block.
    return f"SELECT value FROM meetings_coordination WHERE name = %s AND expires > {now} AND seen <= {now}"  # noqa: S608


_LOCKED = "SELECT slot, postponed, seen FROM meetings_coordination WHERE name = %s FOR UPDATE"


class Asks(Protocol):
    """What a lock needs of a session."""

    def row(self, statement: str, *values: Any) -> Any:
        """Return the first row of the answer."""

    def run(self, statement: str, *values: Any) -> None:
        """Run a statement that answers nothing."""


class Dialect(Protocol):
    """What differs."""

    opening: tuple[str, ...]
    begin: str
    """Begins a transaction; empty where the driver does."""
    durable: tuple[str, ...]
    """Said in a transaction whose commit must outlive a crash of the server."""
    create: tuple[str, ...]
    now: str
    locked: str
    """Locks the row of slots and gives it, and after it the time then, where one question can do both."""
    get: str
    set: str
    add: str

    def lock(self, session: Asks, number: bytes, wait: float) -> bool:
        """Wait for the lock of this number; tell whether we have it."""

    def unlock(self, session: Asks, number: bytes) -> None:
        """Give the lock back, where the end of the transaction does not."""


class Postgres:
    """PostgreSQL and what speaks like it.

    Locks and settings are the transaction's: behind a pooler, the next one may be on a connection that was another's.
    """

    now: str = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
    opening: tuple[str, ...] = ()
    # One question. The last ones end a transaction whose host vanished without a word.
    begin: str = (
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '5s'; SET LOCAL synchronous_commit = off; "
        "SET LOCAL idle_in_transaction_session_timeout = '5min'; SET LOCAL tcp_keepalives_idle = 1; "
        "SET LOCAL tcp_keepalives_interval = 1; SET LOCAL tcp_keepalives_count = 3"
    )
    durable: tuple[str, ...] = ("SET LOCAL synchronous_commit = on",)
    create: tuple[str, ...] = (
        f"CREATE TABLE IF NOT EXISTS meetings_coordination (name varchar(80) PRIMARY KEY, value bytea, {_COLUMNS})",
        "CREATE INDEX IF NOT EXISTS meetings_coordination_expires ON meetings_coordination (expires)",
    )
    # The clock is looked at for a row that has come, so that was locked.
    locked: str = f"WITH locked AS MATERIALIZED ({_LOCKED}) SELECT slot, postponed, seen, {now} FROM locked"  # noqa: S608
    get: str = _get(now)
    set: str = (
        f"INSERT INTO meetings_coordination (name, value, seen, expires) VALUES (%s, %s, {now}, {now} + %s) "  # noqa: S608
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value, seen = excluded.seen, expires = excluded.expires"
    )
    add: str = (
        f"INSERT INTO meetings_coordination (name, expires) VALUES (%s, {now} + 60000000) "  # noqa: S608
        "ON CONFLICT (name) DO NOTHING"
    )

    def lock(self, session: Asks, number: bytes, wait: float) -> bool:
        """Wait for an advisory lock; 0 would be for ever."""
        session.row("SELECT set_config('lock_timeout', %s, true)", str(max(1, math.ceil(wait * 1000))))
        try:
            session.row("SELECT pg_advisory_xact_lock(%s)", int.from_bytes(number[:8], signed=True))
        except Exception as error:
            if code(error) == "55P03":
                return False
            raise
        return True

    def unlock(self, session: Asks, number: bytes) -> None:
        """Do nothing: the transaction ends."""


class MySQL:
    """MySQL and MariaDB. In UTC, for a local hour comes twice in autumn."""

    now: str = "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"
    opening: tuple[str, ...] = (
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION innodb_lock_wait_timeout = 5",
        "SET SESSION wait_timeout = 300",
    )
    begin: str = ""
    durable: tuple[str, ...] = ()
    create: tuple[str, ...] = (
        "CREATE TABLE IF NOT EXISTS meetings_coordination "
        f"(name varchar(80) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, value mediumblob, {_COLUMNS}, "
        "INDEX meetings_coordination_expires (expires)) ENGINE=InnoDB",
    )
    locked: str = _LOCKED  # the time would be that of the question
    get: str = _get(now)
    set: str = f"REPLACE INTO meetings_coordination (name, value, seen, expires) VALUES (%s, %s, {now}, {now} + %s)"  # noqa: S608
    add: str = f"INSERT IGNORE INTO meetings_coordination (name, expires) VALUES (%s, {now} + 60000000)"  # noqa: S608

    def lock(self, session: Asks, number: bytes, wait: float) -> bool:
        """Wait for a named lock; MySQL counts whole seconds."""
        row = session.row("SELECT GET_LOCK(%s, %s)", number.hex()[:64], math.ceil(wait))
        return bool(row and row[0] == 1)

    def unlock(self, session: Asks, number: bytes) -> None:
        """Give it back: the session goes on."""
        session.row("SELECT RELEASE_LOCK(%s)", number.hex()[:64])


# psycopg and psycopg2 give no code for a connection that was refused.
_REFUSALS = (
    ("password authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("does not exist", "3D000"),
    ("too many c", "53300"),
    ("remaining connection slots", "53300"),
)


def code(error: Exception) -> str:
    """Return the database's own code: MySQL's number, PostgreSQL's five characters; empty where there is none."""
    number = getattr(error, "errno", None) or (error.args[0] if error.args else None)
    if isinstance(number, int):
        return str(number)
    if given := getattr(error, "sqlstate", None) or getattr(error, "pgcode", None):
        return str(given)
    return next((refused for words, refused in _REFUSALS if words in str(error)), "")
