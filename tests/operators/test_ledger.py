"""Listing by a ledger, landing, and closing its items, on both platforms."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowException, AirflowFailException

from airflow_provider_meetings.api.ledger.ledger import FOLDER, Ledger
from airflow_provider_meetings.api.ledger.marks import MarkKind, Marks, subject_hash
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.emulator.seed.feishu import (
    PROCESSING_MEETING,
    PROCESSING_MINUTE,
    READY_MEETING,
    READY_MINUTE,
)
from airflow_provider_meetings.emulator.seed.wecom import ENDLESS_RECORD, OWNERS, PROCESSING_RECORD
from airflow_provider_meetings.hooks.clock import CLOCK_FILE
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.operators.ledger import LedgerCheckOperator, SettleOperator
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.task_groups import land_recordings
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from tests.api.ledger.test_state import item, seen
from tests.conftest import TaskInstance

Found = list[dict[str, Any]]

START = "2026-10-05T00:00:00+08:00"


def in_run(run_id: str = "run") -> Any:
    return {"ti": TaskInstance(run_id=run_id)}


class Pipeline:
    """A DAG's tasks, one after the other; each run has its own id."""

    def __init__(self, lake: Path, **listing: Any) -> None:
        self.ledger = f"file://{lake}"
        self.listing = {"ledger": self.ledger, "start": START, "revisit": timedelta(days=90), **listing}
        self.contexts: dict[str, Any] = {}

    def list(self, run: str, **changes: Any) -> Found:
        self.contexts[run] = in_run(run)
        operator = ListRecordingsOperator(task_id="list", **{**self.listing, **changes})
        found: Found = operator.execute(self.contexts[run])
        return found

    def land(self, found: Found) -> Found:
        operator = RecordingsToObjectStorageOperator(
            task_id="land",
            meetings_conn_id=self.listing["meetings_conn_id"],
            recordings=found,
            target=self.ledger,
            kinds=("video",),
        )
        landed: Found = operator.execute(in_run())
        return landed

    def settle(self, run: str, found: Found, landed: Any) -> dict[str, int]:
        summary = self.contexts[run]["ti"].pushed["summary"]
        arguments = {"ledger": self.ledger, "recordings": found, "stored_files": landed, "summary": summary}
        closed: dict[str, int] = SettleOperator(task_id="settle", **arguments).execute(in_run())
        return closed

    def check(self, **arguments: Any) -> dict[str, Any]:
        operator = LedgerCheckOperator(task_id="check", ledger=self.ledger, **arguments)
        summary: dict[str, Any] = operator.execute(in_run())
        return summary


@pytest.fixture
def wecom(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path / "lake", meetings_conn_id="wecom_default", owner_ids=list(OWNERS))


@pytest.fixture
def feishu(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path / "lake", meetings_conn_id="feishu_default")


def ids(found: Found) -> set[str | None]:
    return {one["recording_id"] for one in found}


def test_each_recording_is_landed_once(emulated: Any, wecom: Pipeline) -> None:
    company = emulated.state.company
    found = wecom.list("one")
    assert ids(found) == set(company.wecom_recordings)
    assert len(found) == len(company.wecom_recordings)
    again = [{**one, "asked_at": before["asked_at"]} for one, before in zip(wecom.list("one"), found, strict=True)]
    assert again == found, "a retry returns the same"
    assert [one["recording_id"] for one in wecom.list("two")] == [ENDLESS_RECORD], "another run has the others"
    landed = wecom.land(found)
    assert wecom.settle("one", found, landed) == {"closed": len(found) - 1, "left_open": 0}
    (pending,) = wecom.list("three")
    assert (pending["recording_id"], pending["revisit"]) == (ENDLESS_RECORD, False)
    (open_item,) = wecom.check()["open"]
    assert (open_item["recording_id"], open_item["state"]) == (ENDLESS_RECORD, "recording")


def test_renamed_recording_is_returned_again(emulated: Any, wecom: Pipeline) -> None:
    found = wecom.list("one")
    wecom.settle("one", found, wecom.land(found))
    company = emulated.state.company
    record = next(r for r in company.wecom_recordings.values() if r.meeting_record_id != ENDLESS_RECORD)
    renamed = {**company.wecom_recordings, record.meeting_record_id: replace(record, title="Another title")}
    emulated.state.company = replace(company, wecom_recordings=renamed)
    again = {one["recording_id"]: one for one in wecom.list("two")}
    assert set(again) == {record.meeting_record_id, ENDLESS_RECORD}
    assert again[record.meeting_record_id]["revisit"]
    objects = Path(wecom.ledger.removeprefix("file://"), FOLDER).iterdir()
    assert not any("Another title" in one.read_text() for one in objects)


def test_recordings_that_a_task_has_changed_are_closed(emulated: Any, wecom: Pipeline) -> None:
    found = [{**one, "title": "half of \ud83d", "source": {"number": 2**70}} for one in wecom.list("one")]
    assert wecom.settle("one", found, wecom.land(found)) == {"closed": len(found) - 1, "left_open": 0}


