from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_meetings.api.exclude import Exclude
from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.rounds import BATCH
from airflow_provider_meetings.warehouse.load.rows import RunKey

Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]
Sql = Callable[[str], list[dict[str, Any]]]

WINDOW: dict[str, Any] = {
    "endpoint": "/cgi-bin/meeting/record/list",
    "selector": "",
    "start": "2026-05-01T00:00:00+00:00",
    "end": "2026-05-02T00:00:00+00:00",
    "pages": 2,
    "items": 21,
    "outcome": "complete",
}
SUMMARY: dict[str, Any] = {
    "platform": "wecom",
    "tenant": "corp",
    "windows": [
        WINDOW,
        {"endpoint": "/minutes", "selector": "m-1", "start": None, "end": None, "pages": 1, "items": 1},
    ],
}
NONE = {
    "recordings": 0,
    "recording_files": 0,
    "landings": 0,
    "pending_items": 0,
    "discovery_windows": 0,
    "sync_clocks": 0,
}


def test_recording_is_written_with_each_column(load: Load, recording: Make, dump: Dump) -> None:
    assert load(recordings=[recording()]) == {**NONE, "recordings": 1, "recording_files": 1}
    (row,) = dump("recordings")
    assert row["recording_id"] == "rec-1"
    assert row["title"] == "周会"
    assert row["duration_ms"] == 3_600_000
    assert row["source"] == '{"a":["x"],"b":1}'
    assert row["started_at"].startswith("2026-05-01 01:00:00")
    assert row["ended_at"] is None
    assert row["_landed_at"].startswith("2026-05-04 03:02:01")
    (file,) = dump("recording_files")
    assert (file["declared_size"], file["uri"], file["_stored_hash"]) == (2**40, None, None)


def test_repeated_load_changes_nothing(load: Load, recording: Make, stored: Make, dump: Dump, now: datetime) -> None:
    arguments = {"recordings": [recording()], "stored_files": [stored()], "summaries": [SUMMARY]}
    load(**arguments)
    before = {table: dump(table) for table in NONE}
    assert load(**arguments) == {**NONE, "landings": 1, "discovery_windows": 2}
    assert {table: dump(table) for table in NONE} == before
    load(**arguments, now=now + timedelta(hours=1))
    assert dump("recordings") == before["recordings"]
    assert dump("recording_files") == before["recording_files"]


def test_change_updates_landed_at_of_one_row(load: Load, recording: Make, dump: Dump, now: datetime) -> None:
    load(recordings=[recording(), recording(recording_id="rec-2", files=[])])
    changed = [recording(title="new"), recording(recording_id="rec-2", files=[])]
    assert load(recordings=changed, now=now + timedelta(hours=1)) == {**NONE, "recordings": 1}
    first, second = dump("recordings")
    assert first["title"] == "new"
    assert first["_landed_at"].startswith("2026-05-04 04:02:01")
    assert second["_landed_at"].startswith("2026-05-04 03:02:01")


def test_users_column_keeps_its_values(load: Load, recording: Make, dump: Dump, sql: Sql) -> None:
    load(recordings=[recording()])
    sql("ALTER TABLE recordings ADD COLUMN note TEXT")
    sql("UPDATE recordings SET note = 'mine'")
    load(recordings=[recording(title="new")])
    (row,) = dump("recordings")
    assert (row["title"], row["note"]) == ("new", "mine")


def test_unchanged_row_is_not_rewritten(load: Load, recording: Make, dump: Dump, sql: Sql) -> None:
    load(recordings=[recording()])
    sql("UPDATE recordings SET title = 'edited by hand'")
    assert load(recordings=[recording()])["recordings"] == 0
    assert dump("recordings")[0]["title"] == "edited by hand"


def test_selector_that_listed_it_first_stays(load: Load, recording: Make, dump: Dump) -> None:
    load(recordings=[recording(listed_by="owner_id:zhang")])
    assert load(recordings=[recording(listed_by="meeting_id:m-1")])["recordings"] == 0
    assert load(recordings=[recording(listed_by="meeting_id:m-1", title="new")])["recordings"] == 1
    (row,) = dump("recordings")
    assert (row["listed_by"], row["title"]) == ("owner_id:zhang", "new")


