"""What went wrong with Redis, in a line that shows neither its address nor a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_meetings.coordination.backend import BackendError

_LOGIN = "Redis refused the login. Check the user and the password of the connection that coordination_conn_id names."
_RIGHTS = (
    "The Redis user may not do this. It needs the commands GET, SET, EVAL, EVALSHA, SCRIPT LOAD and those that scripts "
    "call (TIME, hashes, lists, sorted sets, PEXPIRE) on keys that begin with meetings:."
)
_REPLICA = "This Redis is a read-only replica. Name the primary in the connection that coordination_conn_id names."
_SLOW = "Redis did not answer in time. Look at its load and at the network between."
_AWAY = "Redis cannot be reached. Check that it runs and that host, port and TLS of its connection are right."
_FULL = "Redis has no memory left for writing. Give it more, or a policy that evicts."


@contextmanager
def spoken() -> Iterator[None]:
    """Turn the library's errors into a `BackendError`; theirs are dropped, for they may quote addresses and users."""
    from redis import exceptions

    try:
        yield
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
        (exceptions.ConnectionError, _AWAY),
        (exceptions.OutOfMemoryError, _FULL),
    )
    for kind, line in known:
        if isinstance(error, kind):
            return line
    text = str(error)
    if "NOAUTH" in text or "WRONGPASS" in text:
        return _LOGIN
    # A script's own error wraps what the server said inside.
    for word, line in (("READONLY", _REPLICA), ("OOM ", _FULL), ("ACL failure", _RIGHTS), ("can't ", _RIGHTS)):
        if word in text:
            return line
    return f"Redis refused the command ({type(error).__name__} {text.split(' ', 1)[0][:20]})."
