from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_meetings.api.errors import (
    AuthenticationError,
    InvalidRequest,
    NotFound,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.http import transport as transport_module
from airflow_provider_meetings.api.http.auth import Token
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from tests.contract.acme_api import ERRORS, OK, QUOTA, REFUSED, Start, StartMedia, closed_port, decode, token_auth
from tests.contract.leaks import error_text, logged
from tests.contract.media.origin import Handler, Origin, json_body, raw_body, verbatim


def test_params_and_json_are_sent(origin: Origin, start: Start) -> None:
    origin.on("/api", OK)
    assert start(origin.url + "/").call("POST", "/api", decode, quota=QUOTA, params={"a": "1"}, json={"b": "蓝"}) == {
        "value": 1
    }
    assert (origin.requests[0].method, origin.requests[0].query) == ("POST", "a=1")
    assert b'"b"' in origin.requests[0].body


def test_rejected_token_is_refreshed(origin: Origin, start: Start) -> None:
    origin.on("/token", json_body({"token": "t-one"}), json_body({"token": "t-two"}))
    origin.on("/api", REFUSED, OK)
    transport = start(origin.url)
    assert transport.call("GET", "/api", decode, quota=QUOTA, auth=token_auth(transport)) == {"value": 1}
    authorizations = [request.headers["authorization"] for request in origin.requests if request.path == "/api"]
    assert authorizations == ["Bearer t-one", "Bearer t-two"]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Thu, 01 Jan 1970 00:00:01 GMT", 1.0),
        ("Thu, 01 Jan 1970 00:00:01 -0000", 1.0),  # without a zone, which is UTC and not the worker's
        ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_time_of_the_latest_answer(
    origin: Origin, start: Start, monkeypatch: pytest.MonkeyPatch, zone: str, date: str, seconds: float | None
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    origin.on("/api", verbatim(f'HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 11\r\n\r\n{{"value":1}}'.encode()))
    transport = start(origin.url)
    try:
        transport.call("GET", "/api", decode, quota=QUOTA)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert transport.answered_at == seconds


@pytest.mark.parametrize("tokens", [("t-one", "t-two"), ("t-same", "t-same")])
def test_second_rejected_token_is_error(origin: Origin, start: Start, tokens: tuple[str, str]) -> None:
    origin.on("/token", *(json_body({"token": token}) for token in tokens))
    origin.on("/api", REFUSED)
    transport = start(origin.url)
    with pytest.raises(AuthenticationError):
        transport.call("GET", "/api", decode, quota=QUOTA, auth=token_auth(transport))
    assert (origin.count("/api"), origin.count("/token")) == (2, 2)


def test_refused_secret_is_not_retried(origin: Origin, start: Start) -> None:
    origin.on("/token", json_body({"error": "secret"}))
    transport = start(origin.url)
    with pytest.raises(AuthenticationError):
        transport.call("GET", "/api", decode, quota=QUOTA, auth=token_auth(transport))
    assert (origin.count("/api"), origin.count("/token")) == (0, 1)


def test_failed_token_request_is_retried_by_call(origin: Origin, start: Start) -> None:
    origin.on("/token", json_body({"error": "server"}), json_body({"token": "t-one"}))
    origin.on("/api", OK)
    transport = start(origin.url)
    assert transport.call("GET", "/api", decode, quota=QUOTA, auth=token_auth(transport)) == {"value": 1}
    assert (origin.count("/api"), origin.count("/token")) == (1, 2)


@pytest.mark.parametrize("name", ["busy", "server"])
def test_retry_after_is_respected(origin: Origin, start: Start, name: str) -> None:
    sleeps: list[float] = []
    origin.on("/api", json_body({"error": name}, 429, {"x-wait": "7.5"}), OK)
    assert start(origin.url, sleep=sleeps.append).call("GET", "/api", decode, quota=QUOTA) == {"value": 1}
    assert sleeps == [7.5]


def test_backoff_is_exponential(origin: Origin, start: Start) -> None:
    sleeps: list[float] = []
    origin.on("/api", json_body({"error": "server"}, 500))
    with pytest.raises(ServerError):
        start(origin.url, sleep=sleeps.append).call("GET", "/api", decode, quota=QUOTA)
    assert origin.count("/api") == 4
    assert len(sleeps) == 3
    assert all(0 <= pause <= limit for pause, limit in zip(sleeps, (0.5, 1.0, 2.0), strict=True))


def test_a_wait_of_zero_backs_off(origin: Origin, start: Start) -> None:
    """A time in the past, as a wrong clock gives, must not make the attempts follow at once."""
    sleeps: list[float] = []
    origin.on("/api", json_body({"error": "server"}, 503, {"x-wait": "0"}))
    with pytest.raises(ServerError):
        start(origin.url, sleep=sleeps.append).call("GET", "/api", decode, quota=QUOTA)
    assert len(sleeps) == 3
    assert any(pause > 0 for pause in sleeps)


def test_retry_signs_again(origin: Origin, start: Start) -> None:
    origin.on("/token", json_body({"token": "t-one"}))
    origin.on("/api", json_body({"error": "server"}), OK)
    transport = start(origin.url)
    transport.call("GET", "/api", decode, quota=QUOTA, auth=token_auth(transport, "query"))
    assert [request.query for request in origin.requests if request.path == "/api"] == ["access_token=t-one"] * 2


@pytest.mark.parametrize(("wait", "calls"), [("60", 2), ("60.1", 1), ("3600", 1), ("inf", 1)])
def test_long_retry_after_is_raised(origin: Origin, start: Start, wait: str, calls: int) -> None:
    sleeps: list[float] = []
    origin.on("/api", json_body({"error": "busy"}, 429, {"x-wait": wait}))
    with pytest.raises(RateLimited) as caught:
        start(origin.url, sleep=sleeps.append, max_attempts=2).call("GET", "/api", decode, quota=QUOTA)
    assert caught.value.retry_after == float(wait)
    assert (origin.count("/api"), len(sleeps)) == (calls, calls - 1)


@pytest.mark.parametrize("name", ["missing", "making", "secret"])
def test_permanent_error_is_not_retried(origin: Origin, start: Start, name: str) -> None:
    origin.on("/api", json_body({"error": name}, 400))
    with pytest.raises(ERRORS[name]):
        start(origin.url, sleep=pytest.fail).call("GET", "/api", decode, quota=QUOTA)
    assert origin.count("/api") == 1


def test_max_attempts_of_one(origin: Origin, start: Start) -> None:
    origin.on("/api", json_body({"error": "server"}, 500))
    with pytest.raises(ServerError):
        start(origin.url, max_attempts=1, sleep=pytest.fail).call("GET", "/api", decode, quota=QUOTA)
    assert origin.count("/api") == 1


def test_error_hides_query(origin: Origin, start: Start) -> None:
    origin.on("/token", json_body({"token": "t-S3CRET"}))
    origin.on("/api", REFUSED)
    transport = start(origin.url)
    with pytest.raises(AuthenticationError) as caught:
        transport.call("GET", "/api", decode, quota=QUOTA, params={"x": "S3CRET"}, auth=token_auth(transport, "query"))
    assert "S3CRET" not in error_text(caught.value)


@pytest.mark.parametrize("host", ["closed", "no-such-host.invalid"])
def test_unreachable_host_is_named_without_secrets(
    start: Start, caplog: pytest.LogCaptureFixture, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    caplog.set_level(logging.DEBUG)
    address = f"http://127.0.0.1:{closed_port()}" if host == "closed" else f"http://{host}"
    transport = start(address)
    with pytest.raises(ServerError) as caught:
        transport.call("GET", "/api", decode, quota=QUOTA, params={"corpsecret": "S3CRET", "access_token": "T0KEN"})
    error = caught.value
    assert address in str(error)
    assert "host" in error.next_step
    assert "DNS" in error.next_step
    for text in (error_text(error), logged(caplog.records)):
        assert "S3CRET" not in text
        assert "T0KEN" not in text
        assert "corpsecret" not in text
    assert "Retrying in" in logged(caplog.records)


def test_password_in_host_is_hidden(start: Start) -> None:
    transport = start(f"http://user:S3CRET@127.0.0.1:{closed_port()}", max_attempts=1)
    with pytest.raises(ServerError) as caught:
        transport.call("GET", "/api", decode, quota=QUOTA)
    assert "S3CRET" not in error_text(caught.value)


@pytest.mark.parametrize("host", ["open.feishu.cn", "", "ftp://example.com", "file:///etc/passwd", "https://"])
def test_base_url_without_scheme_is_refused(host: str) -> None:
    with pytest.raises(InvalidRequest, match="scheme"):
        Transport(base_url=host, platform="acme")


def test_read_timeout(origin: Origin, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "READ_SECONDS", 0.05)
    origin.on("/api", origin.hang())
    origin.on("/token", origin.hang())
    origin.on("/half", origin.hang(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"))
    transport = start(origin.url, max_attempts=1)
    with pytest.raises(ServerError, match="no answer in time"):
        transport.call("GET", "/api", decode, quota=QUOTA)
    with pytest.raises(ServerError, match="no answer in time"):
        transport.call("GET", "/x", decode, quota=QUOTA, auth=token_auth(transport))
    with pytest.raises(ServerError):
        transport.call("GET", "/half", decode, quota=QUOTA)


def test_timeouts_of_calls_and_media(start: Start, start_media: StartMedia, monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: list[Any] = []

    def send(_: object, __: object, **arguments: Any) -> requests.Response:
        timeouts.append(arguments["timeout"])
        raise requests.ConnectTimeout

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    with pytest.raises(ServerError):
        start("http://127.0.0.1:9", max_attempts=1).call("GET", "/", decode, quota=QUOTA)
    with pytest.raises(ServerError):
        start_media("http://127.0.0.1:9").stream("http://127.0.0.1:9/media")
    assert timeouts == [(transport_module.CONNECT_SECONDS, transport_module.READ_SECONDS)] * 2


def test_token_is_masked_before_use(origin: Origin, start: Start) -> None:
    secrets: list[str] = []
    secrets_at_request: list[list[str]] = []

    def answer(handler: Handler) -> None:
        secrets_at_request.append([*secrets])
        OK(handler)

    origin.on("/token", json_body({"token": "t-one"}), json_body({"token": "t-two"}))
    origin.on("/api", REFUSED, answer)
    transport = start(origin.url, on_secret=secrets.append)
    transport.call("GET", "/api", decode, quota=QUOTA, auth=token_auth(transport))
    assert secrets_at_request == [["t-one", "t-two"]]


def test_logs_contain_no_query(origin: Origin, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    origin.on("/token", json_body({"token": "T0KEN"}))
    origin.on("/api", json_body({"error": "server"}, 500), REFUSED, OK)
    transport = start(origin.url)
    transport.call("GET", "/api", decode, quota=QUOTA, params={"x": "S3CRET"}, auth=token_auth(transport, "query"))
    text = logged(caplog.records)
    assert f"GET {origin.url}/api" in text
    assert "refreshing it" in text
    assert "S3CRET" not in text
    assert "T0KEN" not in text


def test_failed_proxy_is_named(start: Start) -> None:
    proxy = f"http://user:S3CRET@127.0.0.1:{closed_port()}"
    with pytest.raises(ServerError, match="the proxy failed") as caught:
        start("http://example.invalid", proxy=proxy, max_attempts=1).call("GET", "/", decode, quota=QUOTA)
    assert "S3CRET" not in error_text(caught.value)


def test_proxy_of_environment(origin: Origin, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", origin.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    origin.on("http://example.invalid/api", OK)
    assert start("http://example.invalid").call("GET", "/api", decode, quota=QUOTA) == {"value": 1}


def test_interrupt_ends_wait_before_retry(origin: Origin, start: Start) -> None:
    rate_limited = threading.Event()

    def rate_limit(handler: Handler) -> None:
        json_body({"error": "busy"}, 429, {"x-wait": "60"})(handler)
        rate_limited.set()

    origin.on("/api", rate_limit)
    transport = start(origin.url, sleep=None)
    with ThreadPoolExecutor(1) as threads:
        calling = threads.submit(transport.call, "GET", "/api", decode, quota=QUOTA)
        assert rate_limited.wait(20)
        transport.interrupt()
        with pytest.raises((RateLimited, ServerError)):  # the latter if the answer was still being read
            calling.result(20)
    assert origin.count("/api") <= 2


def test_token_renewed_by_other_process_may_be_rejected_too(origin: Origin, start: Start) -> None:
    store = ProcessTokenStore()
    transport = start(origin.url)
    origin.on("/token", json_body({"token": "fetched"}))
    origin.on("/api", json_body({"error": "token"}, 401), json_body({"error": "token"}, 401), OK)
    store.token("k", lambda: Token("first", 1e12, 7200))

    class SharedStore:
        """A store in which another process has replaced the first token."""

        def token(self, key: str, fetch: Callable[[], Token], *, rejected: str | None = None) -> Token:
            if rejected == "first":
                return store.token(key, lambda: Token("of-other-process", 1e12, 7200), rejected=rejected)
            return store.token(key, fetch, rejected=rejected)

    auth = token_auth(transport, store=SharedStore())
    assert transport.call("GET", "/api", decode, quota=QUOTA, auth=auth) == {"value": 1}
    assert [usage.tokens_rejected for usage in transport.caller.usage.endpoints().values()] == [2]
    assert origin.count("/token") == 1
    # A rejected token that was just fetched is an error and is not fetched again.
    origin.on("/api", json_body({"error": "token"}, 401))
    with pytest.raises(AuthenticationError):
        transport.call("GET", "/api", decode, quota=QUOTA, auth=token_auth(transport))
    assert origin.count("/token") == 3


def test_netrc_is_ignored(origin: Origin, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password S3CRET\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    origin.on("/api", OK)
    start(origin.url).call("GET", "/api", decode, quota=QUOTA)
    assert "authorization" not in origin.requests[0].headers


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_of_api_is_not_followed(origin: Origin, start: Start, status: int) -> None:
    """A redirect would send the posted secret to another host."""
    target = origin.url.replace("127.0.0.1", "localhost") + "/elsewhere"
    origin.on("/token", raw_body(b'{"error": "missing"}', status=status, headers={"Location": target}))
    origin.on("/elsewhere", json_body({"token": "t-one"}))
    transport = start(origin.url)
    with pytest.raises(NotFound):
        transport.call("GET", "/api", decode, quota=QUOTA, auth=token_auth(transport))
    assert [request.path for request in origin.requests] == ["/token"]
