"""Wait for recordings to become ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, get_args

import pendulum
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    Context,
    PokeReturnValue,
    conf,
)

from airflow_provider_meetings.api.errors import RateLimited, ServerError
from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.api.poll import Poll, Until, merge
from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.batches import warn_if_large
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.metrics import CallingTask, UsageReport
from airflow_provider_meetings.hooks.retry_policy import set_retry_policy
from airflow_provider_meetings.triggers.recordings import RecordingReadyTrigger

TIMEOUT_MARGIN = timedelta(minutes=2)
"""Airflow's own deferral timeout is this much later than the trigger's, which names the pending recordings."""


class RecordingReadySensor(CallingTask, BaseSensorOperator):
    """Wait until all selected recordings are ready, and return them.

    On WeCom, a meeting is ready when it has a recording in the window and all its recordings are transcoded. On Feishu,
    a meeting is ready when its minute is.

    :param meetings_conn_id: a connection of a meeting platform; its type selects the platform. (templated)
    :param recordings: the result of an earlier listing, or URIs of NDJSON files with the same. Resolved from XComs,
        never rendered.
    :param meeting_ids: the platform's meeting ids; a list or a JSON list in a string. (templated)
    :param recording_ids: Feishu's minute tokens; a list or a JSON list in a string. (templated)
    :param owner_ids: WeCom's userids: meetings that these users created. Feishu's user ids: minutes that these users
        own; requires a connection with the identity ``user``. A list or a JSON list in a string. (templated)
    :param start: start of the window, aware. Default for WeCom and for Feishu's `owner_ids`: the last 31 days. Set it
        for a recurring meeting, because earlier recordings of the same meeting would match as well. (templated)
    :param end: end of the window, aware, exclusive. (templated)
    :param until: ``ready``: all recordings must be ready; one that is gone, forbidden or unknown fails the task at
        once. ``settled``: each recording must have a final state; after `timeout`, recordings that are still pending
        are returned with state ``overdue``.
    :param deferrable: wait in the triggerer, without a worker slot. The first poll runs on the worker.
        ``poke_interval`` and ``timeout`` apply in the triggerer too; ``exponential_backoff`` and ``max_wait`` do not.
    :returns: list of recordings as dicts, each with its ``state``.
    """

    template_fields: Sequence[str] = (
        "meetings_conn_id",
        "recordings",
        "meeting_ids",
        "recording_ids",
        "owner_ids",
        "start",
        "end",
    )

    def __init__(
        self,
        *,
        meetings_conn_id: str,
        recordings: Any = None,
        meeting_ids: Any = None,
        recording_ids: Any = None,
        owner_ids: Any = None,
        start: Any = None,
        end: Any = None,
        until: Until = "ready",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        set_retry_policy(self)
        self.meetings_conn_id = meetings_conn_id
        self.recordings = arguments.as_literal(recordings)
        self.meeting_ids = meeting_ids
        self.recording_ids = recording_ids
        self.owner_ids = owner_ids
        self.start = start
        self.end = end
        self.until: Until = arguments.choice(self, "until", until, get_args(Until))
        self.deferrable = arguments.flag(self, "deferrable", deferrable)
        self._poll: Poll | None = None

    def execute(self, context: Context) -> Any:
        """Wait on the worker or, if deferrable, in the triggerer."""
        self._started = time.monotonic()
        self._poll = None
        return self._run(context, lambda: super(RecordingReadySensor, self).execute(context))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after the trigger's event, or after Airflow's own deferral timeout."""
        resume = super().resume_execution
        return self._run(context, lambda: resume(next_method, next_kwargs, context))

    def _run(self, context: Context, wait: Callable[[], Any]) -> Any:
        """Call `wait` and log the API usage of all polls once; with ``until="settled"`` a timeout is a result."""
        usage = self._usage = UsageReport()
        try:
            result = wait()
            warn_if_large(self.log, result or (), "map the sensor over smaller batches")
            return result
        except (AirflowSensorTimeout, AirflowSkipException) as error:
            return self._after_timeout(context, error)
        finally:
            self._usage = None
            usage.log(self.log)

    def _track(self, hook: MeetingsHook) -> AbstractContextManager[MeetingsHook]:
        return (self._usage or UsageReport()).track(hook)

    def _after_timeout(self, context: Context, error: AirflowSensorTimeout | AirflowSkipException) -> Any:
        # With soft_fail the base class raises AirflowSkipException: without a cause after its own timeout, else with
        # the AirflowSensorTimeout raised here as its cause.
        timeout = error if isinstance(error, AirflowSensorTimeout) else error.__cause__
        if not (timeout is None or isinstance(timeout, AirflowSensorTimeout)):
            raise error
        if self.until == "settled":
            if found := self._late(context):
                return found
        elif self._poll:
            raise type(error)(f"{error} Still pending: {self._poll.describe()}") from error.__cause__
        raise error

    def _late(self, context: Context) -> list[dict[str, Any]]:
        """Return all recordings, the pending ones as overdue; poll first if the platform has not answered yet."""
        if not (self._poll and self._poll.answered) and (query := self._query(context)):
            self._poll = Poll(query, self.until)
            with self._track(MeetingsHook.for_connection(self.meetings_conn_id)) as hook, hook.error_mapping():
                self._poll.ask(hook.client)
        if self._poll is None:
            return []
        self.log.warning("Timed out; overdue: %s", self._poll.describe())
        return [recording.to_dict() for answer in self._poll.answers(late=True) for recording in answer]

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once; a deferrable sensor defers if a recording is pending.

        The deferral happens inside `poke`, so that the base class applies soft_fail, never_fail and timeout to the
        first poll too. TaskDeferred is not an Exception and passes through.
        """
        hook = MeetingsHook.for_connection(self.meetings_conn_id, retry=not self.deferrable)
        try:
            with self._track(hook), hook.error_mapping():
                if self._poll is None and (query := self._query(context)):
                    self._poll = Poll(query, self.until)
                if self._poll is None:
                    self.log.info("No recordings to wait for")
                    return PokeReturnValue(True, [])
                done = self._poll.ask(hook.client)
        except AirflowFailException:
            raise
        except AirflowException as error:
            # The next poll waits for a rate limit to pass, so the task need not fail for one, and lose its answers.
            tolerated = self.silent_fail or isinstance(error.__cause__, RateLimited)
            if not (tolerated and self._poll and (self.deferrable or self._poll.answered)):
                raise
            self.log.exception("Poll failed")
            done = False
        if done:
            found = self._poll.recordings
            self.log.info("All %d recordings are %s", len(found), self.until)
            return PokeReturnValue(True, [recording.to_dict() for recording in found])
        self.log.info("Still pending: %s", self._poll.describe())
        if self.deferrable:
            self._defer(self._poll)
        return PokeReturnValue(False)

    def _query(self, context: Context) -> RecordingQuery | None:
        """Build the query from the arguments; return None if the only argument is an empty listing."""
        refs: tuple[RecordingRef, ...] = ()
        ids = {name: arguments.ids(getattr(self, name), name) for name in ("meeting_ids", "recording_ids", "owner_ids")}
        if self.recordings is not None:
            refs = RecordingQuery.refs(arguments.values(Recording, self.recordings, "recordings", context))
            if not refs and not any(ids.values()):
                return None
        return RecordingQuery(start=self.start, end=self.end, recordings=refs, **ids)

    def _defer(self, poll: Poll) -> None:
        left = timedelta(seconds=self.timeout - (time.monotonic() - self._started))
        if left <= timedelta(0):
            raise AirflowSensorTimeout(f"Timed out; still pending: {poll.describe()}")
        query, settled = poll.rest()
        trigger = RecordingReadyTrigger(
            meetings_conn_id=self.meetings_conn_id,
            query=query.to_dict(),
            until=self.until,
            poke_interval=self.poke_interval,
            deadline=(pendulum.now("UTC") + left).isoformat(),
            max_failures=None if self.silent_fail else 5,
        )
        # Text: Airflow refuses some keys and depths in the arguments of the method, and the recordings have any.
        kwargs = {"settled": settled}
        self.defer(trigger=trigger, method_name="execute_complete", kwargs=kwargs, timeout=left + TIMEOUT_MARGIN)

    def execute_complete(
        self, context: Context, event: dict[str, Any], settled: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the recordings of the trigger's event and the settled ones of the first poll, or raise its error."""
        found: list[dict[str, Any]] = event["recordings"]
        late = event["status"] == "timeout" and self.until == "settled" and settled and found
        if event["status"] == "done" or late:
            if settled is None and "counts" in event:  # `dag.test` drops the arguments of a deferral
                found = self._late(context)
            if settled:
                found = merge(settled, found, event["counts"])
            self.log.info("All %d recordings are %s", len(found), self.until)
            return found
        if event["status"] == "timeout":
            raise AirflowSensorTimeout(event["message"])
        if event["permanent"]:
            raise AirflowFailException(event["message"])
        # The retry policy reads `retry_after` from the cause.
        cause = ServerError(event["message"], retry_after=event["retry_after"])
        raise AirflowException(event["message"]) from cause
