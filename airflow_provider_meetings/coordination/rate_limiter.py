"""Rate limits of a platform, shared by all processes that use one app."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from airflow_provider_meetings.api.errors import QueueTooLong, RateLimited
from airflow_provider_meetings.api.http.rate_limit import MAX_SECONDS, Quota, Rate, RateLimiter
from airflow_provider_meetings.coordination.backend import Backend, Busy

MARGIN: Final = 0.02
"""Distance to a documented limit: the platform counts calls when they arrive, slots when they are sent."""
MAX_BLOCK_SECONDS: Final = 60.0
"""A longer block is not waited for: the error names its end."""
_NOW_SECONDS: Final = 0.001
_UNDOCUMENTED: Final = Rate(1e6, 1.0)
"""An endpoint without a documented limit has no queue, but the platform may still refuse a call."""
_TIMEOUT_SECONDS: Final = 5.0
_REFUSAL_ENDS_EARLIER: Final = 0.05
"""A stored refusal expires this much before the block ends, so that the first call after the block does not find it."""
_BACKOFF: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Blocks after successive refusals that name no duration."""


class SharedRateLimiter(RateLimiter):
    """Give each call a slot.

    :param backend: a backend that raises no `BackendError` except `Busy`.
    :param owner: the owner of the quotas: platform, base URL, app, tenant.
    :param share: the part of each documented limit to use, above 0 and at most 1.
    """

    def __init__(self, backend: Backend, owner: Sequence[str], share: float = 1.0) -> None:
        self._backend = backend
        self._owner = tuple(owner)
        self._share = share * (1 - MARGIN)

    def reserve(self, quota: Quota, max_wait: float) -> float:
        rates, key = self._rates(quota), self._key(quota)
        try:
            wait = self._backend.reserve(key, rates, max(_NOW_SECONDS, min(max_wait, MAX_BLOCK_SECONDS)))
            return wait if wait > _NOW_SECONDS else 0.0
        except Busy as busy:
            wait = busy.seconds
        # A queue moves by itself. A block is waited out by the scheduler, which frees the worker's slot.
        if max_wait > MAX_BLOCK_SECONDS and self._backend.get(f"{key}|blocked") is None:
            try:
                return self._backend.reserve(key, rates, max_wait)
            except Busy as busy:
                wait = busy.seconds
        raise QueueTooLong(
            f"the next call of {quota.endpoint} is {wait:.0f} s away; the longest wait allowed is {max_wait:g} s: "
            "the quota of this app is used up until then, or the platform blocks it",
            platform=self._owner[0],
            next_step="Try again then. If no block was logged, run fewer tasks at a time, or give the connection a "
            "larger rate_share.",
            retry_after=wait,
        )

    def spacing(self, quota: Quota) -> float:
        return max(rate.spacing for rate in self._rates(quota))

    def still_valid(self, quota: Quota, late: float) -> bool:
        spacing = self.spacing(quota)
        # A later call would fall into the same window of the platform as all calls behind it.
        leeway = min((rate.calls * spacing - rate.seconds for rate in quota.rates), default=math.inf)
        return late <= leeway and self._backend.get(f"{self._key(quota)}|refused") is None

    def refused(self, quota: Quota, error: RateLimited) -> float:
        key, retry_after = self._key(quota), error.retry_after or 0.0
        steps = error.blocks or (() if 0 < retry_after < math.inf else _BACKOFF)
        seconds = self._next_step(key, steps) if steps else min(retry_after, MAX_SECONDS)
        if seconds > MAX_BLOCK_SECONDS:
            self._backend.set(f"{key}|blocked", b"1", seconds)
        self._backend.block(key, seconds)
        # For callers that have a slot already. Slots taken from now on are after the block.
        self._backend.set(f"{key}|refused", b"1", seconds - _REFUSAL_ENDS_EARLIER)
        return seconds

    def _rates(self, quota: Quota) -> list[Rate]:
        return [Rate(rate.calls * self._share, rate.seconds) for rate in quota.rates] or [_UNDOCUMENTED]

    def _next_step(self, key: str, steps: Sequence[float]) -> float:
        """Return the next longer block if the platform refuses again soon after the last one."""
        try:
            with self._backend.lock(f"{key}|step", _TIMEOUT_SECONDS):
                known = self._backend.get(f"{key}|step")
                step = int(known) if known is not None and known.isdigit() and len(known) < 3 else -1
                # Concurrent refusals count once: these calls were sent before any refusal was known.
                if step < 0 or self._backend.get(f"{key}|waiting") is None:
                    step = min(step + 1, len(steps) - 1)
                    self._backend.set(f"{key}|waiting", b"1", steps[step] * 0.9)
                    self._backend.set(f"{key}|step", str(step).encode(), steps[step] * 2)
        except Busy:  # another process was stopped while it held the lock
            step = 0
        return steps[min(step, len(steps) - 1)]

    def _key(self, quota: Quota) -> str:
        return "|".join(("quota", *self._owner, quota.endpoint))
