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


def test_the_text_begins_with_what_happened_and_ends_with_the_platform() -> None:
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


def test_a_bare_error_is_a_sentence() -> None:
    assert str(MeetingsApiError("It broke")) == "It broke."
    assert str(MeetingsApiError("It broke.")) == "It broke."


def test_code_zero_is_shown() -> None:
    assert str(MeetingsApiError("x", code=0)) == "x. [code 0]"


@pytest.mark.parametrize("kind", EVERY)
def test_every_field_crosses_a_process_border(kind: type[MeetingsApiError]) -> None:
    error = kind("what", platform="p", code=1, vendor_message="m", log_id="l", next_step="n", retry_after=2.5)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == str(error)


def test_a_rejected_token_stays_one_across_a_border() -> None:
    error = AuthenticationError("x")
    error.token_rejected = True
    assert pickle.loads(pickle.dumps(error)).token_rejected


def test_which_are_permanent() -> None:
    transient = {kind.__name__ for kind in EVERY if not kind.permanent}
    assert transient == {
        "NotReady",
        "RateLimited",
        "QueueTooLong",
        "ServerError",
        "LinkExpired",
        "MediaCorrupt",
        "StoreError",
    }


def test_a_wrong_question_is_a_value_error() -> None:
    assert issubclass(InvalidRequest, ValueError)


def test_the_tree_is_drawn_whole() -> None:
    assert errors.__doc__ is not None
    for kind in EVERY:
        assert kind.__name__ in errors.__doc__


def test_a_platforms_words_make_no_lines_of_their_own() -> None:
    error = NotFound("recording 'A\nFAKE ERROR line\x1b[31m' is gone", vendor_message="x\ny", log_id="id")
    assert str(error).isprintable()
    assert "\\nFAKE" in str(error)
