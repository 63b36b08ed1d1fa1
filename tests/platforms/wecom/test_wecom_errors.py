from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from airflow_provider_meetings.api import errors
from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError, ServerError
from airflow_provider_meetings.platforms.wecom.errors import CODES, ENDPOINTS, decode
from tests.contract.media.origin import Origin, json_body, raw_body, serve_origin

HINT = "1763600000000000000"
# errcode, class, part of the next step, minimum wait in seconds
DOCUMENTED = [
    (-1, "ServerError", "later", None),
    (6000, "ServerError", "later", None),
    (40001, "AuthenticationError", "refreshed and rejected again", None),
    (40013, "AuthenticationError", "login", None),
    (40014, "AuthenticationError", "refreshed and rejected again", None),
    (42001, "AuthenticationError", "refreshed and rejected again", None),
    (41001, "AuthenticationError", "had no token", None),
    (41002, "AuthenticationError", "login", None),
    (41004, "AuthenticationError", "password", None),
    (40035, "InvalidRequest", "window", None),
    (40058, "InvalidRequest", "window", None),
    (45009, "RateLimited", "blocked", 60.0),
    (45033, "RateLimited", "at a time", 1.0),
    (48002, "PermissionDenied", "allowed apps", None),
    (60011, "PermissionDenied", "visible range", None),
    (60020, "PermissionDenied", "trusted IPs", None),
    (301002, "PermissionDenied", "another app", None),
    (40003, "InvalidRequest", "userid", None),
    (48001, "PermissionDenied", "authorize this app", None),
    (48004, "PermissionDenied", "authorize this app", None),
    (48006, "PermissionDenied", "enable it again", None),
    (50002, "PermissionDenied", "visible range", None),
    (60021, "PermissionDenied", "visible range", None),
    (60030, "PermissionDenied", "visible range", None),
    (60111, "NotFound", "userid", None),
    (301007, "PermissionDenied", "administrator", None),
    (301021, "NotFound", "userid", None),
    (400028, "PermissionDenied", "administrator open it", None),
    (680106, "PermissionDenied", "administrator open it", None),
    # of one meeting or file
    *((code, "NotFound", "Check the ids", None) for code in (90602, 730001, 730002, 730003, 730004, 730006)),
    (730005, "PermissionDenied", "another app", None),
    (730007, "PermissionDenied", "edition", None),
    (730008, "Gone", "omit it", None),
    (730009, "InvalidRequest", "participants", None),
    (730010, "PermissionDenied", "created through it", None),
    (730011, "PermissionDenied", "edition", None),
]

RENEWS = {40001, 40014, 42001}
GETTOKEN = "/cgi-bin/gettoken"


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        yield origin


def refusal(origin: Origin, path: str = "/cgi-bin/x") -> MeetingsApiError:
    url, token = origin.url + path, {"access_token": "S3CRET"}
    with requests.post(url, params=token, timeout=5) as response, pytest.raises(MeetingsApiError) as caught:
        decode(response)
    return caught.value


@pytest.mark.parametrize(("code", "kind", "step", "wait"), DOCUMENTED)
def test_every_documented_code(origin: Origin, code: int, kind: str, step: str, wait: float | None) -> None:
    message = f"the vendor's text, hint: [{HINT}], from ip: 203.0.113.9, more info at https://example.com"
    origin.on("/cgi-bin/x", json_body({"errcode": code, "errmsg": message}))
    error = refusal(origin)
    assert type(error) is getattr(errors, kind)
    assert error.permanent == (kind not in {"RateLimited", "ServerError"})
    assert (error.platform, error.code, error.log_id) == ("wecom", code, HINT)
    if wait is None or code == 45009:
        assert error.retry_after == wait
    else:  # randomized, so that rate limited calls are not retried at the same time
        assert error.retry_after is not None
        assert wait <= error.retry_after <= wait + 2
    assert error.vendor_message == message
    assert step in error.next_step
    text = str(error)
    assert text.startswith("wecom refused /cgi-bin/x. ")
    assert text.endswith(f"[wecom, code {code}, {message!r}, log id {HINT}]")
    assert "S3CRET" not in text
    assert getattr(error, "token_rejected", False) == (code in RENEWS)


def test_codes_are_covered() -> None:
    assert {code for code, *_ in DOCUMENTED} == set(CODES)


def test_wrong_secret_is_not_retried(origin: Origin) -> None:
    """At other endpoints, this code means that the token is invalid."""
    assert [(endpoint.path, list(endpoint.rules)) for endpoint in ENDPOINTS] == [(GETTOKEN, [40001])]
    origin.on(GETTOKEN, json_body({"errcode": 40001, "errmsg": "invalid credential"}))
    error = refusal(origin, GETTOKEN)
    assert isinstance(error, errors.AuthenticationError)
    assert not error.token_rejected
    assert "password" in error.next_step


