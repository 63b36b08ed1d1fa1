"""Decide when the rounds of a wait take place, and when it ends; alike on a worker and in the triggerer."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import pendulum

from airflow_provider_meetings.api.errors import MeetingsApiError, RateLimited
from airflow_provider_meetings.api.models import PlainJson
from airflow_provider_meetings.api.poll import Poll

log = logging.getLogger(__name__)

MIN_PAUSE_SECONDS = 1.0
"""The shortest time between the starts of two rounds."""
GRACE_SECONDS = 3.0
"""How long the last round may take after a deadline."""


@dataclass(eq=False)
class TimedOut(Exception):
    """A deadline has passed; `execution`: that of the task's `execution_timeout`."""

    execution: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(PlainJson):
    """The times of a wait, in seconds. `started` is the start of the try since the epoch, 0 if unknown."""

    started: float
    timeout: float
    execution_timeout: float | None = None
    give_up_after: float | None = None
    poke_interval: float = 60.0
    exponential_backoff: bool = False
    max_wait: float | None = None

    @property
    def deadline(self) -> float:
        """The first deadline, in seconds since the epoch."""
        return self.started + min(self.timeout, self.execution_timeout or self.timeout)

    def left(self, now: float) -> float:
        """Return the time until the first deadline."""
        return self.deadline - now

    def pause(self, now: float) -> float:
        """Return the time between the starts of two rounds; with backoff, that of the base class of sensors."""
        least = pause = max(self.poke_interval, MIN_PAUSE_SECONDS)
        number, total = 0, 0.0
        while self.exponential_backoff and total <= now - self.started:
            number += 1
            shortest = max(int(least * 2 ** (number - 2)), 1)
            seed = hashlib.sha1(f"{self.started}#{number}".encode(), usedforsecurity=False).hexdigest()
            pause = float(shortest + int(seed, 16) % shortest)
            total += pause
        if self.exponential_backoff and self.max_wait:
            pause = max(MIN_PAUSE_SECONDS, min(pause, self.max_wait))
        return pause


class Wait:
    """One process's part of a wait.

    :param known: what `known` of another process returned.
    """

    def __init__(self, poll: Poll, schedule: Schedule, known: Mapping[str, Any]) -> None:
        self.poll = poll
        self.schedule = schedule
        self._failing_since: float | None = known.get("failing_since")
        self._said = ""

    def known(self, without: Container[str] = ()) -> dict[str, Any]:
        """Return `Poll.known`, and since when the polls fail, in seconds since the epoch."""
        return {**self.poll.known(without), "failing_since": self._failing_since}

    def next_round(self, begun: float, now: float, error: Exception | None) -> float | None:
        """Return the seconds until the next round, 0 for one without a pause; None if the wait is over.

        :param begun: when the last round began.
        :param error: what ended it, if that may pass.
        :raises Exception: `error`, if every poll has failed for `give_up_after`.
        :raises TimedOut: after a deadline.
        """
        schedule, elapsed = self.schedule, now - self.schedule.started
        if error is None and not self.poll.waiting:
            return 0.0 if self.poll.unfetched else None
        execution = schedule.execution_timeout is not None and elapsed >= schedule.execution_timeout
        if execution or elapsed >= schedule.timeout:
            raise TimedOut(execution)
        cause = error.__cause__ if error and isinstance(error.__cause__, MeetingsApiError) else error
        retry_after = cause.retry_after if isinstance(cause, MeetingsApiError) else None
        pause = max(schedule.pause(now) - (now - begun), retry_after or 0.0)
        if error is None:
            self._failing_since = None
            if (text := self.poll.describe()) != self._said:
                self._said = text
                log.info("Still pending: %s; since %s, until %s", text, _utc(schedule.started), _utc(schedule.deadline))
        elif isinstance(cause, RateLimited):
            self._failing_since = None
            log.info("Rate limited; next poll in %.0f s: %s", pause, error)
        else:
            self._failing_since = begun if self._failing_since is None else self._failing_since
            if schedule.give_up_after is not None and now - self._failing_since >= schedule.give_up_after:
                raise error
            log.warning("Poll failed; next poll in %.0f s: %s", pause, error)
        return max(0.1, min(pause, schedule.left(now)))


def _utc(seconds: float) -> str:
    return pendulum.from_timestamp(int(seconds)).to_iso8601_string()
