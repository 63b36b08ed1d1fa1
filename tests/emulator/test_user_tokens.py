"""The one user who has consented: what that token opens, and how it is renewed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed import feishu as seed_feishu
from airflow_provider_meetings.emulator.state.clock import VirtualClock

OAUTH = "/open-apis/authen/v2/oauth/token"
RIGHT = {
    "grant_type": "refresh_token",
    "client_id": credentials.FEISHU_APP_ID,
    "client_secret": credentials.FEISHU_APP_SECRET,
    "refresh_token": credentials.FEISHU_USER_REFRESH_TOKEN,
}


def get(emulator: Any, path: str, token: str = credentials.FEISHU_USER_TOKEN) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return int(requests.get(f"{emulator.url}/open-apis{path}", headers=headers).json()["code"])


def renew(emulator: Any, **changes: Any) -> Any:
    return requests.post(emulator.url + OAUTH, json={**RIGHT, **changes}).json()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"/minutes/v1/minutes/{seed_feishu.ENGLISH_MINUTE}", 0),
        (f"/vc/v1/meetings/{seed_feishu.READY_MEETING}/recording", 0),
        # Of another organizer.
        (f"/vc/v1/meetings/{seed_feishu.ENGLISH_MEETING}/recording", 121005),
        (f"/moments/v1/posts/{seed_feishu.NAMED_POST}", 99991668),
    ],
)
def test_what_a_user_may(emulator: Any, path: str, code: int) -> None:
    assert get(emulator, path) == code


def test_a_refresh_token_works_once(emulator: Any) -> None:
    path = f"/minutes/v1/minutes/{seed_feishu.READY_MINUTE}"
    first = renew(emulator)
    assert first.keys() == {
        "code", "access_token", "expires_in", "refresh_token", "refresh_token_expires_in", "token_type", "scope",
    }  # fmt: skip
    assert renew(emulator) == {
        "code": 20073,
        "error": "invalid_grant",
        "error_description": "The refresh token has been used. Please note that a refresh token can only be used once.",
    }
    second = renew(emulator, refresh_token=first["refresh_token"])
    assert second["code"] == 0
    # The old access token lives to its own end.
    assert get(emulator, path, first["access_token"]) == get(emulator, path, second["access_token"]) == 0
    emulator.clock.now += 7200
    assert get(emulator, path, second["access_token"]) == 99991677
    emulator.clock.now += 7 * 24 * 3600
    assert renew(emulator, refresh_token=second["refresh_token"])["code"] == 20037


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
        (
            {"client_id": credentials.FEISHU_STORE_APP_ID, "client_secret": credentials.FEISHU_STORE_APP_SECRET},
            20024,
        ),
        ({"scope": "vc:record:readonly vc:record:readonly"}, 20067),
        ({"scope": "vc:record:readonly im:message"}, 20068),
    ],
)
def test_refusals(emulator: Any, changes: Any, code: int) -> None:
    assert renew(emulator, **changes)["code"] == code
    # None of them uses the token up.
    assert renew(emulator)["code"] == 0


def test_each_showing_of_a_refresh_token_is_counted(emulator: Any) -> None:
    token = credentials.FEISHU_USER_REFRESH_TOKEN
    emulator.state.fail("feishu.user_access_token", 20050)
    answers = [renew(emulator)["code"] for _ in range(3)]
    assert answers == [20050, 0, 20073]
    assert emulator.state.consents.presented == {token: 3}
    assert requests.get(f"{emulator.url}/_emulator/counters").json()["refresh_tokens"] == {token: 3}


def test_a_consent_ends_after_365_days(emulator: Any) -> None:
    day = 24 * 3600
    token = credentials.FEISHU_USER_REFRESH_TOKEN
    for _ in range(60):
        emulator.clock.now += 6 * day
        answer = renew(emulator, refresh_token=token)
        token = answer["refresh_token"]
    # 360 days have gone; what is left of the consent is less than the lifetime of a token.
    assert answer["refresh_token_expires_in"] == 5 * day
    emulator.clock.now += 5 * day - 1
    answer = renew(emulator, refresh_token=token)
    assert answer["refresh_token_expires_in"] == 1
    emulator.clock.now += 1
    assert renew(emulator, refresh_token=answer["refresh_token"])["code"] == 20037


def test_the_fixed_refresh_token_ends_with_its_consent(emulator: Any) -> None:
    emulator.clock.now += 365 * 24 * 3600
    assert renew(emulator)["code"] == 20037


def test_lifetime_of_refresh_tokens(emulator: Any) -> None:
    emulator.state.refresh_seconds = 60
    answer = renew(emulator)
    assert answer["refresh_token_expires_in"] == 60
    emulator.clock.now += 60
    assert renew(emulator, refresh_token=answer["refresh_token"])["code"] == 20037


def test_scopes_are_narrowed_for_one_token(emulator: Any) -> None:
    minute, recording = (
        f"/minutes/v1/minutes/{seed_feishu.READY_MINUTE}", f"/vc/v1/meetings/{seed_feishu.READY_MEETING}/recording"
    )  # fmt: skip
    first = renew(emulator, scope="vc:record:readonly offline_access")
    assert first["scope"] == "offline_access vc:record:readonly"
    assert get(emulator, recording, first["access_token"]) == 0
    assert get(emulator, minute, first["access_token"]) == 99991679
    second = renew(emulator, refresh_token=first["refresh_token"])
    assert get(emulator, minute, second["access_token"]) == 0
    # Whoever leaves out offline_access has had the last token of the chain.
    last = renew(emulator, refresh_token=second["refresh_token"], scope="vc:record:readonly")
    assert "refresh_token" not in last
    assert "refresh_token_expires_in" not in last
    assert renew(emulator, refresh_token=second["refresh_token"])["code"] == 20073


def test_a_missing_scope_is_named(emulator: Any) -> None:
    narrow = renew(emulator, scope="vc:record:readonly")["access_token"]
    url = f"{emulator.url}/open-apis/minutes/v1/minutes/{seed_feishu.READY_MINUTE}/artifacts"
    answer = requests.get(url, headers={"Authorization": f"Bearer {narrow}"}).json()
    assert answer["code"] == 99991679
    assert answer["msg"].endswith("required one of these privileges: [minutes:minutes.artifacts:read]")
    assert answer["error"]["permission_violations"] == [
        {"subject": "minutes:minutes.artifacts:read", "type": "action_privilege_required"}
    ]


def test_the_token_before_may_be_given_a_minute(emulator: Any) -> None:
    path = f"/minutes/v1/minutes/{seed_feishu.READY_MINUTE}"
    emulator.state.user_token_grace = 60
    new = renew(emulator)["access_token"]
    emulator.clock.now += 59
    assert get(emulator, path) == 0
    emulator.clock.now += 1
    assert (get(emulator, path), get(emulator, path, new)) == (99991677, 0)


def test_two_ways_to_name_the_app_are_one_too_many(emulator: Any) -> None:
    answer = requests.post(emulator.url + OAUTH, json=RIGHT, auth=("x", "y")).json()
    assert answer["code"] == 20070


def test_revoked_tokens(emulator: Any) -> None:
    path = f"/minutes/v1/minutes/{seed_feishu.READY_MINUTE}"
    app = emulator.feishu_token()
    emulator.state.revoke_tokens(credentials.FEISHU_USER_TOKEN)
    assert (get(emulator, path), get(emulator, path, app)) == (99991668, 0)
    emulator.state.revoke_tokens(credentials.FEISHU_USER_REFRESH_TOKEN)
    assert renew(emulator)["code"] == 20064
    emulator.state.reset()
    assert (get(emulator, path), get(emulator, path, app)) == (0, 99991663)


def test_a_clock_that_is_set(start: Any) -> None:
    clock = VirtualClock(1_794_700_000)
    emulator = start(clock=clock, token_seconds=60)
    token = emulator.wecom_token()
    assert emulator.state.token_status("wecom", token) == "valid"
    clock.advance(60)
    assert emulator.state.token_status("wecom", token) == "expired"
    assert clock.now == clock() == 1_794_700_060
    clock.set(1_794_700_000)
    assert emulator.state.token_status("wecom", token) == "valid"
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2026, 11, 1))


def test_a_running_clock_runs() -> None:
    clock = VirtualClock(5, running=True)
    first = clock.now
    while clock.now == first:
        pass
    assert clock.now > first >= 5
