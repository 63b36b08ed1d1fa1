from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed.feishu import ENGLISH_MINUTE, READY_MEETING, READY_MINUTE

MINUTE = f"/minutes/v1/minutes/{READY_MINUTE}"
MEETING = f"/vc/v1/meetings/{READY_MEETING}/recording"


def codes(emulator: Any, path: str, number: int) -> list[int]:
    return [emulator.feishu(path).json()["code"] for _ in range(number)]


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        ([(2091003, {"times": 2})], [2091003, 2091003, 0, 0]),
        ([(2091005, {"skip": 2})], [0, 0, 2091005, 0]),
        ([(2091003, {}), (2091004, {})], [2091003, 2091004, 0, 0]),
    ],
    ids=["times", "skip", "two errors"],
)
def test_next_requests_fail(emulator: Any, failures: Any, expected: list[int]) -> None:
    for code, options in failures:
        emulator.state.fail("feishu.minute", code, **options)
    assert codes(emulator, MEETING, 1) == [0]
    assert codes(emulator, MINUTE, 4) == expected


def test_requests_fail_until_cleared(emulator: Any) -> None:
    emulator.state.fail("feishu.minute", 2091006, times=None)
    emulator.state.fail("feishu.meeting_recording", 121001, times=None)
    assert codes(emulator, MINUTE, 5) == [2091006] * 5
    emulator.state.clear_failures("feishu.minute")
    assert (codes(emulator, MINUTE, 1), codes(emulator, MEETING, 1)) == ([0], [121001])
    emulator.state.clear_failures()
    assert codes(emulator, MEETING, 1) == [0]


def test_order_for_platform_uses_message_of_each_endpoint(emulator: Any) -> None:
    emulator.feishu_token()
    emulator.state.fail("wecom.*", -1)
    emulator.state.fail("feishu.*", 20002, times=2)
    tenant = emulator.post("/open-apis/auth/v3/tenant_access_token/internal", {}).json()
    texts = (tenant["msg"], emulator.refresh()["error_description"])
    assert texts == ("app_id or app_secret error", "The client secret is invalid.")
    answer = emulator.get("/cgi-bin/gettoken").json()
    assert (answer["errcode"], answer["errmsg"].split(",")[0]) == (-1, "system busy")


def test_token_endpoints_fail_in_their_shape(emulator: Any) -> None:
    emulator.state.fail("feishu.tenant_access_token", 99991543)
    answer = emulator.post("/open-apis/auth/v3/tenant_access_token/internal", {}).json()
    assert answer.keys() == {"code", "msg"}
    emulator.state.fail("feishu.user_access_token", 20050)
    response = emulator.post("/open-apis/authen/v2/oauth/token", {})
    assert response.status_code == 500
    assert response.json()["error"] == "server_error"
    assert emulator.state.token_requests["feishu"] == 2


def test_custom_status_and_message(emulator: Any) -> None:
    # Users report an invalid token answered with HTTP 200.
    emulator.state.fail("feishu.minute", 99991663, status=200)
    emulator.state.fail("feishu.minute", 31337, message="undocumented", status=502)
    first, second = emulator.feishu(MINUTE), emulator.feishu(MINUTE)
    assert (first.status_code, first.json()["code"]) == (200, 99991663)
    assert (second.status_code, second.json()["code"], second.json()["msg"]) == (502, 31337, "undocumented")
    emulator.state.fail("wecom.record_list", 31337, message="undocumented")
    assert emulator.wecom("list", {})["errcode"] == 31337


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("<html>502 Bad Gateway</html>", "text/html; charset=utf-8"), ("{}", "application/json")],
    ids=["html", "json"],
)
def test_custom_body(emulator: Any, body: str, content_type: str) -> None:
    emulator.state.fail("feishu.minute", 0, status=502, body=body)
    response = emulator.feishu(MINUTE)
    assert (response.status_code, response.text, response.headers["Content-Type"]) == (502, body, content_type)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("feishu.nothing", 1), {}, "no endpoint is named 'feishu.nothing'; there are feishu.*, wecom.*, feishu.ten"),
        (("feishu.minute", 31337), {}, "no feishu document names the code 31337; pass a message"),
        (("feishu.minute", 45009), {}, "no feishu document names the code 45009"),
        (("feishu.minute", 2091003), {"times": 0}, "times must be 1 or more, or None"),
        (("feishu.minute", 2091003), {"skip": -1}, "skip must be 0 or more"),
        (("feishu.minute", 2091003), {"reset": -1}, "reset must be 0 or more"),
        (("feishu.minute", 2091003), {"status": 99}, "status must be from 200 to 599"),
    ],
)
def test_order_rejects_bad_arguments(emulator: Any, arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("*", r"\*")):
        emulator.state.fail(*arguments, **options)


def test_not_ready_for_one_object(start: Any) -> None:
    emulator = start(not_ready_polls=5)
    emulator.state.not_ready(READY_MINUTE, 2)
    assert codes(emulator, MINUTE, 3) == [2091003, 2091003, 0]
    assert codes(emulator, f"/minutes/v1/minutes/{ENGLISH_MINUTE}", 1) == [0]
    emulator.state.not_ready(READY_MEETING, 1)
    assert codes(emulator, MEETING, 2) == [124002, 0]
