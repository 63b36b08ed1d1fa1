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


def test_poke_waits_through_both_stages_of_a_feishu_meeting(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 2
    found = feishu(meeting_ids=[PROCESSING_MEETING, READY_MEETING]).execute(context)
    assert [(r["state"], r["recording_id"]) for r in found] == [("ready", PROCESSING_MINUTE), ("ready", READY_MINUTE)]
    # 2 x 124002 on the meeting, then the meeting and 2 x 2091003 on the minute, then both at last.
    asked = [r.path for r in emulated.state.requests if PROCESSING_MEETING in r.path or PROCESSING_MINUTE in r.path]
    assert len(asked) == 2 + 2 * 3
    json.dumps(found)


def test_poke_waits_for_a_wecom_meeting(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    found = wecom(emulated).execute(context)
    assert [(r["state"], r["recording_id"]) for r in found] == [("ready", PROCESSING_RECORD)]


def test_reschedule_leaves_and_comes_back(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    sensor = feishu(meeting_ids=[PROCESSING_MEETING], mode="reschedule", poke_interval=60)
    for _ in range(2):
        with pytest.raises(AirflowRescheduleException):
            sensor.execute(context)
    assert [r["state"] for r in sensor.execute(context)] == ["ready"]


def test_deferrable_does_not_defer_what_is_ready(emulated: Any, context: Any) -> None:
    found = feishu(meeting_ids=[READY_MEETING], deferrable=True).execute(context)
    assert [r["state"] for r in found] == ["ready"]


def test_deferrable_defers_ids_and_nothing_else(emulated: Any, context: Any) -> None:
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
    # Airflow's own timeout is only the net below the trigger's.
    assert deferred.value.timeout is not None
    assert deferred.value.timeout.total_seconds() > 600


@pytest.mark.parametrize("mode", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}])
class TestAsAnySensor:
    """Timeout, soft_fail and never_fail, in each mode and on the first round already."""

    def test_timeout(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        with pytest.raises(AirflowSensorTimeout, match=RUNNING_MEETING):
            feishu(meeting_ids=[RUNNING_MEETING], timeout=0, **mode).execute(context)

    def test_timeout_with_soft_fail(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        with pytest.raises(AirflowSkipException):
            feishu(meeting_ids=[RUNNING_MEETING], timeout=0, soft_fail=True, **mode).execute(context)

    def test_a_permanent_error(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        emulated.connect("feishu", password="wrong-secret")
        with pytest.raises(AirflowFailException, match="Check login"):
            feishu(meeting_ids=[READY_MEETING], **mode).execute(context)

    def test_a_permanent_error_with_soft_fail(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        emulated.connect("feishu", password="wrong-secret")
        with pytest.raises(AirflowSkipException):
            feishu(meeting_ids=[READY_MEETING], soft_fail=True, **mode).execute(context)

    def test_a_passing_error(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        emulated.connect("feishu", host="http://127.0.0.1:9")
        sensor = feishu(meeting_ids=[READY_MEETING], **mode)
        with pytest.raises(AirflowException) as caught:
            sensor.execute(context)
        assert not isinstance(caught.value, AirflowFailException)

    def test_a_passing_error_with_never_fail(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        emulated.connect("feishu", host="http://127.0.0.1:9")
        with pytest.raises(AirflowSkipException):
            feishu(meeting_ids=[READY_MEETING], never_fail=True, **mode).execute(context)

    def test_settled_names_what_is_overdue(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        ids = [READY_MEETING, RUNNING_MEETING, UNRECORDED_MEETING, DELETED_MINUTE_MEETING, FORBIDDEN_MEETING]
        found = feishu(meeting_ids=ids, until="settled", timeout=0, **mode).execute(context)
        assert [r["state"] for r in found] == ["ready", "overdue", "overdue", "gone", "forbidden"]
        assert found[1]["reason"] == "still recording at the deadline"

    def test_settled_with_soft_fail_is_not_skipped(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        sensor = feishu(meeting_ids=[RUNNING_MEETING], until="settled", timeout=0, soft_fail=True, **mode)
        assert [r["state"] for r in sensor.execute(context)] == ["overdue"]

    def test_settled_does_not_wait_for_answers(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        found = feishu(meeting_ids=[DELETED_MINUTE_MEETING], until="settled", **mode).execute(context)
        assert [r["state"] for r in found] == ["gone"]

    @pytest.mark.parametrize("meeting", [DELETED_MINUTE_MEETING, FORBIDDEN_MEETING, "7571999999999999999"])
    def test_ready_fails_at_once_for_what_will_never_be(
        self, emulated: Any, context: Any, mode: dict[str, Any], meeting: str
    ) -> None:
        with pytest.raises(AirflowFailException, match="will never be ready"):
            feishu(meeting_ids=[meeting], **mode).execute(context)

    def test_bad_input_is_refused_before_any_request(self, emulated: Any, context: Any, mode: dict[str, Any]) -> None:
        for arguments, text in (
            ({}, "No recording is named"),
            ({"recording_ids": ["a" * 23]}, "23 characters"),
            ({"meeting_ids": ["x"]}, "not a row of digits"),
            ({"meeting_ids": [READY_MEETING], **DAY}, "leave start and end out"),
            ({"owner_ids": ["zhangwei"]}, "cannot be asked by owner_ids. What works: meeting_ids, recording_ids"),
            ({"recordings": "{{ x }}"}, "recordings must be a list"),
        ):
            with pytest.raises(AirflowFailException, match=text):
                feishu(**arguments, **mode).execute(context)
        assert emulated.state.requests == []


def test_recordings_of_a_listing_are_asked_again(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    listed = wecom(emulated, until="settled", timeout=0).execute(context)
    assert [r["state"] for r in listed] == ["overdue"]
    found = wecom(emulated, meeting_ids=None, start=None, end=None, recordings=[listed]).execute(context)
    assert [(r["state"], r["recording_id"]) for r in found] == [("ready", PROCESSING_RECORD)]


def test_a_listing_that_found_nothing_is_nothing_to_wait_for(emulated: Any, context: Any) -> None:
    nothing: Any
    for nothing in ([], [[]], iter([])):
        assert wecom(emulated, meeting_ids=None, recordings=nothing, deferrable=True).execute(context) == []
    assert emulated.state.requests == []


def test_meetings_without_a_recording_are_asked_again_by_what_is_known(emulated: Any, context: Any) -> None:
    never = {"platform": "wecom", "tenant": "t", "recording_id": None, "state": "absent"}
    listed = [
        {**never, "meeting_id": "hy-never"},
        {**never, "meeting_number": "000"},
        {**never, "meeting_number": "001"},
    ]
    found = wecom(emulated, meeting_ids=None, recordings=listed, until="settled", timeout=0).execute(context)
    assert [(r["meeting_number"], r["meeting_id"]) for r in found] == [("000", None), ("001", None), (None, "hy-never")]


def test_wecom_without_a_window_looks_back_31_days(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 0
    with pytest.raises(AirflowSensorTimeout):
        wecom(emulated, meeting_ids=["hy-never"], start=None, end=None, timeout=0).execute(context)
    (asked,) = [r for r in emulated.state.requests if r.path.endswith("/record/list")]
    assert asked.body["end_time"] - asked.body["start_time"] == 31 * 24 * 3600


def test_a_first_round_that_fails_is_forgiven_with_silent_fail(emulated: Any, context: Any) -> None:
    emulated.connect("feishu", host="http://127.0.0.1:9")
    with pytest.raises(TaskDeferred) as deferred:
        feishu(meeting_ids=[READY_MEETING], deferrable=True, silent_fail=True).execute(context)
    assert deferred.value.trigger.serialize()[1]["max_failures"] is None


def test_a_first_round_that_is_throttled_waits_in_the_triggerer(emulated: Any, context: Any) -> None:
    emulated.state.fail("feishu.meeting_recording", 99991400, times=None, reset=4000)
    with pytest.raises(TaskDeferred):
        feishu(meeting_ids=[READY_MEETING], deferrable=True).execute(context)
    with pytest.raises(AirflowException) as caught:
        feishu(meeting_ids=[READY_MEETING]).execute(context)
    assert isinstance(caught.value.__cause__, RateLimited)


def test_an_unknown_until_fails_while_the_dag_is_read() -> None:
    with pytest.raises(ValueError, match="until must be one of ready, settled"):
        feishu(meeting_ids=[READY_MEETING], until="done")


class TestResume:
    """What becomes of the trigger's event."""

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
        event = {**self.EVENT, "status": "timeout", "message": "the time is up"}
        with pytest.raises(AirflowSensorTimeout, match="the time is up"):
            self.resume(context, event)
        with pytest.raises(AirflowSkipException):
            self.resume(context, event, soft_fail=True)

    @pytest.mark.parametrize("permanent", [True, False])
    def test_failed(self, context: Any, permanent: bool) -> None:
        event = {**self.EVENT, "status": "failed", "message": "no right", "permanent": permanent}
        with pytest.raises(AirflowException, match="no right") as caught:
            self.resume(context, event)
        assert isinstance(caught.value, AirflowFailException) == permanent
        with pytest.raises(AirflowSkipException):
            self.resume(context, event, soft_fail=True)

    def test_failed_tells_the_retry_policy_what_the_platform_said(self, context: Any) -> None:
        event: dict[str, Any] = {**self.EVENT, "status": "failed", "message": "busy"}
        for retry_after, expected in ((300.0, "retry"), (None, "default")):
            with pytest.raises(AirflowException, match="busy") as caught:
                self.resume(context, {**event, "retry_after": retry_after})
            policy = feishu(meeting_ids=["1"]).retry_policy
            assert policy is not None
            decision = policy.evaluate(caught.value, 1, 3)
            assert decision.action.value == expected
            assert (decision.retry_delay or timedelta(0)) >= timedelta(seconds=300 if expected == "retry" else 0)

    def test_the_silence_of_a_triggerer_that_was_down(self, emulated: Any, context: Any) -> None:
        with pytest.raises(AirflowSensorTimeout):
            self.resume(context, None)
        with pytest.raises(AirflowSkipException):
            self.resume(context, None, soft_fail=True)
        # Settled asks once more, and gives what there is.
        for soft_fail in (False, True):
            arguments = {"meeting_ids": [READY_MEETING, RUNNING_MEETING], "until": "settled", "soft_fail": soft_fail}
            assert [r["state"] for r in self.resume(context, None, **arguments)] == ["ready", "overdue"]
