from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from airflow_provider_meetings.api.http.rate_limit import MAX_SECONDS, retry_after_seconds

NOON = "Fri, 13 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ogw-ratelimit-reset": "52"}, 52.0),
        ({"X-OGW-RateLimit-Reset": " 0.5 "}, 0.5),
        ({"x-ogw-ratelimit-reset": "52", "Retry-After": "7"}, 52.0),
        ({"x-ogw-ratelimit-reset": "soon", "Retry-After": "7"}, 7.0),
        ({"x-ogw-ratelimit-reset": "", "retry-after": "120"}, 120.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "86400"}, 3600.0),
        ({"Retry-After": "120, 120"}, 120.0),
        ({"Retry-After": "9" * 400}, 3600.0),
        ({"Retry-After": "Fri, 13 Nov 2026 12:01:30 GMT", "Date": NOON}, 90.0),
        ({"Retry-After": "Friday, 13-Nov-26 12:01:30 GMT", "Date": NOON}, 90.0),
        ({"Retry-After": "Fri Nov 13 12:01:30 2026", "Date": NOON}, 90.0),
        ({"Retry-After": "Fri, 13 Nov 2026 11:59:00 GMT", "Date": NOON}, 0.0),
        ({"Retry-After": "Fri, 13 Nov 2026 20:01:30 +0800", "Date": NOON}, 90.0),
        ({"Retry-After": "Sun, 13 Nov 2033 12:00:00 GMT", "Date": NOON}, 3600.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT", "Date": "yesterday"}, 0.0),
        ({}, None),
        ({"Date": NOON}, None),
        *(({"Retry-After": value}, None) for value in ("-5", "nan", "inf", "1e3", "1_0", "٥", "soon", "52, 53", "")),
        *(({"x-ogw-ratelimit-reset": value}, None) for value in ("-5", "nan", "inf", "", NOON)),
    ],
)
def test_retry_after_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(CaseInsensitiveDict(headers)) == seconds


def test_a_date_without_the_answers_date_counts_from_now() -> None:
    end = format_datetime(datetime.now(UTC) + timedelta(seconds=1800), usegmt=True)
    seconds = retry_after_seconds({"Retry-After": end})
    assert seconds is not None
    assert 1500 < seconds <= 1800


@given(reset=st.text(), retry_after=st.text() | st.from_regex(r"[0-9A-Za-z ,:+-]{0,40}"), date=st.text())
@example(reset="", retry_after="Mon, 01 Jan 0001 00:00:00 +2359", date="Fri, 31 Dec 9999 23:59:59 -2359")
@example(reset="", retry_after="Fri, 31 Dec 9999 23:59:59 -2359", date="")
@example(reset="", retry_after="1 Jan 99999999999999999999 00:00:00", date="")
def test_any_header_is_a_wait_or_none(reset: str, retry_after: str, date: str) -> None:
    seconds = retry_after_seconds({"x-ogw-ratelimit-reset": reset, "Retry-After": retry_after, "Date": date})
    assert seconds is None or 0.0 <= seconds <= MAX_SECONDS