def test_declared_and_stored_columns_are_independent(
    load: Load, recording: Make, stored: Make, dump: Dump, now: datetime
) -> None:
    later = now + timedelta(hours=1)
    assert load(stored_files=[stored()])["recording_files"] == 1
    assert load(recordings=[recording()], now=later)["recording_files"] == 1
    (row,) = dump("recording_files")
    assert (row["uri"], row["size"], row["declared_size"]) == ("s3://lake@bucket/f-1.video.mp4", 7, 2**40)
    load(stored_files=[stored(size=8)], now=later)
    (row,) = dump("recording_files")
    assert (row["size"], row["declared_size"], row["source"]) == (8, 2**40, '{"record_file_id":"f-1"}')
    assert row["_source_hash"] != row["_stored_hash"]


@pytest.mark.sqlite_cases
@pytest.mark.parametrize("outcome", ["landed", "resumed", "skipped", "replaced", "absent", "refused", "failed"])
def test_file_without_object_has_no_stored_columns(load: Load, stored: Make, dump: Dump, outcome: str) -> None:
    has_object = outcome not in {"absent", "refused", "failed"}
    nothing = {} if has_object else {"uri": None, "size": None, "sha256": None, "media_type": None, "landed_at": None}
    reason = None if has_object else "resource deleted (code 2091004)"
    load(stored_files=[stored(outcome=outcome, **nothing, reason=reason)])
    assert [row["uri"] for row in dump("recording_files")] == (["s3://lake@bucket/f-1.video.mp4"] * has_object)
    assert [(row["outcome"], row["reason"]) for row in dump("landings")] == [(outcome, reason)]


def test_landing_has_one_row_per_try(load: Load, stored: Make, dump: Dump, run_key: RunKey) -> None:
    load(stored_files=[stored(outcome="failed", uri=None)])
    load(stored_files=[stored()])
    assert [row["outcome"] for row in dump("landings")] == ["landed"]
    load(stored_files=[stored()], run=replace(run_key, try_number=2))
    load(stored_files=[stored()], run=replace(run_key, map_index=4))
    assert sorted((r["map_index"], r["try_number"]) for r in dump("landings")) == [(-1, 1), (-1, 2), (4, 1)]
    assert {r["task_id"] for r in dump("landings")} == {"load"}


def test_windows_are_written(load: Load, dump: Dump, run_key: RunKey) -> None:
    assert load(summaries=[SUMMARY])["discovery_windows"] == 2
    load(summaries=[SUMMARY])
    listed, by_id = sorted(dump("discovery_windows"), key=lambda row: -row["items"])
    assert (listed["pages"], listed["items"], listed["outcome"]) == (2, 21, "complete")
    assert listed["to_at"].startswith("2026-05-02 00:00:00")
    assert (by_id["from_at"], by_id["outcome"], by_id["tenant"]) == (None, None, "corp")
    load(summaries=[SUMMARY], run=replace(run_key, run_id="other"))
    assert len(dump("discovery_windows")) == 4


@pytest.mark.sqlite_cases
@pytest.mark.parametrize("state", ["processing", "recording", "absent", "overdue"])
def test_settled_recording_does_not_wait_again(load: Load, recording: Make, dump: Dump, state: str) -> None:
    waiting = recording(state=state, files=[], title=None)
    load(recordings=[waiting])
    load(recordings=[recording()])
    before = {table: dump(table) for table in NONE}
    assert before["recordings"][0]["state"] == "ready"
    load(recordings=[waiting])
    assert {table: dump(table) for table in NONE} == before


@pytest.mark.sqlite_cases
@pytest.mark.parametrize("state", ["forbidden", "gone", "unknown"])
@pytest.mark.parametrize("all_fields", [True, False])
def test_recording_with_ids_only_keeps_other_columns(
    load: Load, recording: Make, dump: Dump, state: str, all_fields: bool
) -> None:
    load(recordings=[recording(reason=None)])
    (before,) = dump("recordings")
    bare = {name: recording()[name] for name in ("platform", "tenant", "recording_id")} | {"state": state}
    bare = (Recording(**bare).to_dict() if all_fields else bare) | {"reason": "why"}
    assert load(recordings=[bare])["recordings"] == 1
    (after,) = dump("recordings")
    assert (after["state"], after["reason"]) == (state, "why")
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"state", "reason", "_source_hash", "_landed_at", "_deleted_at"}
    assert (after["_deleted_at"] is not None) == (state == "gone")
    load(recordings=[recording(reason=None)])
    assert (dump("recordings")[0]["reason"], dump("recordings")[0]["_deleted_at"]) == (None, None)


