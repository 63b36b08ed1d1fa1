"""Turn an Airflow connection of type redis, postgres or mysql into a backend that the processes of all hosts share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException

from airflow_provider_meetings.coordination.backend import BackendError, DurableBackend
from airflow_provider_meetings.coordination.redis.backend import RedisBackend
from airflow_provider_meetings.coordination.sql.backend import SqlBackend
from airflow_provider_meetings.coordination.sql.dialects import code
from airflow_provider_meetings.coordination.sql.errors import from_database
from airflow_provider_meetings.hooks.connections import SUPERVISOR_LOCK, connection, load_hook

NAME = "coordination_conn_id"
_REDIS_PORT = 6379
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 10  # longer than one wait for a database lock


def coordination_connection(conn_id: str) -> Any:
    """Read the connection that `coordination_conn_id` names, in any thread.

    :raises AirflowFailException: if it is missing or cannot be read. If Airflow's secrets backend is unreachable, the
        meetings connection cannot be read either, and that error is retried.
    """
    with SUPERVISOR_LOCK:
        try:
            return connection(conn_id, NAME)
        except AirflowNotFoundException as error:
            raise AirflowFailException(f"{error}; or remove the extra {NAME}") from None


def describe(conn: Any) -> str:
    """Return the name of a connection for texts."""
    return f"{conn.conn_type} connection {conn.conn_id!r}"


def fingerprint(conn: Any) -> str:
    """Return a digest of all fields of a connection, which reveals a change."""
    fields = [conn.conn_type, conn.host, conn.port, conn.login, conn.password, conn.schema, conn.extra]
    return hashlib.sha256(repr(fields).encode()).hexdigest()


def make_backend(conn: Any) -> DurableBackend:
    """Return the backend of a connection. Its server is not contacted yet.

    :raises AirflowFailException: for another type, or if the provider of its type is not installed.
    """
    make = _FACTORIES.get(conn.conn_type)
    if make is None:
        raise AirflowFailException(
            f"{NAME}: connection {conn.conn_id!r} is of type {str(conn.conn_type)[:60]!r}. Name one of type "
            f"{', '.join(_FACTORIES)}, or remove the extra"
        )
    return make(conn)


def _hook(conn: Any) -> Any:
    hook = load_hook(conn, NAME)
    # The hook must not ask Airflow again: it opens connections in any thread, also while another thread calls Airflow.
    get_connection = hook.get_connection
    hook.get_connection = lambda conn_id: conn if conn_id == conn.conn_id else get_connection(conn_id)
    return hook


def _redis(conn: Any) -> DurableBackend:
    if str(conn.extra_dejson.get("cluster", False)).lower() not in ("", "false", "0", "none"):
        raise AirflowFailException(
            f"{NAME}: {describe(conn)} is a cluster (extra cluster), which is not supported: name a single server, or "
            "a primary with replicas"
        )
    # The hook passes a blank port on as None, which the library does not accept.
    return RedisBackend(_open(conn, _hook(_copy(conn, {}, port=conn.port or _REDIS_PORT))))


def _postgres(conn: Any) -> DurableBackend:
    # https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
    timeouts = {"connect_timeout": _CONNECT_SECONDS, "tcp_user_timeout": _ANSWER_SECONDS * 1000}
    return SqlBackend(partial(_open, conn, _hook(_copy(conn, timeouts))))


def _mysql(conn: Any) -> DurableBackend:
    hook = _hook(_copy(conn, {}))
    # The hook passes no timeout of a connection on to either of its drivers.
    _add_timeouts(hook, "_get_conn_config_mysql_client", "connect_timeout")
    _add_timeouts(hook, "_get_conn_config_mysql_connector_python", "connection_timeout")
    return SqlBackend(partial(_open, conn, hook))


def _add_timeouts(hook: Any, method: str, connect: str) -> None:
    configure: Callable[[Any], dict[str, Any]] = getattr(hook, method)
    timeouts = {connect: _CONNECT_SECONDS, "read_timeout": _ANSWER_SECONDS, "write_timeout": _ANSWER_SECONDS}
    setattr(hook, method, lambda conn: {**timeouts, **configure(conn)})


def _copy(conn: Any, defaults: dict[str, Any], **changes: Any) -> Any:
    """Return a copy with default extras, and without a cursor class: rows are read by position."""
    extra = {**defaults, **{name: value for name, value in conn.extra_dejson.items() if name != "cursor"}}
    fields = ("conn_id", "conn_type", "host", "login", "password", "schema", "port")
    return type(conn)(**{**{name: getattr(conn, name) for name in fields}, **changes}, extra=json.dumps(extra))


def _open(conn: Any, hook: Any) -> Any:
    """Return the connection or client that the hook opens.

    :raises AirflowFailException: if a field of the connection, or a missing driver, prevents it.
    """
    iam = bool(conn.extra_dejson.get("iam"))
    # With IAM authentication the hook asks Airflow for another connection.
    with SUPERVISOR_LOCK if iam else nullcontext():
        try:
            return hook.get_conn()
        except Exception as error:
            # psycopg and psycopg2 raise it without a code for an extra that libpq does not know.
            is_invalid_option = type(error).__name__ == "ProgrammingError" and not code(error)
            if from_database(error) and not is_invalid_option:
                raise
            kind = type(error).__name__
            if iam:
                raise BackendError(f"The cloud refused a login for it ({kind}). Test that connection.") from None
            raise AirflowFailException(
                f"{NAME}: {describe(conn)} cannot be opened with its fields ({kind}): check its port and extras, and "
                f"that the driver of apache-airflow-providers-{conn.conn_type} is installed on every worker and "
                "triggerer; the test of that connection says more"
            ) from None


_FACTORIES: dict[str, Callable[[Any], DurableBackend]] = {"redis": _redis, "postgres": _postgres, "mysql": _mysql}
