"""The retry policy of tasks that ask a platform; from Airflow 3.3 on."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context
from airflow.sdk import RetryDecision, RetryPolicy

from airflow_provider_meetings.api.errors import MeetingsApiError

LEAST_SPREAD_SECONDS = 10.0
SPREAD = 0.1
LONGEST_SECONDS = 24 * 3600.0
"""Airflow's own ceiling of a retry delay: the scheduler adds it to a date, which must not overflow."""


class MeetingsRetryPolicy(RetryPolicy):
    """Try again after the time that the platform said; where it said none, as ``retry_delay`` has it.

    Up to a tenth of that time is added, at least up to 10 seconds: 500 tasks that were refused together do not come
    back together. How often a task is tried again is ``retries`` alone. What cannot be mended by trying again never
    gets here: it is an `AirflowFailException`.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Look for what the platform said; see `RetryPolicy`. No text of the error is repeated."""
        error = _api_error(exception)
        if error is None or error.permanent or error.retry_after is None:
            return RetryDecision.default()
        told = min(max(error.retry_after, 0.0), LONGEST_SECONDS)
        # No secret hangs on it: it only has to differ from task to task.
        spread = random.uniform(0.0, max(LEAST_SPREAD_SECONDS, told * SPREAD))  # noqa: S311
        delay = min(told + spread, LONGEST_SECONDS)
        who = error.platform or "the platform"
        return RetryDecision.retry(
            timedelta(seconds=delay), f"{who} said to wait {told:.0f} s: trying in {delay:.0f} s"
        )

    def serialize(self) -> dict[str, Any]:
        """Return what `deserialize` takes: there is nothing to remember."""
        return {"__type": type(self).__name__}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> MeetingsRetryPolicy:
        """Make the policy again."""
        return cls()


def _api_error(exception: BaseException) -> MeetingsApiError | None:
    seen: set[int] = set()
    cause: BaseException | None = exception
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, MeetingsApiError):
            return cause
        seen.add(id(cause))
        cause = cause.__cause__
    return None


def wait_as_told(operator: BaseOperator) -> None:
    """Have an operator wait the platform's time before its next try, unless it was given a policy of its own.

    For the end of a constructor: a mapped task passes None there explicitly. Before Airflow 3.3 there are no policies,
    and ``retry_delay`` is all that counts.
    """
    if getattr(operator, "retry_policy", operator) is None:
        # Here, since its base class is missing before 3.3.
        from airflow_provider_meetings.hooks.retry_policy import MeetingsRetryPolicy

        operator.retry_policy = MeetingsRetryPolicy()
