"""Land and load WeCom recordings daily.

Requires the connections ``wecom_default`` and ``meetings_warehouse``, and the Airflow variables ``wecom_owner_ids``
(JSON list of userids) and ``meetings_lake`` (a URL, such as ``file:///data/lake``).
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import CronDataIntervalTimetable, XComArg, dag

from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.operators.run_state import FailRunOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator


# [START wecom_recordings_daily]
@dag(
    # Not "@daily": in Airflow 3 it has an empty data interval, which the listing refuses.
    schedule=CronDataIntervalTimetable("0 2 * * *", timezone="Asia/Shanghai"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    tags=["meetings", "wecom"],
)
def wecom_recordings_daily() -> None:
    """List the recordings of the last days, land their media, and load the metadata and the journals."""
    listed = ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="wecom_default",
        # Three days back, for recordings that were not ready on their own day. Landed files are not fetched again.
        start="{{ data_interval_start - macros.timedelta(days=3) }}",
        end="{{ data_interval_end }}",
        owner_ids="{{ var.json.wecom_owner_ids | tojson }}",
    )
    landed = RecordingsToObjectStorageOperator(
        task_id="land",
        meetings_conn_id="wecom_default",
        recordings=listed.output,
        target="{{ var.value.meetings_lake }}",
        kinds=("video", "audio", "summary"),
        timezone="Asia/Shanghai",
    )
    loaded = RecordingsToSqlOperator(
        task_id="load",
        sql_conn_id="meetings_warehouse",
        recordings=listed.output,
        stored_files=landed.output,
        summary=XComArg(listed, key="summary"),
        trigger_rule="all_done_min_one_success",  # a file that failed must not keep the others out
    )
    [listed, landed, loaded] >> FailRunOperator(task_id="fail_run")


wecom_recordings_daily()
# [END wecom_recordings_daily]
