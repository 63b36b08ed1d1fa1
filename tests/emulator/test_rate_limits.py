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


def ask(emulator: Any, path: str, number: int = 1) -> list[requests.Response]:
    headers = {"Authorization": f"Bearer {emulator.feishu_token()}"}
    return [emulator.session.get(f"{emulator.url}/open-apis{path}", headers=headers) for _ in range(number)]


def listed(emulator: Any, token: str) -> int:
    url = f"{emulator.url}/cgi-bin/meeting/record/list"
    return int(emulator.session.post(url, params={"access_token": token}, json={}).json()["errcode"])


def test_nothing_is_limited_unless_asked_for(emulator: Any) -> None:
    assert {answer.status_code for answer in ask(emulator, MINUTE, 12)} == {200}


def test_feishu_refuses_the_sixth_minute_of_a_second(limited: Any) -> None:
    answers = ask(limited, MINUTE, 7)
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert answers[-1].json() == {"code": 99991400, "msg": "request trigger frequency limit"}
    assert answers[-1].headers["x-ogw-ratelimit-limit"] == "5"
    assert answers[-1].headers["x-ogw-ratelimit-reset"] == "1"
    # Each endpoint by itself.
    assert ask(limited, f"{MINUTE}/media")[0].status_code == 200
    limited.clock.now += 1
    assert ask(limited, MINUTE)[0].status_code == 200


def test_the_older_form_is_http_400(limited: Any) -> None:
    limited.state.throttle_status = 400
    refused = ask(limited, MINUTE, 6)[-1]
    assert (refused.status_code, refused.json()["code"]) == (400, 99991400)
    assert refused.headers["x-ogw-ratelimit-reset"] == "1"


def test_either_of_two_windows_refuses(limited: Any) -> None:
    assert [answer.status_code for answer in ask(limited, MEETING, 51)] == [200] * 50 + [429]
    limited.state.limits.windows["feishu.meeting_recording"] = (Window(8, 60), Window(5, 1))
    limited.clock.now += 60
    assert [answer.status_code for answer in ask(limited, MEETING, 6)] == [200] * 5 + [429]
    limited.clock.now += 1
    refused = ask(limited, MEETING, 4)
    assert [answer.status_code for answer in refused] == [200] * 3 + [429]
    assert refused[-1].headers["x-ogw-ratelimit-limit"] == "8"
    # 1 794 700 000 is 40 s into its minute, and one second has gone since.
    assert refused[-1].headers["x-ogw-ratelimit-reset"] == "19"
    limited.clock.now += 19
    assert ask(limited, MEETING)[0].status_code == 200


def test_moments_have_a_code_of_their_own_and_no_reset(limited: Any) -> None:
    refused = ask(limited, POST, 21)[-1]
    assert (refused.status_code, refused.json()["code"]) == (429, 1420003)
    assert "x-ogw-ratelimit-reset" not in refused.headers


def test_wecom_blocks_for_a_minute(limited: Any) -> None:
    limited.state.limits.windows["wecom.record_list"] = (Window(3, 60, 60),)
    token = limited.wecom_token()
    assert [listed(limited, token) for _ in range(4)] == [40058] * 3 + [45009]
    # The window is over after 20 s, the block is not.
    limited.clock.now += 59
    assert listed(limited, token) == 45009
    limited.clock.now += 1
    assert listed(limited, token) == 40058


def test_wecom_refuses_too_many_at_once(limited: Any) -> None:
    token = limited.wecom_token()
    assert [listed(limited, token) for _ in range(10)] == [40058] * 9 + [45033]
    limited.clock.now += 0.1
    limited.state.wecom_concurrent = 2
    assert [listed(limited, token) for _ in range(3)] == [40058, 40058, 45033]


def test_the_documented_limits_are_in_force(limited: Any) -> None:
    limits = limited.state.limits.to_dict()
    assert limits["feishu.minute_transcript"] == [[5, 1, 0]]
    assert limits["feishu.minutes_search"] == limits["feishu.meeting_list"] == [[100, 60, 0]]
    assert limits["feishu.user_access_token"] == limits["feishu.meeting_recording"] == [[1000, 60, 0], [50, 1, 0]]
    assert limits["wecom.get_file"] == [[10_000, 60, 60], [150_000, 3600, 3600]]


def test_throttled_answers_are_counted(limited: Any) -> None:
    ask(limited, MINUTE, 7)
    ask(limited, POST, 21)
    limited.state.limits.windows["wecom.record_list"] = (Window(1, 60, 60),)
    token = limited.wecom_token()
    for _ in range(2):
        listed(limited, token)
    limited.clock.now += 1
    limited.state.wecom_concurrent = 1
    limited.state.limits.windows["wecom.record_list"] = (Window(9, 60, 60),)
    for _ in range(2):
        listed(limited, token)
    # One that a test ordered is one that the client has seen.
    limited.state.fail("feishu.minute_media", 99991400)
    ask(limited, f"{MINUTE}/media")
    counted = {"feishu.minute": 2, "feishu.post": 1, "wecom.record_list": 2, "feishu.minute_media": 1}
    assert limited.state.throttled == counted
    url = f"{limited.url}/_emulator/counters"
    counters = requests.get(url).json()
    assert counters["throttled"] == counted
    assert (counters["calls"]["feishu.minute"], counters["calls"]["wecom.record_list"]) == (7, 4)
    # Counting anew leaves tokens and windows as they are.
    assert requests.delete(url).json() == {
        "requests": 0, "token_requests": {}, "calls": {}, "throttled": {}, "refresh_tokens": {},
    }  # fmt: skip
    assert limited.state.token_status("wecom", token) == "valid"
    assert listed(limited, token) == 45033
    assert limited.state.throttled == {"wecom.record_list": 1}
