from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.model.endpoints import Window
from airflow_provider_meetings.emulator.seed.feishu import NAMED_POST, READY_MEETING, READY_MINUTE

MINUTE = f"/minutes/v1/minutes/{READY_MINUTE}"
MEETING = f"/vc/v1/meetings/{READY_MEETING}/recording"
POST = f"/moments/v1/posts/{NAMED_POST}"


@pytest.fixture
def limited(start: Any) -> Any:
    return start(rate_limits=True)


def request(emulator: Any, path: str, number: int = 1) -> list[requests.Response]:
    token = emulator.feishu_token()
    return [emulator.feishu(path, token) for _ in range(number)]


def statuses(emulator: Any, path: str, number: int = 1) -> list[int]:
    return [response.status_code for response in request(emulator, path, number)]


def list_records(emulator: Any, token: str, number: int) -> list[int]:
    params = {"access_token": token}
    answers = [emulator.post("/cgi-bin/meeting/record/list", {}, params=params).json() for _ in range(number)]
    return [answer["errcode"] for answer in answers]


def test_no_limits_by_default(emulator: Any) -> None:
    assert set(statuses(emulator, MINUTE, 12)) == {200}


def test_feishu_limit_per_second(limited: Any) -> None:
    responses = request(limited, MINUTE, 7)
    assert [response.status_code for response in responses] == [200] * 5 + [429] * 2
    assert responses[-1].json() == {"code": 99991400, "msg": "request trigger frequency limit"}
    assert responses[-1].headers["x-ogw-ratelimit-limit"] == "5"
    assert responses[-1].headers["x-ogw-ratelimit-reset"] == "1"
    # Each endpoint has its own limit.
    assert statuses(limited, f"{MINUTE}/media") == [200]
    limited.clock.now += 1
    assert statuses(limited, MINUTE) == [200]


def test_two_windows(limited: Any) -> None:
    assert statuses(limited, MEETING, 51) == [200] * 50 + [429]
    limited.state.limits.windows["feishu.meeting_recording"] = (Window(8, 60), Window(5, 1))
    limited.clock.now += 60
    assert statuses(limited, MEETING, 6) == [200] * 5 + [429]
    limited.clock.now += 1
    responses = request(limited, MEETING, 4)
    assert [response.status_code for response in responses] == [200] * 3 + [429]
    assert responses[-1].headers["x-ogw-ratelimit-limit"] == "8"
    # 1 794 700 000 is 40 s into its minute, and one second has passed.
    assert responses[-1].headers["x-ogw-ratelimit-reset"] == "19"
    limited.clock.now += 19
    assert statuses(limited, MEETING) == [200]


def test_moments_has_its_own_code_and_no_reset(limited: Any) -> None:
    refused = request(limited, POST, 21)[-1]
    assert (refused.status_code, refused.json()["code"]) == (429, 1420003)
    assert "x-ogw-ratelimit-reset" not in refused.headers


def test_wecom_blocks_for_a_minute(limited: Any) -> None:
    limited.state.limits.windows["wecom.record_list"] = (Window(3, 60, 60),)
    token = limited.wecom_token()
    assert list_records(limited, token, 4) == [40058] * 3 + [45009]
    # The window ends after 20 s, the block later.
    limited.clock.now += 59
    assert list_records(limited, token, 1) == [45009]
    limited.clock.now += 1
    assert list_records(limited, token, 1) == [40058]


def test_wecom_limits_concurrent_requests(limited: Any) -> None:
    token = limited.wecom_token()
    assert list_records(limited, token, 10) == [40058] * 9 + [45033]
    limited.clock.now += 0.1
    assert list_records(limited, token, 1) == [40058]


def test_documented_limits(limited: Any) -> None:
    limits = limited.state.limits.to_dict()
    assert limits["feishu.minute_transcript"] == [[5, 1, 0]]
    assert limits["feishu.minutes_search"] == limits["feishu.meeting_list"] == [[100, 60, 0]]
    assert limits["feishu.user_access_token"] == limits["feishu.meeting_recording"] == [[1000, 60, 0], [50, 1, 0]]
    assert limits["wecom.get_file"] == [[10_000, 60, 60], [150_000, 3600, 3600]]


def test_throttled_requests_are_counted(limited: Any) -> None:
    request(limited, MINUTE, 7)
    request(limited, POST, 21)
    limited.state.limits.windows["wecom.record_list"] = (Window(1, 60, 60),)
    token = limited.wecom_token()
    list_records(limited, token, 2)
    limited.clock.now += 1
    limited.state.limits.windows["wecom.record_list"] = (Window(99, 60, 60),)
    list_records(limited, token, 11)
    # An injected error counts too.
    limited.state.fail("feishu.minute_media", 99991400)
    request(limited, f"{MINUTE}/media")
    throttled = {"feishu.minute": 2, "feishu.post": 1, "wecom.record_list": 2, "feishu.minute_media": 1}
    assert limited.state.throttled == throttled
    counters = limited.get("/_emulator/counters").json()
    assert counters["throttled"] == throttled
    assert (counters["calls"]["feishu.minute"], counters["calls"]["wecom.record_list"]) == (7, 13)
    # Clearing the counters keeps tokens and windows.
    assert limited.session.delete(f"{limited.url}/_emulator/counters").json() == {
        "requests": 0, "token_requests": {}, "calls": {}, "throttled": {}, "refresh_tokens": {},
    }  # fmt: skip
    assert limited.state.token_status("wecom", token) == "valid"
    assert list_records(limited, token, 1) == [45033]
    assert limited.state.throttled == {"wecom.record_list": 1}
