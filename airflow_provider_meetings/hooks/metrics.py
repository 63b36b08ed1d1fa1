"""Our numbers as Airflow's metrics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any, Self


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