def excluded(one: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    found, _ = Exclude({"owner_ids": [one["owner_id"]]}).apply(Recording.from_dict({**one, **changes}))
    return found.to_dict()


def test_recording_that_is_excluded_after_it_was_landed_keeps_its_rows(
    load: Load, recording: Make, stored: Make, dump: Dump, now: datetime
) -> None:
    load(recordings=[recording(owner_id="lina")], stored_files=[stored()])
    before = {table: dump(table) for table in NONE}
    later = now + timedelta(hours=1)
    load(recordings=[excluded(recording(owner_id="lina"), asked_at=later.isoformat())], now=later)
    assert {table: dump(table) for table in NONE} == before


def test_excluded_recording_has_ids_until_it_is_let_in(load: Load, recording: Make, dump: Dump, now: datetime) -> None:
    load(recordings=[excluded(recording(owner_id="lina"))])
    (row,) = dump("recordings")
    assert (row["state"], row["reason"], row["recording_id"]) == ("excluded", "excluded by owner_ids", "rec-1")
    assert [row[name] for name in ("title", "owner_id", "page_url", "listed_by")] == [None] * 4
    assert dump("recording_files") == []
    load(recordings=[recording(owner_id="lina", reason=None)], now=now + timedelta(hours=1))
    (row,) = dump("recordings")
    assert (row["state"], row["reason"], row["owner_id"], row["title"]) == ("ready", None, "lina", "周会")


@pytest.mark.sqlite_cases
@pytest.mark.parametrize("state", ["processing", "overdue"])
def test_pending_recording_that_is_excluded(load: Load, recording: Make, dump: Dump, state: str) -> None:
    load(recordings=[recording(state=state, owner_id="lina", files=[])])
    load(recordings=[excluded(recording(owner_id="lina"))])
    assert [row["state"] for row in dump("recordings")] == ["excluded"]


def test_unlisted_file_is_marked_deleted(load: Load, recording: Make, stored: Make, dump: Dump, now: datetime) -> None:
    (file,) = recording()["files"]
    two = [file, {**file, "file_id": "f-2"}]
    load(recordings=[recording(files=two)], stored_files=[stored(file_id="f-3")])
    later = now + timedelta(hours=1)
    assert load(recordings=[recording(files=two[:1])], now=later)["recording_files"] == 1
    gone = {row["file_id"]: row["_deleted_at"] for row in dump("recording_files")}
    assert gone["f-2"].startswith("2026-05-04 04:02:01")
    # Files that are still listed, or landed and never declared, are not deleted.
    assert (gone["f-1"], gone["f-3"]) == (None, None)
    # A recording without files does not change them; a file that is listed again is restored.
    load(recordings=[recording(files=[])])
    assert [row["_deleted_at"] is None for row in dump("recording_files")] == [True, False, True]
    assert load(recordings=[recording(files=two)])["recording_files"] == 1
    assert [row["_deleted_at"] for row in dump("recording_files")] == [None, None, None]
    load(recordings=[recording(state="gone", files=[])])
    assert [row["_deleted_at"] is None for row in dump("recording_files")] == [False, False, True]


def test_platform_fields_have_columns(load: Load, recording: Make, dump: Dump) -> None:
    (file,) = recording()["files"]
    source = {
        "sharing_state": 1,
        "sharing_expire": 1_700_000_000_000,
        "required_same_corp": True,
        "required_attendee": False,
        "allow_download": True,
        "has_password": True,
    }
    load(recordings=[recording(files=[{**file, "source": source}], source={"state": 3})])
    assert dump("recordings")[0]["state_code"] == 3
    (row,) = dump("recording_files")
    assert (row["sharing_state"], row["sharing_expire"], row["meeting_id"]) == (1, 1_700_000_000_000, "m-1")
    assert [bool(row[name]) for name in ("same_corp_only", "attendees_only", "allow_download", "has_password")] == [
        True,
        False,
        True,
        True,
    ]
    # A field of another type is NULL, stays in `source`, and does not fail the load.
    load(recordings=[recording(files=[{**file, "source": {"sharing_state": "open"}}], source={"state": "3"})])
    assert (dump("recordings")[0]["state_code"], dump("recording_files")[0]["sharing_state"]) == (None, None)
    assert dump("recording_files")[0]["source"] == '{"sharing_state":"open"}'


def test_ids_with_other_case_or_blanks_differ(load: Load, recording: Make, dump: Dump) -> None:
    ids = ["rec", "REC", "Rec", "rec ", " rec", "réc", "reć"]
    assert load(recordings=[recording(recording_id=one, files=[]) for one in ids])["recordings"] == len(ids)
    assert sorted(row["recording_id"] for row in dump("recordings")) == sorted(ids)
    assert load(recordings=[recording(recording_id="REC", title="new", files=[])])["recordings"] == 1
    assert [row["recording_id"] for row in dump("recordings") if row["title"] == "new"] == ["REC"]


@pytest.mark.parametrize("start", ["1970-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00"])
def test_first_and_last_year(load: Load, recording: Make, dump: Dump, start: str) -> None:
    load(recordings=[recording(started_at=start, duration_ms=2**63 - 1)])
    assert load(recordings=[recording(started_at=start, duration_ms=2**63 - 1)])["recordings"] == 0
    (row,) = dump("recordings")
    assert row["started_at"].startswith(start[:19].replace("T", " "))
    assert row["duration_ms"] == 2**63 - 1


def test_last_observation_of_recording_wins(load: Load, recording: Make, dump: Dump) -> None:
    twice = [recording(title="first"), recording(title="last")]
    assert load(recordings=twice)["recordings"] == 2
    assert dump("recordings")[0]["title"] == "last"
    between = (recording(recording_id=f"x-{i}", files=[], source={}) for i in range(BATCH))
    load(recordings=[recording(title="first"), *between, recording(title="later")])
    rows = {row["recording_id"]: row["title"] for row in dump("recordings")}
    assert (len(rows), rows["rec-1"]) == (BATCH + 1, "later")


def test_failure_in_later_batch_writes_nothing(load: Load, recording: Make, dump: Dump) -> None:
    load(recordings=[recording(title="before")])
    before = {table: dump(table) for table in NONE}

    def broken_input() -> Iterator[dict[str, Any]]:
        yield from (recording(recording_id=f"x-{i}", state="processing") for i in range(BATCH))
        yield recording(title="secret title", tenant=None)

    with pytest.raises(LoadError, match=r"'recordings' \(key: platform, tenant, recording_id\).*'tenant'"):
        load(recordings=broken_input())
    assert {table: dump(table) for table in NONE} == before


def test_input_error_rolls_back_and_is_raised(load: Load, recording: Make, dump: Dump) -> None:
    def broken_input() -> Iterator[dict[str, Any]]:
        yield from (recording(recording_id=f"x-{i}") for i in range(BATCH))
        raise ConnectionError("the upstream result could not be read")

    load()
    with pytest.raises(ConnectionError, match="upstream"):
        load(recordings=broken_input())
    assert dump("recordings") == []


TITLES = [
    'it\'s "quoted" `x` \\ -- ; DROP TABLE recordings; /* ? :p %s */',
    "{{ conn.x.password }} ${HOME} $1",
    "😀 emoji 👩‍👩‍👧 \u202e rtl",
    "line\nbreak\ttab\r\x01\x7f",
    "long " + "会" * 100_000,
    "",
]


def test_titles_are_stored_unchanged(load: Load, recording: Make, dump: Dump) -> None:
    load(
        recordings=[
            recording(recording_id=f"r-{number}", title=title, source={"topic": title})
            for number, title in enumerate(TITLES)
        ]
    )
    assert [row["title"] for row in dump("recordings")] == TITLES


def test_unstorable_characters_are_replaced_alike(load: Load, recording: Make, dump: Dump) -> None:
    hostile = recording(title="a\x00b\ud83dc", source={"k\x00": ["\udc00", float("nan")]}, recording_id="r\x00")
    load(recordings=[hostile])
    assert load(recordings=[hostile])["recordings"] == 0
    (row,) = dump("recordings")
    assert (row["recording_id"], row["title"]) == ("r\ufffd", "a\ufffdb\ufffdc")
    assert row["source"] == '{"k\ufffd":["\ufffd",null]}'


def test_ids_stay_text(load: Load, recording: Make, dump: Dump) -> None:
    load(recordings=[recording(recording_id="0012", meeting_id="7012345678901234567")])
    (row,) = dump("recordings")
    assert (row["recording_id"], row["meeting_id"]) == ("0012", "7012345678901234567")