@pytest.mark.parametrize("code", [41000, 41010, 41999])
def test_missing_parameter_code(origin: Origin, code: int) -> None:
    origin.on("/cgi-bin/x", json_body({"errcode": code, "errmsg": "missing something"}))
    error = refusal(origin)
    assert type(error) is InvalidRequest
    assert "Check the ids" in error.next_step
    assert f"e={code}" in error.next_step


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>429</html>", None),
        (b"", None),
        (b"[]", None),
        (b"{}", None),
        (b'{"errcode": 0, "errmsg": "ok"}', 0),
        (b'{"errcode": 4711, "errmsg": "new"}', 4711),
        (b'{"errcode": 48002, "errmsg": "api forbidden"}', 48002),
    ],
)
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_status_429_with_any_body(
    origin: Origin, body: bytes, code: int | None, headers: dict[str, str], seconds: float | None
) -> None:
    """The platform itself answers with status 200; a gateway or proxy may not."""
    origin.on("/cgi-bin/x", raw_body(body, status=429, headers=headers))
    error = refusal(origin)
    assert isinstance(error, errors.RateLimited)
    assert (error.code, error.retry_after, error.blocks) == (code, seconds, ())
    assert "fewer calls" in error.next_step
    assert "S3CRET" not in str(error)


def test_a_named_wait_replaces_the_documented_blocks(origin: Origin) -> None:
    origin.on("/cgi-bin/x", json_body({"errcode": 45009, "errmsg": "m"}, 200, {"Retry-After": "5"}))
    error = refusal(origin)
    assert isinstance(error, errors.RateLimited)
    assert (error.retry_after, error.blocks) == (5.0, ())


def test_waits_are_spread(origin: Origin) -> None:
    origin.on("/cgi-bin/x", json_body({"errcode": 45033, "errmsg": "api concurrent out of limit"}))
    assert len({refusal(origin).retry_after for _ in range(5)}) > 1


@pytest.mark.parametrize(("status", "kind"), [(200, InvalidRequest), (404, InvalidRequest), (502, ServerError)])
def test_unknown_code(origin: Origin, status: int, kind: type[MeetingsApiError]) -> None:
    origin.on("/cgi-bin/x", json_body({"errcode": 4711, "errmsg": "new"}, status))
    error = refusal(origin)
    assert type(error) is kind
    assert "https://open.work.weixin.qq.com/devtool/query?e=4711" in str(error)
    assert error.log_id == ""


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b'{"errcode": "zero"}', b'{"errcode": null}', b'{"code": 0}', b"\xff"]
)
def test_answer_of_a_proxy(origin: Origin, body: bytes) -> None:
    origin.on("/cgi-bin/x", raw_body(body))
    error = refusal(origin)
    assert type(error) is ServerError
    assert "no readable code" in str(error)
    assert "host" in error.next_step
    assert "S3CRET" not in str(error)


@pytest.mark.parametrize("body", [b'{"errcode": false}', b"[" * 200_000])
def test_forged_answer(origin: Origin, body: bytes) -> None:
    origin.on("/cgi-bin/x", raw_body(body))
    assert type(refusal(origin)) is ServerError


def test_success_is_the_whole_object(origin: Origin) -> None:
    body = {"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 7200}
    origin.on("/cgi-bin/x", json_body(body))
    with requests.get(f"{origin.url}/cgi-bin/x", timeout=5) as response:
        assert decode(response) == body


WARNED = f"ok. Warning: wrong json format. hint: [{HINT}], from ip: 203.0.113.9"


@pytest.mark.parametrize(("message", "warns"), [(WARNED, True), ("Warning: wrong json format.", True), ("ok", False)])
def test_ignored_parameter_is_logged(
    origin: Origin, caplog: pytest.LogCaptureFixture, message: str, warns: bool
) -> None:
    origin.on("/cgi-bin/x", json_body({"errcode": 0, "errmsg": message, "userid": "a"}))
    with requests.get(f"{origin.url}/cgi-bin/x", params={"access_token": "S3CRET"}, timeout=5) as response:
        assert decode(response)["userid"] == "a"
    messages = [r.getMessage() for r in caplog.records if r.name.startswith("airflow_provider_meetings")]
    log_id = HINT if message == WARNED else "unknown"
    line = f"wecom answered /cgi-bin/x with 'wrong json format': it ignored an invalid parameter (log id {log_id})"
    assert messages == ([line] if warns else [])


@pytest.mark.parametrize("hint", ["a\x1b[31m", "a\nb", "", "a b"])
def test_hostile_hint_is_not_a_log_id(origin: Origin, hint: str) -> None:
    origin.on("/cgi-bin/x", json_body({"errcode": 4711, "errmsg": f"no, hint: [{hint}]"}))
    assert refusal(origin).log_id == ""
