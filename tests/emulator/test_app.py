from __future__ import annotations

import re
from typing import Any

import requests


def test_requests_are_logged(emulator: Any) -> None:
    requests.post(f"{emulator.url}/cgi-bin/x?a=1&b=%E4%BC%9A", json={"title": "会"}, headers={"X-Own": "Yes"})
    requests.get(f"{emulator.url}/y")
    first, second = emulator.state.requests
    assert (first.method, first.path, first.query) == ("POST", "/cgi-bin/x", {"a": "1", "b": "会"})
    assert first.body == {"title": "会"}
    assert first.headers["x-own"] == "Yes"
    assert (second.method, second.path, second.query, second.body) == ("GET", "/y", {}, {})


def test_log_keeps_no_secret(emulator: Any) -> None:
    secrets = {"app_secret": "S3CRET", "client_secret": "S3CRET", "refresh_token": "S3CRET", "app_ticket": "S3CRET"}
    url = f"{emulator.url}/open-apis/x?access_token=S3CRET&corpsecret=S3CRET&a=1"
    headers = {"Authorization": "Bearer S3CRET", "Cookie": "S3CRET"}
    requests.post(url, json={**secrets, "app_id": "cli_a"}, headers=headers)
    requests.post(url, json=["no", "object"])
    first, second = emulator.state.requests
    assert (first.query, first.body, second.body) == ({"a": "1"}, {"app_id": "cli_a"}, {})
    assert set(first.withheld) == {"authorization", "cookie", "access_token", "corpsecret", *secrets}
    assert "S3CRET" not in requests.get(f"{emulator.url}/_emulator/requests").text


def test_unknown_feishu_path(emulator: Any) -> None:
    response = emulator.get("/open-apis/nowhere")
    assert response.status_code == 404
    assert response.json()["error"]["log_id"] == response.headers["X-Tt-Logid"]
    # The log id starts with the second of the clock.
    assert re.fullmatch(r"20261114234640[0-9A-F]{18}", response.headers["X-Tt-Logid"])


def test_wrong_wecom_method_and_path_are_http_200(emulator: Any) -> None:
    responses = [
        emulator.get("/cgi-bin/meeting/record/list"),
        emulator.post("/cgi-bin/gettoken"),
        emulator.get("/cgi-bin/nowhere"),
    ]
    assert [response.status_code for response in responses] == [200, 200, 200]
    assert [response.json()["errcode"] for response in responses] == [43002, 43001, -1]
