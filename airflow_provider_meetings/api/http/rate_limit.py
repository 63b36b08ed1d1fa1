"""Quotas of endpoints, and the interface of the rate limiter that all users of an app share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from airflow_provider_meetings.api.errors import RateLimited


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

    def still_valid(self, quota: Quota, late: float) -> bool:
        """Return whether a reserved slot can still be used: it has not expired, and no call was refused since.

        :param late: seconds since the slot.
        """

    def refused(self, quota: Quota, error: RateLimited) -> float:
        """Block the endpoint for everyone after a refusal; return the seconds."""
