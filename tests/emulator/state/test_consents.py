"""The user's tokens: what they allow, and how they are refreshed."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed import feishu as seed
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_STORE_APP_ID,
    FEISHU_STORE_APP_SECRET,
    FEISHU_USER_REFRESH_TOKEN,
    FEISHU_USER_TOKEN,
)

DAY = 24 * 3600
MINUTE = f"/minutes/v1/minutes/{seed.READY_MINUTE}"
RECORDING = f"/vc/v1/meetings/{seed.READY_MEETING}/recording"


def get(emulator: Any, path: str, token: str = FEISHU_USER_TOKEN) -> int:
    return int(emulator.feishu(path, token).json()["code"])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (MINUTE, 0),
        (RECORDING, 0),
        (f"/vc/v1/meetings/{seed.ENGLISH_MEETING}/recording", 121005),
        (f"/moments/v1/posts/{seed.NAMED_POST}", 99991668),
    ],
    ids=["minute", "own recording", "recording of another organizer", "post"],
)
def test_access_with_user_token(emulator: Any, path: str, code: int) -> None:
    assert get(emulator, path) == code


def test_refresh_token_works_once(emulator: Any) -> None:
    first = emulator.refresh()
    assert first.keys() == {
        "code", "access_token", "expires_in", "refresh_token", "refresh_token_expires_in", "token_type", "scope",
    }  # fmt: skip
    assert emulator.refresh() == {
        "code": 20073,
        "error": "invalid_grant",
        "error_description": "The refresh token has been used. Please note that a refresh token can only be used once.",
    }
    second = emulator.refresh(refresh_token=first["refresh_token"])
    assert second["code"] == 0
    # The earlier access token is valid until it expires.
    assert get(emulator, MINUTE, first["access_token"]) == get(emulator, MINUTE, second["access_token"]) == 0
    emulator.clock.now += 7200
    assert get(emulator, MINUTE, second["access_token"]) == 99991677
    emulator.clock.now += 7 * DAY
    assert emulator.refresh(refresh_token=second["refresh_token"])["code"] == 20037


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"refresh_token": "eyJ.other"}, 20026),
        ({"refresh_token": 7}, 20063),
        ({"refresh_token": None}, 20063),
        ({"grant_type": None}, 20063),
        ({"grant_type": "password"}, 20036),
        ({"client_id": "cli_other"}, 20048),
        ({"client_secret": "other"}, 20002),
        ({"client_id": FEISHU_STORE_APP_ID, "client_secret": FEISHU_STORE_APP_SECRET}, 20024),
        ({"scope": "vc:record:readonly vc:record:readonly"}, 20067),
        ({"scope": "vc:record:readonly im:message"}, 20068),
    ],
)
def test_refused_refresh_leaves_token_valid(emulator: Any, changes: Any, code: int) -> None:
    assert emulator.refresh(**changes)["code"] == code
    assert emulator.refresh()["code"] == 0


def test_presented_refresh_tokens_are_counted(emulator: Any) -> None:
    emulator.state.fail("feishu.user_access_token", 20050)
    assert [emulator.refresh()["code"] for _ in range(3)] == [20050, 0, 20073]
    assert emulator.state.consents.presented == {FEISHU_USER_REFRESH_TOKEN: 3}
    assert emulator.get("/_emulator/counters").json()["refresh_tokens"] == {FEISHU_USER_REFRESH_TOKEN: 3}


def test_consent_ends_after_365_days(emulator: Any) -> None:
    token = FEISHU_USER_REFRESH_TOKEN
    for _ in range(60):
        emulator.clock.now += 6 * DAY
        answer = emulator.refresh(refresh_token=token)
        token = answer["refresh_token"]
    # After 360 days the consent ends before the lifetime of a refresh token does.
    assert answer["refresh_token_expires_in"] == 5 * DAY
    emulator.clock.now += 5 * DAY - 1
    answer = emulator.refresh(refresh_token=token)
    assert answer["refresh_token_expires_in"] == 1
    emulator.clock.now += 1
    assert emulator.refresh(refresh_token=answer["refresh_token"])["code"] == 20037


def test_fixed_refresh_token_expires_with_its_consent(emulator: Any) -> None:
    emulator.clock.now += 365 * DAY
    assert emulator.refresh()["code"] == 20037


def test_lifetime_of_refresh_tokens(emulator: Any) -> None:
    emulator.state.refresh_seconds = 60
    answer = emulator.refresh()
    assert answer["refresh_token_expires_in"] == 60
    emulator.clock.now += 60
    assert emulator.refresh(refresh_token=answer["refresh_token"])["code"] == 20037


def test_scope_limits_one_token(emulator: Any) -> None:
    first = emulator.refresh(scope="vc:record:readonly offline_access")
    assert first["scope"] == "offline_access vc:record:readonly"
    assert get(emulator, RECORDING, first["access_token"]) == 0
    assert get(emulator, MINUTE, first["access_token"]) == 99991679
    second = emulator.refresh(refresh_token=first["refresh_token"])
    assert get(emulator, MINUTE, second["access_token"]) == 0
    # Without offline_access there is no further refresh token.
    last = emulator.refresh(refresh_token=second["refresh_token"], scope="vc:record:readonly")
    assert not last.keys() & {"refresh_token", "refresh_token_expires_in"}
    assert emulator.refresh(refresh_token=second["refresh_token"])["code"] == 20073


def test_error_names_missing_scope(emulator: Any) -> None:
    token = emulator.refresh(scope="vc:record:readonly")["access_token"]
    answer = emulator.feishu(f"{MINUTE}/artifacts", token).json()
    assert answer["code"] == 99991679
    assert answer["msg"].endswith("required one of these privileges: [minutes:minutes.artifacts:read]")
    assert answer["error"]["permission_violations"] == [
        {"subject": "minutes:minutes.artifacts:read", "type": "action_privilege_required"}
    ]


def test_basic_auth_and_secret_in_body_are_refused(emulator: Any) -> None:
    answer = emulator.post("/open-apis/authen/v2/oauth/token", {"client_secret": "x"}, auth=("x", "y")).json()
    assert answer["code"] == 20070


def test_revoked_tokens(emulator: Any) -> None:
    app = emulator.feishu_token()
    emulator.state.revoke_tokens(FEISHU_USER_TOKEN)
    assert (get(emulator, MINUTE), get(emulator, MINUTE, app)) == (99991668, 0)
    emulator.state.revoke_tokens(FEISHU_USER_REFRESH_TOKEN)
    assert emulator.refresh()["code"] == 20064
    emulator.state.reset()
    assert (get(emulator, MINUTE), get(emulator, MINUTE, app)) == (0, 99991663)
