"""Call the platforms from the triggerer: one client and a few threads for each connection, shared by all triggers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException
from asgiref.sync import sync_to_async

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import AuthenticationError, PermissionDenied
from airflow_provider_meetings.api.http.cancellation import Caller
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.metrics import UsageReport

THREADS = 8
"""For each connection; each has one more that sends its request."""
CURRENT_SECONDS = 30.0
"""A connection is read again after this time."""

T = TypeVar("T")


async def ask(meetings_conn_id: str, function: Callable[[MeetingsClient], T], usage: UsageReport) -> T:
    """Run `function` with the connection's client in one of its threads, and return what it returns.

    The client is shared: its `interrupt` and `close` are not to be called. Cancelling this coroutine ends the calls of
    `function`, and returns at once. After the platform has refused the login, the connection is read again, and if
    it has changed, `function` runs once more, with the new client.

    :param usage: the calls are added to it, also those that go on when this coroutine is cancelled.
    :raises AirflowFailException: for a permanent error.
    :raises AirflowException: for another one.
    """
    shared, caller = _shared(meetings_conn_id), Caller()
    # Reading a connection blocks, and Airflow serves only threads that `sync_to_async` has started.
    run = sync_to_async(shared.run, thread_sensitive=False, executor=shared.threads)
    running = asyncio.ensure_future(run(function, caller, usage))
    try:
        # Not awaited itself: when cancelled, `sync_to_async` may wait for the end of the thread.
        await asyncio.wait([running])
    except asyncio.CancelledError:
        caller.cancel()
        running.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody else reads it
        running.cancel()
        raise
    return running.result()


class _Shared:
    """The threads and the client of one connection."""

    def __init__(self, meetings_conn_id: str) -> None:
        # Not the loop's default executor, which also resolves host names for all other triggers.
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"meetings-poll-{meetings_conn_id[:40]}")
        self._conn_id = meetings_conn_id
        self._reading = threading.Lock()
        self._read_at = float("-inf")
        self._hook: MeetingsHook | None = None

    def run(self, function: Callable[[MeetingsClient], T], caller: Caller, usage: UsageReport) -> T:
        started = time.monotonic()
        hook = self._current(started - CURRENT_SECONDS)
        try:
            return _call(hook, function, caller)
        except AirflowFailException as error:
            if not isinstance(error.__cause__, AuthenticationError | PermissionDenied):
                raise
            if (changed := self._current(started)) is hook:
                raise
            return _call(changed, function, caller)
        finally:
            usage.count(hook.conn_type, caller.usage)

    def _current(self, oldest: float) -> MeetingsHook:
        """Return the hook; read the connection again if that was before `oldest`."""
        with self._reading:
            now, hook = time.monotonic(), self._hook
            if hook is None or self._read_at < oldest:
                if hook is None or not hook.is_current():
                    if hook:
                        hook.close()  # its calls in progress go on
                    hook = MeetingsHook.for_connection(self._conn_id, retry=False)
                    hook.get_conn()
                self._hook, self._read_at = hook, now
            return hook


def _call(hook: MeetingsHook, function: Callable[[MeetingsClient], T], caller: Caller) -> T:
    with hook.error_mapping(), hook.client.transport.called_by(caller):
        return function(hook.client)


_shared = cache(_Shared)
