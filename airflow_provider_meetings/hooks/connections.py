"""How a connection is read: whose id it is, which hook it leads to, what its fields may hold."""

from __future__ import annotations

import json
import math
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    BaseHook,
)

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.sanitize import check_text

LEAST_SHARE = 0.001
MAX_CONN_ID_LENGTH = 250  # Airflow's own column
EXTRAS = (
    "tenant",
    "user_id_type",
    "proxy",
    "ca_bundle",
    "coordination_conn_id",
    "identity",
    "redirect_uri",
    "scopes",
    "app_type",
    "app_ticket",
    "tenant_key",
)
_PROXIES = ("http", "https", "socks5", "socks5h")


def check_conn_id(value: object, name: str) -> str:
    """Return the id of a connection; `name` is the argument's.

    :raises AirflowFailException: for what cannot be one. An address is not shown: it may hold a password.
    """
    if isinstance(value, str) and ("@" in value or "://" in value):
        raise AirflowFailException(f"{name} is an address: store it as a connection, and name that connection's id")
    try:
        return check_text(value, name, max_length=MAX_CONN_ID_LENGTH, next_step="Set it to the id of a connection.")
    except InvalidRequest as error:
        raise AirflowFailException(str(error)) from None


def connection(conn_id: object, name: str) -> Any:
    """Read a connection.

    :raises AirflowNotFoundException: if there is none. It may be tried again: Airflow says the same when its secrets
        backend is away, and a wait of hours must not end for that.
    :raises AirflowFailException: if its stored text cannot be read. That text is never repeated.
    """
    known = check_conn_id(conn_id, name)
    missing, fault = False, ""
    try:
        return BaseHook.get_connection(known)
    except AirflowNotFoundException:
        missing = True
    except (TypeError, ValueError, AttributeError) as error:
        fault = f"cannot be read ({type(error).__name__}): write it anew, as JSON or as a URI"
    if missing:
        raise AirflowNotFoundException(
            f"{name}: connection {known!r} is not defined, or cannot be read (login, password and host are texts, port "
            "is a number): see Admin, Connections, or the variable AIRFLOW_CONN_…"
        )
    raise AirflowFailException(f"{name}: connection {known!r} {fault}")


def hook_of(conn_id: object, name: str) -> Any:
    """Return the hook that the type of a connection leads to.

    :raises AirflowFailException: as `connection`, and for a type without a hook.
    """
    conn = connection(conn_id, name)
    try:
        return conn.get_hook()
    except (AirflowException, ImportError) as error:
        told = type(error).__name__
    raise AirflowFailException(
        f"{name}: connection {conn_id!r} is of type {str(conn.conn_type)[:60]!r}, which has no hook here ({told}): "
        "install the Airflow provider of that type, or name another connection"
    )


def check_fields(conn: Any) -> dict[str, Any]:
    """Check the fields of a platform's connection before any is used, and return its extras. No value is shown.

    :raises AirflowFailException: naming the connection, the field and what it should hold.
    """
    missing = [name for name in ("login", "password") if not getattr(conn, name)]
    if missing:
        raise _fault(
            conn, f"has no {' and no '.join(missing)}: login is the app's or corp's id, password the app's secret"
        )
    for name in ("login", "password"):
        _check_text(conn, name, getattr(conn, name), "copy it from the platform's console again")
    if conn.host:
        _check_host(conn)
    if conn.port is not None and (type(conn.port) is not int or not 0 <= conn.port < 65536):
        raise _fault(conn, "has a port that is none: leave it empty, or write a number from 1 to 65535")
    extra = _extras(conn)
    for name in EXTRAS:
        if extra.get(name) not in (None, ""):
            _check_text(conn, f"extra {name}", extra[name], "write it as a text, or leave it out")
    _check_files(conn, extra)
    extra["rate_share"] = _share(conn, extra.get("rate_share"))
    extra["allowed_media_hosts"] = _listed(conn, "allowed_media_hosts", extra.get("allowed_media_hosts"))
    return extra


def _extras(conn: Any) -> dict[str, Any]:
    # Airflow reads extras that are no JSON as none at all: a proxy or a tenant would be left out in silence.
    with suppress(TypeError, ValueError):
        if isinstance(json.loads(conn.extra or "{}"), dict):
            return dict(conn.extra_dejson)
    raise _fault(conn, 'has an extra that is no JSON object: write {"name": "value"}, with quotes')


def _check_text(conn: Any, name: str, value: object, remedy: str) -> None:
    try:
        check_text(value, name)
    except InvalidRequest as error:
        raise _fault(conn, f"is invalid: {error.what}; {remedy}") from None


def _listed(conn: Any, name: str, value: object) -> list[str]:
    """Read an extra that is a list: as JSON, or as a text with commas, which is all that a form and a URI can hold."""
    remedy = "write a text with commas between the entries, or a JSON list of texts"
    if value in (None, "") or isinstance(value, str):
        entries: list[Any] = [entry for entry in map(str.strip, str(value or "").split(",")) if entry]
    elif isinstance(value, list):
        entries = value
    else:
        raise _fault(conn, f"is invalid: extra {name} must be a list, got {type(value).__name__}; {remedy}")
    for number, entry in enumerate(entries, 1):
        _check_text(conn, f"extra {name}, entry {number}", entry, remedy)
    return entries


def base_url_of(conn: Any, default: str) -> str:
    """Return a connection's base URL in one spelling, by which tokens and quotas are shared; `default` for none."""
    url = (conn.host or "").strip() or default
    if conn.port:
        url = f"{url.rstrip('/')}:{conn.port}"
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    scheme, host = scheme.lower(), host.lower()
    host = host.removesuffix({"https": ":443", "http": ":80"}.get(scheme, "://"))
    return f"{scheme}{mark}{host}{slash}{path}".rstrip("/") if mark else url


def _share(conn: Any, value: object) -> float:
    """Read the part of a platform's limits that is ours: a number, or a text that is one."""
    if value in (None, ""):
        return 1.0
    share = math.nan
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        with suppress(ValueError):
            share = float(value)
    if not LEAST_SHARE <= share <= 1:
        remedy = f"write a number from {LEAST_SHARE} to 1, such as 0.4"
        raise _fault(conn, f"has an extra rate_share of {value!r:.60}: {remedy}")
    return share


def _check_host(conn: Any) -> None:
    remedy = "write the base URL alone, such as https://open.feishu.cn, or leave it empty"
    _check_text(conn, "host", conn.host.strip() if isinstance(conn.host, str) else conn.host, remedy)
    if any(mark in conn.host for mark in "@?#"):
        raise _fault(conn, f"has a host with a user, a query or a fragment in it: {remedy}")
    if conn.port and ":" in conn.host.rpartition("]")[2].partition("://")[2]:
        raise _fault(conn, "has a port in its host and another beside it: leave one of them out")


def _check_files(conn: Any, extra: dict[str, Any]) -> None:
    if (proxy := extra.get("proxy")) and not _is_proxy(proxy):
        raise _fault(conn, "has an extra proxy that is no URL of a proxy: write http://host:port")
    if (bundle := extra.get("ca_bundle")) and not Path(bundle).exists():
        raise _fault(conn, "has an extra ca_bundle that does not exist on this worker: write the path of a file there")


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in _PROXIES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        return False


def _fault(conn: Any, text: str) -> AirflowFailException:
    return AirflowFailException(f"Connection {conn.conn_id!r} ({conn.conn_type}) {text}")


SUPERVISOR_LOCK = threading.Lock()
"""Held by each thread of ours while it masks a secret or keeps task state; the main thread waits meanwhile."""
