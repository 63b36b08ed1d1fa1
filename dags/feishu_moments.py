"""Load Feishu Moments posts, given by id, into the warehouse.

Requires the connections ``feishu_default`` and ``meetings_warehouse``. Feishu has no API that lists posts: take their
ids from events or from links. Trigger it with ``{"post_ids": ["6934510454161014804"]}``.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag

from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from airflow_provider_meetings.transfers.to_sql import PostsToSqlOperator


# [START feishu_moments]
@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"),
    params={
        "post_ids": Param(
            [],
            type="array",
            items={"type": "string", "pattern": "^[0-9]+$"},
            title="Post ids",
            description="One per line.",
        )
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    tags=["meetings", "feishu"],
)
def feishu_moments() -> None:
    """Read the posts; a deleted post becomes a tombstone and does not fail the run."""
    posts = FeishuPostsOperator(
        task_id="read",
        meetings_conn_id="feishu_default",
        post_ids="{{ params.post_ids | tojson }}",
        on_missing="tombstone",
    )
    PostsToSqlOperator(task_id="load", sql_conn_id="meetings_warehouse", posts=posts.output)


feishu_moments()
# [END feishu_moments]
