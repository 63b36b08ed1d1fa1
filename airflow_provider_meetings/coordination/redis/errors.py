"""Redis errors as one line that shows neither the server's address nor a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_meetings.coordination.backend import BackendError

_LOGIN = "Redis refused the login. Check the user and the password of the connection that coordination_conn_id names."
_RIGHTS = (
    "The Redis user may not do this. It needs the commands GET, GETRANGE, SET, DEL, PTTL, PEXPIRE, EVAL, EVALSHA, "
    "SCRIPT LOAD, TIME, HMGET and HSET on keys that begin with meetings:."
)
_REPLICA = "This Redis is a read-only replica. Name the primary in the connection that coordination_conn_id names."
_SLOW = "Redis did not answer in time. Check its load and the network to it."
_UNREACHABLE = "Redis cannot be reached. Check that it runs and that host, port and TLS of its connection are right."
_FULL = "Redis has no memory left for writing. Give it more, or set an eviction policy."


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the library's errors into a `BackendError` without their text, which may quote addresses and users.

    A `LockError`, which says that the lock is not held, is raised as it is.
    """
    from redis import exceptions

    try:
        yield
    except exceptions.LockError:
        raise
    except exceptions.RedisError as error:
        raise BackendError(_line(error)) from None


def _line(error: Exception) -> str:
    from redis import exceptions

    if isinstance(error, exceptions.NoPermissionError) or "NOPERM" in str(error):
        return _RIGHTS
    known: tuple[tuple[type[Exception], str], ...] = (
        (exceptions.AuthenticationError, _LOGIN),
        (exceptions.ReadOnlyError, _REPLICA),
        (exceptions.TimeoutError, _SLOW),
        (exceptions.ConnectionError, _UNREACHABLE),
        (exceptions.OutOfMemoryError, _FULL),
    )
    for kind, line in known:
        if isinstance(error, kind):
            return line
    text = str(error)
    if "NOAUTH" in text or "WRONGPASS" in text:
        return _LOGIN
    # The error of a script contains the server's own.
    for part, line in (("READONLY", _REPLICA), ("OOM ", _FULL), ("ACL failure", _RIGHTS), ("can't ", _RIGHTS)):
        if part in text:
            return line
    return f"Redis refused the command ({type(error).__name__} {text.split(' ', 1)[0][:20]})."
