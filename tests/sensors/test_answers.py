"""One meeting's answer is one meeting's: many meetings, of which one always fails and one is deleted."""

from __future__ import annotations

import asyncio
import importlib
import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.models.trigger import _decode_next_kwargs
from airflow.providers.common.compat.sdk import AirflowException, AirflowSensorTimeout, TaskDeferred
from airflow.sdk.bases import sensor as airflow_sensor
from airflow.sdk.serde import deserialize, serialize

from airflow_provider_meetings.api.errors import RateLimited
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.seed import feishu as seed
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.triggers import recordings as triggers
from tests.triggers.conftest import run

MEETINGS = 60
BROKEN, DELETED = 17, 40
POKE_SECONDS, TIMEOUT_SECONDS = 60, 600


def company_of(count: int, *broken: int) -> tuple[Company, list[str]]:
    """Return a company with meetings, of which DELETED has a deleted minute; the emulator fails on broken ones."""
    default = default_company()
    ids = [str(7_600_000_000_000_000_000 + number) for number in range(count)]
    tokens = [f"obcnmany{number:016}" for number in range(count)]
    meeting, minute = default.feishu_meetings[seed.READY_MEETING], default.feishu_minutes[seed.READY_MINUTE]
    minutes = {token: replace(minute, token=token) for n, token in enumerate(tokens) if n not in broken}
    minutes[tokens[DELETED]] = replace(minutes[tokens[DELETED]], status="deleted")
    meetings = {i: replace(meeting, meeting_id=i, minute_token=t) for i, t in zip(ids, tokens, strict=True)}
    return replace(default, feishu_meetings=meetings, feishu_minutes=minutes), ids


