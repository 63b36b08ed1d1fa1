"""An Airflow connection of type redis, postgres or mysql becomes a backend that the processes of all hosts share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowNotFoundException

from airflow_provider_meetings.coordination.backend import BackendError, DurableBackend
from airflow_provider_meetings.coordination.redis.backend import RedisBackend
from airflow_provider_meetings.coordination.sql.backend import SqlBackend
from airflow_provider_meetings.coordination.sql.dialects import code
from airflow_provider_meetings.coordination.sql.errors import from_database
from airflow_provider_meetings.hooks.connections import SUPERVISOR_LOCK, connection

NAME = "coordination_conn_id"
_REDIS_PORT = 6379
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 10  # longer than the backend has the database wait for a lock


def coordination_connection(conn_id: str) -> Any:
    """Read the connection that `coordination_conn_id` names, in any thread.

    :raises AirflowFailException: if it cannot be. Where only Airflow's secrets backend is away, the meetings connection
        could not be read either, and that is tried again.
    """
    missing = ""
    with SUPERVISOR_LOCK:
        try:
            return connection(conn_id, NAME)
        except AirflowNotFoundException as error:
            missing = str(error)
    raise AirflowFailException(f"{missing}; or leave the extra {NAME} out")


def called(conn: Any) -> str:
    """Return what to call a connection in texts."""
    return f"{conn.conn_type} connection {conn.conn_id!r}"


def content_of(conn: Any) -> str:
    """Return a digest of all that a connection says, by which a changed one is told from the same."""
    fields = [conn.conn_type, conn.host, conn.port, conn.login, conn.password, conn.schema, conn.extra]
    return hashlib.sha256(repr(fields).encode()).hexdigest()


def backend_of(conn: Any) -> DurableBackend:
    """Return the backend that a connection leads to. Nothing is asked of its server yet.

    :raises AirflowFailException: for another type, and where the provider of its type is not installed.
    """
    make = _MAKERS.get(conn.conn_type)
    if make is None:
        raise AirflowFailException(
            f"{NAME}: connection {conn.conn_id!r} is of type {str(conn.conn_type)[:60]!r}. Name one of type "
            f"{', '.join(_MAKERS)}, or leave the extra out"
        )
    return make(conn)


def _hook(conn: Any) -> Any:
    told = ""
    try:
        hook = conn.get_hook()
    except (AirflowException, ImportError) as error:
        told = type(error).__name__
    if told:
        raise AirflowFailException(
            f"{NAME}: {called(conn)} has no hook here ({told}): install apache-airflow-providers-{conn.conn_type} "
            "on every worker and triggerer, or leave the extra out"
        )
    # The hook asks Airflow no more: connections are opened in any thread, also while another one speaks with Airflow.
    ask = hook.get_connection
    hook.get_connection = lambda conn_id: conn if conn_id == conn.conn_id else ask(conn_id)
    return hook


def _redis(conn: Any) -> DurableBackend:
    if str(conn.extra_dejson.get("cluster", False)).lower() not in ("", "false", "0", "none"):
        raise AirflowFailException(
            f"{NAME}: {called(conn)} is a cluster's (extra cluster), through which nothing is shared yet: name a "
            "single server, or a primary with replicas"
        )
    # A blank port reaches the library as none, which it does not take.
    return RedisBackend(_opened(conn, _hook(_changed(conn, {}, port=conn.port or _REDIS_PORT))))


def _postgres(conn: Any) -> DurableBackend:
    # libpq's words, where the connection says nothing itself. Rows are asked for by position, whatever its cursor is.
    # https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
    limits = {"connect_timeout": _CONNECT_SECONDS, "tcp_user_timeout": _ANSWER_SECONDS * 1000}
    return SqlBackend(partial(_opened, conn, _hook(_changed(conn, limits))))


def _mysql(conn: Any) -> DurableBackend:
    hook = _hook(_changed(conn, {}))
    # The hook hands no time-out of a connection's on, to neither of its drivers.
    _bound(hook, "_get_conn_config_mysql_client", "connect_timeout")
    _bound(hook, "_get_conn_config_mysql_connector_python", "connection_timeout")
    return SqlBackend(partial(_opened, conn, hook))


def _bound(hook: Any, name: str, connect: str) -> None:
    configure: Callable[[Any], dict[str, Any]] = getattr(hook, name)
    limits = {connect: _CONNECT_SECONDS, "read_timeout": _ANSWER_SECONDS, "write_timeout": _ANSWER_SECONDS}
    setattr(hook, name, lambda conn: {**limits, **configure(conn)})


def _changed(conn: Any, limits: dict[str, Any], **changes: Any) -> Any:
    """Return a copy whose cursors give rows by position, with limits where the connection says none itself."""
    extra = {**limits, **{name: value for name, value in conn.extra_dejson.items() if name != "cursor"}}
    fields = ("conn_id", "conn_type", "host", "login", "password", "schema", "port")
    return type(conn)(**{**{name: getattr(conn, name) for name in fields}, **changes}, extra=json.dumps(extra))


def _opened(conn: Any, hook: Any) -> Any:
    """Return what the hook opens.

    :raises AirflowFailException: where a field of the connection, or the driver that it names, is what stops it.
    """
    cloud = bool(conn.extra_dejson.get("iam"))
    # With a role of a cloud's, the hook asks Airflow for another connection.
    with SUPERVISOR_LOCK if cloud else nullcontext():
        try:
            return hook.get_conn()
        except Exception as error:
            if from_database(error) and not _is_misspelt(error):
                raise
            told = type(error).__name__
    if cloud:
        raise BackendError(f"The cloud gave no login for it ({told}). Look at the connection's own test.")
    raise AirflowFailException(
        f"{NAME}: {called(conn)} cannot be opened as it is written ({told}): check its port and extras, and that the "
        f"driver of apache-airflow-providers-{conn.conn_type} is installed on every worker and triggerer; the "
        "connection's own test says more"
    )


def _is_misspelt(error: Exception) -> bool:
    # psycopg and psycopg2 say so of an extra that libpq does not know; a server's refusal has a code.
    return type(error).__name__ == "ProgrammingError" and not code(error)


_MAKERS: dict[str, Callable[[Any], DurableBackend]] = {"redis": _redis, "postgres": _postgres, "mysql": _mysql}
