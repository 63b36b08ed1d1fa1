"""Wait by reschedule for a recording, then land it with one retry; its first links are dead."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag

from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"),
    params={"meeting_ids": Param([], type="array")},
)
def slow_meeting() -> None:
    ready = RecordingReadySensor(
        task_id="wait",
        meetings_conn_id="feishu_default",
        meeting_ids="{{ params.meeting_ids | tojson }}",
        mode="reschedule",
        # At least 15 s: a task that is queued again before the scheduler has processed the end of its earlier process
        # can fail (apache/airflow#66374).
        poke_interval=20,
        timeout=600,
    )
    landed = RecordingsToObjectStorageOperator(
        task_id="land",
        meetings_conn_id="feishu_default",
        recordings=ready.output,
        target="{{ var.value.meetings_lake }}",
        kinds=("video", "transcript"),
        retries=1,
        # Short, because the scheduler compares try numbers: the race above cannot happen.
        retry_delay=timedelta(seconds=2),
    )
    RecordingsToSqlOperator(
        task_id="load", sql_conn_id="meetings_warehouse", recordings=ready.output, stored_files=landed.output
    )


slow_meeting()
