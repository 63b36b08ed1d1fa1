"""Quotas of endpoints, and the interface of the rate limiter that all users of an app share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

from airflow_provider_meetings.api.errors import RateLimited
from airflow_provider_meetings.api.http.usage import Usage

MAX_SECONDS: Final = 3600.0
"""The longest wait that an answer can ask for: a wrong number must not stop an endpoint for years."""
_MAX_LATE_SLOTS: Final = 2
"""After this many slots that expired before the thread woke up, one call ignores its lateness: the machine is busy."""
_MAX_LOST_SLOTS: Final = 20
"""After this many lost slots, one call is sent anyway."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` per `seconds`, evenly spaced, without bursts."""

    calls: float
    seconds: float

    @property
    def spacing(self) -> float:
        """Return the seconds between two slots."""
        return self.seconds / self.calls


@dataclass(frozen=True, slots=True)
class Quota:
    """The documented limits of one endpoint, per app and tenant.

    :param endpoint: its name in metrics and in the shared state.
    :param rates: all of them apply; empty where nothing is documented.
    """

    endpoint: str
    rates: tuple[Rate, ...] = ()


class RateLimiter(Protocol):
    """Share the quotas of one app between threads and processes; implemented in `coordination`."""

    def reserve(self, quota: Quota, max_wait: float) -> float:
        """Reserve the next free slot, and return the seconds until then.

        :param max_wait: the longest acceptable wait, in seconds.
        :raises QueueTooLong: if the slot is further away, with the wait as `retry_after`.
        """

    def spacing(self, quota: Quota) -> float:
        """Return the seconds between two slots."""

    def still_valid(self, quota: Quota, late: float) -> bool:
        """Return whether a reserved slot can still be used: it has not expired, and no call was refused since.

        :param late: seconds since the slot.
        """

    def refused(self, quota: Quota, error: RateLimited) -> float:
        """Block the endpoint for everyone after a refusal; return the seconds."""


def wait_for_slot(
    limiter: RateLimiter,
    quota: Quota,
    pause: Callable[[float], None],
    clock: Callable[[], float],
    timeout: float,
    usage: Usage,
) -> None:
    """Wait for a slot of `quota` that is still valid after the wait; count the seconds in `usage`.

    :param pause: sleeps for the given seconds.
    :param clock: monotonic seconds.
    :raises QueueTooLong: if the slot is further away than `timeout` seconds.
    """
    lost, deadline = 0, clock() + timeout
    while (delay := limiter.reserve(quota, max(0.0, deadline - clock()))) > 0:
        start = clock()
        try:
            pause(delay)
        finally:
            usage.add(quota.endpoint, waited=clock() - start)
        late = clock() - start - delay if lost < _MAX_LATE_SLOTS else 0.0
        if limiter.still_valid(quota, late) or lost == _MAX_LOST_SLOTS:
            return
        lost += 1


# https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN  (frequency control)
# https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return the wait that an answer names, from 0 to an hour, in seconds; None if it names no valid one.

    :param headers: with case-insensitive names, as those of a `requests.Response`.
    """
    reset, retry_after = (headers.get(name, "").strip() for name in ("x-ogw-ratelimit-reset", "Retry-After"))
    for value in (reset, retry_after):
        if match := re.fullmatch(r"([0-9]+(?:\.[0-9]*)?)(?:\s*,\s*\1)*", value):  # equal headers are joined
            return min(float(match[1]), MAX_SECONDS)
    end = http_date(retry_after)
    if end is None:
        return None
    now = http_date(headers.get("Date", "")) or datetime.now(UTC)
    return min(max((end - now).total_seconds(), 0.0), MAX_SECONDS)


def http_date(value: str) -> datetime | None:
    """Return the time of a header, in UTC; None if it has no valid one."""
    try:
        time = parsedate_to_datetime(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
