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
    with pytest.raises(ValueError, match="on_missing must be one of tombstone, skip, fail"):
        read(context, [GONE_POST], on_missing="ignore")


def test_post_without_permission_fails(emulated: Any, context: Any) -> None:
    with pytest.raises(AirflowFailException, match="moments:moments:readonly"):
        read(context, [NAMED_POST, FORBIDDEN_POST])


@pytest.mark.parametrize(
    ("post_ids", "text"),
    [
        ([], "post_ids is empty"),
        ([NAMED_POST, "x"], "post_id 'x'"),
        ([7], "post_ids: id 7 must be a text"),
        ("7", "tojson"),
    ],
)
def test_bad_ids_are_refused_before_any_request(emulated: Any, context: Any, post_ids: Any, text: str) -> None:
    with pytest.raises(AirflowFailException, match=text):
        read(context, post_ids)
    assert emulated.state.requests == []


def test_secret_of_other_platform_is_not_sent(emulated: Any, context: Any) -> None:
    with pytest.raises(AirflowFailException, match="is of type wecom, not feishu"):
        read(context, [NAMED_POST], meetings_conn_id="wecom_default")
    assert emulated.state.requests == []
