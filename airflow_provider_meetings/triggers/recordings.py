"""Wait for recordings in the triggerer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, get_args

import pendulum
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_provider_meetings.api.errors import MeetingsApiError, RateLimited
from airflow_provider_meetings.api.poll import Poll, Until
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.times import parse_time
from airflow_provider_meetings.hooks.connections import check_conn_id
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.metrics import AirflowMeter, UsageReport

FIRST_POLL_SECONDS = 15.0
"""A shorter deferral can fail because of a race in the scheduler (apache/airflow#66374, #67287, #71580)."""
MIN_PAUSE_SECONDS = 1.0
"""Lower bound for `poke_interval`."""


@cache
def _executor(meetings_conn_id: str) -> ThreadPoolExecutor:
    # Not the loop's default executor, which also resolves host names for all other triggers. One executor for each
    # connection, so that a platform that does not respond does not block the others.
    return ThreadPoolExecutor(max_workers=8, thread_name_prefix=f"meetings-poll-{meetings_conn_id[:40]}")


class RecordingReadyTrigger(BaseTrigger):
    """Poll until the recordings are ready or settled, or until the deadline.

    Yields one event: ``{"status": "done" | "timeout" | "failed", "permanent": bool, "message": str,
    "retry_after": float | None, "recordings": [...], "counts": [...]}``; `counts` are the numbers of
    recordings of each id. All state that it needs is in the arguments: it can be restarted on another triggerer at any
    time, and then asks for each id again.

    :param meetings_conn_id: the connection of the platform.
    :param query: a `RecordingQuery` as a dict.
    :param until: ``ready`` or ``settled``; see `RecordingReadySensor`.
    :param poke_interval: seconds between two polls.
    :param deadline: time of the last poll, ISO 8601, UTC.
    :param max_failures: number of consecutive polls that may fail with a temporary error; None for no limit. A poll
        that the platform rate-limits is not counted; it is repeated after the time that the platform requests. One in
        which the platform answers some ids is no failure: the others are pending.
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
        # Validated on the worker that defers: an exception in the triggerer would lose its class.
        check_conn_id(meetings_conn_id, "meetings_conn_id")
        selected = RecordingQuery.from_dict(query)
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
        self._answers = Poll(selected, until)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("meetings_conn_id", "query", "until", "poke_interval", "deadline", "max_failures")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll, log the API usage, and yield one event."""
        self._usage = UsageReport(AirflowMeter.in_triggerer())
        try:
            event = await self._wait()
        finally:
            self._usage.log(self.log)
        yield event

    async def _wait(self) -> TriggerEvent:
        poll = sync_to_async(self._poll, thread_sensitive=False, executor=_executor(self.meetings_conn_id))
        deadline = parse_time(self.deadline, "deadline")
        pause = max(self.poke_interval, FIRST_POLL_SECONDS)
        failures = 0
        last_error = ""
        while True:
            left = (deadline - pendulum.now("UTC")).total_seconds()
            await asyncio.sleep(max(0.0, min(pause, left)))
            pause = max(self.poke_interval, MIN_PAUSE_SECONDS)
            try:
                done = await poll()
            except asyncio.CancelledError:
                # Cancelling the task does not stop the thread.
                self._usage.interrupt()
                raise
            except AirflowFailException as error:
                return self._event("failed", message=str(error), permanent=True)
            except AirflowException as error:
                last_error, cause = str(error), error.__cause__
                retry_after = cause.retry_after if isinstance(cause, MeetingsApiError) else None
                pause = max(pause, retry_after or 0.0)
                if isinstance(cause, RateLimited):
                    self.log.info("Rate limited; next poll in %.0f s: %s", pause, error)
                else:
                    failures += 1
                    if self.max_failures is not None and failures > self.max_failures:
                        return self._event("failed", message=last_error, retry_after=retry_after)
                    self.log.warning("Poll failed (%s in a row); next poll in %.0f s: %s", failures, pause, error)
            else:
                failures, last_error = 0, ""
                if done:
                    return self._event("done")
                self.log.info("Still pending: %s", self._answers.describe())
            if pendulum.now("UTC") >= deadline:
                return self._timeout(last_error)

    def _poll(self) -> bool:
        # Runs in a thread. The hook is created here because reading a connection blocks.
        hook = MeetingsHook.for_connection(self.meetings_conn_id, retry=False)
        with self._usage.track(hook), hook.error_mapping():
            return self._answers.ask(hook.client)

    def _timeout(self, last_error: str) -> TriggerEvent:
        late = self.until == "settled"
        if late and self._answers.answered and self._answers.recordings:
            return self._event("done", late=True)
        message = f"Timed out; still pending: {self._answers.describe()}"
        if last_error:
            message += f". The last poll failed: {last_error}"
        return self._event("timeout", late=late, message=message)

    def _event(self, status: str, *, late: bool = False, **fields: Any) -> TriggerEvent:
        answers = self._answers.answers(late=late)
        payload = {
            **{"status": status, "permanent": False, "message": "", "retry_after": None, **fields},
            "recordings": [recording.to_dict() for answer in answers for recording in answer],
            "counts": [len(answer) for answer in answers],
        }
        return TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow's own


def _is_number(value: object, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and not isinstance(value, bool) and math.isfinite(value) and value >= 0  # type: ignore[operator,arg-type]  # a number by then
