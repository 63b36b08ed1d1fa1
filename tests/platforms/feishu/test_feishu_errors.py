from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from airflow_provider_meetings.api import errors
from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError, RateLimited, ServerError
from airflow_provider_meetings.platforms.feishu.errors import decode
from tests.contract.media.origin import Origin, json_body, raw_body, serve_origin


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        yield origin


def refusal(origin: Origin) -> MeetingsApiError:
    with (
        requests.get(f"{origin.url}/open-apis/x", params={"secret": "S3CRET"}, timeout=5) as response,
        pytest.raises(MeetingsApiError) as caught,
    ):
        decode(response)
    return caught.value


@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_code_decides_not_status(origin: Origin, status: int) -> None:
    origin.on("/open-apis/x", json_body({"code": 2091004, "msg": ""}, status))
    assert type(refusal(origin)) is errors.Gone


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidRequest), (200, InvalidRequest), (500, ServerError), (503, ServerError), (429, RateLimited)],
)
def test_unknown_code(origin: Origin, status: int, kind: type[MeetingsApiError]) -> None:
    origin.on("/open-apis/x", json_body({"code": 4711, "msg": "new"}, status))
    error = refusal(origin)
    assert type(error) is kind
    assert (error.code, error.vendor_message) == (4711, "new")
    assert error.next_step


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-3", None), ("1.5", 1.5), ("soon", None), ("", None), (None, None)],
)
@pytest.mark.parametrize(("status", "code"), [(429, 99991400), (400, 99991400), (429, 1420003), (429, 4711)])
def test_rate_limit_wait(origin: Origin, header: str | None, seconds: float | None, status: int, code: int) -> None:
    headers = {} if header is None else {"x-ogw-ratelimit-reset": header, "x-ogw-ratelimit-limit": "5"}
    origin.on("/open-apis/x", json_body({"code": code, "msg": "slow"}, status, headers))
    error = refusal(origin)
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


def test_infinite_wait_is_ignored(origin: Origin) -> None:
    headers = {"x-ogw-ratelimit-reset": "inf"}
    origin.on("/open-apis/x", json_body({"code": 99991400, "msg": "slow"}, 429, headers))
    assert refusal(origin).retry_after is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>429 Too Many Requests</html>", None),
        (b"", None),
        (b"[]", None),
        (b"{}", None),
        (b'{"code": "x"}', None),
        (b'{"code": 0, "data": {}}', 0),
        (b'{"code": 4711}', 4711),
        (b'{"code": 2091005, "msg": "permission deny"}', 2091005),
        (b'{"code": 99991663, "msg": "invalid token"}', 99991663),
    ],
)
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ogw-ratelimit-reset": "52", "Retry-After": "7"}, 52.0),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"Retry-After": "1e9"}, None),
        ({}, None),
    ],
)
def test_status_429_with_any_body(
    origin: Origin, body: bytes, code: int | None, headers: dict[str, str], seconds: float | None
) -> None:
    origin.on("/open-apis/x", raw_body(body, status=429, headers={"X-Tt-Logid": "h", **headers}))
    error = refusal(origin)
    assert type(error) is RateLimited
    assert (error.code, error.retry_after, error.log_id) == (code, seconds, "h")
    assert "fewer calls" in error.next_step
    assert "S3CRET" not in str(error)


def test_status_429_of_an_exhausted_quota(origin: Origin) -> None:
    origin.on("/open-apis/x", json_body({"code": 99991403, "msg": "m"}, 429, {"Retry-After": "7"}))
    assert type(refusal(origin)) is errors.QuotaExhausted


@pytest.mark.parametrize("body", [b"<html>", b'{"code": 2091006}', b'{"code": 4711}'])
def test_server_error_with_a_wait(origin: Origin, body: bytes) -> None:
    origin.on("/open-apis/x", raw_body(body, status=503, headers={"Retry-After": "120"}))
    error = refusal(origin)
    assert (type(error), error.retry_after) == (ServerError, 120.0)


@pytest.mark.parametrize(
    ("body", "headers", "log_id"),
    [
        ({"error": {"log_id": "a"}}, {"X-Tt-Logid": "h"}, "a"),
        ({"error": {"logid": "b"}}, {"X-Tt-Logid": "h"}, "b"),
        ({}, {"x-tt-logid": "h"}, "h"),
        ({"error": "text"}, {"X-Request-Id": "r"}, "r"),
        ({"error": None}, {}, ""),
    ],
)
def test_log_id_sources(origin: Origin, body: dict[str, object], headers: dict[str, str], log_id: str) -> None:
    origin.on("/open-apis/x", json_body({"code": 2091002, "msg": "m", **body}, 404, headers))
    assert refusal(origin).log_id == log_id


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>login</html>",
        b"[]",
        b"null",
        b"5",
        b'{"code": "zero"}',
        b'{"code": null}',
        b'{"msg": "x"}',
        b"\xff\xfe",
    ],
)
@pytest.mark.parametrize("status", [200, 302, 404, 502])
def test_answer_of_a_proxy(origin: Origin, status: int, body: bytes) -> None:
    origin.on("/open-apis/x", raw_body(body, status=status, headers={"X-Tt-Logid": "h"}))
    error = refusal(origin)
    assert type(error) is ServerError
    assert f"status {status} and no readable code" in str(error)
    assert "host" in error.next_step
    assert (error.code, error.log_id) == (None, "h")
    assert "S3CRET" not in str(error)


@pytest.mark.parametrize("body", [b'{"code": false}', b"[" * 200_000])
def test_forged_answer(origin: Origin, body: bytes) -> None:
    origin.on("/open-apis/x", raw_body(body))
    assert type(refusal(origin)) is ServerError


def test_success_is_the_whole_object(origin: Origin) -> None:
    body = {"code": 0, "msg": "ok", "tenant_access_token": "t", "expire": 1}
    origin.on("/open-apis/x", json_body(body))
    with requests.get(f"{origin.url}/open-apis/x", timeout=5) as response:
        assert decode(response) == body


def test_user_token_error_description(origin: Origin) -> None:
    body = {"code": 20073, "error": "invalid_grant", "error_description": "The refresh token has been used."}
    origin.on("/open-apis/x", json_body(body, 400))
    error = refusal(origin)
    assert (error.code, error.vendor_message) == (20073, "The refresh token has been used.")
