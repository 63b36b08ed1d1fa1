"""Land with ``if_present="replace"`` and one retry."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import dag

from airflow_provider_meetings.emulator.seed.feishu import AUDIO_ONLY_MEETING, READY_MEETING
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))
def replacing_landing() -> None:
    listed = ListRecordingsOperator(
        task_id="list", meetings_conn_id="feishu_default", meeting_ids=[READY_MEETING, AUDIO_ONLY_MEETING]
    )
    RecordingsToObjectStorageOperator(
        task_id="land",
        meetings_conn_id="feishu_default",
        recordings=listed.output,
        target="{{ var.value.meetings_lake }}",
        if_present="replace",
        retries=1,
        retry_delay=timedelta(0),
    )


replacing_landing()
