"""The consent page, the exchange of its code, and the user of a token."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE

TOKEN = "/open-apis/authen/v2/oauth/token"
REDIRECT_URI = credentials.FEISHU_REDIRECT_URIS[0]
SCOPES = "minutes:minutes.basic:read offline_access"
VERIFIER = "TxYmzM4PHLBlqm5NtnCmwxMH8mFlRWl_ipie3O0aVzo"
S256 = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
QUERY = {
    "client_id": credentials.FEISHU_APP_ID,
    "response_type": "code",
    "redirect_uri": REDIRECT_URI,
    "scope": SCOPES,
    "state": "s t",
}


def visit(emulator: Any, **changes: str | None) -> requests.Response:
    params = {**QUERY, **changes}
    response: requests.Response = emulator.get("/open-apis/authen/v1/authorize", params=params, allow_redirects=False)
    return response


def consent(emulator: Any, **changes: str | None) -> str:
    response = visit(emulator, **changes)
    assert response.status_code == 302
    return parse_qs(urlsplit(response.headers["Location"]).query)["code"][0]


def exchange(emulator: Any, code: str, **changes: Any) -> dict[str, Any]:
    body = {
        "grant_type": "authorization_code",
        "client_id": credentials.FEISHU_APP_ID,
        "client_secret": credentials.FEISHU_APP_SECRET,
        "code": code,
        "redirect_uri": REDIRECT_URI,
    }
    return dict(emulator.post(TOKEN, {**body, **changes}).json())


def test_consent_redirects_with_code_and_state(emulator: Any) -> None:
    location = visit(emulator).headers["Location"]
    assert location.startswith(REDIRECT_URI + "?")
    query = parse_qs(urlsplit(location).query)
    assert query.keys() == {"code", "state"}
    assert query["state"] == ["s t"]
    assert len(query["code"][0]) == 64
    assert parse_qs(urlsplit(visit(emulator, state=None).headers["Location"]).query).keys() == {"code"}


def test_denied_consent(emulator: Any) -> None:
    emulator.state.consent = "deny"
    assert visit(emulator).headers["Location"] == REDIRECT_URI + "?error=access_denied&state=s+t"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"redirect_uri": REDIRECT_URI + "/"}, 20029),
        ({"redirect_uri": None}, 20029),
        ({"client_id": "cli_other"}, 20048),
        ({"client_id": credentials.LARK_APP_ID}, 20048),
        ({"scope": "im:message"}, 20027),
        ({"scope": " ".join(["offline_access"] * 51)}, 20043),
        ({"response_type": "token"}, 20001),
        ({"code_challenge": S256, "code_challenge_method": "S512"}, 20049),
    ],
)
def test_error_page(emulator: Any, changes: Any, code: int) -> None:
    response = visit(emulator, **changes)
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert response.headers["Content-Type"].startswith("text/html")
    assert f"Error code: {code} " in response.text
    assert response.headers["X-Tt-Logid"] in response.text


def test_code_is_exchanged_once(emulator: Any) -> None:
    code = consent(emulator)
    answer = exchange(emulator, code)
    assert list(answer) == [
        "code", "access_token", "expires_in", "refresh_token", "refresh_token_expires_in", "token_type", "scope",
    ]  # fmt: skip
    assert (answer["expires_in"], answer["refresh_token_expires_in"]) == (7200, 604800)
    assert answer["scope"] == SCOPES
    assert exchange(emulator, code) == {
        "code": 20065,
        "error": "invalid_grant",
        "error_description": "The authorization code has been used. Please note that an authorization code can only"
        " be used once.",
    }
    minute = f"/minutes/v1/minutes/{READY_MINUTE}"
    assert emulator.feishu(minute, answer["access_token"]).json()["code"] == 0
    # This scope was not granted.
    assert emulator.feishu(f"{minute}/media", answer["access_token"]).json()["code"] == 99991679
    refreshed = exchange(emulator, "", grant_type="refresh_token", refresh_token=answer["refresh_token"])
    assert refreshed["code"] == 0


def test_no_refresh_token_without_offline_access(emulator: Any) -> None:
    answer = exchange(emulator, consent(emulator, scope="minutes:minutes.basic:read"))
    assert list(answer) == ["code", "access_token", "expires_in", "token_type", "scope"]
    answer = exchange(emulator, consent(emulator), scope="minutes:minutes.basic:read")
    assert "refresh_token" not in answer


def test_scopes_of_consents_add_up_except_offline_access(emulator: Any) -> None:
    consent(emulator)
    answer = exchange(emulator, consent(emulator, scope="vc:record:readonly"))
    assert answer["scope"] == "minutes:minutes.basic:read vc:record:readonly"
    emulator.state.reset()
    assert exchange(emulator, consent(emulator, scope="vc:record:readonly"))["scope"] == "vc:record:readonly"


def test_code_expires_after_five_minutes(emulator: Any) -> None:
    first, second = consent(emulator), consent(emulator)
    emulator.clock.now += 299
    assert exchange(emulator, first)["code"] == 0
    emulator.clock.now += 1
    assert exchange(emulator, second)["code"] == 20004


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code": "unknown"}, 20003),
        ({"code": None}, 20063),
        ({"redirect_uri": credentials.FEISHU_REDIRECT_URIS[1]}, 20071),
        ({"scope": "vc:record:readonly"}, 20068),
        ({"scope": "offline_access offline_access"}, 20067),
        ({"client_secret": "other"}, 20002),
        (
            {"client_id": credentials.FEISHU_STORE_APP_ID, "client_secret": credentials.FEISHU_STORE_APP_SECRET},
            20024,
        ),
    ],
)
def test_refused_exchange_leaves_code_valid(emulator: Any, changes: Any, code: int) -> None:
    granted = consent(emulator)
    assert exchange(emulator, **{"code": granted, **changes})["code"] == code
    assert exchange(emulator, granted)["code"] == 0


@pytest.mark.parametrize(
    ("challenge", "verifier", "code"),
    [
        ({"code_challenge": S256, "code_challenge_method": "S256"}, VERIFIER, 0),
        ({"code_challenge": S256, "code_challenge_method": "S256"}, VERIFIER[::-1], 20049),
        ({"code_challenge": S256, "code_challenge_method": "S256"}, None, 20049),
        # The default method is "plain".
        ({"code_challenge": VERIFIER}, VERIFIER, 0),
        ({"code_challenge": S256}, VERIFIER, 20049),
        ({"code_challenge": "short"}, "short", 20049),
        ({}, VERIFIER, 0),
    ],
)
def test_pkce(emulator: Any, challenge: dict[str, str], verifier: str | None, code: int) -> None:
    assert exchange(emulator, consent(emulator, **challenge), code_verifier=verifier)["code"] == code


def test_user_info(emulator: Any) -> None:
    user = credentials.FEISHU_USER
    data = emulator.feishu("/authen/v1/user_info", credentials.FEISHU_USER_TOKEN).json()["data"]
    assert (data["open_id"], data["union_id"], data["user_id"]) == (user.open_id, user.union_id, user.user_id)
    assert (data["name"], data["tenant_key"]) == (user.name, credentials.FEISHU_TENANT_KEY)
    # Only user_id needs a scope.
    token = emulator.refresh(scope="vc:record:readonly")["access_token"]
    data = emulator.feishu("/authen/v1/user_info", token).json()["data"]
    assert data["open_id"] == user.open_id
    assert "user_id" not in data


def test_user_info_refuses_tenant_token(emulator: Any) -> None:
    assert emulator.feishu("/authen/v1/user_info").json()["code"] == 99991663
