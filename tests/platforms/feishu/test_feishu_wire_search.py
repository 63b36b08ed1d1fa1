from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_meetings.api.errors import PermissionDenied, ServerError
from airflow_provider_meetings.platforms.feishu.wire_search import parse_minute_items
from airflow_provider_meetings.platforms.feishu.wire_users import UserInfo, parse_grant

GRANT = {
    "code": 0,
    "access_token": "S3CRET-a",
    "expires_in": 7200,
    "refresh_token": "S3CRET-r",
    "refresh_token_expires_in": 604800,
    "scope": "a offline_access",
}


def test_the_example_of_a_search() -> None:
    answer = json.loads((Path(__file__).parent / "answers" / "minutes_search.json").read_text())["data"]
    page = parse_minute_items(answer)
    (item,) = page.items
    assert (item.token, item.display_info, item.description) == ("obcnsynthetic00000000001", "周会", "d")
    assert item.app_link == "https://example.feishu.cn/minutes/obcnsynthetic00000000001"
    assert item.avatar == "https://example.invalid/a.jpg"
    assert item.raw == answer["items"][0]
    assert page.next_cursor is None


@pytest.mark.parametrize("data", [None, [], {"items": 5}, {"items": [{"display_info": "x"}]}, {"items": ["x"]}])
def test_what_is_no_search(data: object) -> None:
    with pytest.raises(ServerError):
        parse_minute_items(data)


def test_an_empty_search() -> None:
    assert parse_minute_items({"has_more": False}).items == ()


def test_the_tokens_of_a_user() -> None:
    grant = parse_grant(GRANT)
    assert (grant.access, grant.refresh, grant.scope) == ("S3CRET-a", "S3CRET-r", "a offline_access")
    assert (grant.access_seconds, grant.refresh_seconds) == (7200, 604800)
    assert "S3CRET" not in repr(grant)


def test_tokens_without_one_to_renew() -> None:
    with pytest.raises(PermissionDenied, match="offline_access"):
        parse_grant({name: value for name, value in GRANT.items() if not name.startswith("refresh")})


@pytest.mark.parametrize(
    "change", [{"access_token": ""}, {"expires_in": None}, {"expires_in": 0}, {"refresh_token_expires_in": -5}]
)
def test_tokens_that_cannot_be_used(change: dict[str, object]) -> None:
    with pytest.raises(ServerError) as caught:
        parse_grant(GRANT | change)
    assert "S3CRET" not in str(caught.value)


def test_who_a_user_is() -> None:
    user = UserInfo.parse({"open_id": "ou_1", "name": "甲"})
    assert (user.open_id, user.name) == ("ou_1", "甲")
