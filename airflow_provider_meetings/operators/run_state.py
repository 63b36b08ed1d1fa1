"""Decide whether a run failed."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, Context


class FailRunOperator(BaseOperator):
    """Fail the run if a task directly before it has failed; otherwise be skipped.

    Airflow takes the state of a run from its last tasks. If a load runs although the landing before it has failed, the
    run would succeed: put this task after all of them.

    :param trigger_rule: runs it as soon as one of the tasks has failed.
    """

    def __init__(self, *, trigger_rule: str = "one_failed", **kwargs: Any) -> None:
        super().__init__(trigger_rule=trigger_rule, **kwargs)

    def execute(self, context: Context) -> None:
        """Fail without a retry."""
        raise AirflowFailException("A task before this one has failed: see its log")
