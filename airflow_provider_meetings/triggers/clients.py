"""Call the platforms from the triggerer: one client and a few threads for each connection, shared by all triggers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException
from asgiref.sync import sync_to_async

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import AuthenticationError, PermissionDenied
from airflow_provider_meetings.api.http.caller import Caller
from airflow_provider_meetings.api.http.usage import Usage
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.metrics import UsageReport

THREADS = 8
"""For each connection; each may have one more that sends its request."""
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
        running.add_done_callback(_ignore)
        running.cancel()
        raise
    return running.result()


def _ignore(done: asyncio.Future[T]) -> None:
    if not done.cancelled():
        done.exception()


class _Shared:
    """The threads and the client of one connection."""

    def __init__(self, meetings_conn_id: str) -> None:
        # Not the loop's default executor, which also resolves host names for all other triggers.
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"meetings-poll-{meetings_conn_id[:40]}")
        self._conn_id = meetings_conn_id
        self._reading = threading.Lock()
        self._read_at = float("-inf")
        self._hook: MeetingsHook | None = None
        self._guard = threading.Lock()
        self._users: Counter[MeetingsHook] = Counter()

    def run(self, function: Callable[[MeetingsClient], T], caller: Caller, usage: UsageReport) -> T:
        started = time.monotonic()
        self._renew(started - CURRENT_SECONDS, wait=self._hook is None)
        with self._borrowed() as hook:
            try:
                return _call(hook, function, caller, usage)
            except AirflowFailException as error:
                if not isinstance(error.__cause__, AuthenticationError | PermissionDenied):
                    raise
                self._renew(started, wait=True)
                if self._hook is hook:
                    raise
        with self._borrowed() as hook:
            return _call(hook, function, caller, usage)

    def _renew(self, oldest: float, *, wait: bool) -> None:
        """Read the connection again if that was before `oldest`; without `wait`, not if another thread does it now."""
        if self._read_at >= oldest or not self._reading.acquire(blocking=wait):
            return
        try:
            now = time.monotonic()
            if self._read_at < oldest:
                if self._hook is None or not self._hook.is_current():
                    self._replace(MeetingsHook.for_connection(self._conn_id, retry=False))
                self._read_at = now
        finally:
            self._reading.release()

    def _replace(self, hook: MeetingsHook) -> None:
        hook.get_conn()
        with self._guard:
            old, self._hook = self._hook, hook
            self._users[hook] = 1  # this object
        if old is not None:
            self._give_back(old)

    @contextmanager
    def _borrowed(self) -> Iterator[MeetingsHook]:
        with self._guard:
            hook = self._hook
            assert hook is not None  # noqa: S101  # `_renew` has made one, or raised
            self._users[hook] += 1
        try:
            yield hook
        finally:
            self._give_back(hook)

    def _give_back(self, hook: MeetingsHook) -> None:
        with self._guard:
            self._users[hook] -= 1
            unused = not self._users[hook]
        if unused:
            del self._users[hook]
            hook.close()


def _call(hook: MeetingsHook, function: Callable[[MeetingsClient], T], caller: Caller, usage: UsageReport) -> T:
    with hook.error_mapping():
        try:
            with hook.client.transport.called_by(caller):
                return function(hook.client)
        finally:
            usage.count(hook.conn_type, caller.usage)
            caller.usage = Usage()


_shared = cache(_Shared)
