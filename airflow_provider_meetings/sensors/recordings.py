"""Wait until recordings are no longer being made."""

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
from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef, Until, is_settled, overdue, waiting
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.metrics import UsageReport
from airflow_provider_meetings.hooks.retry_policy import wait_as_told
from airflow_provider_meetings.triggers.recordings import RecordingReadyTrigger

DEADLINE_SLACK = timedelta(minutes=2)
"""The trigger ends the wait itself and says what is missing; Airflow's own timeout is the net below it."""


class RecordingReadySensor(BaseSensorOperator):
    """Wait until every recording that is meant is ready, and return them.

    A meeting on WeCom is ready when it has a recording in the window and all of them are transcoded; on Feishu,
    when its recording and then its minute are made.

    :param meetings_conn_id: a connection of a meeting platform; its type decides which. (templated)
    :param recordings: what an earlier listing returned. Resolved from XComs, never rendered.
    :param meeting_ids: the platform's meeting ids; a list, or its JSON text. (templated)
    :param recording_ids: Feishu's minute tokens; the same. (templated)
    :param owner_ids: WeCom's userids: meetings that they created; Feishu's user ids: minutes that they own, where the
        connection asks as a user. The same. (templated)
    :param start: begin of the window, aware; for WeCom, without it the last 31 days, and for Feishu's `owner_ids`. Give
        it for a recurring meeting, whose earlier recordings would else be what was waited for. (templated)
    :param end: end of the window, aware, exclusive. (templated)
    :param until: ``ready``: all must be ready, one that is gone, forbidden or unknown fails the task at once;
        ``settled``: each must have an answer, whichever, and what still waits when `timeout` has passed is returned
        with state ``overdue``.
    :param deferrable: wait in the triggerer, without a worker slot. The first round is asked on the worker.
        ``poke_interval`` and ``timeout`` hold there too; ``exponential_backoff`` and ``max_wait`` on a worker only.
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
        wait_as_told(self)
        self.meetings_conn_id = meetings_conn_id
        self.recordings = arguments.as_literal(recordings)
        self.meeting_ids = meeting_ids
        self.recording_ids = recording_ids
        self.owner_ids = owner_ids
        self.start = start
        self.end = end
        self.until: Until = arguments.choice(self, "until", until, get_args(Until))
        self.deferrable = arguments.flag(self, "deferrable", deferrable)
        self._found: tuple[Recording, ...] = ()
        self._account: UsageReport | None = None  # while it waits

    def execute(self, context: Context) -> Any:
        """Wait in the way that was chosen."""
        self._begun = time.monotonic()
        return self._accounted(context, lambda: super(RecordingReadySensor, self).execute(context))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Take up what the triggerer brought; also its silence until Airflow's own timeout."""
        resume = super().resume_execution
        return self._accounted(context, lambda: resume(next_method, next_kwargs, context))

    def _accounted(self, context: Context, wait: Callable[[], Any]) -> Any:
        """Wait, and tell once what all rounds of this process have used."""
        account = self._account = UsageReport()
        try:
            return self._settling(context, wait)
        finally:
            self._account = None
            account.log(self.log)

    def _counted(self, hook: MeetingsHook) -> AbstractContextManager[MeetingsHook]:
        return (self._account or UsageReport()).of(hook)

    def _settling(self, context: Context, wait: Callable[[], Any]) -> Any:
        """Wait; with ``until="settled"`` a timeout is an answer, whichever way the base class tells of it."""
        try:
            return wait()
        except (AirflowSensorTimeout, AirflowSkipException) as error:
            # With soft_fail the base class makes a skip of a timeout: its own has no cause, ours is the cause.
            timed_out = error if isinstance(error, AirflowSensorTimeout) else error.__cause__
            if not (timed_out is None or isinstance(timed_out, AirflowSensorTimeout)):
                raise
            if self.until != "settled":
                if not self._found:
                    raise
                raise type(error)(f"{error} Still waiting for {waiting(self._found)}") from error.__cause__
            if not self._found and (query := self._query(context)):
                with self._counted(MeetingsHook.for_connection(self.meetings_conn_id)) as hook:
                    self._found = hook.check(query)
            if not self._found:
                raise
        self.log.warning("The time is up; overdue: %s", waiting(self._found))
        return [recording.to_dict() for recording in overdue(self._found)]

    def poke(self, context: Context) -> PokeReturnValue:
        """Ask one round; a deferrable sensor then leaves for the triggerer.

        Deferring from within `poke` keeps the base class's handling of soft_fail, never_fail and timeout for the
        first round too: TaskDeferred is no Exception and passes through it.
        """
        hook = MeetingsHook.for_connection(self.meetings_conn_id, patient=not self.deferrable)
        query = None
        try:
            with self._counted(hook), hook.airflow_errors():
                query = self._query(context)
                if query is None:
                    self.log.info("No recording was handed over: there is nothing to wait for")
                    return PokeReturnValue(True, [])
                self._found = hook.check(query)
                done = is_settled(self._found, self.until)
        except AirflowFailException:
            raise
        except AirflowException as error:
            # The trigger waits as long as a rate limit says, so the task need not fail for one.
            passing = self.silent_fail or isinstance(error.__cause__, RateLimited)
            if not (self.deferrable and passing and query):
                raise
            self.log.exception("The first round failed; asking on in the triggerer")
            done = False
        if done:
            self.log.info("All %d recordings have an answer", len(self._found))
            return PokeReturnValue(True, [recording.to_dict() for recording in self._found])
        self.log.info("Still waiting for %s", waiting(self._found))
        if self.deferrable and query:
            self._defer(query)
        return PokeReturnValue(False)

    def _query(self, context: Context) -> RecordingQuery | None:
        """Read the arguments; None if all that was given is a listing that found nothing."""
        named: tuple[RecordingRef, ...] = ()
        ids = {name: arguments.ids(getattr(self, name), name) for name in ("meeting_ids", "recording_ids", "owner_ids")}
        if self.recordings is not None:
            named = RecordingQuery.refs(arguments.recordings(self.recordings, "recordings", context))
            if not named and not any(ids.values()):
                return None
        return RecordingQuery(start=self.start, end=self.end, recordings=named, **ids)

    def _defer(self, query: RecordingQuery) -> None:
        left = timedelta(seconds=self.timeout - (time.monotonic() - self._begun))
        if left <= timedelta(0):
            raise AirflowSensorTimeout(f"The time is up; still waiting for {waiting(self._found)}")
        trigger = RecordingReadyTrigger(
            meetings_conn_id=self.meetings_conn_id,
            query=query.to_dict(),
            until=self.until,
            poke_interval=self.poke_interval,
            deadline=(pendulum.now("UTC") + left).isoformat(),
            max_failures=None if self.silent_fail else 5,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=left + DEADLINE_SLACK)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Take up the trigger's event: return the recordings, or raise what it says."""
        found: list[dict[str, Any]] = event["recordings"]
        if event["status"] == "done":
            self.log.info("%d recordings have an answer", len(found))
            return found
        if event["status"] == "timeout":
            raise AirflowSensorTimeout(event["message"])
        if event["permanent"]:
            raise AirflowFailException(event["message"])
        # What the retry policy looks for; an event from before an upgrade does not say.
        told = ServerError(event["message"], retry_after=event.get("retry_after"))
        raise AirflowException(event["message"]) from told
