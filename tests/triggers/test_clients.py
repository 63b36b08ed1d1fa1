"""The clients that triggers share: threads, connections, renewal, cancellation."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import count
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, BaseHook

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.metrics import AirflowMeter, UsageReport
from airflow_provider_meetings.triggers import clients
from airflow_provider_meetings.triggers.clients import THREADS, ask
from tests.conftest import connection
from tests.contract.acme_api import QUOTA, decode
from tests.contract.media.endless import Endless
from tests.contract.media.origin import Handler, Origin, serve_origin
from tests.system.planted import change_feishu_secret

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


def own_threads(conn_id: str) -> int:
    """Return how many threads the connection has, with those of all requests."""
    names = (f"meetings-poll-{conn_id}_", "meetings request")
    return sum(thread.name.startswith(names) for thread in threading.enumerate())


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
    assert own_threads(conn_id) <= 2 * THREADS
    assert len(reads) == 2  # one for the hook's class and one for the client


def test_changed_connection_gets_new_client(origin: Origin, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has begun ends with the old client, which is closed before."""
    closed: list[MeetingsHook] = []
    really_close = MeetingsHook.close

    def close(hook: MeetingsHook) -> None:
        closed.append(hook)
        really_close(hook)

    monkeypatch.setattr(MeetingsHook, "close", close)
    monkeypatch.setattr(clients, "CURRENT_SECONDS", 0.0)
    begun, go_on = threading.Event(), threading.Event()

    def hold(client: MeetingsClient) -> MeetingsClient:
        get()(client)
        begun.set()
        assert go_on.wait(30)
        get()(client)
        return client

    async def replaced() -> None:
        conn_id = connect(origin.url)
        held = asyncio.ensure_future(ask(conn_id, hold, report()))
        await until(begun)
        connect(origin.url, conn_id, password="changed")
        new = await ask(conn_id, lambda client: client, report())
        assert await ask(conn_id, lambda client: client, report()) is new
        go_on.set()
        assert await held is not new
        assert [hook.client for hook in closed] == [await held]

    asyncio.run(replaced())


def test_changed_secret_is_read_at_once(emulated: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform refuses the old secret; its connection was read a moment ago. An unchanged one is no reason."""
    monkeypatch.setattr(clients, "CURRENT_SECONDS", 600.0)
    conn_id = connect(emulated.url)
    runs: list[MeetingsClient] = []

    def check(client: MeetingsClient) -> Any:
        runs.append(client)
        return client.check(RecordingQuery(recording_ids=(READY_MINUTE,)))

    asyncio.run(ask(conn_id, check, report()))
    change_feishu_secret(monkeypatch, "after-the-reset")
    emulated.state.revoke_tokens()
    with pytest.raises(AirflowFailException):
        asyncio.run(ask(conn_id, check, report()))
    assert len(runs) == 2
    connect(emulated.url, conn_id, password="after-the-reset")
    assert asyncio.run(ask(conn_id, check, report()))[0].recording_id == READY_MINUTE
    assert [runs.index(client) for client in runs] == [0, 0, 0, 3]


def test_callers_are_apart(origin: Origin, connect: Connect, capsys: pytest.CaptureFixture[str]) -> None:
    """Each has its own usage and retries, and ends alone."""
    host = Endless(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", b"{")
    origin.on("/endless", host)
    begun, go_on = threading.Event(), threading.Event()

    def hold(client: MeetingsClient) -> bool:
        client.transport.caller.repeat_failures = False
        get()(client)
        begun.set()
        assert go_on.wait(30)
        get()(client)
        return client.transport.caller.repeat_failures

    async def both() -> tuple[bool, bool]:
        conn_id = connect(origin.url)
        held = asyncio.ensure_future(ask(conn_id, hold, usages[0]))
        cancelled = asyncio.ensure_future(ask(conn_id, get("/endless"), usages[1]))
        await until(begun)
        await until(host.started)
        repeats = await ask(conn_id, lambda client: client.transport.caller.repeat_failures, usages[2])
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await until(host.disconnected)
        go_on.set()
        return repeats, await held

    usages = [report() for _ in range(3)]
    assert asyncio.run(both()) == (True, False)
    counted = [{name: asdict(calls) for name, calls in usage._total.endpoints().items()} for usage in usages]
    assert [total.get("things", {}).get("calls") for total in counted] == [2, 1, None]


@pytest.mark.parametrize("phase", ["lookup", "answer", "body"])
def test_hung_platform(origin: Origin, connect: Connect, monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    """All of 1,000 callers leave at their deadline, and no thread of the pool or another connection is held."""
    looked_up = threading.Event()
    real = socket.getaddrinfo

    def lookup(host: str, *args: Any, **kwargs: Any) -> Any:
        if host == "slow.example.com":
            assert looked_up.wait(60)
            raise socket.gaierror(socket.EAI_NONAME, "no such host")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setenv("no_proxy", "*")
    origin.on("/hung", origin.hang(b"" if phase == "answer" else b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1"))
    hung = connect("http://slow.example.com" if phase == "lookup" else origin.url)
    most = 0

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await ask(hung, get("/hung"), report())

    async def many() -> None:
        nonlocal most
        leaving = asyncio.gather(*(leave() for _ in range(1000)))
        for _ in range(3):
            assert "port" in await asyncio.wait_for(ask(other, get(), report()), 30)
            most = max(most, own_threads(hung))
        await leaving
        # The threads are free again, for a function that needs all of them.
        together = threading.Barrier(THREADS)
        await asyncio.gather(*(ask(hung, lambda client: together.wait(30), report()) for _ in range(THREADS)))

    other = connect(origin.url)
    asyncio.run(many())
    # And the request of the other connection. Nothing ends a lookup but the resolver.
    assert most <= 2 * THREADS + 1 or phase == "lookup"
    looked_up.set()
    for thread in threading.enumerate():
        if thread.name == "meetings request":
            thread.join(30)
            assert not thread.is_alive()


def test_cancelled_before_client_exists(origin: Origin, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller leaves at once; its function sends nothing later."""
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    real = MeetingsHook.for_connection

    def slow(conn_id: str, *, retry: bool) -> MeetingsHook:
        begun.set()
        assert go_on.wait(30)
        return real(conn_id, retry=retry)

    def late(client: MeetingsClient) -> Any:
        try:
            return get()(client)
        finally:
            ended.set()

    monkeypatch.setattr(MeetingsHook, "for_connection", slow)

    async def cancelled() -> None:
        asking = asyncio.ensure_future(ask(connect(origin.url), late, report()))
        await until(begun)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        go_on.set()
        await until(ended)

    asyncio.run(cancelled())
    assert origin.requests == []
