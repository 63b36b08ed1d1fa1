"""The state that this process shares with others; the meetings connection and Airflow's configuration say where."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from airflow.providers.common.compat.sdk import AirflowFailException, conf

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend, BackendError, Busy, DurableBackend
from airflow_provider_meetings.coordination.fallback import FallbackBackend
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.host.state_dir import StateFolder
from airflow_provider_meetings.hooks.coordination import coordination_connection, describe, fingerprint, make_backend

log = logging.getLogger(__name__)

_FOLDER = "airflow_provider_meetings"
_TEST_KEY = "test_connection"
_GUARD = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Backends:
    """The backends of a coordination connection, and the settings that they were made from."""

    name: str
    settings: tuple[str, str]
    durable: DurableBackend
    with_fallback: Backend


_BACKENDS: dict[str, _Backends] = {}


def backend(coordination_conn_id: str | None) -> Backend:
    """Return the backend through which this process shares tokens and quotas.

    It uses the named connection, the files of this host while the connection fails, and this process's memory while
    the files fail. There is one per process and connection, so that it warns once.

    :raises AirflowFailException: if the connection is missing or of the wrong type.
    """
    return _backends(coordination_conn_id).with_fallback if coordination_conn_id else _host_backend(_state_dir())


def durable_backend(coordination_conn_id: str | None) -> DurableBackend:
    """Return the backend for values that must not be lost; it raises `BackendError` instead of using a fallback.

    :raises AirflowFailException: as `backend`, and if neither a connection nor a state folder is named: the default
        folder may be removed with its container or by a clean-up.
    """
    if coordination_conn_id:
        return _backends(coordination_conn_id).durable
    if not (state_dir := _state_dir()):
        raise AirflowFailException(
            "Refresh tokens are valid once, so each new one must be stored, and no place for them is named: name a "
            "redis, postgres or mysql connection in the extra coordination_conn_id of the meetings connection, or, "
            "if all tasks run on one host, a folder on its disk in the option state_dir of section meetings "
            "(AIRFLOW__MEETINGS__STATE_DIR)"
        )
    return HostBackend(_folder(state_dir))


def kept_on_this_host(coordination_conn_id: str | None) -> str:
    """Return where a user's consents and tokens are kept, as a sentence; empty if all hosts share them."""
    place = f"Consents and tokens of users are kept in {_folder(_state_dir())} on host {socket.gethostname()} only: "
    advice = "start, finish and use a consent there, or name a connection in the extra coordination_conn_id."
    return "" if coordination_conn_id else place + advice


def check_sharing(coordination_conn_id: str) -> str:
    """Use a coordination connection in every way, and return a line for the connection test.

    :raises AirflowFailException: if it does not work. A task would use the fallback and log a warning.
    """
    backends = _backends(coordination_conn_id)
    durable = backends.durable
    try:
        durable.set(_TEST_KEY, b"", 1)
        durable.get(_TEST_KEY)
        with suppress(Busy), durable.lock(_TEST_KEY, 1):
            durable.block(_TEST_KEY, 0)
        with suppress(Busy):
            durable.reserve(_TEST_KEY, [Rate(1000, 1)], 0)
    except BackendError as error:
        raise AirflowFailException(
            f"Tokens and quotas cannot be shared through {backends.name}: {error} Tasks would share them per host only"
        ) from None
    return f"shares through {backends.name}"


def _state_dir() -> str:
    return conf.get("meetings", "state_dir", fallback="") or ""


def _backends(conn_id: str) -> _Backends:
    conn = coordination_connection(conn_id)
    settings = fingerprint(conn), _state_dir()
    with _GUARD:
        existing = _BACKENDS.get(conn_id)
        if existing is not None and existing.settings == settings:
            return existing
        durable = make_backend(conn)
        with_fallback = FallbackBackend(durable, fallback=_host_backend(settings[1]), primary_name=describe(conn))
        _BACKENDS[conn_id] = created = _Backends(describe(conn), settings, durable, with_fallback)
    if existing is not None:
        existing.durable.close()  # closes idle connections only: a thread that uses it can continue
    return created


@cache
def _host_backend(state_dir: str) -> Backend:
    return FallbackBackend(HostBackend(_folder(state_dir)))


def _folder(state_dir: str) -> Path:
    return Path(os.path.expanduser(state_dir)) if state_dir else default_state_dir()  # noqa: PTH111  # never raises


def default_state_dir() -> Path:
    """Return the folder in the user's cache, or in the temporary folder if the cache cannot be used.

    All processes of a user on a host must choose the same one. So the choice depends on whether the folder can be
    created and written, not on whether there is room at the moment.
    """
    try:
        cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / _FOLDER
        StateFolder(cached).check()
    except RuntimeError:  # no home
        return _temporary()
    except BackendError as error:
        if os.path.lexists(cached):  # if not, the home is read-only, which is usual for workers
            log.warning("The default %s; using %s instead", error, _temporary())
        return _temporary()
    return cached


def _temporary() -> Path:
    try:
        parent = Path(tempfile.gettempdir())
    except FileNotFoundError:  # none is writable; the first use reports it
        parent = Path("/tmp")  # noqa: S108
    return parent / f"{_FOLDER}-{os.geteuid()}"
