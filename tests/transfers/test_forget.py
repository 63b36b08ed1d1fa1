"""Forget recordings, persons and old files: everywhere that a pipeline writes."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.api.landing.landing import Landing
from airflow_provider_meetings.api.landing.receipt import Receipt
from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.api.ledger.marks import MarkKind, Marks, subject_hash
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.api.models import Recording, StoredFile
from airflow_provider_meetings.emulator.seed.feishu import (
    ENGLISH_MEETING,
    ENGLISH_MINUTE,
    MIA_WANG,
    READY_MEETING,
    READY_MINUTE,
)
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.storage.local.writer import LocalWriter
from airflow_provider_meetings.storage.s3.store import S3Store
from airflow_provider_meetings.storage.s3.writer import S3Writer
from airflow_provider_meetings.transfers import erasure
from airflow_provider_meetings.transfers.inputs import RecordingInputs
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator
from airflow_provider_meetings.warehouse.load.session import Session
from tests.conftest import Emulated, TaskInstance
from tests.month.faults import in_child
from tests.transfers.everywhere import EVENT, OWN, PEOPLE, TENANTS, WORDS, Contents, Everywhere, everywhere
from tests.warehouse.servers import CONN_ID

VIDEO_DAYS = datetime.now(UTC) - datetime(2026, 11, 11, tzinfo=UTC)
"""The first minute is older, the second one is not."""


@pytest.fixture(params=["feishu sqlite disk"])
def pipeline(
    request: pytest.FixtureRequest,
    emulated: Emulated,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
) -> Iterator[Everywhere]:
    """A pipeline that has run once. What is in files only is written once, and copied for each test."""
    platform, engine, store = request.param.split()
    in_files = store == "disk" and engine in {"sqlite", "duckdb"}
    root = (tmp_path_factory.getbasetemp() / f"forget-{platform}-{engine}" if in_files else tmp_path) / "root"
    planted = root.with_name("planted")
    shutil.rmtree(root, ignore_errors=True)
    if planted.exists():
        shutil.copytree(planted, root)
    root.mkdir(parents=True, exist_ok=True)
    with everywhere(platform, engine, store, root, monkeypatch) as found:
        if not planted.exists():
            found.run("first")
            if in_files:
                shutil.copytree(root, planted)
        yield found


WINDOW: dict[str, dict[str, Any]] = {
    "feishu": {"start": "2026-11-01T00:00:00+08:00", "end": "2026-11-13T00:00:00+08:00", "meeting_ids": None},
    "wecom": {"start": "2026-11-12T00:00:00+08:00", "end": "2026-11-13T00:00:00+08:00"},
}


def differences(before: Contents, after: Contents) -> tuple[set[str], set[str]]:
    """Return what has gone, and what has changed."""
    assert after.keys() <= before.keys()
    return before.keys() - after.keys(), {name for name in after if after[name] != before[name]}


@pytest.mark.parametrize(
    "pipeline",
    ["feishu postgres s3", "wecom postgres disk", "feishu duckdb disk", "wecom duckdb s3", "feishu mysql disk"],
    indirect=True,
)
def test_person_is_nowhere_after_he_was_forgotten(pipeline: Everywhere) -> None:
    person, words, own = (texts[pipeline.platform] for texts in (PEOPLE, WORDS, OWN))
    before, planted = pipeline.contents(volatile=False), pipeline.where(*person, *words)
    assert len(planted) > 20
    counts = pipeline.forget(person=person)["counts"]
    assert pipeline.contents(volatile=False) == before
    assert {one["table"] for one in counts} >= {"recordings", "transcript_segments", "objects"}
    pipeline.forget(apply=True)
    assert pipeline.where(*person, *words) == []
    gone, changed = differences(before, pipeline.contents(volatile=False))
    named = {name for name in planted if name in before}
    of_his = {name for name in before if any(one in name or f'"{one}"' in before[name] for one in own)}
    assert gone == of_his | {name for name in named if "discovery_windows" in name or "sync_clocks" in name}
    # A receipt and the row of a file change with the file.
    stems = {name.rpartition(".")[0] for name in named if name.endswith((".txt", ".srt", ".json"))}
    files = {name for name in before if name.removesuffix(".receipt.json") in stems}
    rows = {name for name in changed if "recording_files" in name}
    assert changed - rows == (named | files) - gone
    assert len(rows) == 2 * len(files - named - gone)
    again = pipeline.forget(apply=True)
    assert again["state"] == "applied"
    assert not any(one in json.dumps(again, ensure_ascii=False) for one in person)


def test_words_of_others_stay(pipeline: Everywhere) -> None:
    pipeline.forget(person=PEOPLE["feishu"], apply=True)
    folder = pipeline.root / "media" / "feishu" / "2026-11-11" / ENGLISH_MINUTE
    for name in (f"{ENGLISH_MINUTE}.transcript-txt.txt", f"{ENGLISH_MINUTE}.transcript-srt.srt"):
        text = (folder / name).read_text()
        assert "Mia Wang" in text
        assert "gripper demo" in text
        assert "ship it on Friday" in text
    receipt = Receipt.from_bytes((folder / f"{ENGLISH_MINUTE}.transcript-txt.receipt.json").read_bytes())
    assert receipt is not None
    assert (receipt.version, receipt.former_sha256) == (2, None)


def test_viewers_assignees_and_authors(pipeline: Everywhere) -> None:
    pipeline.forget(person=["ou_bluewave0zhaomin", "赵敏"], apply=True)
    contents = pipeline.contents()
    (statistics,) = (
        json.loads(row)
        for name, row in contents.items()
        if f"sql minute_statistics {READY_MINUTE}" in name.replace("feishu cli_bluewave0emulator ", "")
    )
    assert [one["user_id"] for one in json.loads(statistics["viewers"])] == ["ou_bluewave0chenyu", MIA_WANG.open_id]
    assert statistics["user_view_count"] == 3
    todos = [
        json.loads(row)["assignees"]
        for name, row in contents.items()
        if "sql minute_todos" in name and READY_MINUTE in name
    ]
    assert [json.loads(one) for one in todos] == [[], ["陈宇"]]


def test_recording(pipeline: Everywhere) -> None:
    before = pipeline.contents(volatile=False)
    pipeline.forget(recordings=[READY_MINUTE], apply=True)
    assert pipeline.where(READY_MINUTE) == []
    gone, changed = differences(before, pipeline.contents(volatile=False))
    assert gone == {name for name in before if READY_MINUTE in name or f'"{READY_MINUTE}"' in before[name]}
    assert changed == set()


def test_without_receipts_by_the_address(pipeline: Everywhere) -> None:
    for receipt in (pipeline.root / "media").rglob("*.receipt.json"):
        receipt.unlink()
    pipeline.forget(recordings=[READY_MINUTE], apply=True)
    assert pipeline.where(READY_MINUTE) == []
    assert [name for name in pipeline.where(ENGLISH_MINUTE) if name.startswith("feishu/")]


def test_old_files_go_and_their_recordings_stay(pipeline: Everywhere) -> None:
    before = pipeline.contents(volatile=False)
    pipeline.forget(older_than={"video": VIDEO_DAYS, "chapters": VIDEO_DAYS}, apply=True)
    gone, changed = differences(before, pipeline.contents(volatile=False))
    assert {name.split()[1] for name in gone if " " in name} == {"recording_files", "landings", "minute_chapters"}
    assert len([name for name in gone if " " not in name]) == 4
    assert changed == set()
    pipeline.run("revisit", meeting_ids=[READY_MEETING], ledger=None)
    assert not [name for name in pipeline.contents() if READY_MINUTE in name and ".video." in name]


@pytest.mark.parametrize("pipeline", ["feishu duckdb disk"], indirect=True)
def test_retention_every_day(pipeline: Everywhere) -> None:
    """Files that went are not listed in rows again; without an old file nothing is written, and no file copied."""
    old = {"video": VIDEO_DAYS, "transcript": VIDEO_DAYS}
    assert pipeline.forget(older_than=old, apply=True)["counts"]
    pipeline.run("daily")
    database = pipeline.root / "warehouse.duckdb"
    before, file = pipeline.contents(), database.stat().st_ino
    assert pipeline.forget(older_than=old, apply=True)["counts"] == []
    after = pipeline.contents()
    assert {name for name in after if after[name] != before.get(name)} == {"plan.json"}
    assert database.stat().st_ino == file


@pytest.mark.parametrize("pipeline", ["feishu sqlite disk", "wecom duckdb disk"], indirect=True)
def test_it_stays_forgotten(pipeline: Everywhere) -> None:
    """A daily run, a run that an event has started, a backfill, and a rebuilt ledger."""
    person = PEOPLE[pipeline.platform]
    pipeline.wait("event before", **EVENT[pipeline.platform])
    assert pipeline.where("mr-20261021-wangfang-1000" if pipeline.platform == "wecom" else READY_MINUTE)
    pipeline.forget(person=person, apply=True)
    others = {"owner_ids": ["lisi", "lina"]} if pipeline.platform == "wecom" else {}
    pipeline.run("daily", **others)
    pipeline.wait("event", **EVENT[pipeline.platform])
    pipeline.run("backfill", **{**others, **WINDOW[pipeline.platform]})
    for one in (pipeline.root / "media" / "_meetings_ledger").iterdir():
        one.unlink()
    pipeline.run("rebuilt", **others)
    assert pipeline.where(*person) == []


def test_landing_that_is_under_way(pipeline: Everywhere, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forgotten while it is landed is removed again."""
    pipeline.url += "_2"
    monkeypatch.setattr("airflow_provider_meetings.api.ledger.marks.MAX_AGE", 0.0)
    land, landed, one_at_a_time = Landing.land, count(), Lock()

    def forgotten_meanwhile(self: Landing, recording: Recording, *args: Any, **options: Any) -> StoredFile:
        with one_at_a_time:
            stored = land(self, recording, *args, **options)
            if next(landed) == 0:
                mark = subject_hash(key.encode(), MarkKind.RECORDING, "feishu", TENANTS["feishu"], READY_MINUTE)
                Marks(store_at(pipeline.url), key.encode).add(mark, {})
            return stored

    monkeypatch.setattr(Landing, "land", forgotten_meanwhile)
    pipeline.run("landing", ledger=None)
    names = [one.key for one in store_at(pipeline.url).walk()]
    assert not [name for name in names if READY_MINUTE in name]
    assert [name for name in names if ENGLISH_MINUTE in name]