def test_killed_landing_closes_nothing(emulated: Any, wecom: Pipeline) -> None:
    found = wecom.list("one")
    assert wecom.settle("one", found, []) == {"closed": 0, "left_open": 0}
    assert len(wecom.check()["open"]) == len(found)


def test_dead_landing_beside_another_closes_what_the_other_landed(emulated: Any, wecom: Pipeline) -> None:
    found = wecom.list("one")
    assert wecom.settle("one", found, [wecom.land(found[:2]), None]) == {"closed": 2, "left_open": 0}


def test_failed_file_keeps_its_recording_open(emulated: Any, wecom: Pipeline) -> None:
    found = wecom.list("one")
    landed = wecom.land(found)
    landed[0]["outcome"] = "failed"
    wecom.settle("one", found, landed)
    assert ids(wecom.check()["open"]) == {landed[0]["recording_id"], ENDLESS_RECORD}


def test_feishu_by_window_asks_only_for_what_is_new(emulated: Any, feishu: Pipeline) -> None:
    found = feishu.list("one")
    assert READY_MINUTE in ids(found)
    feishu.settle("one", found, feishu.land(found))
    before = len(emulated.state.requests)
    again = feishu.list("two")
    assert all(one["state"] != "ready" for one in again)
    paths = [request.path for request in emulated.state.requests[before:]]
    assert not any(READY_MINUTE in path or READY_MEETING in path for path in paths)


def test_refused_owner_is_no_item(emulated: Any, wecom: Pipeline) -> None:
    emulated.state.fail("wecom.record_list", 60111, message="userid not found")
    (refused, *found) = wecom.list("one")
    assert (refused["owner_id"], refused["state"]) == (OWNERS[0], "unknown")
    items = wecom.check()["open"]
    assert ids(items) == ids(found)
    assert len(items) == len(found)


def test_ids_by_hand_enter_the_ledger(emulated: Any, feishu: Pipeline) -> None:
    emulated.state.not_ready(PROCESSING_MINUTE, 2)
    (found,) = feishu.list("one", meeting_ids=[PROCESSING_MEETING], start=None)
    assert found["state"] == "processing"
    feishu.settle("one", [found], [])
    feishu.list("two")
    states = {one["meeting_id"]: one["state"] for one in feishu.list("three")}
    assert states[PROCESSING_MEETING] == "ready"


def test_incomplete_listing_writes_nothing(emulated: Any, wecom: Pipeline) -> None:
    emulated.state.fail("wecom.record_list", -1, times=None)
    with pytest.raises(AirflowException):
        wecom.list("one")
    assert not Path(wecom.ledger.removeprefix("file://"), FOLDER).exists()


def test_ledger_of_another_pipeline_is_refused(emulated: Any, wecom: Pipeline, feishu: Pipeline) -> None:
    wecom.list("one")
    with pytest.raises(AirflowFailException, match="ledger of its own"):
        feishu.list("two")


def test_new_ledger_needs_a_start(emulated: Any, wecom: Pipeline) -> None:
    with pytest.raises(AirflowFailException, match="Set start"):
        wecom.list("one", start=None)
    wecom.list("two")
    wecom.list("three", start=None)


def test_summary_of_a_listing_without_ledger_is_refused(emulated: Any, wecom: Pipeline) -> None:
    found = wecom.list("one")
    wecom.contexts["one"]["ti"].pushed["summary"].pop("ledger")
    with pytest.raises(AirflowFailException, match="Give the listing the same ledger"):
        wecom.settle("one", found, [])


def test_check_fails_for_what_waits_too_long(emulated: Any, wecom: Pipeline) -> None:
    found = wecom.list("one")
    with pytest.raises(AirflowFailException, match=f"{len(found)} items of the ledger .* are open"):
        wecom.check(older_than=timedelta(microseconds=1))


def test_check_names_what_was_closed_without_being_settled(tmp_path: Path) -> None:
    lost = item(seen=seen(recording_id="r1"), opened=frozenset({"e1"}), closed=frozenset({"e1"}))
    Ledger(LocalStore(tmp_path, f"file://{tmp_path}")).write(State(items={"recording:r1": lost}))
    with pytest.raises(AirflowFailException, match=r"1 are closed although nothing has settled them: recording:r1\. "):
        LedgerCheckOperator(task_id="check", ledger=f"file://{tmp_path}").execute(in_run())


@pytest.mark.parametrize(("hours", "ahead"), [(0.9, False), (1.1, True)])
def test_clock_that_runs_ahead_writes_nothing(
    emulated: Any, wecom: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: float, ahead: bool
) -> None:
    (tmp_path / "now").write_text(str(int(emulated.state.calendar()) + hours * 3600))
    monkeypatch.setenv(CLOCK_FILE, str(tmp_path / "now"))
    if ahead:
        with pytest.raises(AirflowFailException, match=r"clock of this worker is 39\d\d s ahead .* Set the clock"):
            wecom.list("one")
        monkeypatch.delenv(CLOCK_FILE)
        with pytest.raises(AirflowFailException, match="There is no ledger at"):
            wecom.check()
    else:
        assert wecom.list("one")


