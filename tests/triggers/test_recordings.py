"""The trigger on a real event loop, with the emulator; its waits are those of `tests.sensors.test_modes`."""

from __future__ import annotations

import asyncio
import importlib
import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_meetings.api.wait import Schedule
from airflow_provider_meetings.emulator.seed.feishu import READY_MEETING, READY_MINUTE
from airflow_provider_meetings.triggers import recordings
from tests.contract.revocation import revoke_at_requests
from tests.triggers.conftest import run, trigger


def test_serialization() -> None:
    original = trigger(["1"], until="settled", known={"states": {"k": "ready"}, "answered": True})
    path, arguments = original.serialize()
    module, _, name = path.rpartition(".")
    copy = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    assert copy.serialize() == original.serialize()


def test_event_has_no_recordings(emulated: Any) -> None:
    event = run(trigger([READY_MEETING], known={"states": {"other": "gone"}, "reasons": {"other": "deleted"}}))
    assert (event["status"], sorted(event["states"].values())) == ("done", ["gone", "ready"])
    assert event["reasons"] == {"other": "deleted"}
    assert "Roadmap" not in json.dumps(event)
    assert READY_MINUTE not in json.dumps(event)


def test_final_state_is_permanent_failure(emulated: Any) -> None:
    event = run(trigger(["7571999999999999999"]))
    assert (event["status"], event["permanent"]) == ("failed", True)


def test_failure_keeps_retry_after(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    emulated.state.fail("feishu.meeting_recording", 99999, times=None, status=503, message="busy", reset=120)
    schedule = Schedule(started=time.time(), timeout=300, give_up_after=0)
    event = run(trigger([READY_MEETING], schedule=schedule.to_dict()))
    assert (event["status"], event["permanent"]) == ("failed", False)
    assert "busy" in event["message"] or "503" in event["message"]


def test_tokens_revoked_between_polls(emulated: Any) -> None:
    emulated.state.not_ready(READY_MINUTE, 4)
    revoke_at_requests(emulated.state, "/minutes/", 2, 4)
    assert run(trigger([READY_MEETING]))["status"] == "done"
    assert emulated.state.token_requests["feishu"] == 3


def test_first_poll_is_at_random_and_not_too_early(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first: list[float] = []

    async def sleep(seconds: float) -> None:
        first.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr(recordings, "asyncio", SimpleNamespace(sleep=sleep, timeout=asyncio.timeout))
    for poke_interval in (0, 90):
        schedule = Schedule(started=time.time(), timeout=300, poke_interval=poke_interval)
        for _ in range(40):
            with suppress(asyncio.CancelledError):
                run(trigger([READY_MEETING], schedule=schedule.to_dict()))
        assert len(set(first)) > 30
        assert 15 <= min(first) < max(first) <= max(30, poke_interval)
    assert emulated.state.requests == []


def test_round_is_spread_over_the_interval(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread is held for all questions, and the platform sees no burst."""
    clock = 1_800_000_000.0
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal clock
        clock += seconds
        await asyncio.sleep(0)

    original = emulated.state.log

    def log(record: Any) -> None:
        asked.append(clock)
        original(record)

    emulated.state.log = log
    monkeypatch.setattr(
        recordings, "asyncio", SimpleNamespace(sleep=sleep, timeout=lambda seconds: asyncio.timeout(60))
    )
    monkeypatch.setattr(recordings, "time", SimpleNamespace(time=lambda: clock))
    monkeypatch.setattr("airflow_provider_meetings.api.http.transport.Transport.acquire", lambda self, quota: None)
    tokens = [f"obcnspread{number:014}" for number in range(40)]
    schedule = Schedule(started=clock, timeout=300, poke_interval=100)
    event = run(trigger([], query={"recording_ids": tokens}, until="settled", schedule=schedule.to_dict()))
    assert event["status"] == "done"
    assert 80 <= asked[-1] - asked[0] <= 100
    assert max(asked.count(moment) for moment in set(asked)) <= recordings.SLICE + 1  # and the token


@pytest.mark.parametrize("execution_timeout", [None, 1.0])
def test_deadline_holds_against_a_hung_platform(
    emulated: Any, hung: str, monkeypatch: pytest.MonkeyPatch, execution_timeout: float | None
) -> None:
    """The event loop ends the rounds; the platform takes connections and never answers."""
    monkeypatch.setattr(recordings, "GRACE_SECONDS", 0.5)
    emulated.connect("feishu", host=hung)
    timeout = 300.0 if execution_timeout else 1.0
    schedule = Schedule(started=time.time(), timeout=timeout, execution_timeout=execution_timeout, poke_interval=60)

    async def many() -> list[Any]:
        return await asyncio.gather(
            *(anext(trigger([READY_MEETING], schedule=schedule.to_dict()).run()) for _ in range(100))
        )

    status = "execution_timeout" if execution_timeout else "timeout"
    assert [event.payload["status"] for event in asyncio.run(many())] == [status] * 100


@pytest.mark.parametrize("execution_timeout", [None, 200.0])
def test_deadline_of_a_trigger_without_worker_is_that_of_the_task_instance(execution_timeout: float | None) -> None:
    """A restarted triggerer must not extend it."""
    started = 1_800_000_000.0
    schedule = Schedule(started=0, timeout=600, execution_timeout=execution_timeout)
    waiting = trigger(["1"], schedule=schedule.to_dict())
    after = 600 + recordings.TIMEOUT_MARGIN.total_seconds()
    waiting.timeout_after = datetime.fromtimestamp(started + min(after, execution_timeout or after), UTC)  # type: ignore[attr-defined]  # as the triggerer does
    assert waiting._schedule().started == started