@pytest.mark.parametrize("pipeline", ["feishu sqlite disk", "feishu postgres disk"], indirect=True)
def test_load_that_is_under_way(pipeline: Everywhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forgotten while it is read is not written; a retry leaves it out."""
    loading, files = list[str](), RecordingInputs.stored_files

    def forgotten_meanwhile(self: RecordingInputs) -> Iterator[Any]:
        loading.append("load")
        if loading == ["load"]:
            pipeline.forget(recordings=[READY_MINUTE], targets=[], ledger=None, apply=True)
        return files(self)

    context: Any = {"ti": TaskInstance()}
    found = RecordingReadySensor(
        task_id="wait", meetings_conn_id="feishu_default", meeting_ids=[READY_MEETING]
    ).execute(context)
    monkeypatch.setattr(RecordingInputs, "stored_files", forgotten_meanwhile)
    load = RecordingsToSqlOperator(task_id="sql", sql_conn_id=CONN_ID, recordings=found, stored_files=[])
    with pytest.raises(AirflowException, match="forgotten while this was loaded") as caught:
        load.execute(context)
    assert not isinstance(caught.value, AirflowFailException)
    load.execute(context)
    assert len(loading) == 2
    left = pipeline.where(READY_MINUTE)
    assert not [name for name in left if name.startswith(("sql", "lake"))]


def test_unforget(pipeline: Everywhere) -> None:
    pipeline.forget(recordings=[READY_MINUTE], apply=True)
    places = {"urls": [pipeline.url], "sql": [CONN_ID], "lakes": [f"file://{pipeline.lake}"]}
    found = erasure.unforget([READY_MINUTE, "nowhere"], "feishu", TENANTS["feishu"], **places)
    assert found == {READY_MINUTE: 3}
    pipeline.run("again", ledger=None)
    assert {name.split()[0] for name in pipeline.where(READY_MINUTE) if " recordings " in name} == {"sql", "lake"}


def test_loads_leave_out_what_erasures_has(pipeline: Everywhere) -> None:
    pipeline.forget(recordings=[READY_MINUTE], ledger=None, targets=[], apply=True)
    pipeline.run("again", ledger=None)
    left = pipeline.where(READY_MINUTE)
    assert left
    assert not [name for name in left if name.startswith(("sql", "lake")) and "discovery_windows" not in name]


def test_two_at_once(pipeline: Everywhere) -> None:
    people = [["ou_bluewave0zhaomin", "赵敏"], list(PEOPLE["feishu"])]
    plans = [f"file://{pipeline.root}/{number}.json" for number in range(2)]
    for plan, person in zip(plans, people, strict=True):
        pipeline.forget(person=person, plan=plan)

    def apply(plan: str) -> None:
        for _ in range(10):
            try:
                pipeline.forget(plan=plan, apply=True)
                return
            except (AirflowException, OSError):
                continue

    threads = [Thread(target=apply, args=[plan]) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pipeline.where(*people[0], *people[1]) == []


def test_another_erasure_between_reading_and_writing(pipeline: Everywhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that names both: the first must not write the second's name again."""
    people = [["ou_bluewave0zhaomin", "赵敏"], [MIA_WANG.open_id, MIA_WANG.name]]
    plans = [f"file://{pipeline.root}/{number}.json" for number in range(2)]
    for plan, person in zip(plans, people, strict=True):
        pipeline.forget(person=person, plan=plan)
    merge, merged = Session.merge, count()

    def merge_late(self: Session, *args: Any, **options: Any) -> dict[str, int]:
        if next(merged) == 0:
            pipeline.forget(plan=plans[1], apply=True)
        return merge(self, *args, **options)

    monkeypatch.setattr(Session, "merge", merge_late)
    pipeline.forget(plan=plans[0], apply=True)
    assert pipeline.where(*people[0], *people[1]) == []


@pytest.mark.parametrize("pipeline", ["feishu sqlite disk", "wecom postgres s3", "feishu duckdb disk"], indirect=True)
def test_killed_anywhere_and_applied_again(pipeline: Everywhere, request: pytest.FixtureRequest) -> None:
    """A child is killed before its n-th write, then the plan is applied again: the same end as without a kill."""
    person = PEOPLE[pipeline.platform]
    pipeline.forget(person=person)
    pipeline.copy()
    steps = steps_of(pipeline, None)
    assert steps > 20
    expected = pipeline.contents(volatile=False)
    kills = max(2, int(request.config.getoption("--kills")) // 10)
    for number in range(kills):
        pipeline.restore()
        first = number * steps // kills if kills < steps else number % steps
        steps_of(pipeline, first)
        if second := number // steps:  # another kill, of what the first has left
            steps_of(pipeline, second * 7919 % max(steps - first, 1))
        pipeline.forget(apply=True)
        assert pipeline.contents(volatile=False) == expected, number
        assert pipeline.where(*person) == []


def steps_of(pipeline: Everywhere, kill_at: int | None) -> int:
    """Apply a plan in a child, which is killed before its n-th write; return the number of writes."""
    reader, writer = os.pipe()

    def apply() -> None:
        steps = count()

        def step(real: Callable[..., Any]) -> Callable[..., Any]:
            def stepped(*arguments: Any, **options: Any) -> Any:
                if next(steps) == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **options)

            return stepped

        for owner in (LocalStore, LocalWriter, S3Store, S3Writer, Session):
            for name in {"put", "delete", "publish", "commit", "wipe"} & vars(owner).keys():
                setattr(owner, name, step(getattr(owner, name)))
        pipeline.forget(apply=True)
        os.write(writer, str(next(steps)).encode())

    in_child(apply)
    os.close(writer)
    with os.fdopen(reader) as said:
        return int(said.read() or 0)


def test_person_who_is_nowhere(pipeline: Everywhere) -> None:
    before = pipeline.contents(volatile=False)
    assert pipeline.forget(person=["ou_nobody"], apply=True)["counts"] == []
    assert pipeline.contents(volatile=False) == before
    assert [name for name in pipeline.contents() if "_meetings_forgotten" in name]


def test_recording_that_is_being_landed(pipeline: Everywhere) -> None:
    folder = pipeline.root / "media" / "feishu" / "2026-11-10" / READY_MINUTE
    (folder / f"{READY_MINUTE}.audio.part.json").write_text("{}")
    before = pipeline.contents()
    with pytest.raises(AirflowException, match="is being landed") as caught:
        pipeline.forget(recordings=[READY_MINUTE], apply=True)
    assert not isinstance(caught.value, AirflowFailException)  # a retry may find it landed
    assert pipeline.contents() == before
    os.utime(folder / f"{READY_MINUTE}.audio.part.json", (0, 0))
    pipeline.forget(recordings=[READY_MINUTE], apply=True)
    assert pipeline.where(READY_MINUTE) == []


def test_warehouse_is_away(pipeline: Everywhere, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.forget(person=PEOPLE["feishu"])
    (pipeline.root / "warehouse.sqlite").rename(pipeline.root / "away")
    (pipeline.root / "warehouse.sqlite").mkdir()
    with pytest.raises(Exception, match="cannot be opened"):
        pipeline.forget(apply=True)
    with pytest.raises(AirflowFailException, match="was applied in part"):
        pipeline.forget(recordings=["another"])
    (pipeline.root / "warehouse.sqlite").rmdir()
    (pipeline.root / "away").rename(pipeline.root / "warehouse.sqlite")
    pipeline.forget(apply=True)
    assert pipeline.where(*PEOPLE["feishu"]) == []


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({}, "Nothing to forget"),
        ({"apply": True}, "no plan"),
        ({"recordings": ["a"], "person": ["b"]}, "Give one of"),
        ({"recordings": ["a"], "tenant": None}, "platform and the tenant"),
        ({"older_than": {"videos": timedelta(1)}}, "older_than"),
        ({"person": ["ou_bluewave0chenyu", "f"]}, "'f' would be found in much"),
        ({"person": ["feishu"]}, "'feishu' would be found in much"),
        ({"older_than": {"video": timedelta(0)}}, "would stay"),
        (
            {"person": ["ou_bluewave0chenyu"], "targets": [], "sql": [], "lakes": [], "ledger": None},
            "Give one of ledger",
        ),
    ],
)
def test_bad_input(pipeline: Everywhere, arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(AirflowFailException, match=match):
        pipeline.forget(**arguments)


@pytest.mark.parametrize("content", ["no JSON", "[1]", '{"my": "settings"}', '{"state": "planned"}'])
@pytest.mark.parametrize("subject", [{}, {"recordings": [READY_MINUTE]}])
def test_what_is_no_plan(pipeline: Everywhere, content: str, subject: dict[str, Any]) -> None:
    (pipeline.root / "plan.json").write_text(content)
    with pytest.raises(AirflowFailException, match=r"plan\.json is no plan\. Choose another URL"):
        pipeline.forget(**subject, apply=True)
    assert (pipeline.root / "plan.json").read_text() == content
    assert pipeline.where(READY_MINUTE)


def test_plan_in_an_unknown_state(pipeline: Everywhere) -> None:
    pipeline.forget(recordings=[READY_MINUTE])
    path = pipeline.root / "plan.json"
    path.write_text(path.read_text().replace('"planned"', '"approved"'))
    with pytest.raises(AirflowFailException, match="is no plan"):
        pipeline.forget(apply=True)


@pytest.mark.parametrize("place", ["/", "/_meetings_ledger/plan.json", "/_meetings_forgotten/plan.json"])
def test_place_of_the_plan(pipeline: Everywhere, place: str) -> None:
    with pytest.raises(AirflowFailException, match="The plan cannot be at"):
        pipeline.forget(plan=f"{pipeline.url}{place}", recordings=[READY_MINUTE])
    pipeline.run("later")


def test_without_key(pipeline: Everywhere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__MEETINGS__REDACT_KEY")
    with pytest.raises(AirflowFailException, match="redact_key"):
        pipeline.forget(recordings=[READY_MINUTE])


def test_everything(pipeline: Everywhere) -> None:
    pipeline.forget(older_than={"video": timedelta(0)}, everything=True, apply=True)
    assert not [name for name in pipeline.contents() if name.endswith(".mp4")]


@pytest.mark.parametrize("other", ["", "another key, long enough"])
def test_load_with_another_key(pipeline: Everywhere, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    """A target without marks, so that only the loads know what was forgotten."""
    pipeline.forget(person=PEOPLE["feishu"], apply=True)
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY", other)
    pipeline.url += "_2"
    with pytest.raises(AirflowFailException, match="key"):
        pipeline.run("other", ledger=None)
    assert not [name for name in pipeline.where(*PEOPLE["feishu"]) if name.startswith(("sql", "lake"))]


def test_addresses_stay(pipeline: Everywhere) -> None:
    """A person whose id is also the name of a folder."""
    before = pipeline.contents(volatile=False)
    pipeline.forget(person=["media"], apply=True)
    assert pipeline.contents(volatile=False) == before


def test_objects_of_others(pipeline: Everywhere) -> None:
    other = pipeline.root / "media" / "exports" / READY_MINUTE / "notes.txt"
    other.parent.mkdir(parents=True)
    other.write_text("not ours")
    pipeline.forget(recordings=[READY_MINUTE], apply=True)
    assert [str(name) for name in pipeline.where(READY_MINUTE)] == [f"exports/{READY_MINUTE}/notes.txt"]


def test_meeting_that_became_a_recording(pipeline: Everywhere) -> None:
    ledger = Ledger(store_at(pipeline.url))
    (item,) = (one for one in ledger.read().items.values() if one.seen.recording_id == READY_MINUTE)
    meeting = item.replace(seen=item.seen.replace(recording_id=None, replaced_by=READY_MINUTE))
    ledger.write(State(items={"meeting": meeting}))
    pipeline.forget(recordings=[READY_MINUTE], apply=True)
    assert pipeline.where(READY_MINUTE) == []


def test_ledger_that_cannot_be_deleted(pipeline: Everywhere, monkeypatch: pytest.MonkeyPatch) -> None:
    delete = LocalStore.delete

    def refuse(store: LocalStore, key: str) -> None:
        if "_meetings_ledger" in key:
            raise PermissionError(13, "Locked")
        delete(store, key)

    monkeypatch.setattr(LocalStore, "delete", refuse)
    with pytest.raises(AirflowException, match="still some"):
        pipeline.forget(recordings=[READY_MINUTE], apply=True)
    monkeypatch.setattr(LocalStore, "delete", delete)
    pipeline.forget(apply=True)
    assert pipeline.where(READY_MINUTE) == []


def test_recordings_that_came_after_the_plan(pipeline: Everywhere, key: str) -> None:
    pipeline.forget(person=PEOPLE["feishu"], targets=[])
    path = pipeline.root / "plan.json"
    plan = json.loads(path.read_text())
    path.write_text(json.dumps(plan | {"subject": plan["subject"] | {"shared": []}}))
    pipeline.forget(apply=True)
    marks = Marks(store_at(pipeline.url), key.encode)
    assert marks.has(MarkKind.RECORDING, "feishu", TENANTS["feishu"], ENGLISH_MINUTE)


def test_recording_that_a_run_has_listed(pipeline: Everywhere) -> None:
    pipeline.forget(recordings=[READY_MINUTE])
    ledger = Ledger(store_at(pipeline.url))
    ((name, item),) = (one for one in ledger.read().items.items() if one[1].seen.recording_id == READY_MINUTE)
    seen = item.seen.replace(taken_at=time.time(), at=time.time(), entry="listed", run="dag/today/list/-1")
    ledger.write(State(items={name: item.replace(seen=seen, opened=frozenset({"listed"}))}))
    before = pipeline.contents(volatile=False)
    with pytest.raises(AirflowException, match="dag/today"):
        pipeline.forget(apply=True)
    assert pipeline.contents(volatile=False) == before
    ledger.write(State(items={name: item.replace(closed=frozenset({"listed"}))}))
    pipeline.forget(apply=True)
    assert pipeline.where(READY_MINUTE) == []


def test_receipt_with_an_invalid_time(pipeline: Everywhere) -> None:
    """Its recording counts from the landing."""
    path = pipeline.root / "media" / "feishu" / "2026-11-10" / READY_MINUTE / f"{READY_MINUTE}.video.receipt.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"started_at": "yesterday"}))
    counts = pipeline.forget(older_than={"video": VIDEO_DAYS}, sql=[], lakes=[], everything=True)["counts"]
    assert counts == []


def test_person_without_rows(pipeline: Everywhere) -> None:
    """Receipts do not tell the owner."""
    assert "whose owner" not in str(pipeline.forget(person=PEOPLE["feishu"])["unreachable"])
    for batch in (pipeline.root / "media").rglob("recordings-*.batch.ndjson"):
        batch.unlink()
    unreachable = pipeline.forget(person=PEOPLE["feishu"], sql=[], lakes=[])["unreachable"]
    assert unreachable[0].startswith("2 recordings whose owner no row or batch tells")


def test_rows_with_hashes_of_the_person(pipeline: Everywhere, key: str) -> None:
    context: Any = {"ti": TaskInstance()}
    found = ListRecordingsOperator(
        task_id="list", meetings_conn_id="feishu_default", meeting_ids=[READY_MEETING, ENGLISH_MEETING]
    ).execute(context)
    load = RecordingsToSqlOperator(
        task_id="sql", sql_conn_id=CONN_ID, recordings=found, table_prefix="hashed_", redact={"owner_id": "hash"}
    )
    load.execute(context)
    digest = hmac.new(key.encode(), PEOPLE["feishu"][0].encode(), hashlib.sha256).hexdigest()
    assert digest in pipeline.contents()["warehouse.sqlite"]
    counts = pipeline.forget(person=PEOPLE["feishu"], sql=[f"{CONN_ID}//hashed_"], lakes=[], targets=[], apply=True)
    assert [one["removed"] for one in counts["counts"] if one["table"] == "recordings"] == [1]
    assert digest not in pipeline.contents()["warehouse.sqlite"]


def test_person_without_receipts(pipeline: Everywhere) -> None:
    files = list((pipeline.root / "media" / "feishu").rglob("*.receipt.json"))
    assert "without a receipt" not in str(pipeline.forget(person=PEOPLE["feishu"])["unreachable"])
    for receipt in files[1:]:
        receipt.unlink()
    others = sum(ENGLISH_MINUTE in receipt.name for receipt in files[1:])
    unreachable = pipeline.forget(person=PEOPLE["feishu"])["unreachable"]
    assert f"{others} objects without a receipt, which are not searched" in unreachable
