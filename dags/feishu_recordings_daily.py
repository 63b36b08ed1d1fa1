"""Land and load the recordings of all Feishu meetings daily; the administrator's report lists the meetings.

Requires the connections ``feishu_default`` (an app that may read the report) and ``meetings_warehouse``, and the
Airflow variable ``meetings_lake`` (a URL, such as ``file:///data/lake``).
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import dag

from airflow_provider_meetings.task_groups import land_recordings


# [START feishu_recordings_daily]
@dag(
    schedule="0 2 * * *",
    start_date=pendulum.datetime(2026, 11, 1, tz="Asia/Shanghai"),
    catchup=False,  # a run continues where the last one ended, also after missed ones
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    tags=["meetings", "feishu"],
)
def feishu_recordings_daily() -> None:
    """List the meetings since the start of the DAG, land media and transcripts, and load the metadata."""
    land_recordings(
        meetings_conn_id="feishu_default",
        start="{{ dag.start_date }}",
        target="{{ var.value.meetings_lake }}",
        ledger="{{ var.value.meetings_lake }}/feishu",
        kinds=("video", "transcript"),
        timezone="Asia/Shanghai",
        sql_conn_id="meetings_warehouse",
    )


feishu_recordings_daily()
# [END feishu_recordings_daily]
