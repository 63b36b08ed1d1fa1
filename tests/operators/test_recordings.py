"""Listing recordings on both platforms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.emulator.seed.feishu import (
    PROCESSING_MEETING,
    READY_MEETING,
    READY_MINUTE,
    UNRECORDED_MEETING,
)
from airflow_provider_meetings.emulator.seed.wecom import OWNERS, PROCESSING_RECORD, STANDUP_CODE, STANDUP_MEETINGID
from airflow_provider_meetings.hooks import arguments, batches
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient
from airflow_provider_meetings.transfers.inputs import RecordingInputs
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator
from tests.contract.revocation import revoke_at_requests
from tests.sensors.test_modes import DELETED, company_of

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


def undated(recordings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what two listings have in common: all but when the platform answered."""
    return [{**one, "asked_at": None} for one in recordings]


def test_meeting_by_id_and_by_code(emulated: Any, context: Any) -> None:
    by_id = wecom(meeting_ids=[STANDUP_MEETINGID]).execute(context)
    by_code = wecom(meeting_numbers=[STANDUP_CODE]).execute(context)
    assert len(by_id) == 26
    assert undated({**r, "listed_by": None} for r in by_id) == undated({**r, "listed_by": None} for r in by_code)


def test_meeting_without_recording_is_absent(emulated: Any, context: Any) -> None:
    (found,) = wecom(meeting_ids=["hy-never"]).execute(context)
    assert (found["state"], found["recording_id"], found["meeting_id"]) == ("absent", None, "hy-never")


def test_batches(emulated: Any, context: Any) -> None:
    found = wecom(owner_ids=list(OWNERS), batch_size=20).execute(context)
    assert [len(batch) for batch in found] == [20, 20, 16]


def folder(tmp_path: Path) -> str:
    return f"file://{tmp_path}/batches"


def test_batches_by_reference(emulated: Any, context: Any, tmp_path: Path) -> None:
    found = wecom(owner_ids=list(OWNERS)).execute(context)
    uris = wecom(owner_ids=list(OWNERS), batches_to=folder(tmp_path), batch_size=20).execute(context)
    read = list(arguments.items(uris, "recordings", context))
    assert (len(uris), undated(read)) == (3, undated(found))
    assert context["ti"].pushed["summary"]["windows"]
    assert len(wecom(owner_ids=list(OWNERS), batches_to=folder(tmp_path)).execute(context)) == 1
    nobody = {"start": "2026-10-05T00:00:00+08:00", "end": "2026-10-05T00:00:01+08:00"}
    assert wecom(owner_ids=["lina"], batches_to=folder(tmp_path), **nobody).execute(context) == []


def test_recordings_are_written_before_the_listing_ends(
    emulated: Any, context: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    request = WeComClient._list

    def count(self: WeComClient, *args: Any) -> Any:
        for recording in request(self, *args):
            written.append(len(list(tmp_path.rglob("recordings-*"))))
            yield recording

    monkeypatch.setattr(WeComClient, "_list", count)
    (*_, last) = wecom(owner_ids=list(OWNERS), batches_to=folder(tmp_path), batch_size=5).execute(context)
    assert written[:16:5] == [0, 1, 2, 3]
    assert max(written) == int(last.partition("recordings-")[2][:5]) - 1


def test_windows_by_reference(emulated: Any, context: Any, tmp_path: Path) -> None:
    wecom(owner_ids=list(OWNERS)).execute(context)
    expected = context["ti"].pushed["summary"]
    wecom(owner_ids=list(OWNERS), batches_to=folder(tmp_path)).execute(context)
    by_reference = context["ti"].pushed["summary"]
    assert "/windows-00001.batch.ndjson#sha256=" in by_reference["windows"][0]
    load = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=[], summary=by_reference)
    inputs = RecordingInputs(load, context, set)
    assert list(inputs.summaries()) == [expected]


