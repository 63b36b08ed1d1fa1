"""Numbers of the landing engine as Airflow's metrics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any


class AirflowMeter:
    """Hand counters and timings to Airflow's StatsD or OpenTelemetry, where one is configured."""

    def __init__(self) -> None:
        self._stats = _stats()

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        """Add to a counter."""
        self._stats.incr(name, value, tags=dict(tags))

    def timing(self, name: str, seconds: float, tags: Mapping[str, str]) -> None:
        """Record how long something took."""
        self._stats.timing(name, timedelta(seconds=seconds), tags=dict(tags))


def _stats() -> Any:
    try:
        return import_module("airflow.sdk.observability.stats").Stats
    except ImportError:  # before 3.3
        return import_module("airflow.observability.stats").Stats
