"""How often one app may call an endpoint, and the queue for it that all who use the app stand in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from airflow_provider_meetings.api.errors import RateLimited


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` in any `seconds`, spread evenly: a slot every `seconds` / `calls`, and no burst."""

    calls: float
    seconds: float

    @property
    def spacing(self) -> float:
        """Return the seconds from one slot to the next."""
        return self.seconds / self.calls


@dataclass(frozen=True, slots=True)
class Quota:
    """What the platform documents for one endpoint, for one app and tenant.

    :param endpoint: its name, as it stands in metrics and in what is shared.
    :param rates: all of them hold; none where nothing is documented.
    """

    endpoint: str
    rates: tuple[Rate, ...] = ()


class RateLimiter(Protocol):
    """Share the quotas of one app; `coordination` holds the implementation. Used by several threads."""

    def reserve(self, quota: Quota, longest: float) -> float:
        """Take the next place in the queue, and return how many seconds from now the call may be sent.

        :param longest: take none that is further away.
        :raises QueueTooLong: if the next one is, with the distance as `retry_after`.
        """

    def still_valid(self, quota: Quota, late: float) -> bool:
        """Tell whether a place that was waited for still is one: its time is not over, nor was anybody refused.

        :param late: the seconds since the call might have been sent.
        """

    def refused(self, quota: Quota, error: RateLimited) -> float:
        """Have nobody call the endpoint for as long as the platform's refusal says; return the seconds."""
