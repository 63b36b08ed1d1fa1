"""SQL of PostgreSQL and MySQL/MariaDB: clock, upserts, locks, error codes. Times are microseconds since 1970."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

from airflow_provider_meetings.coordination.stored import MAX_VALUE_BYTES, MAX_VALUE_SECONDS

if TYPE_CHECKING:
    from airflow_provider_meetings.coordination.sql.connections import Session

_COLUMNS = """slot bigint NOT NULL DEFAULT 0, blocked_until bigint NOT NULL DEFAULT 0, seen bigint NOT NULL DEFAULT 0,
expires bigint NOT NULL"""

STORED: Final = f"substring(value, 1, {MAX_VALUE_BYTES + 1})"  # all of it, or enough to see that it is too large


def _get(now: str) -> str:
    # A value set later than now was set before the clock was set back. It would outlive its lifetime.
    return (
        f"SELECT CASE WHEN expires <= {now} + {MAX_VALUE_SECONDS * 1e6:.0f} THEN {STORED} END "  # noqa: S608
        f"FROM meetings_coordination WHERE name = %s AND expires > {now} AND seen <= {now}"
    )


_LOCKED = "SELECT slot, blocked_until, seen FROM meetings_coordination WHERE name = %s FOR UPDATE"


class Dialect(Protocol):
    """The SQL that differs between databases."""

    opening: tuple[str, ...] = ()
    """Run once on a new connection."""
    begin: str = ""
    """Begins a transaction; empty if the driver does."""
    durable: tuple[str, ...] = ()
    """Run in a transaction whose commit must survive a crash of the server."""
    create: tuple[str, ...]
    now: str
    locked: str
    """Locks the row of slots and returns it, followed by the time if one statement can do both."""
    get: str
    set: str
    add: str

    def lock(self, session: Session, number: bytes, wait: float) -> bool:
        """Wait up to `wait` seconds for a lock, and return whether it was acquired."""

    def unlock(self, session: Session, number: bytes) -> None:
        """Release the lock, if the end of the transaction does not."""
        return


class Postgres(Dialect):
    """PostgreSQL and compatible databases.

    Locks and settings belong to the transaction: behind a pooler, the next one may run on another server connection.
    """

    now: str = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
    # One round trip. The last settings end the transaction of a host that vanished.
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
    # MATERIALIZED: the clock is read after the row is locked.
    locked: str = f"WITH locked AS MATERIALIZED ({_LOCKED}) SELECT slot, blocked_until, seen, {now} FROM locked"  # noqa: S608
    get: str = _get(now)
    set: str = (
        f"INSERT INTO meetings_coordination (name, value, seen, expires) VALUES (%s, %s, {now}, {now} + %s) "  # noqa: S608
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value, seen = excluded.seen, expires = excluded.expires"
    )
    add: str = (
        f"INSERT INTO meetings_coordination (name, expires) VALUES (%s, {now} + 60000000) "  # noqa: S608
        "ON CONFLICT (name) DO NOTHING"
    )

    def lock(self, session: Session, number: bytes, wait: float) -> bool:
        """Wait for an advisory lock. A lock_timeout of 0 means no timeout."""
        session.row("SELECT set_config('lock_timeout', %s, true)", str(max(1, math.ceil(wait * 1000))))
        try:
            session.row("SELECT pg_advisory_xact_lock(%s)", int.from_bytes(number[:8], signed=True))
        except Exception as error:
            if code(error) == "55P03":
                return False
            raise
        return True


class MySQL(Dialect):
    """MySQL and MariaDB. The session runs in UTC: in local time one hour occurs twice in autumn."""

    now: str = "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"
    opening: tuple[str, ...] = (
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION innodb_lock_wait_timeout = 5",
        "SET SESSION wait_timeout = 300",
    )
    create: tuple[str, ...] = (
        "CREATE TABLE IF NOT EXISTS meetings_coordination "
        f"(name varchar(80) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, value mediumblob, {_COLUMNS}, "
        "INDEX meetings_coordination_expires (expires)) ENGINE=InnoDB",
    )
    locked: str = _LOCKED  # NOW() would be the time at which the statement began, before the lock
    get: str = _get(now)
    set: str = f"REPLACE INTO meetings_coordination (name, value, seen, expires) VALUES (%s, %s, {now}, {now} + %s)"  # noqa: S608
    add: str = f"INSERT IGNORE INTO meetings_coordination (name, expires) VALUES (%s, {now} + 60000000)"  # noqa: S608

    def lock(self, session: Session, number: bytes, wait: float) -> bool:
        """Wait for a named lock; MySQL counts whole seconds."""
        row = session.row("SELECT GET_LOCK(%s, %s)", number.hex()[:64], math.ceil(wait))
        return bool(row and row[0] == 1)

    def unlock(self, session: Session, number: bytes) -> None:
        """Release the lock: it belongs to the connection, not to the transaction."""
        session.row("SELECT RELEASE_LOCK(%s)", number.hex()[:64])


# psycopg and psycopg2 give no code for a refused connection.
_REFUSALS = (
    ("password authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("does not exist", "3D000"),
    ("too many c", "53300"),
    ("remaining connection slots", "53300"),
)


def code(error: Exception) -> str:
    """Return the database's error code: MySQL's number, PostgreSQL's five characters; empty if there is none."""
    number = getattr(error, "errno", None) or (error.args[0] if error.args else None)
    if isinstance(number, int):
        return str(number)
    if state := getattr(error, "sqlstate", None) or getattr(error, "pgcode", None):
        return str(state)
    return next((error_code for pattern, error_code in _REFUSALS if pattern in str(error)), "")
