"""Metrics of landings and API usage, sent to Airflow."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_meetings.api.media.progress import Meter
from airflow_provider_meetings.hooks.meetings import MeetingsHook

if TYPE_CHECKING:
    from airflow.sdk.types import Logger


class AirflowMeter(Meter):
    """Send counters and timings to Airflow's StatsD or OpenTelemetry, if configured.

    Airflow has two ``Stats`` objects: one for task processes, one for its components, such as the triggerer. Metrics
    sent through the wrong one are lost silently.

    :param stats: Airflow's ``Stats``; None for that of tasks.
    """

    def __init__(self, stats: Any = None) -> None:
        self._stats = stats or _stats_of_tasks()

    @classmethod
    def in_triggerer(cls) -> Self:
        """Return a meter for triggers."""
        return cls(import_module("airflow.observability.stats").Stats)

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        self._stats.incr(name, value, tags=dict(tags))

    def timing(self, name: str, seconds: float, tags: Mapping[str, str]) -> None:
        self._stats.timing(name, timedelta(seconds=seconds), tags=dict(tags))


def _stats_of_tasks() -> Any:
    try:
        return import_module("airflow.sdk.observability.stats").Stats
    except ImportError:  # before Airflow 3.3 there is only one Stats
        return import_module("airflow.observability.stats").Stats


class UsageReport:
    """Sum up the API usage of a task's or trigger's hooks; a trigger uses it from threads.

    :param meter: receives each hook's metrics; None for the meter of tasks.
    """

    def __init__(self, meter: Meter | None = None) -> None:
        self._meter = meter or AirflowMeter()
        self._lock = threading.Lock()
        self._platform = ""
        self._calls: Counter[str] = Counter()
        self._refused = 0
        self._waited = 0.0
        self._rejected = 0

    @contextmanager
    def track(self, hook: MeetingsHook) -> Iterator[MeetingsHook]:
        """Close the hook at the end of the block, and add its usage."""
        try:
            yield hook
        finally:
            hook.close()
            self._count(hook)

    def log(self, log: Logger) -> None:
        """Log the usage on one line; nothing if no hook created a client."""
        with self._lock:
            if not self._platform:
                return
            by_endpoint = ", ".join(f"{name} {calls}" for name, calls in sorted(self._calls.items()))
            log.info(
                "Usage of %s: %d calls%s, %d rate limited, %.1f s waited, %d rejected tokens refreshed",
                self._platform,
                self._calls.total(),
                f" ({by_endpoint})" if by_endpoint else "",
                self._refused,
                self._waited,
                self._rejected,
            )

    def _count(self, hook: MeetingsHook) -> None:
        usage = hook.usage
        if usage is None:
            return
        platform = {"platform": hook.conn_type}
        with self._lock:
            self._platform = hook.conn_type
            self._rejected += usage.tokens_rejected
            for endpoint, counted in usage.endpoints().items():
                self._calls[endpoint] += counted.calls
                self._refused += counted.refused
                self._waited += counted.waited
                tags = {**platform, "endpoint": endpoint}
                if counted.calls:
                    self._meter.count("meetings.api.calls", counted.calls, tags)
                if counted.refused:
                    self._meter.count("meetings.api.refused", counted.refused, tags)
                if counted.waited:
                    self._meter.timing("meetings.api.waited", counted.waited, tags)
            if usage.tokens_rejected:
                self._meter.count("meetings.api.tokens_rejected", usage.tokens_rejected, platform)


@contextmanager
def tracked(hook: MeetingsHook, log: Logger) -> Iterator[MeetingsHook]:
    """Close the hook at the end of the block, and log its usage."""
    usage = UsageReport()
    try:
        with usage.track(hook):
            yield hook
    finally:
        usage.log(log)
