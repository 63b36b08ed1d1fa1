from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_meetings.api import errors
from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.http.error_codes import Endpoint, Rule, code_of, is_log_id


def response(url: str = "https://example.invalid/x", status: int = 200) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer.request = requests.Request("GET", url).prepare()
    return answer


def built(rule: Rule, **more: Any) -> MeetingsApiError:
    return rule.build(response(), platform="acme", code=7, vendor_message="text", log_id="L", **more)


def test_retry_after_of_answer_takes_precedence() -> None:
    rule = Rule(errors.RateLimited, wait=60.0, spread=5.0)
    assert built(rule, retry_after=3.0).retry_after == 3.0
    assert built(rule, retry_after=0.0).retry_after == 0.0
    assert built(Rule(errors.RateLimited, spread=5.0)).retry_after is None


def test_waits_are_randomized() -> None:
    waits = {built(Rule(errors.RateLimited, wait=1.0, spread=2.0)).retry_after or 0.0 for _ in range(50)}
    assert len(waits) > 1
    assert all(1.0 <= wait <= 3.0 for wait in waits)
    assert {built(Rule(errors.RateLimited, wait=60.0)).retry_after for _ in range(5)} == {60.0}


@pytest.mark.parametrize(
    ("status", "trust_status", "kind"),
    [
        (500, True, errors.ServerError),
        (503, True, errors.ServerError),
        (500, False, errors.InvalidRequest),
        (499, True, errors.InvalidRequest),
        (200, False, errors.InvalidRequest),
    ],
)
def test_unknown_code(status: int, trust_status: bool, kind: type[MeetingsApiError]) -> None:
    assert Rule.unknown(response(status=status), "step", trust_status=trust_status) == Rule(kind, "step")


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
