"""The queue for a platform's quotas that all processes of one app stand in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from airflow_provider_meetings.api.errors import QueueTooLong, RateLimited
from airflow_provider_meetings.api.http.rate_limit import Quota, Rate
from airflow_provider_meetings.coordination.backend import Backend, Busy

MARGIN: Final = 0.02
"""So far we stay below a documented limit: the platform counts when a call arrives, we when it may leave."""
LONGEST_BLOCK_SECONDS: Final = 60.0
"""A platform's longer block is not waited for in a queue: whoever asks is told how far away its end is."""
LONGEST_SECONDS: Final = 3600.0
"""Nobody is held back for longer by one answer: a number that is none must not close an endpoint for years."""
_NOW_SECONDS: Final = 0.001
_UNDOCUMENTED: Final = Rate(1e6, 1.0)
"""Where no limit is documented there is no queue, but the platform may refuse all the same."""
_TIMEOUT_SECONDS: Final = 5.0
_BLOCK_ENDS_EARLIER: Final = 0.05
"""So that who has the first place after a block does not find it still there."""
_LADDER: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""How long nobody calls where the platform does not say it: longer each time that it refuses again soon after."""


class SharedRateLimiter:
    """Give each call a slot; see `Budget`.

    :param backend: one that narrows by itself; of its errors only `Busy` is expected.
    :param owner: whose quotas these are: platform, base URL, app, tenant.
    :param share: the part of each documented limit that we use, above 0 and at most 1.
    """

    def __init__(self, backend: Backend, owner: Sequence[str], share: float = 1.0) -> None:
        self._backend = backend
        self._owner = tuple(owner)
        self._part = share * (1 - MARGIN)

    def reserve(self, quota: Quota, longest: float) -> float:
        """Take the next place in the queue; see `Budget`."""
        rates, key = self._rates(quota), self._key(quota)
        try:
            away = self._backend.reserve(key, rates, max(_NOW_SECONDS, min(longest, LONGEST_BLOCK_SECONDS)))
            return away if away > _NOW_SECONDS else 0.0
        except Busy as busy:
            away = busy.seconds
        # A queue comes nearer by itself; a block is waited out by the scheduler, and not in all the workers' slots.
        if longest > LONGEST_BLOCK_SECONDS and self._backend.get(f"{key}|blocked") is None:
            try:
                return self._backend.reserve(key, rates, longest)
            except Busy as busy:
                away = busy.seconds
        raise QueueTooLong(
            f"the next call of {quota.endpoint} is {away:.0f} s away, more than the {longest:g} s that are waited for "
            "here: until then the quota of this app is used up, or the platform blocks it",
            platform=self._owner[0],
            next_step="Try again then. Where no block was logged, run fewer tasks at a time, or give the connection a "
            "larger rate_share.",
            retry_after=away,
        )

    def still_valid(self, quota: Quota, late: float) -> bool:
        """Tell whether a place that was waited for is still one; see `Budget`."""
        spacing = max(rate.spacing for rate in self._rates(quota))
        # Any later, it would arrive in one window of the platform's with all that it may hold besides.
        leeway = min((rate.calls * spacing - rate.seconds for rate in quota.rates), default=math.inf)
        return late <= leeway and self._backend.get(f"{self._key(quota)}|refused") is None

    def refused(self, quota: Quota, error: RateLimited) -> float:
        """Have nobody call for a while; see `Budget`."""
        key, said = self._key(quota), error.retry_after or 0.0
        steps = error.blocks or (() if 0 < said < math.inf else _LADDER)
        seconds = self._next_step(key, steps) if steps else min(said, LONGEST_SECONDS)
        if seconds > LONGEST_BLOCK_SECONDS:
            self._backend.set(f"{key}|blocked", b"1", seconds)
        self._backend.block(key, seconds)
        # For those who have their places already. Those who take one from now on come after it.
        self._backend.set(f"{key}|refused", b"1", seconds - _BLOCK_ENDS_EARLIER)
        return seconds

    def _rates(self, quota: Quota) -> list[Rate]:
        return [Rate(rate.calls * self._part, rate.seconds) for rate in quota.rates] or [_UNDOCUMENTED]

    def _next_step(self, key: str, steps: Sequence[float]) -> float:
        """Go one step up if the platform refuses again soon after the last wait."""
        try:
            with self._backend.lock(f"{key}|step", _TIMEOUT_SECONDS):
                known = self._backend.get(f"{key}|step")
                step = int(known) if known is not None and known.isdigit() and len(known) < 3 else -1
                # Refusals that come together are one: the calls were sent before anybody knew.
                if step < 0 or self._backend.get(f"{key}|waiting") is None:
                    step = min(step + 1, len(steps) - 1)
                    self._backend.set(f"{key}|waiting", b"1", steps[step] * 0.9)
                    self._backend.set(f"{key}|step", str(step).encode(), steps[step] * 2)
        except Busy:  # somebody was stopped while he did this
            step = 0
        return steps[min(step, len(steps) - 1)]

    def _key(self, quota: Quota) -> str:
        return "|".join(("budget", *self._owner, quota.endpoint))
