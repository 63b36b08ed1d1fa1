"""When a failed task asks again: every operator of ours that asks a platform has the policy for it."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import BaseOperator


def wait_as_told(operator: BaseOperator) -> None:
    """Have an operator wait the platform's time before its next try, unless it was given a policy of its own.

    For the end of a constructor: a mapped task passes None there explicitly. Before Airflow 3.3 there are no policies,
    and ``retry_delay`` is all that counts.
    """
    if getattr(operator, "retry_policy", operator) is None:
        # Here, since its base class is missing before 3.3.
        from airflow_provider_meetings.hooks.retry_policy import MeetingsRetryPolicy

        operator.retry_policy = MeetingsRetryPolicy()
