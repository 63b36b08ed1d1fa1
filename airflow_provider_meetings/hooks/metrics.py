"""Our numbers as Airflow's metrics."""

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


class AirflowMeter:
    """Hand counters and timings to Airflow's StatsD or OpenTelemetry, where one is configured.

    Airflow has two sets of metrics, each set up in its own kind of process: that of tasks, and that of its own parts,
    such as the triggerer. What is handed to the other one is lost without a word.

    :param stats: Airflow's object; None for that of tasks.
    """

    def __init__(self, stats: Any = None) -> None:
        self._stats = stats or _stats_of_tasks()

    @classmethod
    def in_triggerer(cls) -> Self:
        """Return the one for triggers."""
        return cls(import_module("airflow.observability.stats").Stats)

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        """Add to a counter."""
        self._stats.incr(name, value, tags=dict(tags))

    def timing(self, name: str, seconds: float, tags: Mapping[str, str]) -> None:
        """Record how long something took."""
        self._stats.timing(name, timedelta(seconds=seconds), tags=dict(tags))


def _stats_of_tasks() -> Any:
    try:
        return import_module("airflow.sdk.observability.stats").Stats
    except ImportError:  # before 3.3 there is one for all
        return import_module("airflow.observability.stats").Stats


if TYPE_CHECKING:
    from airflow.sdk.types import Logger


class UsageReport:
    """Add up what the hooks of one try have used; a trigger's are counted in threads.

    :param meter: where metrics go, after each hook; None for the metrics of tasks.
    """

    def __init__(self, meter: Meter | None = None) -> None:
        self._meter = meter or AirflowMeter()
        self._guard = threading.Lock()
        self._platforms: set[str] = set()
        self._calls: Counter[str] = Counter()
        self._refused = 0
        self._waited = 0.0
        self._rejected = 0

    @contextmanager
    def of(self, hook: MeetingsHook) -> Iterator[MeetingsHook]:
        """Close the hook at the end of the block, and count what it has used."""
        try:
            yield hook
        finally:
            hook.close()
            self._count(hook)

    def log(self, log: Logger) -> None:
        """Write the line; nothing if no hook came to having a client."""
        with self._guard:
            if not self._platforms:
                return
            by_endpoint = ", ".join(f"{name} {calls}" for name, calls in sorted(self._calls.items()))
            log.info(
                "Usage of %s: %d calls%s, %d refused for their rate, %.1f s waited, %d rejected tokens renewed",
                ", ".join(sorted(self._platforms)),
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
        endpoints, platform = usage.endpoints(), {"platform": hook.conn_type}
        for endpoint, of_it in endpoints.items():
            tags = {**platform, "endpoint": endpoint}
            if of_it.calls:
                self._meter.count("meetings.api.calls", of_it.calls, tags)
            if of_it.refused:
                self._meter.count("meetings.api.refused", of_it.refused, tags)
            if of_it.waited:
                self._meter.timing("meetings.api.waited", of_it.waited, tags)
        if usage.tokens_rejected:
            self._meter.count("meetings.api.tokens_rejected", usage.tokens_rejected, platform)
        with self._guard:
            self._platforms.add(hook.conn_type)
            self._calls.update({endpoint: of_it.calls for endpoint, of_it in endpoints.items()})
            self._refused += sum(of_it.refused for of_it in endpoints.values())
            self._waited += sum(of_it.waited for of_it in endpoints.values())
            self._rejected += usage.tokens_rejected


@contextmanager
def tracked(hook: MeetingsHook, log: Logger) -> Iterator[MeetingsHook]:
    """Close the hook of a task at the end of the block, and tell what it has used."""
    account = UsageReport()
    try:
        with account.of(hook):
            yield hook
    finally:
        account.log(log)
