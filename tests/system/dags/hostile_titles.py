"""Land recordings whose titles are templates, one mapped task each."""

from __future__ import annotations

import pendulum
from airflow.sdk import CronDataIntervalTimetable, XComArg, dag

from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator


@dag(
    schedule=CronDataIntervalTimetable("0 2 * * *", timezone="Asia/Shanghai"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"),
)
def hostile_titles() -> None:
    listed = ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="wecom_default",
        start="{{ data_interval_start }}",
        end="{{ data_interval_end }}",
        owner_ids="{{ var.json.wecom_owner_ids | tojson }}",
        batch_size=1,
    )
    waited = RecordingReadySensor.partial(
        task_id="wait", meetings_conn_id="wecom_default", until="settled", timeout=0
    ).expand(recordings=listed.output)
    landed = RecordingsToObjectStorageOperator.partial(
        task_id="land", meetings_conn_id="wecom_default", target="{{ var.value.meetings_lake }}"
    ).expand_kwargs(waited.output.map(lambda recordings: {"recordings": recordings}))
    RecordingsToSqlOperator(
        task_id="load",
        sql_conn_id="meetings_warehouse",
        recordings=waited.output,
        stored_files=landed.output,
        summary=XComArg(listed, key="summary"),
    )


hostile_titles()
