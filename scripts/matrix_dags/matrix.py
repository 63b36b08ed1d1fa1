"""The DAG of a cell of the matrix: wait, list, land, and load with each of the extras in ``MATRIX_EXTRAS``."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, XComArg

from airflow_provider_meetings.emulator.seed.feishu import READY_MEETING
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_parquet import RecordingsToParquetOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator

EXTRAS = {*os.environ["MATRIX_EXTRAS"].split(",")}
LAKE = os.environ["MATRIX_LAKE"]
# Of a database on a server; the others are a file each.
SCHEMA = os.environ["MATRIX_SCHEMA"]

START = pendulum.datetime(2026, 11, 1)

with DAG("matrix", schedule=None, start_date=START, default_args={"execution_timeout": timedelta(minutes=2)}) as dag:
    RecordingReadySensor(
        task_id="wait", meetings_conn_id="feishu_default", meeting_ids=[READY_MEETING], poke_interval=1
    )
    listed = ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="wecom_default",
        start="2026-11-02T00:00:00+08:00",
        end="2026-11-05T00:00:00+08:00",
        owner_ids=["zhangwei", "lina"],
    )
    landing: dict[str, Any] = {
        "meetings_conn_id": "wecom_default",
        "recordings": listed.output,
        "kinds": ("video", "transcript"),
    }
    landed = RecordingsToObjectStorageOperator(task_id="land", target=f"file://{LAKE}", **landing)
    if "amazon" in EXTRAS:
        RecordingsToObjectStorageOperator(task_id="amazon", target="s3://aws@lake/raw", **landing)
    loading: dict[str, Any] = {
        "recordings": listed.output,
        "stored_files": landed.output,
        "summary": XComArg(listed, key="summary"),
    }
    for kind in EXTRAS & {"duckdb", "sqlite"}:
        RecordingsToSqlOperator(task_id=kind, sql_conn_id=kind, **loading)
    for kind in EXTRAS & {"mysql", "postgres"}:
        RecordingsToSqlOperator(task_id=kind, sql_conn_id=kind, schema=SCHEMA, **loading)
    if "parquet" in EXTRAS:
        RecordingsToParquetOperator(task_id="parquet", target=f"file://{LAKE}-rows", **loading)
