"""Tasks that are rate limited: with retries, mapped, with the user's retry policy, without retries."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import ExceptionRetryPolicy, RetryRule, dag

from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator

POST = "7571000000000000201"
MEETING = "7571000000000000101"


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))
def throttled_tasks() -> None:
    FeishuPostsOperator(task_id="plain", post_ids=[POST], retries=2, retry_delay=timedelta(seconds=1))
    ListRecordingsOperator.partial(
        task_id="mapped", meetings_conn_id="feishu_default", retries=2, retry_delay=timedelta(seconds=1)
    ).expand(meeting_ids=[[MEETING]])
    user_policy = ExceptionRetryPolicy(
        rules=[RetryRule("airflow.sdk.exceptions.AirflowException", retry_delay=timedelta(hours=9))]
    )
    FeishuPostsOperator(task_id="user_policy", post_ids=[POST], retries=2, retry_policy=user_policy)
    FeishuPostsOperator(task_id="last", post_ids=[POST], retries=0)


throttled_tasks()
