from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from airflow_provider_meetings.api import errors
from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError, ServerError
from airflow_provider_meetings.platforms.wecom.errors import CODES, decode
from tests.contract.origin import Origin, json_body, raw_body, serve_origin

HINT = "1763600000000000000"
# errcode, class, a word of the next step, seconds to wait
DOCUMENTED = [
    (-1, "ServerError", "later", None),
    (6000, "ServerError", "later", None),
    (40001, "AuthenticationError", "password", None),
    (40013, "AuthenticationError", "login", None),
    (40014, "AuthenticationError", "renewed once", None),
    (42001, "AuthenticationError", "renewed once", None),
    (41001, "AuthenticationError", "renewed once", None),
    (41002, "AuthenticationError", "login", None),
    (41004, "AuthenticationError", "password", None),
    (40035, "InvalidRequest", "window", None),
    (40058, "InvalidRequest", "window", None),
    (45009, "RateLimited", "blocked", 60.0),
    (45033, "RateLimited", "at a time", None),
    (48002, "PermissionDenied", "allowed apps", None),
    (60011, "PermissionDenied", "visible range", None),
    (60020, "PermissionDenied", "trusted IPs", None),
    (301002, "PermissionDenied", "another app", None),
]


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        yield origin


def refusal(origin: Origin) -> MeetingsApiError:
    url, token = f"{origin.url}/cgi-bin/x", {"access_token": "S3CRET"}
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
    assert (error.platform, error.code, error.log_id, error.retry_after) == ("wecom", code, HINT, wait)
    assert error.vendor_message == message
    assert step in error.next_step
    text = str(error)
    assert text.startswith("wecom refused /cgi-bin/x. ")
    assert text.endswith(f"[wecom, code {code}, {message!r}, log id {HINT}]")
    assert "S3CRET" not in text
    assert getattr(error, "token_rejected", False) == (code in {40014, 42001})


def test_the_table_is_covered() -> None:
    assert {code for code, *_ in DOCUMENTED} == set(CODES)


@pytest.mark.parametrize(("status", "kind"), [(200, InvalidRequest), (404, InvalidRequest), (502, ServerError)])
def test_an_unknown_code(origin: Origin, status: int, kind: type[MeetingsApiError]) -> None:
    origin.on("/cgi-bin/x", json_body({"errcode": 4711, "errmsg": "new"}, status))
    error = refusal(origin)
    assert type(error) is kind
    assert "https://open.work.weixin.qq.com/devtool/query?e=4711" in str(error)
    assert error.log_id == ""


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b'{"errcode": "0"}', b'{"errcode": null}', b'{"code": 0}', b"\xff"]
)
def test_an_answer_that_is_not_the_platforms(origin: Origin, body: bytes) -> None:
    origin.on("/cgi-bin/x", raw_body(body))
    error = refusal(origin)
    assert type(error) is ServerError
    assert "no readable code" in str(error)
    assert "host" in error.next_step
    assert "S3CRET" not in str(error)


@pytest.mark.parametrize("body", [b'{"errcode": false}', b"[" * 200_000])
def test_an_answer_that_pretends(origin: Origin, body: bytes) -> None:
    origin.on("/cgi-bin/x", raw_body(body))
    assert type(refusal(origin)) is ServerError


def test_success_is_the_whole_object(origin: Origin) -> None:
    body = {"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 7200}
    origin.on("/cgi-bin/x", json_body(body))
    with requests.get(f"{origin.url}/cgi-bin/x", timeout=5) as response:
        assert decode(response) == body
