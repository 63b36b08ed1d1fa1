"""The tokens of a store app, and what they allow."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE

STORE_APP = {"app_id": credentials.FEISHU_STORE_APP_ID, "app_secret": credentials.FEISHU_STORE_APP_SECRET}
SELF_BUILT = {"app_id": credentials.FEISHU_APP_ID, "app_secret": credentials.FEISHU_APP_SECRET}
MINUTE = f"/minutes/v1/minutes/{READY_MINUTE}"


def post(emulator: Any, path: str, body: Any) -> dict[str, Any]:
    return dict(emulator.post(f"/open-apis/auth/v3/{path}", body).json())


def app_token(emulator: Any, ticket: str = credentials.FEISHU_APP_TICKET) -> dict[str, Any]:
    return post(emulator, "app_access_token", {**STORE_APP, "app_ticket": ticket})


def tenant_token(emulator: Any, **changes: Any) -> dict[str, Any]:
    body = {"app_access_token": app_token(emulator)["app_access_token"], "tenant_key": credentials.FEISHU_TENANT_KEY}
    return post(emulator, "tenant_access_token", {**body, **changes})


def test_tokens_from_ticket(emulator: Any) -> None:
    first = app_token(emulator)
    assert first == {"code": 0, "msg": "success", "app_access_token": first["app_access_token"], "expire": 7200}
    assert first["app_access_token"].startswith("a-")
    second = tenant_token(emulator)
    assert second == {"code": 0, "msg": "success", "tenant_access_token": second["tenant_access_token"], "expire": 7200}
    assert second["tenant_access_token"].startswith("t-")
    assert emulator.feishu(MINUTE, second["tenant_access_token"]).json()["code"] == 0


def test_same_tokens_above_30_minutes(emulator: Any) -> None:
    first = tenant_token(emulator)
    emulator.clock.now += 5400
    assert tenant_token(emulator) == first | {"expire": 1800}
    emulator.clock.now += 1
    assert tenant_token(emulator)["tenant_access_token"] != first["tenant_access_token"]


def test_resend_pushes_ticket_and_does_not_return_it(emulator: Any) -> None:
    assert post(emulator, "app_ticket/resend", STORE_APP) == {"code": 0, "msg": "success"}
    tickets = emulator.get("/_emulator/").json()["app_tickets"]
    assert tickets == emulator.state.app_tickets.pushed
    assert tickets[0] == credentials.FEISHU_APP_TICKET
    assert app_token(emulator, tickets[1])["code"] == 0


def test_expired_ticket(emulator: Any) -> None:
    emulator.clock.now += 12 * 3600
    assert app_token(emulator) == {"code": 10012, "msg": "get app access token fail"}
    post(emulator, "app_ticket/resend", STORE_APP)
    assert app_token(emulator, emulator.state.app_tickets.pushed[-1])["code"] == 0


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("app_access_token", {**STORE_APP, "app_ticket": "other"}, 10012),
        ("app_access_token", STORE_APP, 10012),
        ("app_access_token", {**SELF_BUILT, "app_ticket": credentials.FEISHU_APP_TICKET}, 10012),
        ("app_access_token", {**STORE_APP, "app_secret": "other"}, 10015),
        ("app_ticket/resend", {**STORE_APP, "app_id": "cli_other"}, 10003),
        ("app_ticket/resend", SELF_BUILT, 10016),
        ("tenant_access_token", {}, 10003),
        ("tenant_access_token", {"app_access_token": "a-other", "tenant_key": credentials.FEISHU_TENANT_KEY}, 99991664),
    ],
)
def test_refused_requests(emulator: Any, path: str, body: Any, code: int) -> None:
    for slash in ("", "/"):
        assert post(emulator, path + slash, body)["code"] == code


def test_tenant_without_the_app(emulator: Any) -> None:
    assert tenant_token(emulator, tenant_key="other")["code"] == 10013


def test_revoked_app_token(emulator: Any) -> None:
    token = app_token(emulator)["app_access_token"]
    emulator.state.revoke_tokens(token)
    assert tenant_token(emulator, app_access_token=token)["code"] == 99991664


def test_endpoints_for_self_built_apps_only(emulator: Any) -> None:
    token = tenant_token(emulator)["tenant_access_token"]
    answer = emulator.feishu(f"{MINUTE}/artifacts", token).json()
    assert answer["code"] == 99991672
    assert answer["error"]["permission_violations"] == [
        {"type": "action_scope_required", "subject": "minutes:minutes.artifacts:read"}
    ]
    assert emulator.feishu(f"{MINUTE}/statistics", token).json()["code"] == 0


def test_user_token_of_store_app(emulator: Any) -> None:
    query = {
        "client_id": STORE_APP["app_id"],
        "redirect_uri": credentials.FEISHU_REDIRECT_URIS[0],
        "scope": "minutes:minutes.search:read minutes:minutes.basic:read",
    }
    page = emulator.get("/open-apis/authen/v1/authorize", params=query, allow_redirects=False)
    body = {
        "grant_type": "authorization_code",
        "client_id": STORE_APP["app_id"],
        "client_secret": STORE_APP["app_secret"],
        "code": page.headers["Location"].partition("code=")[2],
    }
    token = emulator.post("/open-apis/authen/v2/oauth/token", body).json()["access_token"]
    assert emulator.feishu(MINUTE, token).json()["code"] == 0
    assert emulator.feishu_user("/minutes/v1/minutes/search", {}, token).json()["code"] == 99991672


def test_each_app_has_its_own_rate_limit(start: Any) -> None:
    emulator = start(rate_limits=True)
    token = tenant_token(emulator)["tenant_access_token"]
    assert [emulator.feishu(MINUTE, token).status_code for _ in range(6)] == [200] * 5 + [429]
    assert emulator.feishu(MINUTE).status_code == 200
