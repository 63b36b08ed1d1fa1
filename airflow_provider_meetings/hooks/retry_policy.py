"""The retry policy of tasks that call a platform; needs Airflow 3.3."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_meetings.api.errors import MeetingsApiError

try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError:  # before Airflow 3.3; then `set_retry_policy` does nothing
    RetryPolicy = object  # type: ignore[assignment,misc]  # a base class without methods

MIN_JITTER_SECONDS = 10.0
JITTER = 0.1
MAX_DELAY_SECONDS = 24 * 3600.0
"""Airflow's own limit of a retry delay: the scheduler adds it to a date, which must not overflow."""


class MeetingsRetryPolicy(RetryPolicy):
    """Retry after the time that the platform requested, else after the task's ``retry_delay``.

    A random part of up to a tenth of that time, and of up to 10 seconds at least, is added, so that tasks that were
    rate-limited together do not retry together. ``retries`` alone limits the number of retries. Permanent errors are an
    `AirflowFailException`, for which Airflow does not call a policy.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide from the error's ``retry_after``; see `RetryPolicy`. The reason does not contain the error's text."""
        error: BaseException | None = exception
        while error is not None and not isinstance(error, MeetingsApiError):
            error = error.__cause__
        if error is None or error.permanent or error.retry_after is None:
            return RetryDecision.default()
        requested = min(max(error.retry_after, 0.0), MAX_DELAY_SECONDS)
        jitter = random.uniform(0.0, max(MIN_JITTER_SECONDS, requested * JITTER))  # noqa: S311 - not a secret
        delay = min(requested + jitter, MAX_DELAY_SECONDS)
        platform = error.platform or "the platform"
        return RetryDecision.retry(
            timedelta(seconds=delay), f"{platform} requested a wait of {requested:.0f} s; next try in {delay:.0f} s"
        )

    def serialize(self) -> dict[str, Any]:
        """Return the type alone: the policy has no settings."""
        return {"__type": type(self).__name__}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> MeetingsRetryPolicy:
        return cls()


def set_retry_policy(operator: BaseOperator) -> None:
    """Set `MeetingsRetryPolicy` on an operator without a retry policy; before Airflow 3.3 do nothing.

    Call it at the end of a constructor, because a mapped task passes ``retry_policy=None`` explicitly.
    """
    if getattr(operator, "retry_policy", operator) is None:
        operator.retry_policy = MeetingsRetryPolicy()
