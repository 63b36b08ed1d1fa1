from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed import feishu as seed


@pytest.mark.parametrize(
    ("post_id", "user_type", "has_author"),
    [
        (seed.SECOND_NAMED_POST, 1, True),
        (seed.NICKNAME_POST, 2, False),
        (seed.ANONYMOUS_POST, 3, False),
        (seed.OFFICIAL_POST, 4, False),
    ],
)
def test_only_real_name_posts_show_their_author(emulator: Any, post_id: str, user_type: int, has_author: bool) -> None:
    post = emulator.feishu(f"/moments/v1/posts/{post_id}").json()["data"]["post"]
    assert (post["user_type"], bool(post["user_id"])) == (user_type, has_author)


@pytest.mark.parametrize(
    ("post_id", "status", "code"),
    [("abc", 400, 1420001), (seed.FORBIDDEN_POST, 403, 1420002), (seed.GONE_POST, 404, 1420004)],
)
def test_inaccessible_posts(emulator: Any, post_id: str, status: int, code: int) -> None:
    response = emulator.feishu(f"/moments/v1/posts/{post_id}")
    assert (response.status_code, response.json()["code"]) == (status, code)
