"""The same waits in each mode, with the same ends."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.seed.company import default_company
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
from tests.sensors.waiting import MODES, Clock, Waiting

UNREACHABLE = "http://127.0.0.1:9"
MEETINGS, BROKEN, DELETED = 8, 3, 5


def company_of(*broken: int) -> tuple[Company, list[str]]:
    """Return a company with meetings, of which DELETED has a deleted minute; the emulator fails on broken ones."""
    default = default_company()
    ids = [str(7_600_000_000_000_000_000 + number) for number in range(MEETINGS)]
    tokens = [f"obcnmany{number:016}" for number in range(MEETINGS)]
    meeting, minute = default.feishu_meetings[READY_MEETING], default.feishu_minutes[READY_MINUTE]
    minutes = {token: replace(minute, token=token) for n, token in enumerate(tokens) if n not in broken}
    minutes[tokens[DELETED]] = replace(minutes[tokens[DELETED]], status="deleted")
    meetings = {i: replace(meeting, meeting_id=i, minute_token=t) for i, t in zip(ids, tokens, strict=True)}
    return replace(default, feishu_meetings=meetings, feishu_minutes=minutes), ids


@pytest.fixture(params=MODES)
def waiting(request: pytest.FixtureRequest, emulated: Any, monkeypatch: pytest.MonkeyPatch) -> Waiting:
    clock = Clock()
    clock.patch(monkeypatch)
    return Waiting(request.param, clock)


class TestModes:
    def test_ready(self, emulated: Any, waiting: Waiting) -> None:
        emulated.state.not_ready_polls = 2
        found = waiting.run(meeting_ids=[PROCESSING_MEETING, READY_MEETING])
        assert [(r["state"], r["recording_id"]) for r in found] == [
            ("ready", PROCESSING_MINUTE),
            ("ready", READY_MINUTE),
        ]
        assert 120 <= waiting.clock.elapsed <= 360
        # Without a store, each poke asks again.
        again = len([r for r in emulated.state.requests if READY_MINUTE in r.path])
        assert again == {"poke": 1, "reschedule before 3.3": 5}.get(waiting.mode, 2)

    def test_log_says_what_is_pending_and_until_when(
        self, emulated: Any, waiting: Waiting, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        with pytest.raises(AirflowSensorTimeout):
            waiting.run(meeting_ids=[READY_MEETING, RUNNING_MEETING], timeout=200)
        times = "since 2027-01-15T08:00:00Z, until 2027-01-15T08:03:20Z"
        lines = {record.getMessage() for record in caplog.records if "Still pending" in record.getMessage()}
        assert lines == {f"Still pending: meeting {RUNNING_MEETING} (recording); {times}"}

    def test_wecom_meeting(self, emulated: Any, waiting: Waiting) -> None:
        emulated.state.not_ready_polls = 1
        meeting = emulated.state.company.wecom_recordings[PROCESSING_RECORD].meetingid
        day = {"start": "2026-11-11T18:00:00+00:00", "end": "2026-11-12T18:00:00+00:00"}
        found = waiting.run(meetings_conn_id="wecom_default", meeting_ids=[meeting], **day)
        assert [(r["state"], r["recording_id"]) for r in found] == [("ready", PROCESSING_RECORD)]

    def test_timeout(self, emulated: Any, waiting: Waiting) -> None:
        with pytest.raises(AirflowSensorTimeout, match=f"meeting {RUNNING_MEETING} \\(recording\\)"):
            waiting.run(meeting_ids=[READY_MEETING, RUNNING_MEETING])
        assert 600 <= waiting.clock.elapsed < 605

    def test_timeout_with_settled(self, emulated: Any, waiting: Waiting) -> None:
        ids = [READY_MEETING, RUNNING_MEETING, UNRECORDED_MEETING, DELETED_MINUTE_MEETING, FORBIDDEN_MEETING]
        found = waiting.run(meeting_ids=ids, until="settled", soft_fail=True)
        assert [r["meeting_id"] for r in found] == ids
        assert [r["state"] for r in found] == ["ready", "overdue", "overdue", "gone", "forbidden"]
        assert found[1]["reason"] == "still recording at the deadline"
        assert "2091004" in found[3]["reason"]
        assert 600 <= waiting.clock.elapsed < 605

    def test_skip(self, emulated: Any, waiting: Waiting) -> None:
        for argument in ("soft_fail", "never_fail"):
            for meeting in (RUNNING_MEETING, DELETED_MINUTE_MEETING):
                waiting.store.values.clear()
                with pytest.raises(AirflowSkipException):
                    waiting.run(meeting_ids=[meeting], timeout=90, **{argument: True})

    def test_execution_timeout(self, emulated: Any, waiting: Waiting) -> None:
        arguments: dict[str, Any] = {"execution_timeout": timedelta(seconds=200), "until": "settled"}
        with pytest.raises(AirflowTaskTimeout):
            waiting.run(meeting_ids=[READY_MEETING, RUNNING_MEETING], **arguments)
        assert 200 <= waiting.clock.elapsed < 205

    def test_final_state_fails_at_once(self, emulated: Any, waiting: Waiting) -> None:
        for number, meeting in enumerate((DELETED_MINUTE_MEETING, FORBIDDEN_MEETING, "7571999999999999999"), 1):
            with pytest.raises(AirflowFailException, match="will never be ready"):
                waiting.run(meeting_ids=[meeting])
            assert waiting.clock.elapsed <= (60 * number if waiting.in_triggerer else 0)

    def test_window_in_the_future(self, emulated: Any, waiting: Waiting) -> None:
        window = {"start": "2099-11-11T18:00:00+00:00", "end": "2099-11-12T18:00:00+00:00"}
        with pytest.raises(AirflowFailException, match="is in the future"):
            waiting.run(meetings_conn_id="wecom_default", owner_ids=["zhangsan"], **window)
        assert emulated.state.requests == []

    def test_permanent_error(self, emulated: Any, waiting: Waiting) -> None:
        emulated.connect("feishu", password="wrong-secret")
        with pytest.raises(AirflowFailException, match="Check login"):
            waiting.run(meeting_ids=[READY_MEETING])

    def test_gives_up(self, emulated: Any, waiting: Waiting) -> None:
        emulated.connect("feishu", host=UNREACHABLE)
        limit = {"timeout": 7200, "give_up_after": timedelta(minutes=10)}
        if waiting.mode == "reschedule before 3.3":
            limit["timeout"] = 1200  # it does not know since when the polls fail
        with pytest.raises(AirflowException, match="could not be reached") as caught:
            waiting.run(meeting_ids=[READY_MEETING], **limit)
        assert not isinstance(caught.value, AirflowFailException)
        if waiting.mode != "reschedule before 3.3":
            assert isinstance(caught.value.__cause__, ServerError)
            assert 600 <= waiting.clock.elapsed <= 720

    def test_silent_fail_never_gives_up(self, emulated: Any, waiting: Waiting) -> None:
        emulated.connect("feishu", host=UNREACHABLE)
        waiting.clock.at.append((4000, lambda: emulated.connect("feishu")))
        if waiting.mode == "poke":  # one client for the whole wait
            waiting.clock.at.clear()
            emulated.connect("feishu")
            emulated.state.fail("feishu.meeting_recording", 99999, times=26, status=500, message="busy")
        found = waiting.run(meeting_ids=[READY_MEETING], timeout=7200, poke_interval=600, silent_fail=True)
        assert [r["state"] for r in found] == ["ready"]
        assert waiting.clock.elapsed >= 3600

    def test_rate_limit_is_no_failure(self, emulated: Any, waiting: Waiting) -> None:
        emulated.state.company, ids = company_of()
        del ids[DELETED]
        emulated.state.fail("feishu.minute", 99991400, times=1, skip=3, reset=300)
        limit = {"timeout": 7200, "give_up_after": timedelta(seconds=1)}
        found = waiting.run(meeting_ids=ids, **limit)
        assert [r["meeting_id"] for r in found] == ids
        assert waiting.clock.elapsed >= 300 or waiting.mode == "deferrable"
        asked = emulated.state.calls["feishu.minute"]
        assert asked == {"poke": MEETINGS, "deferrable": 2 * MEETINGS - 1, "start_from_trigger": 2 * MEETINGS - 1}.get(
            waiting.mode, MEETINGS + 3
        )

    def test_one_meeting_always_fails(self, emulated: Any, waiting: Waiting) -> None:
        emulated.state.company, ids = company_of(BROKEN)
        found = waiting.run(meeting_ids=ids, until="settled", give_up_after=timedelta(minutes=2))
        assert [r["meeting_id"] for r in found] == ids
        overdue = found[BROKEN]
        assert (overdue["state"], overdue["recording_id"]) == ("overdue", None)
        assert overdue["reason"].startswith("still absent at the deadline: feishu answered /open-apis/vc/v1/meetings/")
        states = [r["state"] for r in found]
        assert (states.count("ready"), states[DELETED]) == (MEETINGS - 2, "gone")
        rounds = sum(ids[BROKEN] in request.path for request in emulated.state.requests)
        assert rounds >= 10
        if waiting.mode != "reschedule before 3.3":
            fetched = 2 * (MEETINGS - 1) if waiting.mode != "poke" else 0
            assert len(emulated.state.requests) <= 1 + 2 * (MEETINGS - 1) + rounds + fetched

    def test_ready_names_failing_meeting_and_its_error(self, emulated: Any, waiting: Waiting) -> None:
        emulated.state.company, ids = company_of(BROKEN)
        del ids[DELETED]
        with pytest.raises(AirflowSensorTimeout, match=rf"meeting {ids[BROKEN]} \(absent\)\. Last error: .*status 500"):
            waiting.run(meeting_ids=ids, give_up_after=timedelta(minutes=2))

    def test_ready_recording_that_is_gone_when_it_is_fetched(self, emulated: Any, waiting: Waiting) -> None:
        """It is ready in the first poll, and deleted before the last one."""
        if waiting.mode in {"poke", "reschedule before 3.3"}:
            pytest.skip("It has one process, or nothing to fetch again")
        emulated.state.not_ready(PROCESSING_MINUTE, 3)

        def delete() -> None:
            company = emulated.state.company
            minute = replace(company.feishu_minutes[READY_MINUTE], status="deleted")
            emulated.state.company = replace(company, feishu_minutes={**company.feishu_minutes, READY_MINUTE: minute})

        waiting.clock.at.append((100, delete))
        with pytest.raises(AirflowFailException, match="will never be ready"):
            waiting.run(meeting_ids=[READY_MEETING, PROCESSING_MEETING])

    def test_ready_recording_that_is_pending_again_when_it_is_fetched(self, emulated: Any, waiting: Waiting) -> None:
        emulated.state.not_ready(PROCESSING_MINUTE, 4)
        waiting.clock.at.append((100, lambda: emulated.state.not_ready(READY_MINUTE, 3)))
        found = waiting.run(meeting_ids=[READY_MEETING, PROCESSING_MEETING], timeout=1200)
        assert [r["state"] for r in found] == ["ready", "ready"]
        if waiting.mode == "deferrable":
            assert len(waiting.events) > 1

    def test_deleted_recording_keeps_its_id(self, emulated: Any, waiting: Waiting) -> None:
        """Its row is marked as deleted by this id."""
        emulated.state.not_ready(PROCESSING_MINUTE, 3)
        found = waiting.run(meeting_ids=[DELETED_MINUTE_MEETING, PROCESSING_MEETING], until="settled")
        assert [r["state"] for r in found] == ["gone", "ready"]
        assert all(r["recording_id"] for r in found)

    def test_unreachable_until_the_deadline_keeps_answers(self, emulated: Any, waiting: Waiting) -> None:
        if waiting.mode == "reschedule before 3.3":
            pytest.skip("It keeps no answers")
        emulated.state.company, ids = company_of(BROKEN)
        waiting.clock.at.append((150, lambda: emulated.connect("feishu", host=UNREACHABLE)))
        found = waiting.run(meeting_ids=ids, until="settled", silent_fail=True)
        assert [r["meeting_id"] for r in found] == ids
        states = [r["state"] for r in found]
        assert states[DELETED] == "gone"
        # Another process cannot fetch them.
        assert set(states) - {"gone", "overdue"} == ({"ready"} if waiting.mode == "poke" else set())
        assert "could not be reached" in found[BROKEN]["reason"] or waiting.mode == "poke"

    @pytest.mark.parametrize(
        "backoff", [{}, {"exponential_backoff": True}, {"exponential_backoff": True, "max_wait": 90}]
    )
    def test_pauses(self, emulated: Any, waiting: Waiting, backoff: dict[str, Any]) -> None:
        emulated.state.not_ready(PROCESSING_MINUTE, 10_000)
        times: list[float] = []
        original = emulated.state.log

        def log(record: Any) -> None:
            times.append(waiting.clock.elapsed)
            original(record)

        emulated.state.log = log
        with pytest.raises(AirflowSensorTimeout):
            waiting.run(recording_ids=[PROCESSING_MINUTE], timeout=2400, poke_interval=60, **backoff)
        times = times[1:]  # without the token's
        pauses = [later - earlier for earlier, later in itertools.pairwise(times)][1:-1]
        if not backoff:
            assert all(59 <= pause <= 61 for pause in pauses)
        elif "max_wait" in backoff:
            assert max(pauses) == pytest.approx(90, abs=1)
            assert len(pauses) > 15
        else:
            assert max(pauses) > 500
            assert len(pauses) < 12

    def test_poke_interval_of_zero(self, emulated: Any, waiting: Waiting) -> None:
        emulated.state.not_ready(PROCESSING_MINUTE, 10_000)
        with pytest.raises(AirflowSensorTimeout):
            waiting.run(recording_ids=[PROCESSING_MINUTE], timeout=40, poke_interval=0)
        assert 9 <= emulated.state.calls["feishu.minute"] <= 42

    def test_id_twice_and_id_that_never_appears(self, emulated: Any, waiting: Waiting) -> None:
        found = waiting.run(meeting_ids=[UNRECORDED_MEETING, READY_MEETING, UNRECORDED_MEETING], until="settled")
        assert [(r["meeting_id"], r["state"]) for r in found] == [
            (UNRECORDED_MEETING, "overdue"),
            (READY_MEETING, "ready"),
        ]

    def test_try_after_another_one(self, emulated: Any, waiting: Waiting) -> None:
        """What an earlier try has stored does not count."""
        emulated.state.not_ready_polls = 2
        waiting.run(meeting_ids=[PROCESSING_MEETING])
        waiting.try_number += 1
        emulated.state.not_ready(PROCESSING_MINUTE, 100)
        with pytest.raises(AirflowSensorTimeout):
            waiting.run(meeting_ids=[PROCESSING_MEETING])
