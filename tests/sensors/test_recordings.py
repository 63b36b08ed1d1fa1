"""The sensor in its three modes, on both platforms."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, ClassVar

import pendulum
import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from airflow.sdk.bases.operator import TriggerFailureReason
from airflow.sdk.exceptions import AirflowRescheduleException

from airflow_provider_meetings.api.errors import RateLimited
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.emulator.seed.feishu import (
    DELETED_MINUTE_MEETING,
    FORBIDDEN_MEETING,
    PROCESSING_MEETING,
    PROCESSING_MINUTE,
    READY_MEETING,
    READY_MINUTE,
    RUNNING_MEETING,
    UNRECORDED_MEETING,
)
from airflow_provider_meetings.emulator.seed.wecom import PROCESSING_RECORD
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor

DAY = {"start": "2026-11-11T18:00:00+00:00", "end": "2026-11-12T18:00:00+00:00"}


def feishu(**arguments: Any) -> RecordingReadySensor:
    return RecordingReadySensor(
        **{"task_id": "wait", "meetings_conn_id": "feishu_default", "poke_interval": 0, **arguments}
    )


def wecom(emulated: Any, **arguments: Any) -> RecordingReadySensor:
    meeting = emulated.state.company.wecom_recordings[PROCESSING_RECORD].meetingid
    return RecordingReadySensor(
        **{
            "task_id": "wait",
            "meetings_conn_id": "wecom_default",
            "poke_interval": 0,
            "meeting_ids": [meeting],
            **DAY,
            **arguments,
        }
    )


def test_poke_waits_for_meeting_and_minute(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 2
    found = feishu(meeting_ids=[PROCESSING_MEETING, READY_MEETING]).execute(context)
    assert [(r["state"], r["recording_id"]) for r in found] == [("ready", PROCESSING_MINUTE), ("ready", READY_MINUTE)]
    # 2 x 124002 for the meeting; then the meeting and 2 x 2091003 for the minute; then both.
    requests = [r.path for r in emulated.state.requests if PROCESSING_MEETING in r.path or PROCESSING_MINUTE in r.path]
    assert len(requests) == 2 + 2 * 3
    json.dumps(found)


def test_poke_waits_for_wecom_meeting(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    found = wecom(emulated).execute(context)
    assert [(r["state"], r["recording_id"]) for r in found] == [("ready", PROCESSING_RECORD)]


def test_reschedule(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    sensor = feishu(meeting_ids=[PROCESSING_MEETING], mode="reschedule", poke_interval=60)
    for _ in range(2):
        with pytest.raises(AirflowRescheduleException):
            sensor.execute(context)
    assert [r["state"] for r in sensor.execute(context)] == ["ready"]


def test_deferrable_does_not_defer_if_ready(emulated: Any, context: Any) -> None:
    found = feishu(meeting_ids=[READY_MEETING], deferrable=True).execute(context)
    assert [r["state"] for r in found] == ["ready"]


def test_trigger_arguments(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    sensor = wecom(emulated, deferrable=True, timeout=600, poke_interval=30)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context)
    _, arguments = deferred.value.trigger.serialize()
    meeting = emulated.state.company.wecom_recordings[PROCESSING_RECORD].meetingid
    assert arguments["query"] == {"meeting_ids": [meeting], **DAY}
    assert (arguments["until"], arguments["poke_interval"], arguments["max_failures"]) == ("ready", 30, 5)
    left = pendulum.parse(arguments["deadline"]) - pendulum.now("UTC")  # type: ignore[operator]
    assert 500 < left.total_seconds() <= 600
    # Airflow's own timeout is later than the trigger's.
    assert deferred.value.timeout is not None
    assert deferred.value.timeout.total_seconds() > 600


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transport, "pause", lambda self, seconds: None)


@pytest.mark.parametrize("mode", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}])
class TestModes:
    """Timeout, soft_fail and never_fail, in each mode and on the first poll."""

    def test_timeout(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        with pytest.raises(AirflowSensorTimeout, match=RUNNING_MEETING):
            feishu(meeting_ids=[RUNNING_MEETING], timeout=0, **mode).execute(context)

    def test_timeout_with_soft_fail(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        with pytest.raises(AirflowSkipException):
            feishu(meeting_ids=[RUNNING_MEETING], timeout=0, soft_fail=True, **mode).execute(context)

    def test_permanent_error(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        emulated.connect("feishu", password="wrong-secret")
        with pytest.raises(AirflowFailException, match="Check login"):
            feishu(meeting_ids=[READY_MEETING], **mode).execute(context)

    def test_permanent_error_with_soft_fail(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        emulated.connect("feishu", password="wrong-secret")
        with pytest.raises(AirflowSkipException):
            feishu(meeting_ids=[READY_MEETING], soft_fail=True, **mode).execute(context)

    def test_temporary_error(self, emulated: Any, context: Any, no_backoff: None, mode: dict[str, Any]) -> None:
        emulated.connect("feishu", host="http://127.0.0.1:9")
        sensor = feishu(meeting_ids=[READY_MEETING], **mode)
        with pytest.raises(AirflowException) as caught:
            sensor.execute(context)
        assert not isinstance(caught.value, AirflowFailException)

    def test_temporary_error_with_never_fail(
        self, emulated: Any, context: Any, no_backoff: None, mode: dict[str, Any]
    ) -> None:
        emulated.connect("feishu", host="http://127.0.0.1:9")
        with pytest.raises(AirflowSkipException):
            feishu(meeting_ids=[READY_MEETING], never_fail=True, **mode).execute(context)

    def test_settled_returns_overdue_recordings(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        ids = [READY_MEETING, RUNNING_MEETING, UNRECORDED_MEETING, DELETED_MINUTE_MEETING, FORBIDDEN_MEETING]
        found = feishu(meeting_ids=ids, until="settled", timeout=0, **mode).execute(context)
        assert [r["state"] for r in found] == ["ready", "overdue", "overdue", "gone", "forbidden"]
        assert found[1]["reason"] == "still recording at the deadline"

    def test_settled_with_soft_fail(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        sensor = feishu(meeting_ids=[RUNNING_MEETING], until="settled", timeout=0, soft_fail=True, **mode)
        assert [r["state"] for r in sensor.execute(context)] == ["overdue"]

    def test_settled_returns_final_states_at_once(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        found = feishu(meeting_ids=[DELETED_MINUTE_MEETING], until="settled", **mode).execute(context)
        assert [r["state"] for r in found] == ["gone"]

    @pytest.mark.parametrize("meeting", [DELETED_MINUTE_MEETING, FORBIDDEN_MEETING, "7571999999999999999"])
    def test_ready_fails_at_once_for_final_states(
        self, emulated: Any, context: Any, mode: dict[str, Any], meeting: str
    ) -> None:
        with pytest.raises(AirflowFailException, match="will never be ready"):
            feishu(meeting_ids=[meeting], **mode).execute(context)


def test_recordings_of_listing(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    listed = wecom(emulated, until="settled", timeout=0).execute(context)
    assert [r["state"] for r in listed] == ["overdue"]
    found = wecom(emulated, meeting_ids=None, start=None, end=None, recordings=[listed]).execute(context)
    assert [(r["state"], r["recording_id"]) for r in found] == [("ready", PROCESSING_RECORD)]


def test_empty_listing(emulated: Any, context: Any) -> None:
    empty: Any
    for empty in ([], [[]], iter([])):
        assert wecom(emulated, meeting_ids=None, recordings=empty, deferrable=True).execute(context) == []
    assert emulated.state.requests == []


def test_listed_meetings_without_recording_id(emulated: Any, context: Any) -> None:
    absent = {"platform": "wecom", "tenant": "t", "recording_id": None, "state": "absent"}
    listed = [
        {**absent, "meeting_id": "hy-never"},
        {**absent, "meeting_number": "000"},
        {**absent, "meeting_number": "001"},
    ]
    found = wecom(emulated, meeting_ids=None, recordings=listed, until="settled", timeout=0).execute(context)
    assert [(r["meeting_number"], r["meeting_id"]) for r in found] == [("000", None), ("001", None), (None, "hy-never")]


def test_default_window_of_wecom(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 0
    with pytest.raises(AirflowSensorTimeout):
        wecom(emulated, meeting_ids=["hy-never"], start=None, end=None, timeout=0).execute(context)
    (request,) = [r for r in emulated.state.requests if r.path.endswith("/record/list")]
    assert request.body["end_time"] - request.body["start_time"] == 31 * 24 * 3600


def test_first_poll_failed_with_silent_fail(emulated: Any, context: Any) -> None:
    emulated.connect("feishu", host="http://127.0.0.1:9")
    with pytest.raises(TaskDeferred) as deferred:
        feishu(meeting_ids=[READY_MEETING], deferrable=True, silent_fail=True).execute(context)
    assert deferred.value.trigger.serialize()[1]["max_failures"] is None


def test_first_poll_rate_limited(emulated: Any, context: Any) -> None:
    emulated.state.fail("feishu.meeting_recording", 99991400, times=None, reset=4000)
    with pytest.raises(TaskDeferred):
        feishu(meeting_ids=[READY_MEETING], deferrable=True).execute(context)
    with pytest.raises(AirflowException) as caught:
        feishu(meeting_ids=[READY_MEETING]).execute(context)
    assert isinstance(caught.value.__cause__, RateLimited)


class TestResume:
    """The task after the trigger's event."""

    EVENT: ClassVar[dict[str, Any]] = {
        "status": "done",
        "permanent": False,
        "message": "",
        "retry_after": None,
        "recordings": [{"state": "ready"}],
    }

    def resume(self, context: Any, event: dict[str, Any] | None, **arguments: Any) -> Any:
        sensor = feishu(**{"meeting_ids": [READY_MEETING], "deferrable": True, **arguments})
        if event is None:
            return sensor.resume_execution("__fail__", {"error": TriggerFailureReason.TRIGGER_TIMEOUT}, context)
        return sensor.resume_execution("execute_complete", {"event": event}, context)

    def test_done(self, context: Any) -> None:
        assert self.resume(context, self.EVENT) == [{"state": "ready"}]

    def test_timeout(self, context: Any) -> None:
        event = {**self.EVENT, "status": "timeout", "message": "timed out"}
        with pytest.raises(AirflowSensorTimeout, match="timed out"):
            self.resume(context, event)
        with pytest.raises(AirflowSkipException):
            self.resume(context, event, soft_fail=True)

    @pytest.mark.parametrize("permanent", [True, False])
    def test_failed(self, context: Any, permanent: bool) -> None:
        event = {**self.EVENT, "status": "failed", "message": "not allowed", "permanent": permanent}
        with pytest.raises(AirflowException, match="not allowed") as caught:
            self.resume(context, event)
        assert isinstance(caught.value, AirflowFailException) == permanent
        with pytest.raises(AirflowSkipException):
            self.resume(context, event, soft_fail=True)

    def test_failed_keeps_retry_after_for_retry_policy(self, context: Any) -> None:
        event: dict[str, Any] = {**self.EVENT, "status": "failed", "message": "busy"}
        for retry_after, expected in ((300.0, "retry"), (None, "default")):
            with pytest.raises(AirflowException, match="busy") as caught:
                self.resume(context, {**event, "retry_after": retry_after})
            policy = feishu(meeting_ids=["1"]).retry_policy
            assert policy is not None
            decision = policy.evaluate(caught.value, 1, 3)
            assert decision.action.value == expected
            assert (decision.retry_delay or timedelta(0)) >= timedelta(seconds=300 if expected == "retry" else 0)

    def test_deferral_timeout(self, emulated: Any, context: Any) -> None:
        with pytest.raises(AirflowSensorTimeout):
            self.resume(context, None)
        with pytest.raises(AirflowSkipException):
            self.resume(context, None, soft_fail=True)
        # With "settled" the sensor polls once more.
        for soft_fail in (False, True):
            arguments = {"meeting_ids": [READY_MEETING, RUNNING_MEETING], "until": "settled", "soft_fail": soft_fail}
            assert [r["state"] for r in self.resume(context, None, **arguments)] == ["ready", "overdue"]
