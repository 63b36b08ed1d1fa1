"""The trigger on a real event loop, with the emulator."""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.api.errors import AuthenticationError, MeetingsApiError, RateLimited, ServerError
from airflow_provider_meetings.emulator.seed.feishu import (
    DELETED_MINUTE_MEETING,
    PROCESSING_MEETING,
    READY_MEETING,
    READY_MINUTE,
    RUNNING_MEETING,
)
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.triggers import recordings
from airflow_provider_meetings.triggers.recordings import RecordingReadyTrigger
from tests.contract.revocation import revoke_at_requests
from tests.system.planted import change_feishu_secret
from tests.triggers.conftest import run, trigger

FIRST_POLL_SECONDS, MIN_PAUSE_SECONDS = recordings.FIRST_POLL_SECONDS, recordings.MIN_PAUSE_SECONDS


def test_serialization() -> None:
    original = trigger(["1"], until="settled", max_failures=None)
    path, arguments = original.serialize()
    module, _, name = path.rpartition(".")
    copy = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    assert copy.serialize() == original.serialize()


def test_done(emulated: Any) -> None:
    emulated.state.not_ready_polls = 2
    event = run(trigger([READY_MEETING, PROCESSING_MEETING]))
    assert (event["status"], [r["state"] for r in event["recordings"]]) == ("done", ["ready", "ready"])


def test_timeout_names_pending_recordings(emulated: Any) -> None:
    event = run(trigger([READY_MEETING, RUNNING_MEETING], deadline=pendulum.now("UTC").isoformat()))
    assert event["status"] == "timeout"
    assert RUNNING_MEETING in event["message"]


def test_settled_returns_overdue_recordings_at_deadline(emulated: Any) -> None:
    deadline = pendulum.now("UTC").isoformat()
    event = run(trigger([READY_MEETING, RUNNING_MEETING], until="settled", deadline=deadline))
    assert (event["status"], [r["state"] for r in event["recordings"]]) == ("done", ["ready", "overdue"])


def test_final_state_is_permanent_failure(emulated: Any) -> None:
    event = run(trigger([DELETED_MINUTE_MEETING]))
    assert (event["status"], event["permanent"]) == ("failed", True)
    assert "2091004" in event["message"]


def test_wrong_secret_is_permanent_failure_after_one_poll(emulated: Any) -> None:
    emulated.connect("feishu", password="wrong-secret")
    event = run(trigger([READY_MEETING]))
    assert (event["status"], event["permanent"]) == ("failed", True)
    assert emulated.state.token_requests["feishu"] == 1


def test_max_failures(emulated: Any) -> None:
    emulated.connect("feishu", host="http://127.0.0.1:9")
    event = run(trigger([READY_MEETING], max_failures=3))
    assert (event["status"], event["permanent"]) == ("failed", False)
    assert "could not be reached" in event["message"]


def test_rate_limited_polls_are_not_failures(emulated: Any) -> None:
    emulated.state.fail("feishu.meeting_recording", 99991400, times=2, reset=1)
    assert run(trigger([READY_MEETING], max_failures=0))["status"] == "done"


def test_timeout_after_rate_limit_names_its_code(emulated: Any) -> None:
    emulated.state.fail("feishu.meeting_recording", 99991400, times=None, reset=3600)
    event = run(trigger([READY_MEETING], max_failures=0, deadline=pendulum.now("UTC").isoformat()))
    assert event["status"] == "timeout"
    assert "99991400" in event["message"]


def test_failure_has_retry_after(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(self: RecordingReadyTrigger) -> Any:
        error = ServerError("busy", retry_after=120.0)
        raise AirflowException(str(error)) from error

    monkeypatch.setattr(RecordingReadyTrigger, "_poll", ask)
    event = run(trigger(["1"], max_failures=0))
    assert (event["status"], event["permanent"], event["retry_after"]) == ("failed", False, 120.0)


def test_recovery_after_failures(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = iter(["http://127.0.0.1:9", "http://127.0.0.1:9", emulated.url])
    real = MeetingsHook.for_connection

    def each_poll(conn_id: str, *, retry: bool) -> MeetingsHook:
        emulated.connect("feishu", host=next(urls))
        return real(conn_id, retry=retry)

    monkeypatch.setattr(MeetingsHook, "for_connection", each_poll)
    assert run(trigger([READY_MEETING], max_failures=2))["status"] == "done"


def test_pauses(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first pause is at least 15 s, later ones as configured or as the platform requests, never zero."""
    monkeypatch.setattr(recordings, "FIRST_POLL_SECONDS", FIRST_POLL_SECONDS)
    monkeypatch.setattr(recordings, "MIN_PAUSE_SECONDS", MIN_PAUSE_SECONDS)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    answers: list[Any] = [
        False,
        RateLimited("slow down", retry_after=42.0),
        False,
        AuthenticationError("no"),
    ]

    def ask(self: RecordingReadyTrigger) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, MeetingsApiError):
            kind = AirflowFailException if answer.permanent else AirflowException
            raise kind(str(answer)) from answer
        return answer

    monkeypatch.setattr(RecordingReadyTrigger, "_poll", ask)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert run(trigger(["1"], poke_interval=0))["permanent"]
    assert pauses == [15.0, 1.0, 42.0, 1.0]


def test_only_consecutive_failures_count(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, None, False, None, True])

    def ask(self: RecordingReadyTrigger) -> Any:
        answer = next(answers)
        if answer is False:
            raise AirflowException("failed")
        return bool(answer)

    monkeypatch.setattr(RecordingReadyTrigger, "_poll", ask)
    assert run(trigger(["1"], max_failures=1))["status"] == "done"


def test_tokens_revoked_between_polls(emulated: Any) -> None:
    emulated.state.not_ready(READY_MINUTE, 4)
    revoke_at_requests(emulated.state, "/minutes/", 2, 4)
    event = run(trigger([READY_MEETING], max_failures=0))
    assert (event["status"], [r["recording_id"] for r in event["recordings"]]) == ("done", [READY_MINUTE])
    assert emulated.state.token_requests["feishu"] == 3


def test_changed_secret(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The app's secret changes between two polls, on the platform, which revokes the tokens, and in Airflow."""

    def reset_secret() -> None:
        change_feishu_secret(monkeypatch, "after-the-reset")
        emulated.state.revoke_tokens()

    polls = 0
    real = MeetingsHook.for_connection

    def each_poll(conn_id: str, *, retry: bool) -> MeetingsHook:
        nonlocal polls
        polls += 1
        if polls == 2:
            reset_secret()
            emulated.connect("feishu", password="after-the-reset")
        return real(conn_id, retry=retry)

    monkeypatch.setattr(MeetingsHook, "for_connection", each_poll)
    emulated.state.not_ready(READY_MINUTE, 2)
    assert run(trigger([READY_MEETING], max_failures=0))["status"] == "done"
    assert polls == 3
    # One login per secret; the old token is not used again: no request is refused and repeated.
    assert emulated.state.token_requests["feishu"] == 2
    assert sum("authorization" in request.withheld for request in emulated.state.requests) == 6
