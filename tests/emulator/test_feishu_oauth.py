"""A user's consent: from the page to the first tokens."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed import feishu as seed_feishu

PAGE = "/open-apis/authen/v1/authorize"
V2, V3 = "/open-apis/authen/v2/oauth/token", "/oauth/v3/token"
BACK = credentials.FEISHU_REDIRECT_URIS[0]
SCOPES = "minutes:minutes.basic:read offline_access"
VERIFIER = "TxYmzM4PHLBlqm5NtnCmwxMH8mFlRWl_ipie3O0aVzo"
S256 = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
QUESTION = {
    "client_id": credentials.FEISHU_APP_ID, "response_type": "code", "redirect_uri": BACK, "scope": SCOPES,
    "state": "s t",
}  # fmt: skip


def visit(emulator: Any, **changes: str | None) -> requests.Response:
    return requests.get(emulator.url + PAGE, params={**QUESTION, **changes}, allow_redirects=False)


def consent(emulator: Any, **changes: str | None) -> str:
    response = visit(emulator, **changes)
    assert response.status_code == 302
    return parse_qs(urlsplit(response.headers["Location"]).query)["code"][0]


def exchange(emulator: Any, code: str, path: str = V2, **changes: Any) -> dict[str, Any]:
    body = {
        "grant_type": "authorization_code", "client_id": credentials.FEISHU_APP_ID,
        "client_secret": credentials.FEISHU_APP_SECRET, "code": code, "redirect_uri": BACK,
    }  # fmt: skip
    return dict(requests.post(emulator.url + path, json={**body, **changes}).json())


def test_consent_leads_back_with_code_and_state(emulator: Any) -> None:
    location = visit(emulator).headers["Location"]
    assert location.startswith(BACK + "?")
    query = parse_qs(urlsplit(location).query)
    assert query.keys() == {"code", "state"}
    assert query["state"] == ["s t"]
    assert len(query["code"][0]) == 64
    assert parse_qs(urlsplit(visit(emulator, state=None).headers["Location"]).query).keys() == {"code"}


def test_a_fragment_stays_at_the_end(emulator: Any) -> None:
    emulator.state.redirect_uris = ("https://example.invalid/back?x=1#/login",)
    location = visit(emulator, redirect_uri="https://example.invalid/back?x=1#/login").headers["Location"]
    assert location.startswith("https://example.invalid/back?x=1&code=")
    assert location.endswith("&state=s+t#/login")


def test_a_user_who_denies(emulator: Any) -> None:
    emulator.state.consent = "deny"
    assert visit(emulator).headers["Location"] == BACK + "?error=access_denied&state=s+t"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"redirect_uri": BACK + "/"}, 20029),
        ({"redirect_uri": None}, 20029),
        ({"client_id": "cli_other"}, 20048),
        ({"client_id": credentials.LARK_APP_ID}, 20048),
        ({"scope": "im:message"}, 20027),
        ({"scope": " ".join(["offline_access"] * 51)}, 20043),
        ({"response_type": "token"}, 20001),
        ({"code_challenge": S256, "code_challenge_method": "S512"}, 20049),
    ],
)
def test_what_ends_on_a_page(emulator: Any, changes: Any, code: int) -> None:
    response = visit(emulator, **changes)
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert response.headers["Content-Type"].startswith("text/html")
    assert f"Error code: {code} " in response.text
    assert response.headers["X-Tt-Logid"] in response.text


@pytest.mark.parametrize("path", [V2, V3])
def test_a_code_becomes_tokens_once(emulator: Any, path: str) -> None:
    code = consent(emulator)
    answer = exchange(emulator, code, path)
    assert list(answer) == [
        "code", "access_token", "expires_in", "refresh_token", "refresh_token_expires_in", "token_type", "scope",
    ]  # fmt: skip
    assert (answer["expires_in"], answer["refresh_token_expires_in"]) == (7200, 604800)
    assert answer["scope"] == SCOPES
    assert exchange(emulator, code, path) == {
        "code": 20065,
        "error": "invalid_grant",
        "error_description": "The authorization code has been used. Please note that an authorization code can only"
        " be used once.",
    }
    url = f"{emulator.url}/open-apis/minutes/v1/minutes/{seed_feishu.READY_MINUTE}"
    headers = {"Authorization": "Bearer " + answer["access_token"]}
    assert requests.get(url, headers=headers).json()["code"] == 0
    # Not consented to.
    assert requests.get(url + "/media", headers=headers).json()["code"] == 99991679
    renewed = exchange(emulator, "", path, grant_type="refresh_token", refresh_token=answer["refresh_token"])
    assert renewed["code"] == 0


def test_without_offline_access_there_is_no_refresh_token(emulator: Any) -> None:
    answer = exchange(emulator, consent(emulator, scope="minutes:minutes.basic:read"))
    assert list(answer) == ["code", "access_token", "expires_in", "token_type", "scope"]
    # Nor when it is left out of the narrowing.
    answer = exchange(emulator, consent(emulator), scope="minutes:minutes.basic:read")
    assert "refresh_token" not in answer


def test_scopes_add_up_over_consents_but_for_offline_access(emulator: Any) -> None:
    consent(emulator)
    answer = exchange(emulator, consent(emulator, scope="vc:record:readonly"))
    assert answer["scope"] == "minutes:minutes.basic:read vc:record:readonly"
    emulator.state.reset()
    assert exchange(emulator, consent(emulator, scope="vc:record:readonly"))["scope"] == "vc:record:readonly"


def test_a_code_lives_for_five_minutes(emulator: Any) -> None:
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
def test_refusals_leave_the_code_as_it_was(emulator: Any, changes: Any, code: int) -> None:
    granted = consent(emulator)
    assert exchange(emulator, **{"code": granted, **changes})["code"] == code
    assert exchange(emulator, granted)["code"] == 0


@pytest.mark.parametrize(
    ("challenge", "verifier", "v2", "v3"),
    [
        ({"code_challenge": S256, "code_challenge_method": "S256"}, VERIFIER, 0, 0),
        ({"code_challenge": S256, "code_challenge_method": "S256"}, VERIFIER[::-1], 20049, 20049),
        ({"code_challenge": S256, "code_challenge_method": "S256"}, None, 20049, 20049),
        # Plain unless told otherwise.
        ({"code_challenge": VERIFIER}, VERIFIER, 0, 0),
        ({"code_challenge": S256}, VERIFIER, 20049, 20049),
        ({"code_challenge": "short"}, "short", 20049, 20049),
        ({}, VERIFIER, 0, 20049),
    ],
)
def test_pkce(emulator: Any, challenge: dict[str, str], verifier: str | None, v2: int, v3: int) -> None:
    for path, code in ((V2, v2), (V3, v3)):
        answer = exchange(emulator, consent(emulator, **challenge), path, code_verifier=verifier)
        assert answer["code"] == code


def test_redirect_addresses_are_registered_by_http(emulator: Any) -> None:
    elsewhere = "http://127.0.0.1:41234/back"
    knobs = requests.post(f"{emulator.url}/_emulator/knobs", json={"redirect_uris": [elsewhere]}).json()
    assert knobs["redirect_uris"] == [elsewhere]
    assert visit(emulator, redirect_uri=elsewhere).status_code == 302
    assert visit(emulator).status_code == 400
    emulator.state.reset()
    assert visit(emulator).status_code == 302
