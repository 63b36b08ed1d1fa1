"""Read connections, find their hooks, and check the fields of a platform's connection."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    BaseHook,
)

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.http.redaction import is_http
from airflow_provider_meetings.api.sanitize import check_text
from airflow_provider_meetings.extras import EXTRAS, install

MAX_CONN_ID_LENGTH = 250  # Airflow's own column
_PROXIES = ("http", "https", "socks5", "socks5h")


def check_conn_id(value: object, name: str) -> str:
    """Return the id of a connection.

    :param name: the argument, for the error.
    :raises AirflowFailException: for anything else. An address is not shown because it may contain a password.
    """
    if isinstance(value, str) and ("@" in value or "://" in value):
        raise AirflowFailException(f"{name} is an address: store it as a connection, and use the id of that connection")
    try:
        return check_text(value, name, max_length=MAX_CONN_ID_LENGTH, next_step="Set it to the id of a connection.")
    except InvalidRequest as error:
        raise AirflowFailException(str(error)) from None


def connection(conn_id: object, name: str) -> Any:
    """Read a connection.

    :raises AirflowNotFoundException: if there is none. The task may be retried: Airflow raises the same while its
        secrets backend is unreachable.
    :raises AirflowFailException: if its stored text cannot be parsed. That text is never shown.
    """
    known = check_conn_id(conn_id, name)
    try:
        return BaseHook.get_connection(known)
    except AirflowNotFoundException:
        raise AirflowNotFoundException(
            f"{name}: connection {known!r} is not defined, or cannot be read (login, password and host are texts, port "
            "is a number): see Admin, Connections, or the variable AIRFLOW_CONN_…"
        ) from None
    except (TypeError, ValueError, AttributeError) as error:
        raise AirflowFailException(
            f"{name}: connection {known!r} cannot be read ({type(error).__name__}): write it again, as JSON or as a URI"
        ) from None


def hook_of(conn_id: object, name: str) -> Any:
    """Return the hook of a connection's type.

    :raises AirflowFailException: as `connection`, and for a type without a hook.
    """
    return load_hook(connection(conn_id, name), name)


def load_hook(conn: Any, name: str) -> Any:
    """Return the hook of a connection that is read; see `hook_of`."""
    try:
        return conn.get_hook()
    except (AirflowException, ImportError) as error:
        kind = str(conn.conn_type)[:60]
        remedy = install(kind) if kind in EXTRAS else "Install the Airflow provider of that type"
        raise AirflowFailException(
            f"{name}: connection {conn.conn_id!r} is of type {kind!r}, which has no hook here "
            f"({type(error).__name__}). {remedy}, or use another connection"
        ) from None


def check_fields(conn: Any, form: Mapping[str, Any], default_base_url: str) -> dict[str, Any]:
    """Check the fields of a platform's connection before any is used. No value is shown.

    :param form: the ``conn-fields`` of the platform's manifest.
    :returns: each extra of the form, converted to the type of its schema; None for a blank one, [] for a blank list.
    :raises AirflowFailException: naming the connection, the field and what it should hold.
    """
    missing = [name for name in ("login", "password") if not getattr(conn, name)]
    if missing:
        raise _error(
            conn, f"has no {' and no '.join(missing)}: login is the app's or corp's id, password the app's secret"
        )
    for name in ("login", "password"):
        _check_text(conn, name, getattr(conn, name), "copy it from the platform's console again")
    if conn.host:
        _check_host(conn, default_base_url)
    if conn.port is not None and (type(conn.port) is not int or not 0 <= conn.port < 65536):
        raise _error(conn, "has an invalid port: leave it empty, or set it to a number from 1 to 65535")
    values = _extras(conn)
    extra = {name: _convert(conn, name, field["schema"], values.get(name)) for name, field in form.items()}
    if (proxy := extra.get("proxy")) and not is_http(proxy, _PROXIES):
        raise _error(conn, "has an extra proxy that is not the URL of a proxy: set it to http://host:port")
    if (bundle := extra.get("ca_bundle")) and not Path(bundle).exists():
        raise _error(conn, "has an extra ca_bundle that does not exist on this worker: set it to the path of a file")
    return extra


def _extras(conn: Any) -> dict[str, Any]:
    # Airflow silently ignores extras that are not JSON.
    with suppress(TypeError, ValueError, RecursionError):
        if isinstance(json.loads(conn.extra or "{}"), dict):
            return dict(conn.extra_dejson)
    raise _error(conn, 'has an extra that is not a JSON object: set it to one such as {"name": "value"}')


def _convert(conn: Any, name: str, schema: Mapping[str, Any], value: Any) -> Any:
    """Check an extra against its schema: a number with ``minimum`` and ``maximum``, a list, or a string with ``enum``.

    Forms and URIs contain only strings: a number may be a string, and a list a string with commas.
    """
    blank = value is None or value == ""
    types = schema.get("type", "string")
    if "array" in types:
        return [] if blank else _list(conn, name, value)
    if blank:
        return None
    if "number" in types:
        return _number(conn, name, schema, value)
    _check_text(conn, f"extra {name}", value, "set it to a string, or remove it")
    if (choices := schema.get("enum")) and value not in choices:
        raise _error(conn, f"has an extra {name} that is not one of {', '.join(choices)}: correct or remove it")
    return value


def _number(conn: Any, name: str, schema: Mapping[str, Any], value: object) -> float:
    lowest, highest = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    number = math.nan
    if isinstance(value, str | int | float) and not isinstance(value, bool) and "_" not in str(value):
        with suppress(ValueError, OverflowError):
            number = float(value)
    if not math.isfinite(number) or not lowest <= number <= highest:
        raise _error(conn, f"has an extra {name} that is not a number from {lowest} to {highest}: correct or remove it")
    return number


def _list(conn: Any, name: str, value: object) -> list[str]:
    remedy = "set it to a string with commas between the entries, or to a JSON list of strings"
    if isinstance(value, str):
        value = [entry for entry in map(str.strip, value.split(",")) if entry]
    if not isinstance(value, list):
        raise _error(conn, f"is invalid: extra {name} must be a list, got {type(value).__name__}; {remedy}")
    for number, entry in enumerate(value, 1):
        _check_text(conn, f"extra {name}, entry {number}", entry, remedy)
    return value


def _check_text(conn: Any, name: str, value: object, remedy: str) -> None:
    try:
        check_text(value, name)
    except InvalidRequest as error:
        raise _error(conn, f"is invalid: {error.what}; {remedy}") from None


def base_url_of(conn: Any, default: str) -> str:
    """Return a connection's base URL, normalized: tokens and rate limits are shared by it; `default` if it has none."""
    url = (conn.host or "").strip() or default
    if conn.port:
        url = f"{url.rstrip('/')}:{conn.port}"
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    scheme, host = scheme.lower(), host.lower()
    host = host.removesuffix({"https": ":443", "http": ":80"}.get(scheme, "://"))
    return f"{scheme}{mark}{host}{slash}{path}".rstrip("/") if mark else url


def _check_host(conn: Any, default_base_url: str) -> None:
    remedy = f"set it to the base URL alone, such as {default_base_url}, or leave it empty"
    _check_text(conn, "host", conn.host.strip() if isinstance(conn.host, str) else conn.host, remedy)
    if any(mark in conn.host for mark in "@?#"):
        raise _error(conn, f"has a host that contains a user, a query or a fragment: {remedy}")
    if conn.port and ":" in conn.host.rpartition("]")[2].partition("://")[2]:
        raise _error(conn, "has a port in its host and another in its port field: remove one of them")


def _error(conn: Any, text: str) -> AirflowFailException:
    return AirflowFailException(f"Connection {conn.conn_id!r} ({conn.conn_type}) {text}")


SUPERVISOR_LOCK = threading.Lock()
"""Held by each of this provider's threads while it masks a secret or saves task state; the main thread waits for it."""
