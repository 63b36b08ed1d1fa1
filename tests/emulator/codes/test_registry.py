"""The table of error codes; every row is answered over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import requests

from airflow_provider_meetings.emulator.codes.registry import CODES, find
from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS, Code, Endpoint
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

# The tables of four of the five documents: status, code, description. WeCom's document has none.
PRINTED = {
    "feishu.minute": [
        (400, 2091001, "param is invalid"), (404, 2091002, "resource not found"),
        (400, 2091003, "minute not ready , try later"), (400, 2091004, "resource deleted"),
        (403, 2091005, "permission deny"),
    ],
    "feishu.minute_media": [
        (400, 2091001, "param is invalid"), (404, 2091002, "resource not found"),
        (400, 2091003, "minute not ready , try later"), (400, 2091004, "resource deleted"),
        (403, 2091005, "permission deny"), (500, 2091006, "service internal error"),
    ],
    "feishu.meeting_recording": [
        (500, 121001, "internal error"), (400, 121002, "not support"), (400, 121003, "param error"),
        (404, 121004, "data not exist"), (403, 121005, "no permission"), (400, 122001, "meeting status unexpected"),
        (404, 122002, "meeting not exist"), (400, 124002, "record processing"),
    ],
    "feishu.post": [
        (400, 1420001, "invalid args"), (403, 1420002, "permission denied"), (404, 1420004, "post not found"),
        (429, 1420003, "triggers the frequency limit"),
    ],
}  # fmt: skip

# The codes that other documents name.
NAMED = {
    "feishu": {
        20001, 20002, 20003, 20004, 20008, 20009, 20010, 20024, 20026, 20036, 20037, 20048, 20049, 20050, 20063, 20064,
        20065, 20066, 20067, 20068, 20069, 20070, 20071, 20072, 20073, 20074, 10003, 10012, 10013, 10016,
        99991661, 99991662, 99991663, 99991664, 99991665, 99991668, 99991669, 99991671, 99991672, 99991673, 99991676,
        99991677, 99991679, 99991543, 10014, 10015, 99991400, 99991401, 99991403, 99992402, 2200, 5000, 230020,
        1500, 1503, 1642, 1663, 1668, 10101, 10500, 10005, 20005, 20006, 20013, 20014, 20021, 20022, 20023, 21000,
        21001, 99991201, 99991301, 99991674, 99991675, *range(99992351, 99992362), 99992363, 99992364, 99992370,
        99992375, 99992376, *range(99992378, 99992382), 126003, 126004, 126007, 126015,
        2094005, 2094007, 2094011, 2094012, 2095001, 2095002, 2095101, 126005, 126006, 126008, 126009, 126016,
    },
    "wecom": {
        -1, 6000, 40001, 40013, 40014, 40035, 40058, 41001, 42001, 45009, 45033, 48002, 60011, 60020, 301002,
        40003, 48001, 48004, 48006, 50002, 60021, 60030, 60111, 90602, 301007, 301021, 400028, 680106,
        *range(730001, 730012),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[str, EmulatorState, requests.Session]]:
    state = EmulatorState()
    with serve(state) as url, requests.Session() as session:
        yield url, state, session


def send(session: requests.Session, url: str, endpoint: Endpoint) -> requests.Response:
    path = re.sub(r"\{[a-z_]+\}", "1", endpoint.path)
    return session.request(endpoint.method, url + path)


@pytest.mark.parametrize("endpoint", PRINTED)
def test_printed_tables(endpoint: str) -> None:
    rows = {row.code: row for row in CODES if endpoint in row.endpoints}
    for status, code, message in PRINTED[endpoint]:
        assert (rows[code].status, rows[code].message, rows[code].uncertain) == (status, message, "")


@pytest.mark.parametrize("platform", NAMED)
def test_codes_of_other_documents(platform: str) -> None:
    assert NAMED[platform] <= {row.code for row in CODES if row.platform == platform}


def test_rows_are_valid() -> None:
    assert len({row.key for row in CODES}) == len(CODES)
    for row in CODES:
        assert row.endpoints
        assert {ENDPOINTS[name].platform for name in row.endpoints} == {row.platform}
        assert row.source.startswith(("https://open.feishu.cn/", "https://developer.work.weixin.qq.com/"))
        assert row.platform == "feishu" or row.status == 200
        assert all(find(name, row.code) == row for name in row.endpoints)


@pytest.mark.parametrize("row", CODES, ids=lambda row: row.key)
def test_every_row_is_answered_by_its_endpoints(
    running: tuple[str, EmulatorState, requests.Session], row: Code
) -> None:
    url, state, session = running
    for name in row.endpoints:
        state.fail(name, row.code)
        response = send(session, url, ENDPOINTS[name])
        answer = response.json()
        assert response.status_code == row.status, name
        if row.platform == "wecom":
            assert answer.keys() == {"errcode", "errmsg"}
            assert answer["errcode"] == row.code
            assert answer["errmsg"].startswith(f"{row.message}, hint: [")
        elif name.startswith("feishu.user_access_token"):
            assert answer.keys() == {"code", "error", "error_description"}
            assert (answer["code"], answer["error_description"]) == (row.code, row.message)
        else:
            assert (answer["code"], answer["msg"]) == (row.code, row.message)
        if row.platform == "feishu":
            assert response.headers["X-Tt-Logid"]
    assert not list(state.failures)


def test_details_of_an_error(running: tuple[str, EmulatorState, requests.Session]) -> None:
    url, state, session = running
    endpoint = ENDPOINTS["feishu.minute"]
    state.fail("feishu.minute", 99991672)
    response = send(session, url, endpoint)
    error = response.json()["error"]
    # "logid" as in the page's example; "log_id" elsewhere.
    assert error["logid"] == response.headers["X-Tt-Logid"]
    assert error["permission_violations"] == [{"type": "action_scope_required", "subject": "minutes:minutes:readonly"}]
    assert error["helps"][0].keys() == {"url", "description"}
    state.fail("feishu.minute", 99992402)
    assert send(session, url, endpoint).json()["error"]["field_violations"][0].keys() == {
        "field", "value", "description",
    }  # fmt: skip
    state.fail("feishu.minute", 99991400, reset=7)
    response = send(session, url, endpoint)
    assert response.json() == {"code": 99991400, "msg": "request trigger frequency limit"}
    assert response.headers["x-ogw-ratelimit-limit"] == "5"
    assert response.headers["x-ogw-ratelimit-reset"] == "7"
    assert json.dumps(response.json()).isascii()
