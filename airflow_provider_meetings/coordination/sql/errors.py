"""Database errors as one line that shows no address, no user and no value."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_meetings.coordination.sql.dialects import code

NO_TABLE = {"42P01", "1146"}
GONE = {"57P01", "57P02", "57P03", "08000", "08003", "08006", "25P03", "0", "2006", "2013", "2014", "4031", "1927"}
_DEADLOCKS = {"40001", "40P01", "1213", "1020"}
_TOO_MANY_CONNECTIONS = {"53300", "1040", "1203", "1226"}
_CREATED_CONCURRENTLY = {"42P07", "23505", "42710", "1050"}
TRANSIENT = _DEADLOCKS | _TOO_MANY_CONNECTIONS | _CREATED_CONCURRENTLY
_LOGIN = {"28P01", "28000", "1045", "1044", "1698", "3D000", "1049"}
_RIGHTS = {"42501", "1142", "1143", "1227"}
_TIMEOUT = {"57014", "55P03", "1205", "1969", "3024"}
_READ_ONLY = {"25006", "1290", "1792", "1836"}

SLOW = "The database did not answer in time. Check its load, and which session locks the table meetings_coordination."
_LINES = (
    (_LOGIN, "The database refused the login. Check user, password and database that coordination_conn_id names."),
    (
        _RIGHTS,
        "The database user needs SELECT, INSERT, UPDATE and DELETE on the table meetings_coordination, "
        "and CREATE if the table is missing.",
    ),
    (_TIMEOUT, SLOW),
    (
        _TOO_MANY_CONNECTIONS,
        "The database has no connection free. Raise its connection limit, or run fewer tasks at once.",
    ),
    (_READ_ONLY, "This database is read-only. Name the primary in the connection that coordination_conn_id names."),
)
_UNREACHABLE = (
    "The database cannot be reached. Check that it runs and that host, port and TLS of its connection are right."
)


def from_database(error: BaseException) -> bool:
    """Return whether a driver raised this error: PEP 249 names the base class of a driver's errors `Error`."""
    return isinstance(error, OSError) or any(kind.__name__ == "Error" for kind in type(error).__mro__)


def line(error: Exception, *, opened: bool) -> str:
    """Return what happened and what to do.

    :param opened: whether the connection had been opened.
    """
    number = code(error)
    for codes, text in _LINES:
        if number in codes:
            return text
    if not opened or not number or number in GONE or number.startswith("08"):
        return _UNREACHABLE
    text = f"The database refused a statement on the table meetings_coordination ({type(error).__name__} {number})."
    return f"{text} Correct its columns, or drop it: it is created again, and users consent again."


def create_table_refused(statements: Sequence[str]) -> str:
    """Return what to do if the user may not create the table."""
    return (
        "The database user may not create the table meetings_coordination. Grant it CREATE once, or run these "
        "statements as another user and grant it SELECT, INSERT, UPDATE and DELETE: "
        f"{'; '.join(' '.join(statement.split()) for statement in statements)};"
    )
