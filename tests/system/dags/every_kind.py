"""Load all Feishu artifacts of a meeting except its video, as files and as rows, into a database and a lake.

The lake also gets some WeCom days by a ledger, whose fields hold links and passwords, and a post.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import XComArg, dag

from airflow_provider_meetings.emulator.seed.feishu import NAMED_POST, READY_MEETING
from airflow_provider_meetings.emulator.seed.wecom import OWNERS, SPECIAL_DAY
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_parquet import PostsToParquetOperator, RecordingsToParquetOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator

LAKE = "{{ var.value.meetings_lake }}"
LEDGER = f"{LAKE}/every_kind"


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))
def every_kind() -> None:
    listed = ListRecordingsOperator(task_id="list", meetings_conn_id="feishu_default", meeting_ids=[READY_MEETING])
    landed = RecordingsToObjectStorageOperator(
        task_id="land",
        meetings_conn_id="feishu_default",
        recordings=listed.output,
        target=LAKE,
        kinds=("transcript", "summary", "chapters", "todos", "keywords", "statistics"),
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
        target=f"{LAKE}/rows",
        recordings=listed.output,
        stored_files=landed.output,
        summary=summary,
    )
    listed_wecom = ListRecordingsOperator(
        task_id="list_wecom",
        meetings_conn_id="wecom_default",
        owner_ids=list(OWNERS),
        start=f"{SPECIAL_DAY}T00:00:00+08:00",
        ledger=LEDGER,
    )
    RecordingsToParquetOperator(
        task_id="rows_wecom",
        target=f"{LAKE}/rows",
        recordings=listed_wecom.output,
        summary=XComArg(listed_wecom, key="summary"),
        ledger=LEDGER,
    )
    post = FeishuPostsOperator(task_id="post", meetings_conn_id="feishu_default", post_ids=[NAMED_POST])
    PostsToParquetOperator(task_id="rows_posts", target=f"{LAKE}/rows", posts=post.output)


every_kind()
