"""Wait for recordings in the triggerer."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, get_args

import pendulum
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import MeetingsApiError, RateLimited
from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.api.query import RecordingQuery, Until, is_settled, overdue, waiting
from airflow_provider_meetings.api.times import parse_time
from airflow_provider_meetings.hooks.connections import check_conn_id
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.metrics import AirflowMeter, UsageReport

FIRST_POLL_SECONDS = 15.0
"""A deferral that ends sooner can be failed by a race in the scheduler (apache/airflow#66374, #67287, #71580)."""
LEAST_PAUSE_SECONDS = 1.0
"""A poke_interval of 0 must not become a storm."""


@cache
def _polls(meetings_conn_id: str) -> ThreadPoolExecutor:
    # Executors of our own: the loop's default one also looks up host names for every other trigger. One for each
    # connection: a platform that does not answer holds up no other.
    return ThreadPoolExecutor(max_workers=8, thread_name_prefix=f"meetings-poll-{meetings_conn_id[:40]}")


class RecordingReadyTrigger(BaseTrigger):
    """Ask again and again until the recordings are ready, settled, or the deadline has come.

    Yields one event, always classified: ``{"status": "done" | "timeout" | "failed", "permanent": bool,
    "message": str, "retry_after": float | None, "recordings": [...]}``. It may run again elsewhere at any time, so
    nothing but its arguments counts.

    :param meetings_conn_id: the connection to ask.
    :param query: a `RecordingQuery` as a dict: ids and a window, nothing else.
    :param until: ``ready`` or ``settled``; see `RecordingReadySensor`.
    :param poke_interval: seconds between two rounds.
    :param deadline: ISO 8601 UTC; the last round is asked then.
    :param max_failures: rounds in a row that may fail for passing reasons; None for any number. A round that the
        platform's rate limit refused is none of them: it is asked again when the platform says so.
    """

    def __init__(
        self,
        *,
        meetings_conn_id: str,
        query: dict[str, Any],
        until: Until,
        poke_interval: float,
        deadline: str,
        max_failures: int | None = 5,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        # Here, on the worker that defers, and not in the triggerer: there an error arrives stripped of its class.
        check_conn_id(meetings_conn_id, "meetings_conn_id")
        RecordingQuery.from_dict(query)
        parse_time(deadline, "deadline")
        if until not in get_args(Until):
            raise ValueError(f"until must be one of {', '.join(get_args(Until))}, got {until!r:.60}")
        if not _is_number(poke_interval, (int, float)):
            raise ValueError(f"poke_interval must be a number of seconds, at least 0, got {poke_interval!r:.60}")
        if max_failures is not None and not _is_number(max_failures, (int,)):
            raise ValueError(f"max_failures must be a whole number, at least 0, or None, got {max_failures!r:.60}")
        self.meetings_conn_id = meetings_conn_id
        self.query = query
        self.until = until
        self.poke_interval = poke_interval
        self.deadline = deadline
        self.max_failures = max_failures
        self._given_up = threading.Event()
        self._client: MeetingsClient | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments."""
        names = ("meetings_conn_id", "query", "until", "poke_interval", "deadline", "max_failures")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll, tell what that has used, and yield the one event."""
        self._account = UsageReport(AirflowMeter.in_triggerer())
        try:
            event = await self._outcome()
        finally:
            self._account.log(self.log)
        yield event

    async def _outcome(self) -> TriggerEvent:
        ask = sync_to_async(self._ask, thread_sensitive=False, executor=_polls(self.meetings_conn_id))
        deadline = parse_time(self.deadline, "deadline")
        pause = max(self.poke_interval, FIRST_POLL_SECONDS)
        failures = 0
        recordings: tuple[Recording, ...] = ()
        refusal = ""
        while True:
            left = (deadline - pendulum.now("UTC")).total_seconds()
            await asyncio.sleep(max(0.0, min(pause, left)))
            pause = max(self.poke_interval, LEAST_PAUSE_SECONDS)
            try:
                recordings, done = await ask()
            except asyncio.CancelledError:
                self._give_up()
                raise
            except AirflowFailException as error:
                return _event("failed", recordings, message=str(error), permanent=True)
            except AirflowException as error:
                refusal, told = str(error), _told(error)
                pause = max(pause, told or 0.0)
                if isinstance(error.__cause__, RateLimited):
                    self.log.info("Round refused for its rate, asking again in %.0f s: %s", pause, error)
                else:
                    failures += 1
                    if self.max_failures is not None and failures > self.max_failures:
                        return _event("failed", recordings, message=str(error), retry_after=told)
                    self.log.warning("Round failed (%s in a row), asking again in %.0f s: %s", failures, pause, error)
            else:
                failures, refusal = 0, ""
                if done:
                    return _event("done", recordings)
                self.log.info("Still waiting for %s", waiting(recordings))
            if pendulum.now("UTC") >= deadline:
                return self._at_deadline(recordings, refusal)

    def _ask(self) -> tuple[tuple[Recording, ...], bool]:
        # Runs in a thread: the hook is built here, since reading a connection blocks.
        hook = MeetingsHook.for_connection(self.meetings_conn_id, patient=False)
        with self._account.of(hook), hook.airflow_errors():
            self._client = hook.get_conn()
            if self._given_up.is_set():  # before there was anything to interrupt
                self._client.interrupt()
            recordings = hook.check(RecordingQuery.from_dict(self.query))
            return recordings, is_settled(recordings, self.until)

    def _give_up(self) -> None:
        # Cancelling ends what the loop waits for, not the thread that asks: it would sleep on in the platform's queue.
        self._given_up.set()
        if client := self._client:
            client.interrupt()

    def _at_deadline(self, recordings: tuple[Recording, ...], refusal: str) -> TriggerEvent:
        if self.until == "settled" and recordings:
            return _event("done", overdue(recordings))
        message = f"The time is up; still waiting for {waiting(recordings)}"
        if refusal:
            message += f". The last round failed: {refusal}"
        return _event("timeout", recordings, message=message)


def _is_number(value: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value) and value >= 0  # type: ignore[operator,arg-type]  # by then it is a number


def _event(
    status: str,
    recordings: tuple[Recording, ...],
    *,
    message: str = "",
    permanent: bool = False,
    retry_after: float | None = None,
) -> TriggerEvent:
    payload = {
        "status": status,
        "permanent": permanent,
        "message": message,
        "retry_after": retry_after,
        "recordings": [recording.to_dict() for recording in recordings],
    }
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow's own


def _told(error: AirflowException) -> float | None:
    cause = error.__cause__
    return cause.retry_after if isinstance(cause, MeetingsApiError) else None
