"""Metrics of landings and API usage, sent to Airflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from airflow.providers.common.compat.sdk import Stats

from airflow_provider_meetings.api.http.usage import Usage
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.api.media.progress import Meter
from airflow_provider_meetings.hooks.meetings import MeetingsHook

if TYPE_CHECKING:
    from airflow.sdk.types import Logger


class AirflowMeter(Meter):
    """Send counters and timings to Airflow's StatsD or OpenTelemetry, if configured.

    Airflow has two ``Stats`` objects: one for task processes, one for its components, such as the triggerer. Metrics
    sent through the wrong one are lost silently.

    :param stats: Airflow's ``Stats``; by default that of tasks.
    """

    def __init__(self, stats: Any = Stats) -> None:
        self._stats = stats

    @classmethod
    def in_triggerer(cls) -> Self:
        return cls(import_module("airflow.observability.stats").Stats)

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        self._stats.incr(name, value, tags=dict(tags))

    def timing(self, name: str, seconds: float, tags: Mapping[str, str]) -> None:
        self._stats.timing(name, timedelta(seconds=seconds), tags=dict(tags))

    def ledger(self, state: State, now: float, selectors: Iterable[str]) -> None:
        """Send the age of a ledger's oldest open item, and how far its dates are behind, of one selector.

        :param now: seconds since the epoch.
        :param selectors: those that the pipeline lists.
        """
        tags = {"platform": state.pipeline[2][0]} if state.pipeline else {}
        items = state.items.values()
        opened = [one.waits_since for one in items if one.is_open and not one.is_expired(now, state.revisit)]
        # An owner that is not listed any more would be behind for ever.
        dated = [selector for selector in selectors if selector in state.since]
        listed = [state.listed_up_to(selector) for selector in dated]
        settled = [state.settled_up_to(selector, now) for selector in dated]
        self._stats.gauge("meetings.ledger.oldest_open", _since(opened, now), tags=tags)
        self._stats.gauge("meetings.ledger.listed_behind", _since(listed, now), tags=tags)
        self._stats.gauge("meetings.ledger.settled_behind", _since(settled, now), tags=tags)


def _since(times: Iterable[float | None], now: float) -> float:
    return now - min((time for time in times if time is not None), default=now)


class UsageReport:
    """Sum up the API usage of a task's hooks or of a trigger, and interrupt the hooks; a trigger uses it from threads.

    :param meter: receives the metrics of each hook or call; None for the meter of tasks.
    """

    def __init__(self, meter: Meter | None = None) -> None:
        self._meter = meter or AirflowMeter()
        self._platform = ""
        self._total = Usage()
        self._hook: MeetingsHook | None = None
        self._interrupted = False

    def interrupt(self) -> None:
        """End the calls of the hook in use and of each later one, in any thread."""
        self._interrupted = True
        if hook := self._hook:
            hook.interrupt()

    @contextmanager
    def track(self, hook: MeetingsHook) -> Iterator[MeetingsHook]:
        """Close the hook at the end of the block, and add its usage."""
        self._hook = hook
        if self._interrupted:
            hook.interrupt()
        try:
            yield hook
        finally:
            self._hook = None
            hook.close()
            if usage := hook.usage:
                self.count(hook.conn_type, usage)

    def log(self, log: Logger) -> None:
        """Log the usage on one line; nothing if there was no client."""
        if not self._platform:
            return
        endpoints = self._total.endpoints()
        by_endpoint = ", ".join(f"{name} {counted.calls}" for name, counted in endpoints.items())
        log.info(
            "Usage of %s: %d calls%s, %d rate limited, %.1f s waited, %d rejected tokens refreshed",
            self._platform,
            sum(counted.calls for counted in endpoints.values()),
            f" ({by_endpoint})" if by_endpoint else "",
            sum(counted.refused for counted in endpoints.values()),
            sum(counted.waited for counted in endpoints.values()),
            sum(counted.tokens_rejected for counted in endpoints.values()),
        )

    def count(self, platform: str, usage: Usage) -> None:
        """Add the usage of some calls, and send it as metrics."""
        self._platform = platform
        for endpoint, counted in usage.endpoints().items():
            self._total.add(endpoint, **asdict(counted))
            tags = {"platform": platform, "endpoint": endpoint}
            if counted.calls:
                self._meter.count("meetings.api.calls", counted.calls, tags)
            if counted.refused:
                self._meter.count("meetings.api.refused", counted.refused, tags)
            if counted.tokens_rejected:
                self._meter.count("meetings.api.tokens_rejected", counted.tokens_rejected, tags)
            if counted.waited:
                self._meter.timing("meetings.api.waited", counted.waited, tags)


class CallingTask:
    """Mix into an operator: its API calls end when the task is killed."""

    log: Any
    _usage: UsageReport | None = None  # only during a run: it holds a lock, which cannot be copied

    def on_kill(self) -> None:
        if usage := self._usage:
            usage.interrupt()


@contextmanager
def tracked(hook: MeetingsHook, task: CallingTask) -> Iterator[MeetingsHook]:
    """Close the hook at the end of the block, and log its usage; `on_kill` of the task ends its calls."""
    task._usage = usage = UsageReport()
    try:
        with usage.track(hook):
            yield hook
    finally:
        task._usage = None
        usage.log(task.log)
