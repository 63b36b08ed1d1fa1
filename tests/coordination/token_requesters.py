"""Processes that request tokens as tasks do: each calls one function here and sends its result."""

from __future__ import annotations

import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from redis import Redis

from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.backend import Backend, BackendError
from airflow_provider_meetings.coordination.fallback import FallbackBackend
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.host.state_dir import StateFolder
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenStore
from airflow_provider_meetings.coordination.redis.backend import RedisBackend
from airflow_provider_meetings.coordination.sql.backend import SqlBackend
from airflow_provider_meetings.coordination.token_cache import SharedTokens
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_ID, FEISHU_APP_SECRET
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient, FeishuUserClient
from tests.contract.backends.backend_processes import Child, children
from tests.contract.backends.backend_servers import HOST, connect_mariadb, connect_postgres, make_backend

REMEDY = "Run airflow meetings authorize feishu_user."


@contextmanager
def requesters(function: Callable[..., dict[str, Any]], arguments: Sequence[dict[str, Any]]) -> Iterator[list[Child]]:
    """Start one process per dict of arguments, and let all begin at once."""
    with children(_run, [(function, each) for each in arguments]) as started:
        for child in started:
            child.receive()
        for child in started:
            child.send("begin")
        yield started


def run(function: Callable[..., dict[str, Any]], arguments: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the results of all processes."""
    with requesters(function, arguments) as started:
        return [child.receive() for child in started]


def _run(pipe: Connection, function: Callable[..., dict[str, Any]], arguments: dict[str, Any]) -> None:
    pipe.send("ready")
    pipe.recv()
    if user := arguments.pop("user", None):
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    if function in (user_calls, hold_lock):
        arguments["pipe"] = pipe
    pipe.send(function(**arguments))


def app_calls(*, url: str, state: str, secret: str = FEISHU_APP_SECRET, **server: Any) -> dict[str, Any]:
    """Make calls that need an app token.

    :param server: a server and its port, which is shared through in preference to the state folder.
    """
    warnings = _Warnings()
    secrets: list[str] = []
    transport = Transport(base_url=url, platform="feishu", max_attempts=1, on_secret=secrets.append)
    backend: Backend = FallbackBackend(HostBackend(Path(state)))
    for name, port in server.items():
        backend = FallbackBackend(SERVERS[name](port), fallback=backend, primary_name=name)
    tokens = SharedTokens(backend, secret, ProcessTokenStore())
    client = FeishuClient(transport, Credentials(FEISHU_APP_ID, secret, tokens))
    error = ""
    try:
        client.get_minute(READY_MINUTE)
        client.get_minute(READY_MINUTE)
    except MeetingsApiError as raised:
        error = f"{type(raised).__name__}: {raised}"
    return {"error": error, "tokens": secrets, "warnings": warnings.texts}


SERVERS: dict[str, Callable[[int], Backend]] = {
    "redis": lambda port: RedisBackend(Redis(HOST, port)),
    "postgres": lambda port: SqlBackend(lambda: connect_postgres("public", port=port, dbname="postgres")),
    "mariadb": lambda port: SqlBackend(lambda: connect_mariadb("test", port=port)),
}


def user_calls(
    *,
    pipe: Connection,
    url: str,
    kind: str,
    location: str,
    name: str,
    threads: int = 1,
    stop: int = 0,
    write: int = 2,
    after: bool = False,
    max_request_seconds: float = 90.0,
    ahead: float = 0.0,
) -> dict[str, Any]:
    """Make calls that need the token of a user who has consented.

    :param stop: a signal that this process sends itself before its `write`-th write of the record; the second write
        stores the platform's answer.
    :param after: stop after that write instead.
    :param ahead: seconds that the clock of this process is ahead.
    """
    backend: Any = make_backend(kind, location)
    if stop:
        backend = _StoppingBackend(backend, pipe, stop, write, after)
    warnings = _Warnings()
    secrets: list[str] = []

    def clock() -> float:
        return time.time() + ahead

    memory = ProcessTokenStore(clock)

    def call(_number: int) -> str:
        store = UserTokenStore(
            backend,
            name=name,
            secret=FEISHU_APP_SECRET,
            memory=memory,
            consent_seconds=3e7,
            remedy=REMEDY,
            clock=clock,
            max_request_seconds=max_request_seconds,
        )
        transport = Transport(base_url=url, platform="feishu", max_attempts=1, on_secret=secrets.append)
        tokens = ProcessTokenStore()
        client = FeishuUserClient(transport, Credentials(FEISHU_APP_ID, FEISHU_APP_SECRET, tokens, users=store))
        try:
            client.get_minute(READY_MINUTE)
            client.get_minute(READY_MINUTE)
        except MeetingsApiError as raised:
            return f"{type(raised).__name__}: {raised}"
        return ""

    with ThreadPoolExecutor(threads) as pool:
        errors = sorted(set(pool.map(call, range(threads))))
    return {"errors": errors, "tokens": secrets, "warnings": warnings.texts}


class _StoppingBackend:
    """A backend that stops or kills its process at one write of the record, after announcing it."""

    def __init__(self, backend: Any, pipe: Connection, stop: int, write: int, after: bool) -> None:
        self._backend = backend
        self._pipe = pipe
        self._signal = stop
        self._remaining = write
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def compare_and_set(self, key: str, old: bytes | None, new: bytes) -> bool:
        self._remaining -= 1
        if not self._remaining and not self._after:
            self._stop()
        written = bool(self._backend.compare_and_set(key, old, new))
        if not self._remaining and self._after:
            self._stop()
        return written

    def _stop(self) -> None:
        self._pipe.send("stopping")
        # To this thread: another one would take the signal a little later, during the write.
        signal.pthread_kill(threading.get_ident(), self._signal)


def hold_lock(*, pipe: Connection, state: str, key: str) -> dict[str, Any]:
    """Hold a lock until this process is killed."""
    with HostBackend(Path(state)).lock(key, 0):
        pipe.send("locked")
        signal.pause()
    return {}


def use_folder(*, state: str, small_disk: bool = False) -> dict[str, Any]:
    """Use a state folder in every way."""
    if small_disk:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        backend = HostBackend(Path(state))
        StateFolder(Path(state)).check()
        backend.set("k", b"value", 60)
        backend.get("k")
        with backend.lock("k", 0):
            pass
    except BackendError as error:
        return {"error": str(error)}
    return {"error": ""}


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        logging.getLogger("airflow_provider_meetings").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
