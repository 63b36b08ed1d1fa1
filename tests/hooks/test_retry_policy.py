"""How long a failed task waits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import RetryAction

from airflow_provider_meetings.api.errors import (
    MeetingsApiError,
    QuotaExhausted,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.hooks.retry_policy import MeetingsRetryPolicy


def decided(exception: BaseException) -> tuple[RetryAction, timedelta | None]:
    decision = MeetingsRetryPolicy().evaluate(exception, 1, 3, None)
    return decision.action, decision.retry_delay


def caused_by(error: BaseException, *links: type[Exception]) -> BaseException:
    for link in links:
        try:
            raise link("see the cause") from error
        except link as raised:
            error = raised
    return error


@pytest.mark.parametrize("links", [(), (AirflowException,), (AirflowException, RuntimeError, AirflowException)])
def test_never_sooner_than_told_however_deep_it_stands(links: tuple[type[Exception], ...]) -> None:
    for told, most in ((0.0, 10.0), (3.0, 13.0), (90.0, 100.0), (3600.0, 3960.0)):
        action, delay = decided(caused_by(RateLimited("slow down", retry_after=told), *links))
        assert action is RetryAction.RETRY
        assert delay is not None
        assert told <= delay.total_seconds() <= most


def test_tasks_that_were_refused_together_do_not_come_back_together() -> None:
    error = RateLimited("slow down", retry_after=60.0)
    assert len({decided(error)[1] for _ in range(500)}) > 400


@pytest.mark.parametrize(
    "exception",
    [
        ValueError("ours"),
        AirflowException("no cause"),
        caused_by(ServerError("it failed, and said no more"), AirflowException),
        caused_by(QuotaExhausted("a month", retry_after=5.0), AirflowException),
    ],
)
def test_where_nothing_is_told_airflow_decides(exception: BaseException) -> None:
    assert decided(exception) == (RetryAction.DEFAULT, None)


def test_a_wait_that_no_date_can_hold_is_cut() -> None:
    for told in (1e12, float("inf")):
        _, delay = decided(RateLimited("slow down", retry_after=told))
        assert delay is not None
        assert timedelta(days=1) <= delay <= timedelta(days=1.1)


def test_causes_in_a_circle_end() -> None:
    first, second = AirflowException("a"), AirflowException("b")
    first.__cause__, second.__cause__ = second, first
    assert decided(first) == (RetryAction.DEFAULT, None)


def test_the_reason_names_the_platform_and_repeats_no_text() -> None:
    error = RateLimited("what", platform="feishu", vendor_message="with-a-secret", retry_after=300.0)
    reason = MeetingsRetryPolicy().evaluate(error, 1, 3).reason or ""
    assert "feishu requested a wait of 300 s" in reason
    assert "secret" not in reason


def test_it_survives_serialization() -> None:
    copy = MeetingsRetryPolicy.deserialize(MeetingsRetryPolicy().serialize())
    assert copy.evaluate(MeetingsApiError("no"), 1, 3).action is RetryAction.DEFAULT
