"""Land and load audio and transcripts of two WeCom users' recordings, every hour: the DAG of README and quick start.

Requires the connections ``wecom_default`` and ``meetings_warehouse``, and the Airflow variable ``meetings_lake`` (a
URL, such as ``file:///data/lake``).
"""

from __future__ import annotations

# [START first_recordings]
import pendulum
from airflow.sdk import dag

from airflow_provider_meetings.task_groups import land_recordings


@dag(
    schedule="@hourly",
    start_date=pendulum.datetime(2026, 11, 1, tz="Asia/Shanghai"),
    catchup=False,
    max_active_runs=1,
)
def first_recordings() -> None:
    """List, land and load what is new, late or changed."""
    land_recordings(
        meetings_conn_id="wecom_default",
        owner_ids=["zhangwei", "lina"],
        start="2026-11-01T00:00:00+08:00",  # where the first run begins
        target="{{ var.value.meetings_lake }}",
        kinds=("audio", "transcript"),
        timezone="Asia/Shanghai",  # of the dates in the objects' names
        sql_conn_id="meetings_warehouse",
    )


first_recordings()
# [END first_recordings]
