"""Run as a script: fork a process for each order of a line of JSON, say so, and let all begin at the moment told next.

The orders name the functions here. Each process prints one line of JSON; they come in no order.
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
from airflow_provider_meetings.hooks.shared_state import shared_rate_limiter, shared_tokens
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from benchmarks.emulator import APP_ID, APP_SECRET
from benchmarks.limiters import UNLIMITED


def login(start: float) -> dict[str, Any]:
    """Get a token, as the first call of a task does."""
    FeishuHook("bench").get_conn().whoami()
    return {"seconds": time.monotonic() - start, "at": time.monotonic()}


def call(start: float, *, method: str, argument: str, seconds: float) -> dict[str, Any]:
    """Call one endpoint again and again; count what was answered within so many seconds, and what after."""
    client = FeishuHook("bench").get_conn()
    ask: Callable[[str], object] = getattr(client, method)
    within = after = 0
    until = start + seconds
    while time.monotonic() < until:
        ask(argument)
        if time.monotonic() < until:
            within += 1
        else:
            after += 1
    refused = sum(usage.refused for usage in client.transport.usage.endpoints().values())
    return {"within": within, "after": after, "refused": refused}


def acquire(_start: float, *, count: int) -> dict[str, Any]:
    """Take a place in a queue in which nobody stands, again and again; tell the median of the microseconds."""
    extra = json.loads(os.environ["AIRFLOW_CONN_BENCH"])["extra"]
    limiter = shared_rate_limiter(("bench",), 1.0, extra.get("coordination_conn_id"))
    quota = Quota("bench", (Rate(UNLIMITED, 1),))
    taken = []
    for _ in range(count + 1):
        begun = time.perf_counter()
        limiter.reserve(quota, 1)
        taken.append(time.perf_counter() - begun)
    return {"median": statistics.median(taken[1:]) * 1e6}


def stick(_start: float, *, url: str) -> dict[str, Any]:
    """Be the one who fetches the token, and never end."""

    def fetch() -> Token:
        _say({"pid": os.getpid()})
        signal.pause()
        raise AssertionError

    extra = json.loads(os.environ["AIRFLOW_CONN_BENCH"])["extra"]
    store = shared_tokens(APP_SECRET, extra.get("coordination_conn_id"))
    store.token(token_key("feishu", url, APP_ID, APP_SECRET), fetch)
    return {}


# Airflow logs to the standard output.
_ANSWERS = os.dup(1)
DOES: dict[str, Callable[..., dict[str, Any]]] = {"login": login, "call": call, "acquire": acquire, "stick": stick}


def _say(answer: object) -> None:
    # In one write, so that lines of several processes do not mix.
    os.write(_ANSWERS, (json.dumps(answer) + "\n").encode())


def _member(gate: int, order: dict[str, Any]) -> None:
    os.environ.update(order.pop("environment", {}))
    tempfile.tempdir = None
    does = DOES[order.pop("do")]
    start = float(os.read(gate, 100).decode().split()[0])
    time.sleep(max(0.0, start - time.monotonic()))
    try:
        answer = does(start, **order)
    except Exception as error:
        traceback.print_exc()
        answer = {"error": f"{type(error).__name__}: {error}"[:500]}
    _say(answer)


def _fork(orders: list[dict[str, Any]]) -> list[int]:
    """Fork, and return a pipe to each."""
    openers = []
    for order in orders:
        gate, opener = os.pipe()
        if not os.fork():
            os.close(opener)
            _member(gate, order)
            os._exit(0)
        os.close(gate)
        openers.append(opener)
    return openers


def main() -> None:
    """Fork and let go, line by line."""
    os.dup2(2, 1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Airflow imports more when it is first asked for a connection and for its hook.
    for kind in ("redis", "postgres", "mysql"):
        os.environ["AIRFLOW_CONN_WARM"] = json.dumps({"conn_type": kind})
        with contextlib.suppress(AirflowException, ImportError):  # where its provider is missing, so is its place
            BaseHook.get_connection("warm").get_hook()  # type: ignore[no-untyped-call]  # Airflow's own
    _say("imported")
    for line in sys.stdin:
        openers = _fork(json.loads(line))
        _say("forked")
        start = sys.stdin.readline()
        for opener in openers:
            os.write(opener, start.encode())
            os.close(opener)


if __name__ == "__main__":
    main()
