from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed.feishu import ENGLISH_MINUTE, READY_MEETING, READY_MINUTE

MINUTE = f"/minutes/v1/minutes/{READY_MINUTE}"
MEETING = f"/vc/v1/meetings/{READY_MEETING}/recording"


def codes(emulator: Any, path: str, number: int) -> list[int]:
    return [emulator.feishu(path).json()["code"] for _ in range(number)]


def test_the_next_ones_fail_and_no_other_endpoint(emulator: Any) -> None:
    emulator.state.fail("feishu.minute", 2091003, times=2)
    assert codes(emulator, MEETING, 1) == [0]
    assert codes(emulator, MINUTE, 4) == [2091003, 2091003, 0, 0]


def test_some_are_skipped_first(emulator: Any) -> None:
    emulator.state.fail("feishu.minute", 2091005, skip=2)
    assert codes(emulator, MINUTE, 4) == [0, 0, 2091005, 0]


def test_all_fail_until_cleared(emulator: Any) -> None:
    emulator.state.fail("feishu.minute", 2091006, times=None)
    emulator.state.fail("feishu.meeting_recording", 121001, times=None)
    assert codes(emulator, MINUTE, 5) == [2091006] * 5
    emulator.state.clear_failures("feishu.minute")
    assert (codes(emulator, MINUTE, 1), codes(emulator, MEETING, 1)) == ([0], [121001])
    emulator.state.clear_failures()
    assert codes(emulator, MEETING, 1) == [0]


def test_orders_follow_each_other(emulator: Any) -> None:
    emulator.state.fail("feishu.minute", 2091003)
    emulator.state.fail("feishu.minute", 2091004)
    assert codes(emulator, MINUTE, 3) == [2091003, 2091004, 0]


def test_a_whole_platform_fails_each_endpoint_in_its_own_words(emulator: Any) -> None:
    emulator.feishu_token()
    emulator.state.fail("wecom.*", -1)
    emulator.state.fail("feishu.*", 121001, times=3, skip=1)
    # The token's own request was skipped.
    token = {"Authorization": f"Bearer {emulator.feishu_token()}"}
    search = emulator.session.post(f"{emulator.url}/open-apis/vc/v1/meetings/search", headers=token)
    recording = emulator.session.get(f"{emulator.url}/open-apis{MEETING}", headers=token)
    assert (search.json()["msg"], recording.json()["msg"]) == ("invalid param", "internal error")
    answer = emulator.session.get(f"{emulator.url}/cgi-bin/gettoken").json()
    assert (answer["errcode"], answer["errmsg"].split(",")[0]) == (-1, "system busy")


def test_token_endpoints_fail_in_their_own_shape(emulator: Any) -> None:
    emulator.state.fail("feishu.tenant_access_token", 99991543)
    url = f"{emulator.url}/open-apis/auth/v3/tenant_access_token/internal"
    assert emulator.session.post(url, json={}).json().keys() == {"code", "msg"}
    emulator.state.fail("feishu.user_access_token", 20050)
    response = emulator.session.post(f"{emulator.url}/open-apis/authen/v2/oauth/token", json={})
    assert response.status_code == 500
    assert response.json()["error"] == "server_error"
    assert emulator.state.token_requests["feishu"] == 2


def test_status_and_message_may_be_others(emulator: Any) -> None:
    # Users have seen an invalid token answered with HTTP 200.
    emulator.state.fail("feishu.minute", 99991663, status=200)
    emulator.state.fail("feishu.minute", 31337, message="no document knows", status=502)
    first, second = emulator.feishu(MINUTE), emulator.feishu(MINUTE)
    assert (first.status_code, first.json()["code"]) == (200, 99991663)
    assert (second.status_code, second.json()["code"], second.json()["msg"]) == (502, 31337, "no document knows")
    emulator.state.fail("wecom.record_list", 31337, message="no document knows")
    assert emulator.wecom("list", {})["errcode"] == 31337


@pytest.mark.parametrize(
    ("body", "kind"), [("<html>502 Bad Gateway</html>", "text/html; charset=utf-8"), ("{}", "application/json")]
)
def test_a_gateway_between_may_answer(emulator: Any, body: str, kind: str) -> None:
    emulator.state.fail("feishu.minute", 0, status=502, body=body)
    response = emulator.feishu(MINUTE)
    assert (response.status_code, response.text, response.headers["Content-Type"]) == (502, body, kind)


@pytest.mark.parametrize(
    ("arguments", "changes", "text"),
    [
        (("feishu.nothing", 1), {}, "no endpoint is named 'feishu.nothing'; there are feishu.*, wecom.*, feishu.ten"),
        (("feishu.minute", 31337), {}, "no feishu document names the code 31337; pass a message"),
        (("feishu.minute", 45009), {}, "no feishu document names the code 45009"),
        (("feishu.minute", 2091003), {"times": 0}, "times must be 1 or more, or None"),
        (("feishu.minute", 2091003), {"skip": -1}, "skip must be 0 or more"),
        (("feishu.minute", 2091003), {"status": 99}, "status must be from 200 to 599"),
    ],
)
def test_bad_orders(emulator: Any, arguments: Any, changes: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text.replace("*", r"\*")):
        emulator.state.fail(*arguments, **changes)


def test_not_ready_for_one_object(start: Any) -> None:
    emulator = start(not_ready_polls=5)
    emulator.state.not_ready(READY_MINUTE, 2)
    assert codes(emulator, MINUTE, 3) == [2091003, 2091003, 0]
    assert codes(emulator, f"/minutes/v1/minutes/{ENGLISH_MINUTE}", 1) == [0]
    emulator.state.not_ready(READY_MEETING, 1)
    assert codes(emulator, MEETING, 2) == [124002, 0]
