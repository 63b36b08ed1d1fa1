"""Wait without a worker before the first poll, and in mapped tasks, which Airflow starts on a worker."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import dag

from airflow_provider_meetings.sensors.recordings import RecordingReadySensor

WAIT: dict[str, Any] = {
    "meetings_conn_id": "feishu_default",
    "until": "settled",
    "poke_interval": 15,
    "timeout": 30,
    "start_from_trigger": True,
}
# A ready, a running and a deleted one.
MEETING_IDS = ["7571000000000000101", "7571000000000000105", "7571000000000000108"]


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"))
def starts_in_triggerer() -> None:
    RecordingReadySensor(task_id="wait", meeting_ids=MEETING_IDS, **WAIT)
    RecordingReadySensor.partial(task_id="mapped", **WAIT).expand(meeting_ids=[MEETING_IDS[:1], MEETING_IDS[1:2]])


starts_in_triggerer()
