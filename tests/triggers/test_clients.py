"""The clients that triggers share: threads, connections, renewal, cancellation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.hooks.metrics import AirflowMeter, UsageReport
from airflow_provider_meetings.triggers.clients import THREADS, ask
from tests.conftest import connection
from tests.contract.acme_api import QUOTA, decode
from tests.contract.media.origin import Handler, Origin, serve_origin

Connect = Callable[..., str]
_NUMBERS = count(1)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serve_origin() as served:
        served.on("/ok", keep_alive)
        yield served


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Define a connection, by default one that no other test has used, and return its id."""

    def define(url: str, conn_id: str = "", **changes: Any) -> str:
        conn_id = conn_id or f"triggers_{next(_NUMBERS)}"
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", connection("feishu", url, **changes))
        return conn_id

    return define


def keep_alive(handler: Handler) -> None:
    """Answer, and let the client use the connection again; the body is the client's port."""
    body = b'{"port": %d}' % handler.client_address[1]
    handler.close_connection = False
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def get(path: str = "/ok") -> Callable[[MeetingsClient], Any]:
    return lambda client: client.transport.call("GET", path, decode, quota=QUOTA)


def report() -> UsageReport:
    return UsageReport(AirflowMeter.in_triggerer())


def threads_of(conn_id: str) -> int:
    return sum(thread.name.startswith(f"meetings-poll-{conn_id}_") for thread in threading.enumerate())


async def until(event: threading.Event) -> None:
    while not event.is_set():
        await asyncio.sleep(0.01)


def test_function_does_not_block_event_loop(origin: Origin, connect: Connect) -> None:
    """The function waits for the loop; a blocked loop would be a deadlock. The default executor is not used."""
    submitted: list[object] = []

    class DefaultExecutor(ThreadPoolExecutor):
        def submit(self, work: Any, /, *args: Any, **kwargs: Any) -> Any:
            submitted.append(work)
            return super().submit(work, *args, **kwargs)

    async def both() -> int:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(DefaultExecutor())

        def wait_for_loop(client: MeetingsClient) -> int:
            return asyncio.run_coroutine_threadsafe(asyncio.sleep(0, 7), loop).result(timeout=30)

        return await ask(connect(origin.url), wait_for_loop, report())

    assert asyncio.run(both()) == 7
    assert submitted == []


def test_triggers_share_client(origin: Origin, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    real = BaseHook.get_connection

    def read(conn_id: str) -> Any:
        reads.append(conn_id)
        return real(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", read)
    conn_id = connect(origin.url)

    async def many() -> list[int]:
        ports: list[int] = []
        for _ in range(10):
            answers = await asyncio.gather(*(ask(conn_id, get(), report()) for _ in range(20)))
            ports.extend(answer["port"] for answer in answers)
        return ports

    ports = asyncio.run(many())
    assert (len(ports), len(set(ports)) <= THREADS) == (200, True)
    assert threads_of(conn_id) <= THREADS
    assert len(reads) == 2  # one for the hook's class and one for the client
