"""Find one minute and land its media and its transcript: if both tasks are green, the app is set up."""

from __future__ import annotations

import pendulum
from airflow.sdk import dag

from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"), params={"minute": "obcn"})
def check_feishu() -> None:
    """Check the connection ``feishu_default`` with the minute of the parameter ``minute``."""
    found = RecordingReadySensor(
        task_id="find",
        meetings_conn_id="feishu_default",
        recording_ids="{{ [params.minute] | tojson }}",
        timeout=60,
    )
    RecordingsToObjectStorageOperator(
        task_id="land",
        meetings_conn_id="feishu_default",
        recordings=found.output,
        target="file:///tmp/check_feishu",
        kinds=("video", "transcript-txt"),
        on_refused="fail",
    )


check_feishu()
