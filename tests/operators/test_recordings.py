"""Listing recordings on both platforms."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_meetings.emulator.seed.feishu import PROCESSING_MEETING, READY_MEETING
from airflow_provider_meetings.emulator.seed.wecom import OWNERS, PROCESSING_RECORD, STANDUP_CODE, STANDUP_MEETINGID
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from tests.contract.voiding import at_requests

SEASON = {"start": "2026-10-05T00:00:00+08:00", "end": "2026-11-14T00:00:00+08:00"}


def wecom(**arguments: Any) -> ListRecordingsOperator:
    return ListRecordingsOperator(**{"task_id": "list", "meetings_conn_id": "wecom_default", **SEASON, **arguments})


def test_owners_over_more_than_a_month(emulated: Any, context: Any) -> None:
    found = wecom(owner_ids=list(OWNERS)).execute(context)
    company = emulated.state.company
    assert {r["recording_id"] for r in found} == set(company.wecom_recordings)
    assert len(found) == len(company.wecom_recordings)
    windows = context["ti"].pushed["summary"]["windows"]
    assert len(windows) == 2 * len(OWNERS)
    assert sum(w["items"] for w in windows) >= len(found)
    assert all(w["complete"] for w in windows)


def test_more_than_a_page(emulated: Any, context: Any) -> None:
    found = wecom(owner_ids=["zhangwei"], start="2026-10-14T00:00:00+08:00").execute(context)
    (window,) = context["ti"].pushed["summary"]["windows"]
    assert (window["pages"], window["items"]) == (2, len(found))


@pytest.mark.parametrize("voided", [(2,), (3,), (2, 4)])
def test_tokens_voided_between_pages_lose_nothing_and_double_nothing(
    emulated: Any, context: Any, voided: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    company = emulated.state.company
    recording = next(r for r in company.wecom_recordings.values() if r.creator == "zhangwei")
    many = [replace(recording, meeting_record_id=f"many-{number:03}") for number in range(70)]
    emulated.state.company = replace(company, wecom_recordings={r.meeting_record_id: r for r in many})
    # A page that is asked for again is one request more.
    at_requests(emulated.state, "/record/list", *voided)
    window = {"start": recording.meeting_start_time, "end": recording.meeting_start_time + timedelta(days=1)}
    found = wecom(owner_ids=["zhangwei"], **window).execute(context)
    assert [r["recording_id"] for r in found] == [r.meeting_record_id for r in many]
    (proof,) = context["ti"].pushed["summary"]["windows"]
    assert (proof["pages"], proof["items"], proof["complete"]) == (4, 70, True)
    assert emulated.state.token_requests["wecom"] == 1 + len(voided)
    assert f"{len(voided)} rejected tokens refreshed" in capsys.readouterr().out


def test_one_meeting_by_id_and_by_code(emulated: Any, context: Any) -> None:
    by_id = wecom(meeting_ids=[STANDUP_MEETINGID]).execute(context)
    by_code = wecom(meeting_numbers=[STANDUP_CODE]).execute(context)
    assert len(by_id) == 26
    assert by_id == by_code


def test_a_meeting_without_recording_is_answered(emulated: Any, context: Any) -> None:
    (found,) = wecom(meeting_ids=["hy-never"]).execute(context)
    assert (found["state"], found["recording_id"], found["meeting_id"]) == ("absent", None, "hy-never")


def test_batches(emulated: Any, context: Any) -> None:
    batches = wecom(owner_ids=list(OWNERS), batch_size=20).execute(context)
    assert [len(batch) for batch in batches] == [20, 20, 16]


def test_feishu_by_meeting_ids_as_rendered_text(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    operator = ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="feishu_default",
        meeting_ids=f'["{READY_MEETING}", "{PROCESSING_MEETING}"]',
    )
    assert [r["state"] for r in operator.execute(context)] == ["ready", "processing"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"start": "2026-11-12T00:00:00+08:00", "end": "2026-11-12T00:00:00+08:00"}, "CronDataIntervalTimetable"),
        ({"start": "2026-11-13T00:00:00+08:00", "end": "2026-11-12T00:00:00+08:00"}, "is before start"),
        ({"start": "2026-11-12T00:00:00", "end": "2026-11-13T00:00:00+08:00"}, "start has no time zone"),
        ({"start": "None", "end": "None"}, "start is not an ISO 8601 time"),
        ({"start": None}, "belong together"),
        ({"start": None, "end": None}, "give start and end"),
        ({"owner_ids": None}, "No recording is named"),
        ({"owner_ids": "zhangwei"}, "tojson"),
        ({"owner_ids": ["zhangwei", ""]}, "non-empty"),
    ],
)
def test_bad_input_is_refused_before_any_request(
    emulated: Any, context: Any, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(AirflowFailException, match=text):
        wecom(**{"owner_ids": ["zhangwei"], **arguments}).execute(context)
    assert emulated.state.requests == []


def test_a_batch_size_of_nothing_fails_while_the_dag_is_read() -> None:
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1"):
        wecom(owner_ids=["zhangwei"], batch_size=0)


def test_both_spellings_give_the_same(emulated: Any, context: Any) -> None:
    table = wecom(owner_ids=["lina"]).execute(context)
    emulated.state.wecom_spelling = "record_meetings"
    assert wecom(owner_ids=["lina"]).execute(context) == table


def test_a_recording_in_the_making_is_listed_as_such(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    meeting = emulated.state.company.wecom_recordings[PROCESSING_RECORD].meetingid
    states = [wecom(meeting_ids=[meeting]).execute(context)[0]["state"] for _ in range(3)]
    assert states == ["recording", "processing", "ready"]
