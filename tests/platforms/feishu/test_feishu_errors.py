from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from airflow_provider_meetings.api import errors
from airflow_provider_meetings.api.errors import (
    AuthenticationError,
    InvalidRequest,
    MeetingsApiError,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.platforms.feishu.errors import CODES, decode
from tests.contract.origin import Origin, json_body, raw_body, serve_origin

# The codes of the vendor's pages: status, code, class, and a word of the next step.
DOCUMENTED = [
    (400, 2091001, "InvalidRequest", "24 characters"),
    (404, 2091002, "NotFound", "minute token"),
    (400, 2091003, "NotReady", "transcribed"),
    (400, 2091004, "Gone", "deleted"),
    (403, 2091005, "PermissionDenied", "scope"),
    (500, 2091006, "ServerError", "later"),
    (500, 121001, "ServerError", "later"),
    (400, 121002, "InvalidRequest", "not support"),
    (400, 121003, "InvalidRequest", "long id"),
    (404, 121004, "NotReady", "never recorded"),
    (403, 121005, "PermissionDenied", "vc:record:readonly"),
    (400, 122001, "NotReady", "still running"),
    (404, 122002, "NotFound", "meeting id"),
    (400, 124002, "NotReady", "being made"),
    (400, 1420001, "InvalidRequest", "post id"),
    (403, 1420002, "PermissionDenied", "moments:moments:readonly"),
    (404, 1420004, "NotFound", "deleted"),
    (429, 1420003, "RateLimited", "Fewer calls"),
    (400, 99991661, "AuthenticationError", "renewed once"),
    (400, 99991663, "AuthenticationError", "renewed once"),
    (400, 99991664, "AuthenticationError", "renewed once"),
    (400, 99991665, "AuthenticationError", "renewed once"),
    (401, 99991668, "AuthenticationError", "renewed once"),
    (400, 99991671, "AuthenticationError", "renewed once"),
    (400, 99991677, "AuthenticationError", "renewed once"),
    (403, 99991672, "PermissionDenied", "scope"),
    (403, 99991676, "PermissionDenied", "scope"),
    (403, 99991679, "PermissionDenied", "consent"),
    (403, 99991662, "PermissionDenied", "disabled"),
    (403, 99991673, "PermissionDenied", "not available"),
    (200, 10003, "AuthenticationError", "login"),
    (200, 10012, "AuthenticationError", "login"),
    (200, 10014, "AuthenticationError", "login"),
    (200, 10015, "AuthenticationError", "password"),
    (200, 20002, "AuthenticationError", "login"),
    (400, 99991543, "AuthenticationError", "password"),
    (403, 99991401, "PermissionDenied", "allow-list"),
    (400, 99991403, "QuotaExhausted", "month"),
    (429, 99991400, "RateLimited", "limit"),
    (400, 99991400, "RateLimited", "limit"),
    (400, 99992402, "InvalidRequest", "ids"),
]
RENEWS = {99991663, 99991664, 99991665, 99991668, 99991671, 99991677}


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


@pytest.mark.parametrize(("status", "code", "kind", "step"), DOCUMENTED)
def test_every_documented_code(origin: Origin, status: int, code: int, kind: str, step: str) -> None:
    body = {"code": code, "msg": "the vendor's text", "error": {"log_id": "L0G"}}
    origin.on("/open-apis/x", json_body(body, status))
    error = refusal(origin)
    assert type(error) is getattr(errors, kind)
    assert error.permanent == (kind not in {"NotReady", "RateLimited", "ServerError"})
    assert (error.platform, error.code, error.log_id) == ("feishu", code, "L0G")
    assert step in error.next_step
    text = str(error)
    assert text.startswith("feishu refused /open-apis/x. ")
    assert text.endswith(f'[feishu, code {code}, "the vendor\'s text", log id L0G]')
    assert "S3CRET" not in text
    assert getattr(error, "token_rejected", False) == (code in RENEWS)
    assert error.retry_after is None


def test_the_table_is_covered() -> None:
    assert {code for _, code, _, _ in DOCUMENTED} == set(CODES)


@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_only_the_code_decides(origin: Origin, status: int) -> None:
    origin.on("/open-apis/x", json_body({"code": 2091004, "msg": ""}, status))
    assert type(refusal(origin)) is errors.Gone


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidRequest), (200, InvalidRequest), (500, ServerError), (503, ServerError), (429, RateLimited)],
)
def test_an_unknown_code(origin: Origin, status: int, kind: type[MeetingsApiError]) -> None:
    origin.on("/open-apis/x", json_body({"code": 4711, "msg": "new"}, status))
    error = refusal(origin)
    assert type(error) is kind
    assert (error.code, error.vendor_message) == (4711, "new")
    assert error.next_step


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 0.0), ("-3", 0.0), ("1.5", 1.5), ("soon", None), ("", None), (None, None)]
)
@pytest.mark.parametrize(("status", "code"), [(429, 99991400), (400, 99991400), (429, 1420003), (429, 4711)])
def test_the_wait_of_a_limit(origin: Origin, header: str | None, seconds: float | None, status: int, code: int) -> None:
    headers = {} if header is None else {"x-ogw-ratelimit-reset": header, "x-ogw-ratelimit-limit": "5"}
    origin.on("/open-apis/x", json_body({"code": code, "msg": "slow"}, status, headers))
    error = refusal(origin)
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


def test_a_wait_without_end_is_no_wait(origin: Origin) -> None:
    headers = {"x-ogw-ratelimit-reset": "inf"}
    origin.on("/open-apis/x", json_body({"code": 99991400, "msg": "slow"}, 429, headers))
    assert refusal(origin).retry_after is None


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
def test_where_the_log_id_stands(origin: Origin, body: dict[str, object], headers: dict[str, str], log_id: str) -> None:
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
        b'{"code": "0"}',
        b'{"code": null}',
        b'{"msg": "x"}',
        b"\xff\xfe",
    ],
)
@pytest.mark.parametrize("status", [200, 302, 404, 502])
def test_an_answer_that_is_not_the_platforms(origin: Origin, status: int, body: bytes) -> None:
    origin.on("/open-apis/x", raw_body(body, status=status, headers={"X-Tt-Logid": "h"}))
    error = refusal(origin)
    assert type(error) is ServerError
    assert f"status {status} and no readable code" in str(error)
    assert "host" in error.next_step
    assert (error.code, error.log_id) == (None, "h")
    assert "S3CRET" not in str(error)


@pytest.mark.parametrize("body", [b'{"code": false}', b"[" * 200_000])
def test_an_answer_that_pretends(origin: Origin, body: bytes) -> None:
    origin.on("/open-apis/x", raw_body(body))
    assert type(refusal(origin)) is ServerError


def test_success_is_the_whole_object(origin: Origin) -> None:
    body = {"code": 0, "msg": "ok", "tenant_access_token": "t", "expire": 1}
    origin.on("/open-apis/x", json_body(body))
    with requests.get(f"{origin.url}/open-apis/x", timeout=5) as response:
        assert decode(response) == body


def test_a_login_that_was_refused_is_an_authentication_error() -> None:
    assert CODES[10015].error is AuthenticationError
    assert not CODES[10015].renew
