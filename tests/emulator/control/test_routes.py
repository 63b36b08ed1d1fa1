"""Settings, faults and the log over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import requests
from starlette.types import Message

from airflow_provider_meetings.emulator.app import create_app
from airflow_provider_meetings.emulator.control.settings import SETTINGS
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.clock import VirtualClock
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

MINUTE = f"/minutes/v1/minutes/{READY_MINUTE}"


def test_overview_lists_every_setting(emulator: Any) -> None:
    overview = emulator.get("/_emulator/").json()
    assert overview["knobs"].keys() == SETTINGS.keys()
    for name, setting in overview["knobs"].items():
        assert setting["value"] == getattr(emulator.state, name)
        assert setting["takes"]
        assert setting["about"]
    assert overview["endpoints"]["feishu.minute"] == "GET /open-apis/minutes/v1/minutes/{minute_token}"
    assert overview["limits"]["feishu.minute"] == [[5, 1, 0]]


def test_every_plain_attribute_is_a_setting() -> None:
    plain = {
        name
        for name, value in vars(EmulatorState()).items()
        if not name.startswith("_") and isinstance(value, (int, str, type(None)))
    }
    assert plain == SETTINGS.keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("not_ready_polls", 3), ("token_seconds", 60), ("link_seconds", None), ("link_seconds", 5),
        ("rate_limits", True), ("wecom_spelling", "record_meetings"), ("has_more", "when-true"),
        ("meeting_list_tenant", False), ("refresh_seconds", 60), ("consent", "deny"), ("cloud", "lark"),
        ("minutes_search_depth", 2), ("minutes_search_most", 2),
    ],
)  # fmt: skip
def test_settings_are_changed(emulator: Any, name: str, value: Any) -> None:
    response = emulator.control("knobs", {name: value})
    assert response.json()["knobs"][name]["value"] == value
    assert getattr(emulator.state, name) == value


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"nothing": 1}, "there is no setting 'nothing'; there are not_ready_polls"),
        ({"not_ready_polls": -1}, "not_ready_polls takes an integer from 0"),
        ({"not_ready_polls": True}, "not_ready_polls takes an integer from 0"),
        ({"rate_limits": 1}, "rate_limits takes true or false"),
        ({"wecom_spelling": "records"}, "wecom_spelling takes 'record_list' or 'record_meetings'"),
        ({"consent": "perhaps"}, "consent takes 'grant' or 'deny'"),
        ({"consent": ["grant"]}, "consent takes 'grant' or 'deny'"),
        ([], "the body must be a JSON object"),
    ],
)
def test_bad_settings_change_nothing(emulator: Any, body: Any, text: str) -> None:
    if isinstance(body, dict):
        body = {"token_seconds": 1, **body}
    response = emulator.control("knobs", body)
    assert response.status_code == 400
    assert text in response.json()["error"]
    assert emulator.state.token_seconds == 7200


def test_injected_errors(emulator: Any) -> None:
    failure = emulator.control("fail", {"endpoint": "feishu.minute", "code": 2091003, "times": None}).json()
    assert (failure["endpoint"], failure["times"]) == ("feishu.minute", None)
    response = emulator.feishu(MINUTE)
    assert (response.status_code, response.json()["msg"]) == (400, "minute not ready , try later")
    url = f"{emulator.url}/_emulator/fail"
    assert requests.delete(url, params={"endpoint": "feishu.minute"}).json() == {"failures": []}
    assert emulator.feishu(MINUTE).json()["code"] == 0


def test_media_faults(emulator: Any) -> None:
    address = emulator.media_link(READY_MINUTE)
    assert emulator.control("media-fault", {"kind": "html", "file": READY_MINUTE, "request": 2}).status_code == 200
    assert requests.get(address).headers["Content-Type"] == "video/mp4"
    assert requests.get(address).headers["Content-Type"].startswith("text/html")
    assert len(emulator.get("/_emulator/").json()["media_faults"]) == 1
    assert requests.delete(f"{emulator.url}/_emulator/media-fault").json() == {"media_faults": []}


@pytest.mark.parametrize(
    ("name", "body", "text"),
    [
        ("fail", {}, "endpoint is required"),
        ("fail", {"endpoint": "feishu.minute"}, "code is required"),
        ("fail", {"endpoint": "feishu.x", "code": 1}, "no endpoint is named"),
        ("fail", {"endpoint": "feishu.minute", "code": "1"}, "code must be int"),
        ("fail", {"endpoint": "feishu.minute", "code": True}, "code must be int"),
        ("fail", {"endpoint": "feishu.minute", "code": 1, "how": 1}, "'how' is not accepted; accepted: endpoint, code"),
        ("media-fault", {"kind": "x"}, "kind must be one of"),
        ("media-fault", {"kind": "cut", "n": "1"}, "n must be int or null"),
        ("reset", {"x": 1}, "'x' is not accepted; accepted: nothing"),
    ],
)
def test_bad_arguments(emulator: Any, name: str, body: Any, text: str) -> None:
    response = emulator.control(name, body)
    assert response.status_code == 400
    assert text in response.json()["error"]


def test_body_is_not_json(emulator: Any) -> None:
    response = requests.post(f"{emulator.url}/_emulator/knobs", data="{")
    assert (response.status_code, response.json()) == (400, {"error": "the body is not JSON"})


def test_reset_restores_initial_state(start: Any) -> None:
    emulator = start(token_seconds=60)
    token = emulator.wecom_token()
    emulator.state.fail("wecom.*", -1)
    emulator.state.fault("html")
    emulator.state.limits.windows["feishu.minute"] = ()
    emulator.state.not_ready(READY_MINUTE, 1)
    emulator.state.clock = VirtualClock(5)
    assert emulator.control("knobs", {"token_seconds": 5}).status_code == 200
    overview = emulator.control("reset").json()
    assert overview["knobs"]["token_seconds"]["value"] == 60
    assert overview["failures"] == overview["media_faults"] == []
    assert (overview["requests"], overview["token_requests"]) == (0, {})
    assert emulator.state.now() == emulator.clock.now
    assert overview["limits"]["feishu.minute"] == [[5, 1, 0]]
    assert emulator.state.token_status("wecom", token) == "unknown"
    assert emulator.feishu(MINUTE).json()["code"] == 0


def test_log_has_no_control_requests(emulator: Any) -> None:
    emulator.feishu(MINUTE)
    url = f"{emulator.url}/_emulator/requests"
    records = requests.get(url).json()["requests"]
    assert [record["method"] for record in records] == ["POST", "GET"]
    (record,) = requests.get(url, params={"path": f"/open-apis{MINUTE}"}).json()["requests"]
    assert record["withheld"] == ["authorization"]


def test_unknown_paths_and_methods_refer_to_overview(emulator: Any) -> None:
    assert emulator.control("nothing").status_code == 404
    assert "GET /_emulator/" in emulator.control("requests").json()["error"]


LOCAL = ["127.0.0.1", "127.0.0.1:1", "localhost:8765", "LOCALHOST", "[::1]:8765", "127.9.9.9"]
FOREIGN = [
    "evil.example",
    "evil.example:8765",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "203.0.113.9",
    "0.0.0.0:1",
]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        *(({"Host": host}, 200) for host in LOCAL),
        *(({"Host": host}, 403) for host in [*FOREIGN, "[", ""]),
        *(({"Origin": f"http://{host}"}, 200) for host in LOCAL),
        *(({"Origin": f"https://{host}"}, 403) for host in FOREIGN),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Host": "localhost", "Origin": "https://evil.example"}, 403),
    ],
)
def test_web_pages_are_refused(emulator: Any, headers: dict[str, str], status: int) -> None:
    response = requests.post(f"{emulator.url}/_emulator/knobs", json={"token_seconds": 60}, headers=headers)
    assert response.status_code == status
    assert (emulator.state.token_seconds == 60) == (status == 200)
    if status == 403:
        assert "refuses a foreign" in response.json()["error"]
    assert requests.get(f"{emulator.url}/_emulator/requests", headers=headers).status_code == status


def test_host_that_the_emulator_is_bound_to_is_accepted() -> None:
    with serve(EmulatorState(), "0.0.0.0") as url:
        port = url.rpartition(":")[2]
        for host, status in (("0.0.0.0", 200), ("127.0.0.1", 200), ("evil.example", 403)):
            response = requests.get(f"http://127.0.0.1:{port}/_emulator/", headers={"Host": f"{host}:{port}"})
            assert response.status_code == status


@pytest.mark.parametrize(
    ("address", "status"), [("203.0.113.9", 403), ("10.0.0.1", 403), ("127.0.0.1", 200), ("::1", 200), ("host", 403)]
)
def test_only_loopback_clients_are_answered(address: str, status: int) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/_emulator/requests", "raw_path": b"/_emulator/requests",
        "query_string": b"", "headers": [], "client": (address, 9), "server": ("127.0.0.1", 80), "scheme": "http",
        "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    asyncio.run(create_app(EmulatorState())(scope, receive, send))
    assert sent[0]["status"] == status
