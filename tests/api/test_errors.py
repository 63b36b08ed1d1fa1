from __future__ import annotations

import pickle

import pytest

from airflow_provider_meetings.api import errors
from airflow_provider_meetings.api.errors import (
    AuthenticationError,
    InvalidRequest,
    MeetingsApiError,
    NotFound,
    RateLimited,
)

EVERY = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MeetingsApiError)
]  # fmt: skip


def test_order_of_error_text() -> None:
    error = RateLimited(
        "acme refused /x",
        platform="acme",
        code=7,
        vendor_message="slow down",
        log_id="L1",
        next_step="Wait.",
        retry_after=3,
    )
    assert str(error) == "acme refused /x. Wait. [acme, code 7, 'slow down', log id L1]"


def test_error_without_details() -> None:
    assert str(MeetingsApiError("It broke")) == "It broke."
    assert str(MeetingsApiError("It broke.")) == "It broke."


def test_code_zero_is_shown() -> None:
    assert str(MeetingsApiError("x", code=0)) == "x. [code 0]"


@pytest.mark.parametrize("kind", EVERY)
def test_pickle_keeps_fields(kind: type[MeetingsApiError]) -> None:
    error = kind("what", platform="p", code=1, vendor_message="m", log_id="l", next_step="n", retry_after=2.5)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == str(error)


def test_pickle_keeps_token_rejected() -> None:
    error = AuthenticationError("x")
    error.token_rejected = True
    assert pickle.loads(pickle.dumps(error)).token_rejected


def test_permanent_errors() -> None:
    transient = {kind.__name__ for kind in EVERY if not kind.permanent}
    assert transient == {
        "NotReady",
        "RateLimited",
        "QueueTooLong",
        "ServerError",
        "AnswerTooLong",
        "LinkExpired",
        "MediaCorrupt",
        "StoreError",
    }


def test_invalid_request_is_value_error() -> None:
    assert issubclass(InvalidRequest, ValueError)


def test_docstring_contains_all_errors() -> None:
    assert errors.__doc__ is not None
    for kind in EVERY:
        assert kind.__name__ in errors.__doc__


def test_platform_text_cannot_break_lines() -> None:
    error = NotFound("recording 'A\nFAKE ERROR line\x1b[31m' is gone", vendor_message="x\ny", log_id="id")
    assert str(error).isprintable()
    assert "\\nFAKE" in str(error)
