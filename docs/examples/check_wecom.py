"""List the recordings of one member's meetings and land their media: if both tasks are green, the app is set up."""

from __future__ import annotations

import pendulum
from airflow.sdk import dag

from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"),
    params={"userid": "zhangwei", "start": "2026-11-01T00:00:00+08:00", "end": "2026-11-20T00:00:00+08:00"},
)
def check_wecom() -> None:
    """Check the connection ``wecom_default`` with the meetings that ``userid`` created in a window."""
    listed = ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="wecom_default",
        owner_ids="{{ [params.userid] | tojson }}",
        start="{{ params.start }}",
        end="{{ params.end }}",
    )
    RecordingsToObjectStorageOperator(
        task_id="land",
        meetings_conn_id="wecom_default",
        recordings=listed.output,
        target="file:///tmp/check_wecom",
        kinds=("video",),
        on_refused="fail",
    )


check_wecom()