class Clock:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.start = pendulum.now("UTC")

    def monotonic(self) -> float:
        return self.seconds

    def now(self, timezone: str) -> pendulum.DateTime:
        return self.start.add(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(airflow_sensor, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    monkeypatch.setattr(triggers, "pendulum", SimpleNamespace(now=clock.now))
    monkeypatch.setattr(
        triggers, "asyncio", SimpleNamespace(sleep=clock.sleep_async, CancelledError=asyncio.CancelledError)
    )
    # The quotas are not what is measured here.
    monkeypatch.setattr(Transport, "acquire", lambda self, quota: None)
    return clock


def sensor(ids: list[str], **arguments: Any) -> RecordingReadySensor:
    arguments = {"until": "settled", "poke_interval": POKE_SECONDS, "timeout": TIMEOUT_SECONDS, **arguments}
    return RecordingReadySensor(task_id="wait", meetings_conn_id="feishu_default", meeting_ids=ids, **arguments)


def through_airflow(deferred: TaskDeferred, event: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of the resumed method after the way through Airflow's API, database and triggerer."""
    stored = json.loads(json.dumps(serialize(deferred.kwargs or {})))
    next_kwargs = {**_decode_next_kwargs(stored), "event": event}
    resumed = deserialize(json.loads(json.dumps(serialize(next_kwargs))))
    assert isinstance(resumed, dict)
    return resumed


def resume(task: RecordingReadySensor, deferred: TaskDeferred, context: Any) -> Any:
    path, arguments = deferred.trigger.serialize()
    assert len(json.dumps(arguments)) < 64 * 1024
    module, _, name = path.rpartition(".")
    trigger = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    event = run(trigger)
    fresh = sensor([], **{"until": task.until, "deferrable": True})  # another process
    fresh.meeting_ids = task.meeting_ids
    return fresh.resume_execution(deferred.method_name, through_airflow(deferred, event), context)


def execute(task: RecordingReadySensor, context: Any) -> Any:
    try:
        return task.execute(context)
    except TaskDeferred as deferred:
        return resume(task, deferred, context)


MODES = pytest.mark.parametrize("mode", [{"mode": "poke"}, {"deferrable": True}])


def check_one_fails(emulated: Any, context: Any, mode: dict[str, Any], count: int) -> tuple[int, int]:
    """Check the answers, and return the numbers of requests and of the fewest possible."""
    emulated.state.company, ids = company_of(count, BROKEN)
    found = execute(sensor(ids, **mode), context)
    assert [r["meeting_id"] for r in found] == ids
    overdue = found[BROKEN]
    assert (overdue["state"], overdue["recording_id"]) == ("overdue", None)
    assert overdue["reason"].startswith("still absent at the deadline: feishu answered /open-apis/vc/v1/meetings/")
    assert "status 500" in overdue["reason"]
    states = [r["state"] for r in found]
    assert states[DELETED] == "gone"
    assert states.count("ready") == count - 2
    rounds = sum(ids[BROKEN] in request.path for request in emulated.state.requests)
    assert rounds > TIMEOUT_SECONDS / POKE_SECONDS
    return len(emulated.state.requests), 2 * (count - 1) + rounds


@MODES
def test_one_meeting_always_fails(emulated: Any, context: Any, clock: Clock, mode: dict[str, Any]) -> None:
    requests, fewest = check_one_fails(emulated, context, mode, MEETINGS)
    assert requests <= 1.1 * fewest


@MODES
def test_ready_names_failing_meeting_and_its_error(
    emulated: Any, context: Any, clock: Clock, mode: dict[str, Any]
) -> None:
    emulated.state.company, ids = company_of(MEETINGS, BROKEN)
    del ids[DELETED]
    with pytest.raises(AirflowSensorTimeout, match=rf"meeting {ids[BROKEN]} \(absent\)\. Last error: .*status 500"):
        execute(sensor(ids, until="ready", **mode), context)


@MODES
def test_failure_of_all_fails_the_task(emulated: Any, context: Any, clock: Clock, mode: dict[str, Any]) -> None:
    emulated.state.company, ids = company_of(MEETINGS, 0, 1)
    # The pauses between attempts on the worker.
    emulated.monkeypatch.setattr(Transport, "_wait_seconds", lambda self, state: 0.0)
    with pytest.raises(AirflowException, match="status 500") as caught:
        execute(sensor(ids[:2], **mode), context)
    assert not isinstance(caught.value, AirflowSensorTimeout)
    # Without an answer yet, the first call is repeated as any call is.
    assert emulated.state.calls["feishu.meeting_recording"] == 1 + (1 if "deferrable" in mode else 4)


@MODES
def test_failure_that_passes(emulated: Any, context: Any, clock: Clock, mode: dict[str, Any]) -> None:
    emulated.state.company, ids = company_of(MEETINGS)
    emulated.state.fail("feishu.minute", 2091006, times=3, skip=10, status=500)
    found = execute(sensor(ids, **mode), context)
    assert {r["state"] for r in found} == {"ready", "gone"}
    assert [r["meeting_id"] for r in found] == ids
    # Each failed meeting once more, and the one that proves to the trigger that the platform answers.
    assert emulated.state.calls["feishu.minute"] == MEETINGS + 3 + ("deferrable" in mode)


@MODES
def test_rate_limit_keeps_answers(emulated: Any, context: Any, clock: Clock, mode: dict[str, Any]) -> None:
    emulated.state.company, ids = company_of(MEETINGS)
    emulated.state.fail("feishu.minute", 99991400, times=1, skip=20, reset=300)
    found = execute(sensor(ids, **mode), context)
    assert [r["meeting_id"] for r in found] == ids
    assert emulated.state.calls["feishu.minute"] == MEETINGS + 1 + ("deferrable" in mode)


def test_unreachable_until_the_deadline_keeps_answers(emulated: Any, context: Any, clock: Clock) -> None:
    emulated.state.company, ids = company_of(MEETINGS, BROKEN)
    task = sensor(ids, deferrable=True, silent_fail=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    emulated.connect("feishu", host="http://127.0.0.1:9")
    found = resume(task, deferred.value, context)
    assert [r["meeting_id"] for r in found] == ids
    assert [r["state"] for r in found].count("ready") == MEETINGS - 3  # one proves that the platform answers
    assert "could not be reached" in found[0]["reason"] or "not asked yet" in found[0]["reason"]


def test_arguments_of_a_deferral_may_be_lost(emulated: Any, context: Any, clock: Clock) -> None:
    """`dag.test` drops them: the sensor asks for everything again."""
    emulated.state.company, ids = company_of(MEETINGS)
    emulated.state.not_ready(seed.READY_MINUTE, 1)
    emulated.state.fail("feishu.minute", 2091003, times=1, skip=5)
    task = sensor(ids, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    event = run(deferred.value.trigger)
    assert len(event["recordings"]) == 2
    fresh = sensor(ids, deferrable=True)
    found = fresh.resume_execution(deferred.value.method_name, {"event": event}, context)
    assert [r["meeting_id"] for r in found] == ids


def test_rate_limit_without_any_answer_fails_a_poke(emulated: Any, context: Any, clock: Clock) -> None:
    emulated.state.fail("feishu.meeting_recording", 99991400, times=None, reset=4000)
    with pytest.raises(AirflowException) as caught:
        sensor([seed.READY_MEETING]).execute(context)
    assert isinstance(caught.value.__cause__, RateLimited)
    assert clock.now("UTC") - clock.start == timedelta(0)
