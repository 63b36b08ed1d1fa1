"""List recordings by reference, and land each batch; none is ready, so that a mapped task only reads its batch."""

from __future__ import annotations

import json
import os
from datetime import datetime

from airflow.sdk import DAG

from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator

LAKE = os.environ["BENCH_LAKE"]

with DAG("ours", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    listed = ListRecordingsOperator(
        task_id="start",
        meetings_conn_id="bench_wecom",
        batches_to=f"{LAKE}/batches",
        **json.loads(os.environ["BENCH_SELECTED"]),
    )
    RecordingsToObjectStorageOperator.partial(
        task_id="mapped", meetings_conn_id="bench_wecom", target=f"{LAKE}/media"
    ).expand(recordings=listed.output)
