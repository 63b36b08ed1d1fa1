"""Processes that share a state folder; run as a script, it forks one for each line that it reads.

A line is the JSON of the arguments of one of the functions here, and ``do``, its name. All forked processes begin when
the script's input ends. Each prints one line, the JSON of what it came to; they are printed in no order.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.backend import Backend, BackendError
from airflow_provider_meetings.coordination.fallback import FallbackBackend
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenChain
from airflow_provider_meetings.coordination.redis.backend import RedisBackend
from airflow_provider_meetings.coordination.sql.backend import SqlBackend
from airflow_provider_meetings.coordination.token_cache import SharedTokens
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_ID, FEISHU_APP_SECRET
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.platforms.feishu.auth.credentials import Credentials
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient, FeishuUserClient
from tests.contract import backend_servers
from tests.contract.backend_servers import HOST, connect_mariadb, connect_postgres

REMEDY = "Run airflow meetings authorize feishu_user."
ROOT = Path(__file__).resolve().parent.parent.parent


@contextmanager
def started(orders: Sequence[dict[str, Any]]) -> Iterator[subprocess.Popen[str]]:
    """Fork a process for each order, and let all begin."""
    command = [sys.executable, "-m", "tests.coordination.askers"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        process.stdin.writelines(json.dumps(order) + "\n" for order in orders)
        process.stdin.close()
        yield process


def run(orders: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what all processes came to."""
    with started(orders) as process:
        assert process.stdout is not None
        return [json.loads(line) for line in process.stdout]


def call(*, url: str, state: str, secret: str = FEISHU_APP_SECRET, **wide: Any) -> dict[str, Any]:
    """Make one call that needs a token, as a task does.

    :param wide: a server and its port, shared through before the state folder.
    """
    warnings = _Warnings()
    logging.getLogger("airflow_provider_meetings").addHandler(warnings)
    told: list[str] = []
    transport = Transport(base_url=url, platform="feishu", max_attempts=1, on_secret=told.append)
    backend: Backend = FallbackBackend(HostBackend(Path(state)))
    for server, port in wide.items():
        backend = FallbackBackend(SERVERS[server](port), fallback=backend, primary_name=server)
    tokens = SharedTokens(backend, secret, ProcessTokenStore())
    client = FeishuClient(transport, Credentials(FEISHU_APP_ID, secret, tokens))
    error = ""
    try:
        client.get_minute(READY_MINUTE)
        client.get_minute(READY_MINUTE)
    except MeetingsApiError as raised:
        error = f"{type(raised).__name__}: {raised}"
    return {"error": error, "tokens": told, "warnings": warnings.texts}


SERVERS: dict[str, Callable[[int], Backend]] = {
    "redis": lambda port: RedisBackend(Redis(HOST, port)),
    "postgres": lambda port: SqlBackend(
        lambda: connect_postgres("public", port=port, dbname="postgres", application_name="asker")
    ),
    "mariadb": lambda port: SqlBackend(lambda: connect_mariadb("test", port=port)),
}


def user(
    *,
    url: str,
    kind: str,
    argument: str,
    name: str,
    threads: int = 1,
    stop: int = 0,
    swaps: int = 2,
    after: bool = False,
    longest: float = 90.0,
    ahead: float = 0.0,
) -> dict[str, Any]:
    """Make calls as a user who has consented, as tasks do.

    :param stop: a signal that this process sends itself before it swaps the record for the `swaps`-th time: the second
        swap is what writes the platform's answer down.
    :param after: stop after that swap, not before.
    :param ahead: how many seconds the clock of this process is ahead.
    """
    backend: Any = getattr(backend_servers, kind)(argument)
    if stop:
        backend = _Stopping(backend, stop, swaps, after)
    warnings = _Warnings()
    logging.getLogger("airflow_provider_meetings").addHandler(warnings)

    def clock() -> float:
        return time.time() + ahead

    memory = ProcessTokenStore(clock)
    told: list[str] = []

    def call(_number: int) -> str:
        chain = UserTokenChain(
            backend, name=name, secret=FEISHU_APP_SECRET, memory=memory, remedy=REMEDY, clock=clock, longest=longest
        )
        transport = Transport(base_url=url, platform="feishu", max_attempts=1, on_secret=told.append)
        tokens = ProcessTokenStore()
        client = FeishuUserClient(transport, Credentials(FEISHU_APP_ID, FEISHU_APP_SECRET, tokens, users=chain))
        try:
            client.get_minute(READY_MINUTE)
            client.get_minute(READY_MINUTE)
        except MeetingsApiError as raised:
            return f"{type(raised).__name__}: {raised}"
        return ""

    with ThreadPoolExecutor(threads) as pool:
        errors = sorted(set(pool.map(call, range(threads))))
    return {"errors": errors, "tokens": told, "warnings": warnings.texts}


class _Stopping:
    """A backend whose process is stopped, or killed, at one swap; says its number before."""

    def __init__(self, backend: Any, sign: int, swaps: int, after: bool) -> None:
        self._backend = backend
        self._sign = sign
        self._left = swaps
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def compare_and_set(self, key: str, old: bytes | None, new: bytes) -> bool:
        self._left -= 1
        if not self._left and not self._after:
            self._stop()
        swapped = bool(self._backend.compare_and_set(key, old, new))
        if not self._left and self._after:
            self._stop()
        return swapped

    def _stop(self) -> None:
        _say({"pid": os.getpid()})
        # To this thread: another one could take it a moment later, with the swap under way.
        signal.pthread_kill(threading.get_ident(), self._sign)


def stay(*, state: str, key: str) -> dict[str, Any]:
    """Take a hold, say so, and keep it until killed."""
    with HostBackend(Path(state)).lock(key, 0):
        _say({"pid": os.getpid()})
        signal.pause()
    return {}


def slots(*, state: str, times: int) -> dict[str, Any]:
    """Take many slots of one key, and give the moments at which they are."""
    from airflow_provider_meetings.api.http.rate_limit import Rate
    from airflow_provider_meetings.coordination.host.record import BootClock

    start = BootClock("b", 1000.0, 1000.0)
    backend = HostBackend(Path(state), now=lambda: start)
    return {"waits": [backend.reserve("k", [Rate(10, 1)], 1e6) for _ in range(times)]}


def use(*, state: str, small_disk: bool = False, **_: Any) -> dict[str, Any]:
    """Use a folder in every way."""
    if small_disk:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        backend = HostBackend(Path(state))
        backend.check()
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

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def _say(answer: dict[str, Any]) -> None:
    # In one write, so that lines of several processes do not mix.
    os.write(1, (json.dumps(answer) + "\n").encode())


def main() -> None:
    orders = [json.loads(line) for line in sys.stdin]
    gate, opener = os.pipe()
    for order in orders:
        if not os.fork():
            os.close(opener)
            os.read(gate, 1)  # until all are there
            if user := order.pop("user", None):
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            _say(globals()[order.pop("do")](**order))
            os._exit(0)
    os.close(opener)
    os.close(gate)
    for _ in orders:
        os.wait()


if __name__ == "__main__":
    main()
