from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from airflow_provider_meetings.api.errors import PermissionDenied, ServerError
from airflow_provider_meetings.platforms.feishu.api.models import MinuteItem, UserInfo, parse_page
from airflow_provider_meetings.platforms.feishu.auth.consent import parse_token_pair

TOKEN_ANSWER = {
    "code": 0,
    "access_token": "S3CRET-a",
    "expires_in": 7200,
    "refresh_token": "S3CRET-r",
    "refresh_token_expires_in": 604800,
    "scope": "a offline_access",
}


def test_search_example() -> None:
    answer = json.loads((Path(__file__).parents[1] / "answers" / "minutes_search.json").read_text())["data"]
    page = parse_page(answer, "items", MinuteItem)
    (item,) = page.items
    assert item.token == "obcnsynthetic00000000001"
    assert item.raw == answer["items"][0]
    assert page.next_cursor is None


@pytest.mark.parametrize("data", [None, [], {"items": 5}, {"items": [{"display_info": "x"}]}, {"items": ["x"]}])
def test_invalid_search_is_refused(data: object) -> None:
    with pytest.raises(ServerError):
        parse_page(data, "items", MinuteItem)


def test_empty_search() -> None:
    assert parse_page({"has_more": False}, "items", MinuteItem).items == ()


def test_user_tokens() -> None:
    tokens = parse_token_pair(TOKEN_ANSWER)
    assert (tokens.access, tokens.refresh, tokens.scope) == ("S3CRET-a", "S3CRET-r", "a offline_access")
    assert (tokens.access_seconds, tokens.refresh_seconds) == (7200, 604800)
    assert "S3CRET" not in repr(tokens)


def test_answer_without_refresh_token() -> None:
    with pytest.raises(PermissionDenied, match="offline_access"):
        parse_token_pair({name: value for name, value in TOKEN_ANSWER.items() if not name.startswith("refresh")})


def test_refresh_token_without_access_token_is_refused() -> None:
    with pytest.raises(ServerError) as caught:
        parse_token_pair(TOKEN_ANSWER | {"access_token": ""})
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "seconds", "scope"),
    [
        ({"expires_in": None}, (7200, 604800), "a offline_access"),
        ({"expires_in": 0}, (7200, 604800), "a offline_access"),
        ({"expires_in": "soon"}, (7200, 604800), "a offline_access"),
        ({"refresh_token_expires_in": -5}, (7200, 604800), "a offline_access"),
        ({"refresh_token_expires_in": 10**17}, (7200, 604800), "a offline_access"),
        ({"refresh_token_expires_in": 10**30}, (7200, 604800), "a offline_access"),
        ({"expires_in": 60, "refresh_token_expires_in": [5]}, (60, 604800), "a offline_access"),
    ],
)
def test_tokens_are_kept_if_other_fields_are_invalid(
    change: dict[str, object], seconds: tuple[int, int], scope: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        tokens = parse_token_pair(TOKEN_ANSWER | change)
    assert (tokens.access, tokens.refresh) == ("S3CRET-a", "S3CRET-r")
    assert ((tokens.access_seconds, tokens.refresh_seconds), tokens.scope) == (seconds, scope)
    (record,) = caplog.records
    assert "S3CRET" not in record.getMessage()


def test_user_info() -> None:
    user = UserInfo.parse({"open_id": "ou_1", "name": "甲"})
    assert (user.open_id, user.name) == ("ou_1", "甲")
