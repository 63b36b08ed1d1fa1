"""With whom this process shares, as the meetings connection and Airflow's configuration say."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from airflow.providers.common.compat.sdk import AirflowFailException, conf

from airflow_provider_meetings.api.http.auth import TokenStore
from airflow_provider_meetings.api.http.oauth import ConsentUnderWay, KeptUserTokens
from airflow_provider_meetings.api.http.rate_limit import Rate, RateLimiter
from airflow_provider_meetings.coordination.backend import Backend, BackendError, Busy, DurableBackend
from airflow_provider_meetings.coordination.fallback import FallbackBackend
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.memory import PROCESS_TOKENS
from airflow_provider_meetings.coordination.oauth.consent import PendingConsent
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenChain
from airflow_provider_meetings.coordination.rate_limiter import SharedRateLimiter
from airflow_provider_meetings.coordination.token_cache import TIMEOUT_SECONDS, SharedTokens
from airflow_provider_meetings.hooks.coordination import backend_of, called, content_of, coordination_connection

log = logging.getLogger(__name__)

_FOLDER = "airflow_provider_meetings"
_TRIED = "test_connection"
_GUARD = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Through:
    """A backend through a connection, and what the connection said when it was made."""

    name: str
    content: str
    state_dir: str
    wide: DurableBackend
    narrowing: Backend


_THROUGH: dict[str, _Through] = {}


def shared_tokens(
    secret: str, coordination_conn_id: str | None = None, *, timeout: float = TIMEOUT_SECONDS
) -> TokenStore:
    """Return the tokens that this process shares; see `backend`.

    :param secret: the app's; what is shared is encrypted under a key derived from it.
    :param timeout: wait so many seconds for another's fetch, at the most as long as one can take.
    """
    return SharedTokens(backend(coordination_conn_id), secret, PROCESS_TOKENS, timeout=timeout)


def shared_rate_limiter(owner: Sequence[str], share: float, coordination_conn_id: str | None = None) -> RateLimiter:
    """Return the queue for an app's quotas that this process stands in with those it shares with; see `backend`.

    :param owner: whose quotas they are: platform, base URL, app, tenant.
    :param share: the part of each documented limit that all of us together use.
    """
    return SharedRateLimiter(backend(coordination_conn_id), owner, share)


def backend(coordination_conn_id: str | None) -> Backend:
    """Return what this process shares tokens and quotas through: as widely as works just now.

    That is the named connection, while it cannot be used the host's files, and while they cannot, the process. One for
    each process and content of the connection: it remembers that it has warned.

    :raises AirflowFailException: if the connection is not there, or is none to share through.
    """
    return _through(coordination_conn_id).narrowing if coordination_conn_id else _of_host(_state_dir())


def durable_backend(coordination_conn_id: str | None) -> DurableBackend:
    """Return what keeps a value that must not be lost; it raises `BackendError` instead of narrowing.

    :raises AirflowFailException: as `backend`, and where neither a connection nor a state folder is named: the default
        one may end with its container or with a clean-up.
    """
    if coordination_conn_id:
        return _through(coordination_conn_id).wide
    if not (state_dir := _state_dir()):
        raise AirflowFailException(
            "Refresh tokens are valid once, so each new one must be kept, and nothing is named that keeps it: name a "
            "redis, postgres or mysql connection in the extra coordination_conn_id of the meetings connection, or, "
            "where all tasks run on one host, a folder on its disk in the option state_dir of section meetings "
            "(AIRFLOW__MEETINGS__STATE_DIR)"
        )
    return HostBackend(_folder(state_dir))


def user_tokens(
    name: str,
    login: tuple[str, str | None],
    remedy: str,
    consent_seconds: float,
    pause: Callable[[float], None],
    timeout: float,
) -> tuple[KeptUserTokens, ConsentUnderWay]:
    """Return the tokens of one user, where they cannot be lost, and the consent that was begun for them.

    :param login: the app's secret, and the connection to share through.
    :param pause: see `UserTokenChain`, as `consent_seconds` and `timeout`.
    :raises AirflowFailException: as `durable_backend`.
    """
    secret, coordination_conn_id = login
    backend = durable_backend(coordination_conn_id)
    tokens = UserTokenChain(
        backend,
        name=name,
        secret=secret,
        memory=PROCESS_TOKENS,
        remedy=remedy,
        consent_seconds=consent_seconds,
        pause=pause,
        timeout=timeout,
    )
    return tokens, PendingConsent(backend, name=name, secret=secret)


def tried(coordination_conn_id: str) -> str:
    """Use all that is shared through a connection once, and return what to say of it.

    :raises AirflowFailException: if it does not work, with what a task would only warn of.
    """
    through, told = _through(coordination_conn_id), ""
    try:
        through.wide.set(_TRIED, b"", 1)
        through.wide.get(_TRIED)
        with suppress(Busy), through.wide.lock(_TRIED, 1):
            through.wide.block(_TRIED, 0)
        with suppress(Busy):
            through.wide.reserve(_TRIED, [Rate(1000, 1)], 0)
    except BackendError as error:
        told = str(error)
    if told:
        raise AirflowFailException(
            f"Tokens and quotas cannot be shared through {through.name}: {told} Tasks would go on without it, those of "
            "each host for themselves"
        )
    return f"shares through {through.name}"


def _state_dir() -> str:
    return conf.get("meetings", "state_dir", fallback="") or ""


def _through(conn_id: str) -> _Through:
    conn = coordination_connection(conn_id)
    content, state_dir = content_of(conn), _state_dir()
    with _GUARD:
        known = _THROUGH.get(conn_id)
        if known is not None and (known.content, known.state_dir) == (content, state_dir):
            return known
        wide = backend_of(conn)
        narrowing = FallbackBackend(wide, fallback=_of_host(state_dir), primary_name=called(conn))
        _THROUGH[conn_id] = through = _Through(called(conn), content, state_dir, wide, narrowing)
    if known is not None:
        known.wide.close()  # who still uses it can go on
    return through


@cache
def _of_host(state_dir: str) -> Backend:
    return FallbackBackend(HostBackend(_folder(state_dir)))


def _folder(state_dir: str) -> Path:
    return Path(os.path.expanduser(state_dir)) if state_dir else default_state_dir()  # noqa: PTH111  # this one never raises


def default_state_dir() -> Path:
    """Return the folder in the user's cache, or in the temporary folder where the other cannot be.

    Each process of a user on a host must come to the same one, so what decides is what all of them see: whether the
    folder can be made and written, not whether there is room just now.
    """
    try:
        cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / _FOLDER
        HostBackend(cached).check()
    except RuntimeError:  # no home
        return _temporary()
    except BackendError as error:
        if os.path.lexists(cached):  # else the home cannot be written, as with many workers
            log.warning("The default %s; until then %s is used", error, _temporary())
        return _temporary()
    return cached


def _temporary() -> Path:
    try:
        parent = Path(tempfile.gettempdir())
    except FileNotFoundError:  # none can be written; whoever uses it will say so
        parent = Path("/tmp")  # noqa: S108
    return parent / f"{_FOLDER}-{os.geteuid()}"