def test_windows_in_log(emulated: Any, context: Any, capsys: pytest.CaptureFixture[str]) -> None:
    emulated.state.fail("wecom.record_list", 60111, message="userid not found")
    found = wecom(owner_ids=list(OWNERS)).execute(context)
    logged = capsys.readouterr().out
    lines = [line for line in logged.splitlines() if "Window " in line]
    assert OWNERS[0] in lines[0]
    assert "is refused" in lines[0]
    assert "60111" in lines[0]
    assert " from 2026-10-04T16:00:00+00:00 to " in lines[0]
    total = len(context["ti"].pushed["summary"]["windows"])
    assert len(lines) == total
    assert f"; windows: 2 refused, {total - 2} complete" in logged
    states = Counter(one["state"] for one in found)
    first = ", ".join(one["recording_id"] or f"owner {OWNERS[0]}" for one in found[:10])
    by_state = ", ".join(f"{number} {state}" for state, number in states.items())
    assert len(states) > 1
    assert f"Listed {len(found)} recordings ({by_state}): {first} and {len(found) - 10} more; windows" in logged
    assert not any(one["title"] in logged for one in found if one["title"])


def test_first_ids_in_log(emulated: Any, context: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [READY_MEETING, UNRECORDED_MEETING]
    feishu = {"meetings_conn_id": "feishu_default", "start": None, "end": None}
    wecom(**feishu, meeting_ids=ids).execute(context)
    logged = capsys.readouterr().out
    assert f"Listed 2 recordings (1 ready, 1 absent): {READY_MINUTE}, meeting {UNRECORDED_MEETING}; windows" in logged
    wecom(**feishu, meeting_ids=ids[:1], exclude={"title": "."}).execute(context)
    logged = capsys.readouterr().out
    assert "Listed 1 recordings (1 excluded); windows" in logged
    assert READY_MINUTE not in logged
    wecom(owner_ids=[OWNERS[0]], start="2020-01-01T00:00:00Z", end="2020-01-02T00:00:00Z").execute(context)
    assert "Listed 0 recordings; windows: 1 complete" in capsys.readouterr().out


def test_empty_listing_says_what_is_visible(
    emulated: Any, context: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(WeComClient, "visible", {"meeting_ids": "Only meetings that this app created."})
    wecom(meeting_ids=[STANDUP_MEETINGID]).execute(context)
    assert "Found nothing" not in capsys.readouterr().out
    wecom(meeting_ids=["hy-never"]).execute(context)
    assert "Found nothing by meeting_ids. Only meetings that this app created." in capsys.readouterr().out


def test_window_in_the_future(emulated: Any, context: Any) -> None:
    now = pendulum.now("UTC")
    window = {"owner_ids": ["lina"], "start": now.subtract(days=1)}
    assert wecom(**window, end=now.add(minutes=30)).execute(context) is not None
    with pytest.raises(AirflowFailException, match=r"end \(.*\) is in the future: .* List it after its end\."):
        wecom(**window, end=now.add(hours=2)).execute(context)


def test_large_result_names_the_argument(
    emulated: Any, context: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batches, "MAX_RESULT_BYTES", 1000)
    wecom(owner_ids=list(OWNERS), batches_to=folder(tmp_path)).execute(context)
    assert "larger than 1 MB" not in capsys.readouterr().out
    wecom(owner_ids=list(OWNERS)).execute(context)
    assert "larger than 1 MB, too large for an XCom: set batches_to to a URL" in capsys.readouterr().out


def test_empty_list_of_ids_does_not_select_the_window(emulated: Any, context: Any) -> None:
    operator = ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="feishu_default",
        meeting_numbers="[]",
        start=SEASON["start"],
        end=SEASON["end"],
    )
    with pytest.raises(AirflowFailException, match="meeting_numbers is empty: omit it"):
        operator.execute(context)
    assert emulated.state.requests == []


def test_meeting_ids_as_json_text(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    operator = ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="feishu_default",
        meeting_ids=f'["{READY_MEETING}", "{PROCESSING_MEETING}"]',
    )
    assert [r["state"] for r in operator.execute(context)] == ["ready", "processing"]


def test_both_spellings_of_wecom(emulated: Any, context: Any) -> None:
    table = undated(wecom(owner_ids=["lina"]).execute(context))
    emulated.state.wecom_spelling = "record_meetings"
    assert undated(wecom(owner_ids=["lina"]).execute(context)) == table


def test_states_before_ready(emulated: Any, context: Any) -> None:
    emulated.state.not_ready_polls = 1
    meeting = emulated.state.company.wecom_recordings[PROCESSING_RECORD].meetingid
    states = [wecom(meeting_ids=[meeting]).execute(context)[0]["state"] for _ in range(3)]
    assert states == ["recording", "processing", "ready"]


def many_of_feishu(emulated: Any, *broken: int) -> list[str]:
    emulated.state.company, ids = company_of(*broken)
    return ids


@pytest.mark.parametrize("broken", [0, DELETED + 1])
def test_listing_with_a_failed_id_is_incomplete(
    emulated: Any,
    context: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    broken: int,
) -> None:
    monkeypatch.setattr(Transport, "acquire", lambda self, quota: None)
    monkeypatch.setattr(Transport, "_wait_seconds", lambda self, state: 0.0)
    ids = many_of_feishu(emulated, broken)
    operator = ListRecordingsOperator(
        task_id="list", meetings_conn_id="feishu_default", meeting_ids=ids, batches_to=folder(tmp_path), batch_size=5
    )
    with pytest.raises(AirflowException, match=rf"incomplete.*{ids[broken]} failed \(.*status 500") as caught:
        operator.execute(context)
    assert not isinstance(caught.value, AirflowFailException)
    assert ids[DELETED] not in str(caught.value)
    windows = list(arguments.items(context["ti"].pushed["summary"]["windows"], "windows", context))
    outcomes = {w["selector"]: w["outcome"] for w in windows if w["outcome"] != "complete"}
    assert outcomes == {ids[broken]: "failed"}
    assert len(windows) == len(ids)
    assert sum(ids[broken] in request.path for request in emulated.state.requests) == 4
    assert f"meeting {ids[broken]} is absent: feishu" in caplog.text


def test_window_that_fails_is_named_and_a_retry_has_everything(
    emulated: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Transport, "_wait_seconds", lambda self, state: 0.0)
    # The second page of the first owner's first window fails in all attempts.
    emulated.state.pages.size = 2
    emulated.state.fail("wecom.record_list", -1, skip=1, times=4)
    window = (
        r"record/list.userid zhangwei from 2026-10-04T16:00:00\S* to 2026-11-04T16:00:00\S* failed \(.*code -1,.*\); "
    )
    with pytest.raises(
        AirflowException, match=rf"incomplete, nothing is returned: meeting/{window}.* skipped"
    ) as caught:
        wecom(owner_ids=list(OWNERS)).execute(context)
    assert not isinstance(caught.value, AirflowFailException)
    windows = context["ti"].pushed["summary"]["windows"]
    assert [(w["pages"], w["items"], w["outcome"]) for w in windows[:2]] == [(1, 2, "failed"), (0, 0, "skipped")]
    assert {(w["selector"], w["outcome"]) for w in windows[2:]} == {(owner, "complete") for owner in OWNERS[1:]}
    found = wecom(owner_ids=list(OWNERS)).execute(context)
    assert sorted(r["recording_id"] for r in found) == sorted(emulated.state.company.wecom_recordings)


def test_listing_fails_if_every_id_fails(emulated: Any, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transport, "_wait_seconds", lambda self, state: 0.0)
    ids = many_of_feishu(emulated, 0, 1)[:2]
    operator = ListRecordingsOperator(task_id="list", meetings_conn_id="feishu_default", meeting_ids=ids)
    with pytest.raises(AirflowException, match="status 500"):
        operator.execute(context)
    assert [w["outcome"] for w in context["ti"].pushed["summary"]["windows"]] == ["failed", "failed"]


def test_owner_that_is_refused(emulated: Any, context: Any) -> None:
    emulated.state.fail("wecom.record_list", 60111, message="userid not found")
    found = wecom(owner_ids=list(OWNERS)).execute(context)
    assert (found[0]["owner_id"], found[0]["state"]) == (OWNERS[0], "unknown")
    assert "60111" in found[0]["reason"]
    company = emulated.state.company
    others = [name for name, r in company.wecom_recordings.items() if r.creator in OWNERS[1:]]
    assert sorted(r["recording_id"] for r in found[1:]) == sorted(others)
    windows = context["ti"].pushed["summary"]["windows"]
    assert [(w["selector"], w["outcome"]) for w in windows if w["outcome"] != "complete"] == [
        (OWNERS[0], "refused")
    ] * 2


def land(context: Any, tmp_path: Path, conn_id: str, recordings: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = RecordingsToObjectStorageOperator(
        task_id="land", meetings_conn_id=conn_id, recordings=recordings, target=f"file://{tmp_path}/lake"
    ).execute(context)
    return found


def test_exclude_by_owner_title_and_sharing(
    emulated: Any, context: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    company = emulated.state.company.wecom_recordings
    window = {"start": "2026-10-28T00:00:00+08:00"}
    everything = {one["recording_id"] for one in wecom(owner_ids=list(OWNERS), **window).execute(context)}
    rules = {"owner_ids": ["wangfang"], "title": "(?i)ROADMAP|站会", "sharing": [1]}
    found = wecom(owner_ids=list(OWNERS), exclude=rules, **window).execute(context)
    logged = capsys.readouterr().out
    expected = {
        one.meeting_record_id: "owner_ids"
        if one.host_user_id == "wangfang"
        else "title"
        if "roadmap" in one.title or "站会" in one.title
        else "sharing"
        for one in company.values()
        if one.host_user_id == "wangfang"
        or "roadmap" in one.title
        or "站会" in one.title
        or any(file.sharing for file in one.files)
    }
    out = [one for one in found if one["state"] == "excluded"]
    expected = {one: rule for one, rule in expected.items() if one in everything}
    assert set(expected.values()) == {"owner_ids", "title", "sharing"}
    assert {one["recording_id"]: one["reason"] for one in out} == {
        one: f"excluded by {rule}" for one, rule in expected.items()
    }
    assert {one["recording_id"] for one in found} == everything
    names = {"platform", "tenant", "recording_id", "meeting_id", "meeting_number", "state", "reason", "started_at"}
    assert all({name for name, value in one.items() if value} == {*names, "asked_at"} for one in out)
    summary = context["ti"].pushed["summary"]["excluded"]
    assert summary == {f"excluded by {rule}": list(expected.values()).count(rule) for rule in expected.values()}
    assert f"excluded or forgotten: {summary}" in logged
    assert not any(one.title in logged for one in company.values())
    before = len(emulated.state.requests)
    landed = land(context, tmp_path, "wecom_default", found)
    assert {one["recording_id"] for one in landed} == {one["recording_id"] for one in found if one["state"] == "ready"}
    asked = " ".join(str(request) for request in emulated.state.requests[before:])
    assert all(one not in asked for one in expected)


def test_no_link_of_an_excluded_minute_is_asked_for(emulated: Any, context: Any, tmp_path: Path) -> None:
    def feishu(**arguments: Any) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = ListRecordingsOperator(
            task_id="list", meetings_conn_id="feishu_default", meeting_ids=[READY_MEETING], **arguments
        ).execute(context)
        return listed

    (ready,) = feishu()
    (found,) = feishu(exclude={"owner_ids": [ready["owner_id"]]})
    assert (found["state"], found["recording_id"]) == ("excluded", ready["recording_id"])
    assert not any(found[name] for name in ("title", "owner_id", "page_url", "listed_by", "files", "source"))
    before = len(emulated.state.requests)
    assert land(context, tmp_path, "feishu_default", [found]) == []
    assert [request for request in emulated.state.requests[before:] if ready["recording_id"] in request.path] == []
    land(context, tmp_path, "feishu_default", [ready])
    assert [request for request in emulated.state.requests[before:] if ready["recording_id"] in request.path]


def test_exclude_is_templated(emulated: Any, context: Any) -> None:
    operator = wecom(owner_ids=["lina"], exclude={"owner_ids": "{{ ['li' ~ 'na'] | tojson }}"})
    operator.render_template_fields({})
    assert {one["state"] for one in operator.execute(context)} >= {"excluded"}
