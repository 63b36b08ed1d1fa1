"""Polls in threads: the event loop, cancellation, connections."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.emulator.seed.feishu import (
    READY_MEETING,
    READY_MINUTE,
)
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from tests.contract.media.endless import Endless
from tests.contract.media.origin import json_body, serve_origin
from tests.triggers.conftest import run, trigger


def test_poll_does_not_block_event_loop(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The poll waits for the loop; a blocked loop would be a deadlock."""

    async def both() -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        real = MeetingsHook.for_connection

        def wait_for_loop(conn_id: str, *, retry: bool) -> MeetingsHook:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(timeout=30)
            return real(conn_id, retry=retry)

        monkeypatch.setattr(MeetingsHook, "for_connection", wait_for_loop)
        (payload,) = [event.payload async for event in trigger([READY_MEETING]).run()]
        return dict(payload)

    assert asyncio.run(both())["status"] == "done"


def test_polls_do_not_use_default_executor(emulated: Any) -> None:
    """The default executor resolves host names for all other triggers."""
    submitted: list[object] = []

    class DefaultExecutor(ThreadPoolExecutor):
        def submit(self, work: Any, /, *args: Any, **kwargs: Any) -> Any:
            submitted.append(work)
            return super().submit(work, *args, **kwargs)

    async def ask() -> dict[str, Any]:
        asyncio.get_running_loop().set_default_executor(DefaultExecutor())
        (payload,) = [event.payload async for event in trigger([READY_MEETING]).run()]
        return dict(payload)

    assert asyncio.run(ask())["status"] == "done"
    assert submitted == []


def test_cancel_during_rate_limit_wait(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next slot is 50 s away; the hook is closed within 30 s."""
    monkeypatch.setattr("airflow_provider_meetings.hooks.meetings.POLL_QUEUE_SECONDS", 60.0)
    emulated.state.fail("feishu.minute", 99991400, times=1, reset=50)
    hook = MeetingsHook.for_connection("feishu_default", retry=False)
    with closing(hook), pytest.raises(AirflowException), hook.error_mapping():
        hook.client.check(RecordingQuery(recording_ids=(READY_MINUTE,)))
    closed = threading.Event()
    real = MeetingsHook.close

    def close(self: MeetingsHook) -> None:
        real(self)
        closed.set()

    monkeypatch.setattr(MeetingsHook, "close", close)
    requests = len(emulated.state.requests)
    waiting = trigger([], query={"recording_ids": [READY_MINUTE]})

    queued = threading.Event()
    wait = Transport.pause

    def pause(self: Transport, seconds: float) -> None:
        queued.set()
        wait(self, seconds)

    monkeypatch.setattr(Transport, "pause", pause)

    async def cancelled() -> None:
        task = asyncio.ensure_future(anext(waiting.run()))
        while not queued.is_set():
            assert not task.done()
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert closed.wait(timeout=30)
    assert len(emulated.state.requests) == requests


def test_cancel_before_client_exists(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The poll is interrupted as soon as the client exists."""
    begun, go_on, closed = threading.Event(), threading.Event(), threading.Event()
    interrupted: list[bool] = []
    real = MeetingsHook.for_connection
    real_close = MeetingsHook.close

    def slow(conn_id: str, *, retry: bool) -> MeetingsHook:
        begun.set()
        assert go_on.wait(timeout=30)
        return real(conn_id, retry=retry)

    def close(self: MeetingsHook) -> None:
        interrupted.append(self.client.transport._interrupted.is_set())
        real_close(self)
        closed.set()

    monkeypatch.setattr(MeetingsHook, "for_connection", slow)
    monkeypatch.setattr(MeetingsHook, "close", close)

    async def cancelled() -> None:
        task = asyncio.ensure_future(anext(trigger([READY_MEETING]).run()))
        while not begun.is_set():
            assert not task.done()
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(cancelled())
    assert closed.wait(timeout=30)
    assert interrupted == [True]


def test_each_poll_closes_its_connections(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[MeetingsHook] = []
    real = MeetingsHook.close

    def close(self: MeetingsHook) -> None:
        closed.append(self)
        real(self)

    monkeypatch.setattr(MeetingsHook, "close", close)
    run(trigger([READY_MEETING]))
    assert len(closed) == 1


def test_dripping_answers_hold_no_threads(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight polls occupy all threads of the connection; cancelled, they leave them to the next poll."""
    hosts = [Endless(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", b"{") for _ in range(8)]
    with serve_origin() as origin:
        token = {"code": 0, "tenant_access_token": "t-1", "expire": 7200}
        origin.on("/open-apis/auth/v3/tenant_access_token/internal", json_body(token))
        origin.on(f"/open-apis/vc/v1/meetings/{READY_MEETING}/recording", *hosts)
        emulated.connect("feishu", origin.url)

        async def cancelled() -> None:
            tasks = [asyncio.ensure_future(anext(trigger([READY_MEETING]).run())) for _ in hosts]
            while not all(host.started.is_set() for host in hosts):
                assert not any(task.done() for task in tasks)
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

        asyncio.run(cancelled())
        assert all(host.disconnected.wait(20) for host in hosts)
    emulated.connect("feishu")
    assert run(trigger([READY_MEETING]))["status"] == "done"
