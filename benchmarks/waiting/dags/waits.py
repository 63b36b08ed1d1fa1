"""Deferred sensors: ours on Feishu meetings, the HttpSensor, waits for a time, and one that measures the event loop.

The numbers of their mapped tasks, which `benchmarks.waiting.defer` defers without a worker, are in the environment.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.http.sensors.http import HttpSensor
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import DAG

from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from benchmarks.waiting.meetings import meeting_ids
from benchmarks.waiting.ticker import TickerSensor

WAITS = int(os.environ["BENCH_WAITS"])
POKE_SECONDS = float(os.environ["BENCH_POKE_SECONDS"])
EACH = int(os.environ["BENCH_MEETINGS_EACH"])


with DAG("waits", schedule=None, start_date=datetime(2026, 1, 1), catchup=False) as dag:
    TickerSensor(task_id="ticker", path=os.environ["BENCH_TICKS"])
    waiting = {"poke_interval": POKE_SECONDS, "timeout": timedelta(days=1), "deferrable": True}
    RecordingReadySensor.partial(task_id="ours", meetings_conn_id="bench_feishu", **waiting).expand(
        meeting_ids=[meeting_ids(number, EACH) for number in range(WAITS)]
    )
    HttpSensor.partial(task_id="peer", http_conn_id="bench_http", **waiting).expand(
        endpoint=[f"bench/{number}" for number in range(WAITS)]
    )
    later = datetime(2100, 1, 1, tzinfo=UTC)
    DateTimeSensorAsync.partial(task_id="time").expand(
        target_time=[(later + timedelta(days=number)).isoformat() for number in range(WAITS)]
    )
