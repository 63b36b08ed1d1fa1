"""Fork a process for each order in a line of JSON on standard input, and start all at the time in the next line.

An order names a function of this module. Each process prints its result as one line of JSON, in any order.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, BaseHook

from airflow_provider_meetings.api.http.auth import Token, token_key
from airflow_provider_meetings.api.http.rate_limit import Quota, Rate
from airflow_provider_meetings.coordination.memory import PROCESS_TOKENS
from airflow_provider_meetings.coordination.rate_limiter import SharedRateLimiter
from airflow_provider_meetings.coordination.token_cache import SharedTokens
from airflow_provider_meetings.hooks.shared_state import backend
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from benchmarks.coordination.emulator import APP_ID, APP_SECRET
from benchmarks.coordination.limiters import UNLIMITED


def login(start: float) -> dict[str, Any]:
    """Get a token, as the first call of a task does."""
    FeishuHook("bench").get_conn().whoami()
    return {"seconds": time.monotonic() - start, "at": time.monotonic()}


def call(start: float, *, method: str, argument: str, seconds: float) -> dict[str, Any]:
    """Call one endpoint repeatedly; count the calls answered within `seconds`, and those answered later."""
    client = FeishuHook("bench").get_conn()
    call_endpoint: Callable[[str], object] = getattr(client, method)
    within = after = 0
    until = start + seconds
    while time.monotonic() < until:
        call_endpoint(argument)
        if time.monotonic() < until:
            within += 1
        else:
            after += 1
    refused = sum(usage.refused for usage in client.transport.caller.usage.endpoints().values())
    return {"within": within, "after": after, "refused": refused}


def acquire(_start: float, *, count: int) -> dict[str, Any]:
    """Reserve slots of an unused limiter; return the median in microseconds."""
    extra = json.loads(os.environ["AIRFLOW_CONN_BENCH"])["extra"]
    limiter = SharedRateLimiter(backend(extra.get("coordination_conn_id")), ("bench",))
    quota = Quota("bench", (Rate(UNLIMITED, 1),))
    taken = []
    for _ in range(count + 1):
        started = time.perf_counter()
        limiter.reserve(quota, 1)
        taken.append(time.perf_counter() - started)
    return {"median": statistics.median(taken[1:]) * 1e6}


def stick(_start: float, *, url: str) -> dict[str, Any]:
    """Hold the lock for fetching the token, and never return."""

    def fetch() -> Token:
        _send({"pid": os.getpid()})
        signal.pause()
        raise AssertionError

    extra = json.loads(os.environ["AIRFLOW_CONN_BENCH"])["extra"]
    store = SharedTokens(backend(extra.get("coordination_conn_id")), APP_SECRET, PROCESS_TOKENS)
    store.token(token_key("feishu", url, APP_ID, APP_SECRET), fetch)
    return {}


# A copy: Airflow logs to the standard output.
_ANSWERS = os.dup(1)
ORDERS: dict[str, Callable[..., dict[str, Any]]] = {"login": login, "call": call, "acquire": acquire, "stick": stick}


def _send(answer: object) -> None:
    # In one write, so that lines of several processes do not mix.
    os.write(_ANSWERS, (json.dumps(answer) + "\n").encode())


def _execute(start_pipe: int, order: dict[str, Any]) -> None:
    os.environ.update(order.pop("environment", {}))
    tempfile.tempdir = None
    function = ORDERS[order.pop("do")]
    start = float(os.read(start_pipe, 100).decode().split()[0])
    time.sleep(max(0.0, start - time.monotonic()))
    try:
        answer = function(start, **order)
    except Exception as error:
        traceback.print_exc()
        answer = {"error": f"{type(error).__name__}: {error}"[:500]}
    _send(answer)


def _fork(orders: list[dict[str, Any]]) -> list[int]:
    """Fork a process per order; return a pipe to each, through which it gets its start time."""
    pipes = []
    for order in orders:
        reading, writing = os.pipe()
        if not os.fork():
            os.close(writing)
            _execute(reading, order)
            os._exit(0)
        os.close(reading)
        pipes.append(writing)
    return pipes


def main() -> None:
    """Fork and start processes, line by line."""
    os.dup2(2, 1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Airflow imports more modules with its first connection and hook.
    for kind in ("redis", "postgres", "mysql"):
        os.environ["AIRFLOW_CONN_WARM"] = json.dumps({"conn_type": kind})
        with contextlib.suppress(AirflowException, ImportError):  # a backend without its provider is not measured
            BaseHook.get_connection("warm").get_hook()  # type: ignore[no-untyped-call]  # Airflow's own
    _send("imported")
    for line in sys.stdin:
        pipes = _fork(json.loads(line))
        _send("forked")
        start = sys.stdin.readline()
        for pipe in pipes:
            os.write(pipe, start.encode())
            os.close(pipe)


if __name__ == "__main__":
    main()
