"""What went wrong with a database, in a line that shows no address, no user and no value."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_meetings.coordination.sql.dialects import code

DEADLOCKS = {"40001", "40P01", "1213", "1020"}
NO_TABLE = {"42P01", "1146"}
GONE = {"57P01", "57P02", "57P03", "08000", "08003", "08006", "25P03", "0", "2006", "2013", "2014", "4031", "1927"}
CROWDED = {"53300", "1040", "1203", "1226"}
# Made by another at the same moment.
MADE = {"42P07", "23505", "42710", "1050"}
_LOGIN = {"28P01", "28000", "1045", "1044", "1698", "3D000", "1049"}
_RIGHTS = {"42501", "1142", "1143", "1227"}
_LATE = {"57014", "55P03", "1205", "1969", "3024"}
_READ_ONLY = {"25006", "1290", "1792", "1836"}

SLOW = "The database did not answer in time. Look at its load, and at who locks the table meetings_coordination."
_LINES = (
    (_LOGIN, "The database refused the login. Check user, password and database that coordination_conn_id names."),
    (
        _RIGHTS,
        "The database user needs SELECT, INSERT, UPDATE and DELETE on the table meetings_coordination, "
        "and CREATE where it is missing.",
    ),
    (_LATE, SLOW),
    (CROWDED, "The database has no connection free. Let it have more, or let fewer tasks run at once."),
    (_READ_ONLY, "This database is read-only. Name the primary in the connection that coordination_conn_id names."),
)
_AWAY = "The database cannot be reached. Check that it runs and that host, port and TLS of its connection are right."


def from_database(error: BaseException) -> bool:
    """Tell whether a driver raised this: PEP 249 has every driver call the root of its errors `Error`."""
    return isinstance(error, OSError) or any(kind.__name__ == "Error" for kind in type(error).__mro__)


def line(error: Exception, *, opened: bool) -> str:
    """Say what happened and what to do."""
    number = code(error)
    for codes, text in _LINES:
        if number in codes:
            return text
    if not opened or not number or number in GONE or number.startswith("08"):
        return _AWAY
    return f"The database refused a statement on the table meetings_coordination ({type(error).__name__} {number})."


def unmade(statements: Sequence[str]) -> str:
    """Say what is missing where the table cannot be made."""
    return (
        "The database user may not make the table meetings_coordination. Give it CREATE once, or let somebody run, "
        f"and grant it SELECT, INSERT, UPDATE and DELETE: {'; '.join(' '.join(s.split()) for s in statements)};"
    )
