"""Wait for recordings in the triggerer."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.poll import Poll, Until
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.wait import GRACE_SECONDS, Schedule, TimedOut, Wait
from airflow_provider_meetings.hooks.metrics import AirflowMeter, UsageReport
from airflow_provider_meetings.triggers import clients

FIRST_POLL_SECONDS = 15.0
"""A shorter deferral can fail because of a race in the scheduler (apache/airflow#66374, #67287, #71580)."""
SLICE = 4
"""How many questions hold a thread at a time."""
TIMEOUT_MARGIN = timedelta(minutes=2)
"""Airflow's own deferral timeout is this much later than the trigger's, which names the pending recordings."""


class RecordingReadyTrigger(BaseTrigger):
    """Poll until the recordings are ready or settled, or until a deadline; the sensor makes its arguments.

    Yields one event, without recordings: ``{"status": "done" | "timeout" | "execution_timeout" | "failed",
    "permanent": bool, "message": str, "retry_after": float | None, "states": {key: state}, …}``; see `Wait.known`. All
    state that it needs is in the arguments: it can be restarted on another triggerer at any time, and then asks for
    each open item again.

    :param meetings_conn_id: the connection of the platform.
    :param query: the open items: `RecordingQuery.to_dict`.
    :param until: ``ready`` or ``settled``; see `RecordingReadySensor`.
    :param schedule: `Schedule.to_dict`; `started` is 0 if no worker has started the task.
    :param known: `Wait.known`, of the other items.
    """

    def __init__(
        self,
        *,
        meetings_conn_id: str,
        query: dict[str, Any],
        until: Until,
        schedule: dict[str, Any],
        known: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.meetings_conn_id = meetings_conn_id
        self.query = query
        self.until: Until = until
        self.schedule = schedule
        self.known = known or {}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("meetings_conn_id", "query", "until", "schedule", "known")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll, log the API usage, and yield one event."""
        usage = UsageReport(AirflowMeter.in_triggerer())
        poll = Poll(RecordingQuery.from_dict(self.query), self.until, self.known, keep=False)
        wait = Wait(poll, self._schedule(), self.known)
        ended = {"status": "done", "permanent": False, "message": "", "retry_after": None}
        try:
            await self._wait(wait, usage)
        except TimedOut as late:
            status = "execution_timeout" if late.execution else "timeout"
            ended.update(status=status, message=f"Timed out; still pending: {poll.describe()}")
        except AirflowException as error:
            cause = error.__cause__
            retry_after = cause.retry_after if isinstance(cause, MeetingsApiError) else None
            permanent = isinstance(error, AirflowFailException)
            ended.update(status="failed", message=str(error), permanent=permanent, retry_after=retry_after)
        finally:
            usage.log(self.log)
        yield TriggerEvent({**ended, **wait.known()})  # type: ignore[no-untyped-call]  # Airflow's own

    def _schedule(self) -> Schedule:
        schedule = Schedule.from_dict(self.schedule)
        if schedule.started:
            return schedule
        # No worker has started the task: the scheduler has computed its deadline from the start.
        after = schedule.timeout + TIMEOUT_MARGIN.total_seconds()
        after = min(after, schedule.execution_timeout or after)
        deadline = getattr(self, "timeout_after", None)
        return replace(schedule, started=pendulum.instance(deadline).timestamp() - after if deadline else time.time())

    async def _wait(self, wait: Wait, usage: UsageReport) -> None:
        schedule = wait.schedule
        # At random, so that the triggers of a restarted triggerer do not poll all at once.
        first = max(2 * FIRST_POLL_SECONDS, schedule.pause(time.time()))
        random_pause = random.uniform(FIRST_POLL_SECONDS, first)  # noqa: S311 - not a secret
        pause: float | None = min(random_pause, schedule.left(time.time()))
        while pause is not None:
            await asyncio.sleep(max(0.0, pause))
            begun, error = time.time(), None
            try:
                # The event loop ends the round in time, whatever its thread does.
                async with asyncio.timeout(max(0.0, schedule.left(begun)) + GRACE_SECONDS):
                    await self._round(wait.poll, min(schedule.pause(begun), schedule.left(begun)), usage)
            except TimeoutError:
                pass
            except AirflowFailException:
                raise
            except AirflowException as failed:
                error = failed
            pause = wait.next_round(begun, time.time(), error)

    async def _round(self, poll: Poll, seconds: float, usage: UsageReport) -> None:
        """Ask for each item, a few at a time, spread over the given time."""
        end = time.time() + seconds
        while not await clients.ask(self.meetings_conn_id, lambda client: poll.ask(client, SLICE), usage):
            slices = math.ceil(poll.left / SLICE)
            await asyncio.sleep(max(0.0, (end - time.time()) / (slices + 1)))
