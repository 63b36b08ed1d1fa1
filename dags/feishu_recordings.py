"""Wait for the recordings of Feishu meetings, given by id, land media and transcripts, and load the metadata.

Requires the connections ``feishu_default`` and ``meetings_warehouse``, and the Airflow variable ``meetings_lake``.
Trigger it with ``{"meeting_ids": ["6911188411932033028"]}``, for example from a DAG that runs once a day.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag

from airflow_provider_meetings.operators.run_state import FailRunOperator
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator


# [START feishu_recordings]
@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"),
    params={
        "meeting_ids": Param(
            [],
            type="array",
            items={"type": "string", "pattern": "^[0-9]+$"},
            title="Meeting ids",
            description="The long ids, not the 9-digit meeting numbers; one per line.",
        )
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    tags=["meetings", "feishu"],
)
def feishu_recordings() -> None:
    """Wait until all meetings are settled, then land and load the ready recordings."""
    settled = RecordingReadySensor(
        task_id="wait",
        meetings_conn_id="feishu_default",
        meeting_ids="{{ params.meeting_ids | tojson }}",
        until="settled",  # a deleted or forbidden recording must not block the others
        poke_interval=15,
        timeout=timedelta(hours=6),
        deferrable=True,
    )
    landed = RecordingsToObjectStorageOperator(
        task_id="land",
        meetings_conn_id="feishu_default",
        recordings=settled.output,
        target="{{ var.value.meetings_lake }}",
        kinds=("video", "transcript"),
        timezone="Asia/Shanghai",
    )
    loaded = RecordingsToSqlOperator(
        task_id="load",
        sql_conn_id="meetings_warehouse",
        recordings=settled.output,
        stored_files=landed.output,
        trigger_rule="all_done_min_one_success",  # a file that failed must not keep the others out
    )
    [settled, landed, loaded] >> FailRunOperator(task_id="fail_run")


feishu_recordings()
# [END feishu_recordings]
