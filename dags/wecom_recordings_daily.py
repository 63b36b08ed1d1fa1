"""Land and load WeCom recordings daily.

Requires the connections ``wecom_default`` and ``meetings_warehouse``, and the Airflow variables ``wecom_owner_ids``
(JSON list of userids) and ``meetings_lake`` (a URL, such as ``file:///data/lake``).
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import dag

from airflow_provider_meetings.task_groups import land_recordings


# [START wecom_recordings_daily]
@dag(
    schedule="0 2 * * *",
    start_date=pendulum.datetime(2026, 11, 1, tz="Asia/Shanghai"),
    catchup=False,  # a run continues where the last one ended, also after missed ones
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    tags=["meetings", "wecom"],
)
def wecom_recordings_daily() -> None:
    """List the recordings since the start of the DAG, land their media, and load the metadata and the journals."""
    land_recordings(
        meetings_conn_id="wecom_default",
        owner_ids="{{ var.json.wecom_owner_ids | tojson }}",
        start="{{ dag.start_date }}",
        target="{{ var.value.meetings_lake }}",
        ledger="{{ var.value.meetings_lake }}/wecom",
        kinds=("video", "audio", "summary"),
        timezone="Asia/Shanghai",
        sql_conn_id="meetings_warehouse",
    )


wecom_recordings_daily()
# [END wecom_recordings_daily]
