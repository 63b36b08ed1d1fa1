"""Reading Moments posts through the operator."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_meetings.emulator.seed.feishu import (
    ANONYMOUS_POST,
    FORBIDDEN_POST,
    GONE_POST,
    NAMED_POST,
)
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator


def read(context: Any, post_ids: Any, **arguments: Any) -> list[dict[str, Any]]:
    return FeishuPostsOperator(**{"task_id": "read", "post_ids": post_ids, **arguments}).execute(context)


def test_posts_are_read_once_with_tombstone(emulated: Any, context: Any) -> None:
    found = read(context, f'["{NAMED_POST}", "{GONE_POST}", "{ANONYMOUS_POST}", "{NAMED_POST}"]')
    assert [(p["post_id"], p["author_kind"], p["deleted"]) for p in found] == [
        (NAMED_POST, "named", False),
        (GONE_POST, None, True),
        (ANONYMOUS_POST, "anonymous", False),
    ]
    assert found[0]["author_id"]
    assert found[2]["author_id"] is None


def test_missing_post_is_skipped_or_fails(emulated: Any, context: Any) -> None:
    assert read(context, [GONE_POST], on_missing="skip") == []
    with pytest.raises(AirflowFailException, match="1420004"):
        read(context, [GONE_POST], on_missing="fail")


def test_post_without_permission_fails(emulated: Any, context: Any) -> None:
    with pytest.raises(AirflowFailException, match="moments:moments:readonly"):
        read(context, [NAMED_POST, FORBIDDEN_POST])
