"""Wait for recordings to become ready."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from threading import Timer
from typing import Any, get_args

import pendulum
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    Context,
    conf,
)
from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferralTimeout
from airflow.triggers.base import StartTriggerArgs

from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError, RateLimited, ServerError
from airflow_provider_meetings.api.models import Recording, RecordingState
from airflow_provider_meetings.api.poll import Poll, Until
from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef
from airflow_provider_meetings.api.wait import GRACE_SECONDS, Schedule, TimedOut, Wait
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.batches import warn_if_large
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.metrics import CallingTask, UsageReport
from airflow_provider_meetings.hooks.retry_policy import set_retry_policy
from airflow_provider_meetings.triggers.recordings import TIMEOUT_MARGIN, RecordingReadyTrigger

_IDS = ("meeting_ids", "meeting_numbers", "recording_ids", "owner_ids")
_STORED = "wait"  # the key in the task state store


class RecordingReadySensor(CallingTask, BaseSensorOperator):
    """Wait until all selected recordings, at most 1,000, are ready, and return them.

    On WeCom, a meeting is ready when it has a recording in the window and all its recordings are transcoded. On Feishu,
    a meeting is ready when its minute is.

    :param meetings_conn_id: a connection of a meeting platform; its type selects the platform. (templated)
    :param recordings: the result of an earlier listing, or URIs of NDJSON files with the same. Resolved from XComs,
        never rendered.
    :param meeting_ids: the platform's meeting ids. These and other ids: a list or a JSON list in a string. (templated)
    :param meeting_numbers: WeCom's meeting codes, Feishu's 9-digit numbers. (templated)
    :param recording_ids: Feishu's minute tokens. (templated)
    :param owner_ids: WeCom's userids: meetings that these users created. Feishu's user ids: minutes that these users
        own; requires a connection with the identity ``user``. (templated)
    :param start: start of the window, aware. Default for WeCom and for Feishu's `owner_ids`: the last 31 days. Set it
        for a recurring meeting, because earlier recordings of the same meeting would match as well. (templated)
    :param end: end of the window, aware, exclusive. (templated)
    :param until: ``ready``: all recordings must be ready; one that is gone, forbidden or unknown fails the task at
        once. ``settled``: each recording must have a final state; after `timeout`, recordings that are still pending
        are returned with state ``overdue``.
    :param give_up_after: how long every poll may fail before the task fails. Default: an hour, or `timeout` if that is
        shorter. With ``silent_fail`` it never gives up.
    :param deferrable: wait in the triggerer, without a worker slot. The first poll runs on the worker.
    :param start_from_trigger: the first poll runs in the triggerer too. Requires literal ids, times and connection; a
        mapped task polls first on a worker.
    :returns: list of recordings as dicts, each with its ``state``.
    """

    template_fields: Sequence[str] = ("meetings_conn_id", "recordings", *_IDS, "start", "end")

    def __init__(
        self,
        *,
        meetings_conn_id: str,
        recordings: Any = None,
        meeting_ids: Any = None,
        meeting_numbers: Any = None,
        recording_ids: Any = None,
        owner_ids: Any = None,
        start: Any = None,
        end: Any = None,
        until: Until = "ready",
        give_up_after: timedelta | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        start_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        set_retry_policy(self)
        self.meetings_conn_id = meetings_conn_id
        self.recordings = arguments.as_literal(recordings)
        self._excluded: list[Recording] = []
        self.meeting_ids = meeting_ids
        self.meeting_numbers = meeting_numbers
        self.recording_ids = recording_ids
        self.owner_ids = owner_ids
        self.start = start
        self.end = end
        self.until: Until = arguments.choice(self, "until", until, get_args(Until))
        if give_up_after is None:
            give_up_after = min(timedelta(hours=1), timedelta(seconds=self.timeout))
        if not isinstance(give_up_after, timedelta):
            raise ValueError(f"{self.task_id}: give_up_after must be a timedelta or None, got {give_up_after!r:.60}")
        self.give_up_after = give_up_after
        started = arguments.flag(self, "start_from_trigger", start_from_trigger)
        self.deferrable = arguments.flag(self, "deferrable", deferrable) or started
        # Airflow starts a mapped task on a worker, and then its arguments may have been templates.
        self.start_from_trigger = started and not getattr(self, "_BaseOperator__from_mapped", False)
        if self.start_from_trigger:
            self.start_trigger_args = self._start_from_trigger()

    def execute(self, context: Context) -> Any:
        """Wait on the worker or, if deferrable, in the triggerer."""
        with self._run():
            return self._wait(context, self._stored(context))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after the trigger's event, or after Airflow's own deferral timeout."""
        with self._run():
            try:
                # Not that of sensors, which skips the task for any error.
                return super(BaseSensorOperator, self).resume_execution(next_method, next_kwargs, context)
            except TaskDeferralTimeout as error:
                running = time.time() - context["ti"].start_date.timestamp()
                if self.execution_timeout and running >= self.execution_timeout.total_seconds():
                    raise AirflowTaskTimeout(str(error)) from error
                if self.until == "ready":
                    raise AirflowSensorTimeout(str(error)) from error
                return self._wait(context, {}, late=True)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the recordings of the states in the trigger's event, or raise its error; may defer again."""
        status, message = event["status"], event["message"]
        if status == "execution_timeout":
            raise AirflowTaskTimeout(message)
        if status == "timeout" and (self.until == "ready" or not any(event["states"].values())):
            raise AirflowSensorTimeout(message)
        if status == "failed" and event["permanent"]:
            raise AirflowFailException(message)
        if status == "failed":
            # The retry policy reads `retry_after` from the cause.
            raise AirflowException(message) from ServerError(message, retry_after=event["retry_after"])
        return self._wait(context, event, late=status == "timeout")

    @contextmanager
    def _run(self) -> Iterator[None]:
        """Log the API usage once, and apply `soft_fail` and `never_fail` as for a poke."""
        usage = self._usage = UsageReport()
        try:
            yield
        except (AirflowRescheduleException, AirflowSkipException):
            raise
        except (Exception, AirflowTaskTimeout) as error:
            is_final = isinstance(error, AirflowSensorTimeout | AirflowTaskTimeout | AirflowFailException)
            if self.never_fail or (self.soft_fail and is_final):
                raise AirflowSkipException(f"Skipping: {error}") from error
            raise
        finally:
            self._usage = None
            usage.log(self.log)

    def _wait(self, context: Context, known: Mapping[str, Any], *, late: bool = False) -> list[dict[str, Any]]:
        """Wait with one client from the states that are known; after the timeout (`late`), only complete the result."""
        hook = MeetingsHook.for_connection(self.meetings_conn_id, retry=late or not self.deferrable)
        with (self._usage or UsageReport()).track(hook), hook.error_mapping():
            if (query := self._query(context)) is None:
                self.log.info("No recordings to wait for")
                return [recording.to_dict() for recording in self._excluded]
            poll = Poll(query, self.until, known)
            schedule = self._schedule(known.get("started") or context["ti"].start_date.timestamp())
            # A thread, because a platform that never answers would hold this one for longer.
            timer = Timer(max(0.0, schedule.left(time.time())) + GRACE_SECONDS, hook.interrupt)
            try:
                if not late:
                    timer.start()
                    self._rounds(context, Wait(poll, schedule, known), hook)
            except TimedOut as passed:
                message = f"Timed out; still pending: {poll.describe()}"
                if passed.execution:
                    raise AirflowTaskTimeout(message) from None
                if self.until == "ready" or not any(poll.states.values()):
                    raise AirflowSensorTimeout(message) from None
                late = True
            finally:
                timer.cancel()
            if late:
                self._expire(poll, hook)
            found = poll.results(hook.client)
        self.log.info("All %d recordings are %s", len(found), self.until)
        result = [recording.to_dict() for recording in (*found, *self._excluded)]
        warn_if_large(self.log, result, "map the sensor over smaller batches")
        return result

    def _rounds(self, context: Context, wait: Wait, hook: MeetingsHook) -> None:
        while True:
            begun, error = time.time(), None
            try:
                wait.poll.ask(hook.client)
            except MeetingsApiError as failed:
                if failed.permanent:
                    raise
                error = failed
            if (pause := wait.next_round(begun, time.time(), error)) is None:
                return
            if error and hook.interrupted.is_set():
                raise error
            if pause and self.deferrable:
                self._defer(wait, hook)
            if pause and self.reschedule:
                self._reschedule(context, wait, pause)
            hook.interrupted.wait(pause)

    def _expire(self, poll: Poll, hook: MeetingsHook) -> None:
        """Make what is pending overdue; fetch the ready recordings, unless the platform does not answer."""
        hook.client.transport.request_timeout = (GRACE_SECONDS, GRACE_SECONDS)
        try:
            if not poll.answered:  # the trigger's event is lost
                poll.ask(hook.client)
            self.log.warning("Timed out; overdue: %s", poll.describe())
            poll.expire()
            if not hook.interrupted.is_set():
                poll.ask(hook.client)
        except (RateLimited, ServerError) as error:
            if not poll.answered:
                raise
            poll.expire()
            self.log.warning("The last poll failed: %s", error)

    def _defer(self, wait: Wait, hook: MeetingsHook) -> None:
        left = timedelta(seconds=wait.schedule.left(time.time()))
        rest = wait.poll.rest(hook.client)
        trigger = self._trigger(rest, wait.schedule, wait.known(without=rest.items()))
        self.defer(trigger=trigger, method_name="execute_complete", timeout=left + TIMEOUT_MARGIN)

    def _trigger(self, query: RecordingQuery, schedule: Schedule, known: dict[str, Any]) -> RecordingReadyTrigger:
        return RecordingReadyTrigger(
            meetings_conn_id=self.meetings_conn_id,
            query=query.to_dict(),
            until=self.until,
            schedule=schedule.to_dict(),
            known=known,
        )

    def _reschedule(self, context: Context, wait: Wait, pause: float) -> None:
        if store := context.get("task_state_store"):
            this_try = {"try_number": context["ti"].try_number, "started": wait.schedule.started}
            store.set(_STORED, {**this_try, **wait.known()})
        raise AirflowRescheduleException(pendulum.from_timestamp(time.time() + pause))  # type: ignore[no-untyped-call]

    def _stored(self, context: Context) -> Mapping[str, Any]:
        """Return what an earlier process of this try has stored; before Airflow 3.3 only when it was."""
        if self.deferrable or not self.reschedule:
            return {}
        store: Any = context.get("task_state_store")
        stored = store.get(_STORED) if store else None
        if stored and stored["try_number"] == context["ti"].try_number:
            return dict(stored)
        first = context["ti"].get_first_reschedule_date(context)
        return {"started": first.timestamp()} if first else {}

    def _schedule(self, started: float) -> Schedule:
        return Schedule(
            started=started,
            timeout=self.timeout,
            execution_timeout=self.execution_timeout.total_seconds() if self.execution_timeout else None,
            give_up_after=None if self.silent_fail else self.give_up_after.total_seconds(),
            poke_interval=self.poke_interval,
            exponential_backoff=bool(self.exponential_backoff),
            max_wait=self.max_wait.total_seconds() if self.max_wait else None,
        )

    def _ids(self) -> dict[str, Any]:
        return {name: arguments.ids(getattr(self, name), name) for name in _IDS}

    def _query(self, context: Context) -> RecordingQuery | None:
        """Build the query from the arguments; return None if the only argument is an empty listing."""
        refs: tuple[RecordingRef, ...] = ()
        ids = self._ids()
        if self.recordings is not None:
            if others := [name for name in _IDS if ids[name]]:
                raise InvalidRequest(f"Give either recordings or {', '.join(others)}, not both")
            given = list(arguments.values(Recording, self.recordings, "recordings", context))
            self._excluded = [one for one in given if one.state is RecordingState.EXCLUDED]
            refs = RecordingQuery.refs(one for one in given if one.state is not RecordingState.EXCLUDED)
            if not refs:
                return None
        return RecordingQuery(start=self.start, end=self.end, recordings=refs, **ids)

    def _start_from_trigger(self) -> StartTriggerArgs:
        if given := [name for name in self.template_fields if arguments.is_template(getattr(self, name))]:
            raise ValueError(
                f"{self.task_id}: start_from_trigger needs literal ids, times and connection, without templates and "
                f"outputs of other tasks: change {', '.join(given)}, or use deferrable=True"
            )
        query = RecordingQuery(start=self.start, end=self.end, **self._ids())
        Poll(query, self.until)  # checks the number of items
        path, kwargs = self._trigger(query, self._schedule(0.0), {}).serialize()
        timeout = timedelta(seconds=self.timeout) + TIMEOUT_MARGIN
        return StartTriggerArgs(path, "execute_complete", trigger_kwargs=kwargs, timeout=timeout)
