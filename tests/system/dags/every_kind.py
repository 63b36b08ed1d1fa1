"""All that Feishu has of a meeting but its video, as files and as rows of every table, in a database and in a lake."""

from __future__ import annotations

import pendulum
from airflow.sdk import XComArg, dag

from airflow_provider_meetings.emulator.seed_feishu import READY_MEETING
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_parquet import RecordingsToParquetOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))
def every_kind() -> None:
    listed = ListRecordingsOperator(task_id="list", meetings_conn_id="feishu_default", meeting_ids=[READY_MEETING])
    landed = RecordingsToObjectStorageOperator(
        task_id="land",
        meetings_conn_id="feishu_default",
        recordings=listed.output,
        target="{{ var.value.meetings_lake }}",
        kinds=("transcript", "summary", "chapters", "todos", "statistics"),
    )
    summary = XComArg(listed, key="summary")
    RecordingsToSqlOperator(
        task_id="load",
        sql_conn_id="meetings_warehouse",
        recordings=listed.output,
        stored_files=landed.output,
        summary=summary,
    )
    RecordingsToParquetOperator(
        task_id="rows",
        target="{{ var.value.meetings_lake }}/rows",
        recordings=listed.output,
        stored_files=landed.output,
        summary=summary,
    )


every_kind()
