"""A recording that is not ready yet and whose link is dead at first: wait without a slot, land at the second try."""

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
        # Shorter than anyone would take, but not below 15: a task that is queued again before the scheduler has read
        # of the end of its earlier process can be failed by that (apache/airflow#66374). 20 leaves it five seconds.
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
        # A retry has a try number of its own, which the scheduler compares: here nothing needs a long pause.
        retry_delay=timedelta(seconds=2),
    )
    RecordingsToSqlOperator(
        task_id="load", sql_conn_id="meetings_warehouse", recordings=ready.output, stored_files=landed.output
    )


slow_meeting()
