"""Tell how a landing goes: a line in the log every few seconds, and numbers for whoever collects metrics."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Protocol

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
_MIB = 2**20


class Meter(Protocol):
    """Collect metrics: Airflow's, or nobody's. Called from several threads."""

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        """Add to a counter."""

    def timing(self, name: str, seconds: float, tags: Mapping[str, str]) -> None:
        """Record how long something took."""


class NoMeter:
    """Collect nothing."""

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        """Drop it."""

    def timing(self, name: str, seconds: float, tags: Mapping[str, str]) -> None:
        """Drop it."""


class Progress:
    """Count the bytes of one file.

    :param label: names the object in log lines.
    :param meter: is told the bytes as ``meetings.landing.bytes`` with each line, the seconds at the end as
        ``meetings.landing.duration``.
    """

    def __init__(
        self, label: str, meter: Meter, tags: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._label = label
        self._meter = meter
        self._tags = tags
        self._clock = clock
        self._begun = self._told = clock()
        self._fetched = 0
        self._counted = 0

    def add(self, fetched: int, stands: int, length: int | None) -> None:
        """Take note of bytes that came.

        :param fetched: how many just now.
        :param stands: how many are there in all, with those of earlier tries.
        :param length: how many it will be; None if nobody said.
        """
        self._fetched += fetched
        now = self._clock()
        if now - self._told < EVERY_SECONDS:
            return
        self._told = now
        self._count()
        rate = self._fetched / max(now - self._begun, 1e-6)
        if length:
            left = max(length - stands, 0) / max(rate, 1)
            log.info(
                "%s: %.1f of %.1f MiB (%d %%), %s, about %d s left",
                *(self._label, stands / _MIB, length / _MIB, 100 * stands // length, _shown(rate), left),
            )
        else:
            log.info("%s: %.1f MiB, %s", self._label, stands / _MIB, _shown(rate))

    def end(self, size: int) -> None:
        """Say that the object stands, with `size` bytes."""
        seconds = max(self._clock() - self._begun, 1e-6)
        self._count()
        self._meter.timing("meetings.landing.duration", seconds, self._tags)
        log.info(
            "%s: %d bytes, %d of them fetched in %.1f s (%s)",
            *(self._label, size, self._fetched, seconds, _shown(self._fetched / seconds)),
        )

    def _count(self) -> None:
        self._meter.count("meetings.landing.bytes", self._fetched - self._counted, self._tags)
        self._counted = self._fetched


def _shown(rate: float) -> str:
    return f"{rate / _MIB:.1f} MiB/s" if rate >= _MIB else f"{rate / 1024:.1f} KiB/s"
