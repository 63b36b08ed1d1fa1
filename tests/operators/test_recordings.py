"""Listing recordings on both platforms."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.emulator.seed.feishu import PROCESSING_MEETING, READY_MEETING
from airflow_provider_meetings.emulator.seed.wecom import OWNERS, PROCESSING_RECORD, STANDUP_CODE, STANDUP_MEETINGID
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from tests.contract.revocation import revoke_at_requests
from tests.sensors.test_answers import DELETED, company_of

SEASON = {"start": "2026-10-05T00:00:00+08:00", "end": "2026-11-14T00:00:00+08:00"}


def wecom(**arguments: Any) -> ListRecordingsOperator:
    return ListRecordingsOperator(**{"task_id": "list", "meetings_conn_id": "wecom_default", **SEASON, **arguments})


def test_owners_over_several_windows(emulated: Any, context: Any) -> None:
    found = wecom(owner_ids=list(OWNERS)).execute(context)
    company = emulated.state.company
    assert {r["recording_id"] for r in found} == set(company.wecom_recordings)
    assert len(found) == len(company.wecom_recordings)
    windows = context["ti"].pushed["summary"]["windows"]
    assert len(windows) == 2 * len(OWNERS)
    assert sum(w["items"] for w in windows) >= len(found)
    assert all(w["outcome"] == "complete" for w in windows)


def test_several_pages(emulated: Any, context: Any) -> None:
    found = wecom(owner_ids=["zhangwei"], start="2026-10-14T00:00:00+08:00").execute(context)
    (window,) = context["ti"].pushed["summary"]["windows"]
    assert (window["pages"], window["items"]) == (2, len(found))


@pytest.mark.parametrize("revoked", [(2,), (3,), (2, 4)])
def test_tokens_revoked_between_pages(
    emulated: Any, context: Any, revoked: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    company = emulated.state.company
    recording = next(r for r in company.wecom_recordings.values() if r.creator == "zhangwei")
    many = [replace(recording, meeting_record_id=f"many-{number:03}") for number in range(70)]
    emulated.state.company = replace(company, wecom_recordings={r.meeting_record_id: r for r in many})
    # A repeated page is one more request.
    revoke_at_requests(emulated.state, "/record/list", *revoked)
    window = {"start": recording.meeting_start_time, "end": recording.meeting_start_time + timedelta(days=1)}
    found = wecom(owner_ids=["zhangwei"], **window).execute(context)
    assert [r["recording_id"] for r in found] == [r.meeting_record_id for r in many]
    (listed,) = context["ti"].pushed["summary"]["windows"]
    assert (listed["pages"], listed["items"], listed["outcome"]) == (4, 70, "complete")
    assert emulated.state.token_requests["wecom"] == 1 + len(revoked)
    assert f"{len(revoked)} rejected tokens refreshed" in capsys.readouterr().out


def test_meeting_by_id_and_by_code(emulated: Any, context: Any) -> None:
    by_id = wecom(meeting_ids=[STANDUP_MEETINGID]).execute(context)
    by_code = wecom(meeting_numbers=[STANDUP_CODE]).execute(context)
    assert len(by_id) == 26
    assert by_id == by_code


def test_meeting_without_recording_is_absent(emulated: Any, context: Any) -> None:
    (found,) = wecom(meeting_ids=["hy-never"]).execute(context)
    assert (found["state"], found["recording_id"], found["meeting_id"]) == ("absent", None, "hy-never")


def test_batches(emulated: Any, context: Any) -> None:
    batches = wecom(owner_ids=list(OWNERS), batch_size=20).execute(context)
    assert [len(batch) for batch in batches] == [20, 20, 16]


def test_meeting_ids_as_json_text(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    operator = ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="feishu_default",
        meeting_ids=f'["{READY_MEETING}", "{PROCESSING_MEETING}"]',
    )
    assert [r["state"] for r in operator.execute(context)] == ["ready", "processing"]


def test_both_spellings_of_wecom(emulated: Any, context: Any) -> None:
    table = wecom(owner_ids=["lina"]).execute(context)
    emulated.state.wecom_spelling = "record_meetings"
    assert wecom(owner_ids=["lina"]).execute(context) == table


def test_states_before_ready(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    meeting = emulated.state.company.wecom_recordings[PROCESSING_RECORD].meetingid
    states = [wecom(meeting_ids=[meeting]).execute(context)[0]["state"] for _ in range(3)]
    assert states == ["recording", "processing", "ready"]


def many_of_feishu(emulated: Any, *broken: int) -> list[str]:
    emulated.state.company, ids = company_of(DELETED + 2, *broken)
    return ids


@pytest.mark.parametrize("broken", [0, DELETED + 1])
def test_others_are_listed_if_one_id_fails(
    emulated: Any, context: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: int
) -> None:
    monkeypatch.setattr(Transport, "acquire", lambda self, quota: None)
    monkeypatch.setattr(Transport, "_wait_seconds", lambda self, state: 0.0)
    ids = many_of_feishu(emulated, broken)
    operator = ListRecordingsOperator(task_id="list", meetings_conn_id="feishu_default", meeting_ids=ids)
    found = operator.execute(context)
    assert [r["meeting_id"] for r in found] == ids
    failed = found[broken]
    assert (failed["state"], failed["recording_id"]) == ("absent", None)
    assert "status 500" in failed["reason"]
    assert [r["state"] for r in found].count("ready") == len(ids) - 2
    assert found[DELETED]["state"] == "gone"
    windows = context["ti"].pushed["summary"]["windows"]
    assert [w["selector"] for w in windows if w["outcome"] != "complete"] == [ids[broken]]
    assert len(windows) == len(ids)
    assert sum(ids[broken] in request.path for request in emulated.state.requests) == 4
    assert f"meeting {ids[broken]} is absent: feishu" in caplog.text


def test_listing_fails_if_every_id_fails(emulated: Any, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transport, "_wait_seconds", lambda self, state: 0.0)
    ids = many_of_feishu(emulated, 0, 1)[:2]
    operator = ListRecordingsOperator(task_id="list", meetings_conn_id="feishu_default", meeting_ids=ids)
    with pytest.raises(AirflowException, match="status 500"):
        operator.execute(context)


def test_owner_that_fails_or_is_refused(emulated: Any, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transport, "_wait_seconds", lambda self, state: 0.0)
    emulated.state.fail("wecom.record_list", 6000, times=4, message="busy")
    emulated.state.fail("wecom.record_list", 60111, message="userid not found")
    found = wecom(owner_ids=list(OWNERS)).execute(context)
    assert [(r["owner_id"], r["state"]) for r in found[:2]] == [(OWNERS[0], "absent"), (OWNERS[1], "unknown")]
    assert "60111" in found[1]["reason"]
    company = emulated.state.company
    others = [name for name, r in company.wecom_recordings.items() if r.creator in OWNERS[2:]]
    assert sorted(r["recording_id"] for r in found[2:]) == sorted(others)
    windows = context["ti"].pushed["summary"]["windows"]
    assert [w["selector"] for w in windows if w["outcome"] != "complete"] == list(OWNERS[:2])
