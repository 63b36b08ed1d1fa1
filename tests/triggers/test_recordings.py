"""The trigger, run by hand on a real event loop against the emulator."""

from __future__ import annotations

import asyncio
import importlib
import json
from datetime import timedelta
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.emulator.seed_feishu import (
    DELETED_MINUTE_MEETING,
    PROCESSING_MEETING,
    READY_MEETING,
    RUNNING_MEETING,
)
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.triggers import recordings
from airflow_provider_meetings.triggers.recordings import RecordingReadyTrigger


@pytest.fixture(autouse=True)
def no_first_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "FIRST_POLL_SECONDS", 0)


def trigger(meeting_ids: list[str], **changes: Any) -> RecordingReadyTrigger:
    arguments: dict[str, Any] = {
        "meetings_conn_id": "feishu_default",
        "query": {"meeting_ids": meeting_ids},
        "until": "ready",
        "poke_interval": 0,
        "deadline": (pendulum.now("UTC") + timedelta(minutes=5)).isoformat(),
        **changes,
    }
    return RecordingReadyTrigger(**arguments)


def event_of(running: RecordingReadyTrigger) -> dict[str, Any]:
    async def only() -> list[Any]:
        return [event.payload async for event in running.run()]

    (payload,) = asyncio.run(only())
    json.dumps(payload)
    return dict(payload)


def test_it_survives_serialization() -> None:
    original = trigger(["1"], until="settled", max_failures=None)
    path, arguments = original.serialize()
    module, _, name = path.rpartition(".")
    copy = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    assert copy.serialize() == original.serialize()


def test_it_yields_when_all_are_ready(emulated: Any) -> None:
    emulated.state.not_ready_polls = 2
    event = event_of(trigger([READY_MEETING, PROCESSING_MEETING]))
    assert (event["status"], [r["state"] for r in event["recordings"]]) == ("done", ["ready", "ready"])


def test_at_the_deadline_it_says_what_is_missing(emulated: Any) -> None:
    event = event_of(trigger([READY_MEETING, RUNNING_MEETING], deadline=pendulum.now("UTC").isoformat()))
    assert event["status"] == "timeout"
    assert RUNNING_MEETING in event["message"]


def test_at_the_deadline_settled_names_the_overdue(emulated: Any) -> None:
    running = trigger([READY_MEETING, RUNNING_MEETING], until="settled", deadline=pendulum.now("UTC").isoformat())
    event = event_of(running)
    assert (event["status"], [r["state"] for r in event["recordings"]]) == ("done", ["ready", "overdue"])


def test_what_will_never_be_fails_for_good(emulated: Any) -> None:
    event = event_of(trigger([DELETED_MINUTE_MEETING]))
    assert (event["status"], event["permanent"]) == ("failed", True)
    assert "2091004" in event["message"]


def test_a_wrong_secret_fails_for_good_after_one_round(emulated: Any) -> None:
    emulated.connect("feishu", password="wrong-secret")
    event = event_of(trigger([READY_MEETING]))
    assert (event["status"], event["permanent"]) == ("failed", True)
    assert emulated.state.token_requests["feishu"] == 1


def test_passing_failures_are_borne_but_not_for_ever(emulated: Any) -> None:
    emulated.connect("feishu", host="http://127.0.0.1:9")
    event = event_of(trigger([READY_MEETING], max_failures=3))
    assert (event["status"], event["permanent"]) == ("failed", False)
    assert "could not be reached" in event["message"]


def test_a_blip_is_survived(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = iter(["http://127.0.0.1:9", "http://127.0.0.1:9", emulated.url])
    real = MeetingsHook.for_connection

    def each_round(conn_id: str, *, patient: bool) -> MeetingsHook:
        emulated.connect("feishu", host=next(rounds))
        return real(conn_id, patient=patient)

    monkeypatch.setattr(MeetingsHook, "for_connection", each_round)
    assert event_of(trigger([READY_MEETING], max_failures=2))["status"] == "done"


def test_the_loop_goes_on_while_a_round_is_asked(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round that only ends when the loop has gone on: a blocked loop would hang here for ever."""

    async def both() -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        real = MeetingsHook.for_connection

        def after_the_loop_has_turned(conn_id: str, *, patient: bool) -> MeetingsHook:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(timeout=30)
            return real(conn_id, patient=patient)

        monkeypatch.setattr(MeetingsHook, "for_connection", after_the_loop_has_turned)
        (payload,) = [event.payload async for event in trigger([READY_MEETING]).run()]
        return dict(payload)

    assert asyncio.run(both())["status"] == "done"
