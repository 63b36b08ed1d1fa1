"""What the sensor asks for, its arguments, and what is special on a worker."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.models.taskinstance import TaskInstance as ScheduledInstance
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowTaskTimeout,
    TaskDeferred,
)
from airflow.sdk import task as task_decorator
from airflow.sdk.bases.operator import TriggerFailureReason
from airflow.serialization.serialized_objects import DagSerialization

from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.emulator.seed.feishu import (
    AUDIO_ONLY_MEETING,
    PROCESSING_MINUTE,
    READY_MEETING,
    RUNNING_MEETING,
)
from airflow_provider_meetings.emulator.seed.wecom import PROCESSING_RECORD
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.sensors import recordings
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.triggers.recordings import TIMEOUT_MARGIN

DAY = {"start": "2026-11-11T18:00:00+00:00", "end": "2026-11-12T18:00:00+00:00"}
LITERAL: dict[str, Any] = {"task_id": "wait", "meetings_conn_id": "feishu_default", "start_from_trigger": True}


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


@pytest.mark.parametrize("with_others", [False, True])
def test_excluded_recordings_are_not_asked_for(emulated: Any, context: Any, with_others: bool) -> None:
    """They go on as they are: who closes a ledger needs them."""
    listed = ListRecordingsOperator(
        task_id="list", meetings_conn_id="feishu_default", meeting_ids=[READY_MEETING], exclude={"title": "."}
    ).execute(context)
    assert [one["state"] for one in listed] == ["excluded"]
    others = ListRecordingsOperator(
        task_id="list", meetings_conn_id="feishu_default", meeting_ids=[AUDIO_ONLY_MEETING]
    ).execute(context)
    before = len(emulated.state.requests)
    found = feishu(recordings=[*listed, *(others if with_others else [])]).execute(context)
    assert [one["state"] for one in found] == [*(["ready"] if with_others else []), "excluded"]
    assert found[-1] == listed[0]
    paths = [request.path for request in emulated.state.requests[before:]]
    assert not any(listed[0]["recording_id"] in path or READY_MEETING in path for path in paths)


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
    assert [(r["meeting_number"], r["meeting_id"]) for r in found] == [(None, "hy-never"), ("000", None), ("001", None)]


def test_default_window_of_wecom(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 0
    with pytest.raises(AirflowSensorTimeout):
        wecom(emulated, meeting_ids=["hy-never"], start=None, end=None, timeout=0).execute(context)
    (request,) = [r for r in emulated.state.requests if r.path.endswith("/record/list")]
    assert request.body["end_time"] - request.body["start_time"] == 31 * 24 * 3600


def test_trigger_arguments(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    sensor = wecom(emulated, deferrable=True, timeout=600, poke_interval=30, execution_timeout=timedelta(minutes=5))
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context)
    _, arguments = deferred.value.trigger.serialize()
    meeting = emulated.state.company.wecom_recordings[PROCESSING_RECORD].meetingid
    assert arguments["query"] == {"meeting_ids": [meeting], **DAY}
    schedule = arguments["schedule"]
    assert schedule["started"] == context["ti"].start_date.timestamp()
    assert [schedule[name] for name in ("timeout", "execution_timeout", "give_up_after")] == [600, 300, 600]
    # Airflow's own timeout is later than the trigger's.
    assert deferred.value.timeout is not None
    assert 300 < deferred.value.timeout.total_seconds() <= 300 + TIMEOUT_MARGIN.total_seconds()


def test_gives_up_at_the_first_failure(emulated: Any, context: Any) -> None:
    emulated.connect("feishu", host="http://127.0.0.1:9")
    with pytest.raises(AirflowException, match="could not be reached"):
        feishu(meeting_ids=[READY_MEETING], deferrable=True, give_up_after=timedelta(0)).execute(context)


def resume(context: Any, event: dict[str, Any] | None, **arguments: Any) -> Any:
    sensor = feishu(**{"meeting_ids": [READY_MEETING], "deferrable": True, **arguments})
    if event is None:
        return sensor.resume_execution("__fail__", {"error": TriggerFailureReason.TRIGGER_TIMEOUT}, context)
    return sensor.resume_execution("execute_complete", {"event": event}, context)


def test_failed_event_keeps_retry_after_for_retry_policy(emulated: Any, context: Any) -> None:
    event: dict[str, Any] = {"status": "failed", "message": "busy", "permanent": False, "states": {}}
    for retry_after, expected in ((300.0, "retry"), (None, "default")):
        with pytest.raises(AirflowException, match="busy") as caught:
            resume(context, {**event, "retry_after": retry_after})
        policy = feishu(meeting_ids=["1"]).retry_policy
        assert policy is not None
        decision = policy.evaluate(caught.value, 1, 3)
        assert decision.action.value == expected
        assert (decision.retry_delay or timedelta(0)) >= timedelta(seconds=300 if expected == "retry" else 0)


def test_deferral_timeout_of_airflow(emulated: Any, context: Any) -> None:
    """The triggerer was down: there is no event."""
    with pytest.raises(AirflowSensorTimeout):
        resume(context, None)
    # With "settled" the sensor polls once more.
    ids = [READY_MEETING, RUNNING_MEETING]
    found = resume(context, None, meeting_ids=ids, until="settled")
    assert [r["state"] for r in found] == ["ready", "overdue"]
    context["ti"].start_date -= timedelta(minutes=10)
    with pytest.raises(AirflowTaskTimeout):
        resume(context, None, execution_timeout=timedelta(minutes=9))


@pytest.mark.parametrize("execution_timeout", [None, timedelta(seconds=1)])
def test_deadline_on_a_worker_holds_against_a_hung_platform(
    emulated: Any, hung: str, context: Any, monkeypatch: pytest.MonkeyPatch, execution_timeout: timedelta | None
) -> None:
    monkeypatch.setattr(recordings, "GRACE_SECONDS", 0.2)
    emulated.connect("feishu", host=hung)
    sensor = feishu(recording_ids=[PROCESSING_MINUTE], timeout=1, execution_timeout=execution_timeout)
    with pytest.raises(AirflowTaskTimeout if execution_timeout else AirflowSensorTimeout):
        sensor.execute(context)


def test_ready_recordings_are_not_fetched_for_long_after_the_deadline(
    emulated: Any, hung: str, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "GRACE_SECONDS", 0.2)
    ids = [READY_MEETING, RUNNING_MEETING]
    keys = list(RecordingQuery(meeting_ids=tuple(ids)).items())
    states = dict(zip(keys, ["ready", "recording"], strict=True))
    event = {"status": "timeout", "message": "", "states": states, "reasons": {}, "answered": True}
    emulated.connect("feishu", host=hung)
    found = resume(context, event, meeting_ids=ids, until="settled")
    assert [r["state"] for r in found] == ["overdue", "overdue"]
    assert "could not be reached" in found[0]["reason"]


def test_pause_ends_with_on_kill(emulated: Any, context: Any) -> None:
    sensor = feishu(meeting_ids=[RUNNING_MEETING], poke_interval=3600)
    original = emulated.state.log

    def log(record: Any) -> None:
        original(record)
        if RUNNING_MEETING in record.path:
            threading.Timer(0.1, sensor.on_kill).start()

    emulated.state.log = log
    with pytest.raises(AirflowException, match="the task is being stopped"):
        sensor.execute(context)
    pickle.dumps(copy.deepcopy(sensor))


def test_recording_id_of_wecom_without_its_meeting(emulated: Any, context: Any) -> None:
    listed = [{"platform": "wecom", "tenant": "t", "recording_id": "r", "state": "processing"}]
    with pytest.raises(AirflowFailException, match="needs both recording_id and meeting_id"):
        wecom(emulated, meeting_ids=None, recordings=listed).execute(context)


@pytest.mark.parametrize("recordings", [False, True])
def test_more_items_than_a_wait_takes(emulated: Any, context: Any, recordings: bool) -> None:
    ids = [str(number) for number in range(1001)]
    absent = {"platform": "feishu", "tenant": "t", "recording_id": None, "state": "absent"}
    arguments = {"recordings": [{**absent, "meeting_id": i} for i in ids]} if recordings else {"meeting_ids": ids}
    with pytest.raises(AirflowFailException, match=r"at most 1,000 items: 1001 items.*batches"):
        feishu(**arguments).execute(context)
    assert emulated.state.requests == []


class TestStartFromTrigger:
    @pytest.mark.parametrize(
        "arguments",
        [
            {"meeting_ids": "{{ params.ids }}"},
            {"meeting_ids": ["1", "{{ params.id }}"]},
            {"meeting_ids": ["1"], "meetings_conn_id": "{{ var.value.conn }}"},
            {"owner_ids": ["a"], **DAY, "start": "{{ data_interval_start }}"},
            {"recordings": []},
        ],
    )
    def test_template_is_an_error_at_parse_time(self, arguments: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="needs literal ids"):
            RecordingReadySensor(**{**LITERAL, **arguments})

    def test_output_of_a_task_is_an_error_at_parse_time(self) -> None:
        @task_decorator
        def ids() -> list[str]:
            return ["1"]

        with DAG("starting", schedule=None), pytest.raises(ValueError, match="change meeting_ids"):
            RecordingReadySensor(**LITERAL, meeting_ids=ids())

    def test_invalid_ids_are_an_error_at_parse_time(self) -> None:
        with pytest.raises(ValueError, match="The query selects nothing"):
            RecordingReadySensor(**LITERAL)
        with pytest.raises(ValueError, match="at most 1,000 items"):
            RecordingReadySensor(**LITERAL, meeting_ids=list(map(str, range(1001))))

    def test_scheduler_defers_the_task_and_not_a_mapped_one(self) -> None:
        """Airflow has the trigger's arguments of a task from its serialised DAG, and none for a mapped one."""
        with DAG("starting", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
            RecordingReadySensor(**LITERAL, meeting_ids=["1"])
            RecordingReadySensor.partial(**{**LITERAL, "task_id": "mapped"}).expand(meeting_ids=[["1"], ["2"]])
        stored = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
        found = {}
        for task in stored.tasks:
            scheduled: Any = ScheduledInstance.__new__(ScheduledInstance)
            object.__setattr__(scheduled, "task", task)
            found[task.task_id] = ScheduledInstance.start_trigger_args.fget(scheduled)  # type: ignore[attr-defined]
        assert found["mapped"] is None
        assert found["wait"].next_method == "execute_complete"

    def test_mapped_task_runs_on_a_worker(self, emulated: Any, context: Any) -> None:
        """Its arguments may be templates: they are rendered after the task was made."""
        sensor = RecordingReadySensor(**LITERAL, meeting_ids="{{ ids }}", _airflow_from_mapped=True)
        sensor.meeting_ids = [RUNNING_MEETING]
        with pytest.raises(TaskDeferred):
            sensor.execute(context)
