"""A store app's way to its tokens, and what they open."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed import feishu as seed_feishu

RIGHT = {"app_id": credentials.FEISHU_STORE_APP_ID, "app_secret": credentials.FEISHU_STORE_APP_SECRET}
SELF_BUILT = {"app_id": credentials.FEISHU_APP_ID, "app_secret": credentials.FEISHU_APP_SECRET}
MINUTE = f"/minutes/v1/minutes/{seed_feishu.READY_MINUTE}"


def post(emulator: Any, path: str, body: Any) -> dict[str, Any]:
    return dict(requests.post(f"{emulator.url}/open-apis/auth/v3/{path}", json=body).json())


def app_token(emulator: Any, ticket: str = credentials.FEISHU_APP_TICKET, **changes: str) -> dict[str, Any]:
    return post(emulator, "app_access_token", {**RIGHT, "app_ticket": ticket, **changes})


def tenant_token(emulator: Any, **changes: Any) -> dict[str, Any]:
    body = {"app_access_token": app_token(emulator)["app_access_token"], "tenant_key": credentials.FEISHU_TENANT_KEY}
    return post(emulator, "tenant_access_token", {**body, **changes})


def get(emulator: Any, path: str, token: str) -> requests.Response:
    return requests.get(f"{emulator.url}/open-apis{path}", headers={"Authorization": f"Bearer {token}"})


def test_from_the_ticket_to_the_minute(emulator: Any) -> None:
    first = app_token(emulator)
    assert first == {"code": 0, "msg": "success", "app_access_token": first["app_access_token"], "expire": 7200}
    assert first["app_access_token"].startswith("a-")
    second = tenant_token(emulator)
    assert second == {"code": 0, "msg": "success", "tenant_access_token": second["tenant_access_token"], "expire": 7200}
    assert second["tenant_access_token"].startswith("t-")
    assert get(emulator, MINUTE, second["tenant_access_token"]).json()["code"] == 0


def test_both_tokens_are_the_same_while_30_minutes_are_left(emulator: Any) -> None:
    first = tenant_token(emulator)
    emulator.clock.now += 5400
    assert tenant_token(emulator) == first | {"expire": 1800}
    emulator.clock.now += 1
    assert tenant_token(emulator)["tenant_access_token"] != first["tenant_access_token"]


def test_resend_pushes_a_ticket_and_does_not_tell(emulator: Any) -> None:
    assert post(emulator, "app_ticket/resend", RIGHT) == {"code": 0, "msg": "success"}
    tickets = requests.get(f"{emulator.url}/_emulator/").json()["app_tickets"]
    assert tickets == emulator.state.app_tickets.pushed
    assert tickets[0] == credentials.FEISHU_APP_TICKET
    assert app_token(emulator, tickets[1])["code"] == 0


def test_a_ticket_expires(emulator: Any) -> None:
    emulator.state.ticket_seconds = 3600
    emulator.clock.now += 3600
    assert app_token(emulator) == {"code": 10012, "msg": "get app access token fail"}
    post(emulator, "app_ticket/resend", RIGHT)
    assert app_token(emulator, emulator.state.app_tickets.pushed[-1])["code"] == 0


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("app_access_token", {**RIGHT, "app_ticket": "other"}, 10012),
        ("app_access_token", RIGHT, 10012),
        ("app_access_token", {**SELF_BUILT, "app_ticket": credentials.FEISHU_APP_TICKET}, 10012),
        ("app_access_token", {**RIGHT, "app_secret": "other"}, 10015),
        ("app_ticket/resend", {**RIGHT, "app_id": "cli_other"}, 10003),
        ("app_ticket/resend", SELF_BUILT, 10016),
        ("tenant_access_token", {}, 10003),
        ("tenant_access_token", {"app_access_token": "a-other", "tenant_key": credentials.FEISHU_TENANT_KEY}, 99991664),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_refusals(emulator: Any, path: str, body: Any, code: int, slash: str) -> None:
    assert post(emulator, path + slash, body)["code"] == code


def test_a_tenant_that_has_not_installed_it(emulator: Any) -> None:
    assert tenant_token(emulator, tenant_key="other")["code"] == 10013


def test_a_void_token_of_the_app(emulator: Any) -> None:
    token = app_token(emulator)["app_access_token"]
    emulator.state.revoke_tokens(token)
    assert tenant_token(emulator, app_access_token=token)["code"] == 99991664


def test_what_self_built_apps_alone_may_call(emulator: Any) -> None:
    token = tenant_token(emulator)["tenant_access_token"]
    answer = get(emulator, f"{MINUTE}/artifacts", token).json()
    assert answer["code"] == 99991672
    assert answer["error"]["permission_violations"] == [
        {"type": "action_scope_required", "subject": "minutes:minutes.artifacts:read"}
    ]
    assert get(emulator, f"{MINUTE}/statistics", token).json()["code"] == 0


def test_a_users_token_through_a_store_app(emulator: Any) -> None:
    query = {
        "client_id": RIGHT["app_id"], "redirect_uri": credentials.FEISHU_REDIRECT_URIS[0],
        "scope": "minutes:minutes.search:read minutes:minutes.basic:read",
    }  # fmt: skip
    page = requests.get(f"{emulator.url}/open-apis/authen/v1/authorize", params=query, allow_redirects=False)
    body = {
        "grant_type": "authorization_code", "client_id": RIGHT["app_id"], "client_secret": RIGHT["app_secret"],
        "code": page.headers["Location"].partition("code=")[2],
    }  # fmt: skip
    token = requests.post(f"{emulator.url}/open-apis/authen/v2/oauth/token", json=body).json()["access_token"]
    assert get(emulator, MINUTE, token).json()["code"] == 0
    url = f"{emulator.url}/open-apis/minutes/v1/minutes/search"
    assert requests.post(url, headers={"Authorization": f"Bearer {token}"}, json={}).json()["code"] == 99991672


def test_the_limit_is_of_each_app(start: Any) -> None:
    emulator = start(rate_limits=True)
    token = tenant_token(emulator)["tenant_access_token"]
    assert [get(emulator, MINUTE, token).status_code for _ in range(6)] == [200] * 5 + [429]
    assert emulator.feishu(MINUTE).status_code == 200
