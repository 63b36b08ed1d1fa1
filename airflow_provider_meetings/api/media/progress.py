"""Report the progress of a landing: a log line every few seconds, and metrics."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

LOG_INTERVAL_SECONDS = 5.0
_MIB = 2**20


class Meter:
    """Collect metrics; this one collects nothing. Called from several threads."""

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        """Add to a counter."""

    def timing(self, name: str, seconds: float, tags: Mapping[str, str]) -> None:
        """Record a duration."""


class Progress:
    """Count the bytes of one file.

    :param label: names the object in log lines.
    :param meter: receives ``meetings.landing.bytes`` with each log line and ``meetings.landing.duration`` (seconds) at
        the end.
    """

    def __init__(
        self, label: str, meter: Meter, tags: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._label = label
        self._meter = meter
        self._tags = tags
        self._clock = clock
        self._start = self._logged_at = clock()
        self._fetched = 0
        self._counted = 0

    def add(self, fetched: int, received: int, length: int | None) -> None:
        """Count fetched bytes.

        :param fetched: bytes since the last call.
        :param received: bytes of the file in all, with those of earlier attempts.
        :param length: bytes of the whole file; None if unknown.
        """
        self._fetched += fetched
        now = self._clock()
        if now - self._logged_at < LOG_INTERVAL_SECONDS:
            return
        self._logged_at = now
        self._count()
        rate = self._fetched / max(now - self._start, 1e-6)
        whole, left = " MiB", ""
        if length:
            whole = f" of {length / _MIB:.1f} MiB ({100 * received // length} %)"
            left = f", about {max(length - received, 0) / max(rate, 1):.0f} s left"
        log.info("%s: %.1f%s, %s%s", self._label, received / _MIB, whole, _format_rate(rate), left)

    def end(self, size: int) -> str:
        """Count the duration of a complete object of `size` bytes, and return its figures for the log."""
        seconds = max(self._clock() - self._start, 1e-6)
        self._count()
        self._meter.timing("meetings.landing.duration", seconds, self._tags)
        rate = _format_rate(self._fetched / seconds)
        return f"{size} bytes, fetched {self._fetched} of them in {seconds:.1f} s ({rate})"

    def _count(self) -> None:
        self._meter.count("meetings.landing.bytes", self._fetched - self._counted, self._tags)
        self._counted = self._fetched


def _format_rate(rate: float) -> str:
    return f"{rate / _MIB:.1f} MiB/s" if rate >= _MIB else f"{rate / 1024:.1f} KiB/s"