KEY = "0123456789abcdef"


def mark(pipeline: Pipeline, kind: MarkKind, platform: str, tenant: str, one: str) -> Marks:
    marks = Marks(store_at(pipeline.ledger), KEY.encode)
    marks.add(subject_hash(KEY.encode(), kind, platform, tenant, one), {})
    return marks


def test_excluded_recordings_are_settled_until_the_rules_change(emulated: Any, wecom: Pipeline) -> None:
    hosted = {
        one.meeting_record_id for one in emulated.state.company.wecom_recordings.values() if one.host_user_id == "lina"
    }
    found = wecom.list("one", exclude={"owner_ids": ["lina"]})
    assert ids([one for one in found if one["state"] == "excluded"]) == hosted
    wecom.settle("one", found, wecom.land(found))
    assert ids(wecom.check()["open"]) == {ENDLESS_RECORD}
    folder = Path(wecom.ledger.removeprefix("file://"))
    assert not any(one in str(path) for one in hosted for path in folder.rglob("*"))
    assert ids(wecom.list("two", exclude={"owner_ids": ["lina"]})) == {ENDLESS_RECORD}
    again = wecom.list("three")
    assert ids(again) == {*hosted, ENDLESS_RECORD}
    assert ids(wecom.land(again)) == hosted
    assert wecom.contexts["two"]["ti"].pushed["summary"]["excluded"] == {"excluded by owner_ids": len(hosted)}


def test_forgotten_recordings_and_owners_stay_out(
    emulated: Any, wecom: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the listing, by a rebuilt ledger, by ids, and by a landing that is given them."""
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY", KEY)
    everything = wecom.list("one")
    company = emulated.state.company.wecom_recordings
    (of,) = {(one["platform"], one["tenant"]) for one in everything}
    mark(wecom, MarkKind.OWNER, *of, "lina")
    marks = mark(wecom, MarkKind.RECORDING, *of, PROCESSING_RECORD)
    hosted = {one.meeting_record_id for one in company.values() if one.host_user_id == "lina"}
    before = len(emulated.state.requests)
    landed = wecom.land(everything)
    assert ids(landed) == set(company) - hosted - {PROCESSING_RECORD, ENDLESS_RECORD}
    asked = " ".join(str(request) for request in emulated.state.requests[before:])
    assert not any(one in asked for one in hosted)
    # Another run than the one that died with its listing.
    found = wecom.list("two")
    assert not ids(found) & {*hosted, PROCESSING_RECORD}
    assert wecom.contexts["two"]["ti"].pushed["summary"]["excluded"] == {"forgotten": len(hosted) + 1}
    assert not ids(wecom.check()["open"]) & {*hosted, PROCESSING_RECORD}
    shutil.rmtree(Path(wecom.ledger.removeprefix("file://"), FOLDER))
    assert not ids(wecom.list("three")) & {*hosted, PROCESSING_RECORD}
    by_hand = {"meeting_ids": [company[PROCESSING_RECORD].meetingid], "owner_ids": None}
    assert ids(wecom.list("four", **by_hand)) == {ENDLESS_RECORD}, "what is due"
    assert marks.remove([subject_hash(KEY.encode(), MarkKind.RECORDING, *of, PROCESSING_RECORD)])
    assert ids(wecom.list("five")) >= {PROCESSING_RECORD}


def test_forgotten_minute_is_asked_for_no_more(
    emulated: Any, feishu: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY", KEY)
    found = feishu.list("one")
    (ready,) = (one for one in found if one["recording_id"] == READY_MINUTE)
    mark(feishu, MarkKind.RECORDING, ready["platform"], ready["tenant"], READY_MINUTE)
    feishu.settle("one", found, feishu.land(found))
    assert READY_MINUTE not in ids(feishu.list("two"))
    before = len(emulated.state.requests)
    feishu.list("three")
    paths = [request.path for request in emulated.state.requests[before:]]
    assert not any(READY_MINUTE in path or READY_MEETING in path for path in paths)


def test_marks_need_their_key(emulated: Any, wecom: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    mark(wecom, MarkKind.OWNER, "wecom", "corp", "lina")
    monkeypatch.delenv("AIRFLOW__MEETINGS__REDACT_KEY", raising=False)
    runs: list[Callable[[], Found]] = [lambda: wecom.list("one"), lambda: wecom.land([])]
    for run in runs:
        with pytest.raises(AirflowFailException, match="Set the option redact_key"):
            run()
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY", KEY[::-1])
    for run in runs:
        with pytest.raises(AirflowFailException, match="made with another key"):
            run()


def test_task_group_excludes() -> None:
    rules = {"owner_ids": ["lina"]}
    with DAG("meetings", schedule=None) as dag:
        land_recordings(meetings_conn_id="wecom_default", start=START, target="file:///data/lake", exclude=rules)
    listing = dag.get_task("recordings.list")
    assert isinstance(listing, ListRecordingsOperator)
    assert listing.exclude == rules
