"""Land each recording in a mapped task, then load what all of them landed."""

from __future__ import annotations

import pendulum
from airflow.sdk import CronDataIntervalTimetable, XComArg, dag

from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator


@dag(
    schedule=CronDataIntervalTimetable("0 2 * * *", timezone="Asia/Shanghai"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"),
    catchup=False,
)
def mapped_landing() -> None:
    listed = ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="wecom_default",
        start="{{ data_interval_start - macros.timedelta(days=1) }}",
        end="{{ data_interval_end }}",
        owner_ids="{{ var.json.wecom_owner_ids | tojson }}",
        batch_size=1,
    )
    landed = RecordingsToObjectStorageOperator.partial(
        task_id="land",
        meetings_conn_id="wecom_default",
        target="{{ var.value.meetings_lake }}",
        kinds=("audio", "summary"),
    ).expand(recordings=listed.output)
    RecordingsToSqlOperator(
        task_id="load",
        sql_conn_id="meetings_warehouse",
        recordings=listed.output,
        stored_files=landed.output,
        summary=XComArg(listed, key="summary"),
    )


mapped_landing()
