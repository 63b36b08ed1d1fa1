"""The pipelines of a simulated month, as a user would write them; a task that a file names dies at a step."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any

import pendulum
from airflow.sdk import DAG, BaseOperator

from airflow_provider_meetings.api.errors import RateLimited
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.hooks import meetings
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.task_groups import land_recordings
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator
from tests.month.faults import Unlimited, kills
from tests.month.lives import OWNERS, START

ROOT = Path(os.environ["MONTH_ROOT"])
KINDS = {"feishu": ("video", "transcript-txt"), "wecom": ("video", "summary", "transcript")}


class Patient(Unlimited):
    """A refused call waits for a second, in its task."""

    def refused(self, quota: Quota, error: RateLimited) -> float:
        return 1.0


meetings.SharedRateLimiter = Patient  # type: ignore[assignment,attr-defined]  # takes the same arguments


def dying(cls: type[BaseOperator], task: str) -> None:
    """Let the next task of a class die where the file of its DAG says."""
    execute = cls.execute

    @wraps(execute)
    def dies(self: BaseOperator, context: Any) -> Any:
        order = ROOT / f"{self.dag_id} {task}"
        if order.exists():
            step = order.read_text()
            order.unlink()  # only once: the next try lives
            next(kill for kill in kills() if kill.step == step).arm()
        return execute(self, context)

    cls.execute = dies  # type: ignore[method-assign]


dying(ListRecordingsOperator, "list")
dying(RecordingsToObjectStorageOperator, "land")
dying(RecordingsToSqlOperator, "load")

for platform in ("feishu", "wecom"):
    with DAG(
        f"month_{platform}",
        schedule=None,
        start_date=pendulum.datetime(2026, 1, 1),
        max_active_runs=1,
        default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
    ):
        land_recordings(
            meetings_conn_id=f"{platform}_default",
            owner_ids=list(OWNERS) if platform == "wecom" else None,
            start=pendulum.from_timestamp(START).isoformat(),
            target=f"file://{ROOT}/lake/{platform}",
            kinds=KINDS[platform],
            sql_conn_id="month_warehouse",
        )
