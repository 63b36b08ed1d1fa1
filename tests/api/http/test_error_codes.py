from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_meetings.api import errors
from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.http.error_codes import Endpoint, Rule, code_of, find_rule, is_log_id


def response(url: str = "https://example.invalid/x", status: int = 200, **headers: str) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    answer.request = requests.Request("GET", url).prepare()
    return answer


def built(rule: Rule, **headers: str) -> Any:
    return rule.build(
        response("https://example.invalid/x", 200, **headers),
        platform="acme",
        code=7,
        vendor_message="text",
        log_id="L",
    )


def test_retry_after_of_answer_takes_precedence() -> None:
    rule = Rule(errors.RateLimited, wait=60.0, spread=5.0)
    assert built(rule, Retry_After="3").retry_after == 3.0
    assert built(rule, x_ogw_ratelimit_reset="0", Retry_After="3").retry_after == 0.0
    assert built(rule, Retry_After="86400").retry_after == 3600.0
    assert built(Rule(errors.RateLimited, spread=5.0), Retry_After="-1").retry_after is None


def test_a_named_wait_replaces_the_possible_blocks() -> None:
    rule = Rule(errors.RateLimited, wait=60.0, blocks=(60.0, 3600.0))
    assert (built(rule).retry_after, built(rule).blocks) == (60.0, (60.0, 3600.0))
    assert (built(rule, Retry_After="5").retry_after, built(rule, Retry_After="5").blocks) == (5.0, ())


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [(errors.ServerError, 120.0), (errors.QuotaExhausted, None), (errors.NotReady, None), (errors.NotFound, None)],
)
def test_only_what_is_retried_has_a_wait(kind: type[MeetingsApiError], seconds: float | None) -> None:
    assert built(Rule(kind), Retry_After="120").retry_after == seconds


def test_waits_are_randomized() -> None:
    waits = {built(Rule(errors.RateLimited, wait=1.0, spread=2.0)).retry_after or 0.0 for _ in range(50)}
    assert len(waits) > 1
    assert all(1.0 <= wait <= 3.0 for wait in waits)
    assert {built(Rule(errors.RateLimited, wait=60.0)).retry_after for _ in range(5)} == {60.0}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (500, errors.ServerError),
        (503, errors.ServerError),
        (499, errors.InvalidRequest),
        (200, errors.InvalidRequest),
    ],
)
def test_unknown_code(status: int, kind: type[MeetingsApiError]) -> None:
    step = "Try again later. step" if kind is errors.ServerError else "step"
    assert find_rule(7, response(status=status), {}, (Endpoint("/x", {}),), "step") == Rule(kind, step)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (errors.RateLimited, errors.RateLimited),
        (errors.QuotaExhausted, errors.QuotaExhausted),
        (errors.PermissionDenied, errors.RateLimited),
        (errors.AuthenticationError, errors.RateLimited),
        (errors.ServerError, errors.RateLimited),
    ],
)
def test_status_429_is_a_limit(kind: type[MeetingsApiError], expected: type[MeetingsApiError]) -> None:
    rules = {7: Rule(kind, "of the code")}
    found = find_rule(7, response(status=429), rules, (), "unknown")
    assert found.error is expected
    assert (found.next_step == "of the code") == (kind is expected)
    assert find_rule(8, response(status=429), rules, (), "unknown").error is errors.RateLimited


@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ("/v1/things/abc/part", True),
        ("/v1/things/abc/part/", True),
        ("/v1/things/abc/part?x=/v1/other", True),
        ("/proxy/v1/things/abc/part", True),
        ("/v1/things//part", False),
        ("/v1/things/a/b/part", False),
        ("/v1/things/abc/parts", False),
        ("/v1/things/abc", False),
        ("/other?x=/v1/things/abc/part", False),
    ],
)
def test_endpoint_of_answer(path: str, answered: bool) -> None:
    endpoint = Endpoint("/v1/things/:thing_id/part", {})
    assert endpoint.matches(response(f"https://example.invalid{path}")) is answered


def test_code_as_text_and_truncated_message() -> None:
    assert [code_of({"c": value}, "c") for value in (0, "0", "-1", True, None, "zero", 1.0)] == [
        0,
        0,
        -1,
        None,
        None,
        None,
        None,
    ]
    assert [is_log_id(value) for value in ("2026ABC-x_.", "", "a\nb", "x" * 129)] == [True, False, False, False]
