"""Loads by a ledger: they close its items, and their rows show what it says."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_meetings.api.ledger import report
from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.emulator.seed.wecom import ENDLESS_RECORD, OWNERS
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.transfers.settlement import Settlement
from airflow_provider_meetings.transfers.to_parquet import RecordingsToParquetOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator
from tests.conftest import TaskInstance
from tests.transfers.conftest import hashed, land_media
from tests.warehouse.lake.lakes import read

Inputs = dict[str, Any]
Rows = list[dict[str, Any]]
Load = Callable[..., None]


class Pipeline:
    """WeCom's recordings of all owners, listed and landed by a ledger in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = f"file://{root}"

    def run(self, run_id: str, **changes: Any) -> Inputs:
        """List and land; return the arguments of a load."""
        context: Any = {"ti": TaskInstance(run_id=run_id)}
        found = ListRecordingsOperator(
            task_id="list",
            meetings_conn_id="wecom_default",
            owner_ids=list(OWNERS),
            start="2026-10-05T00:00:00+08:00",
            ledger=self.url,
            revisit=timedelta(days=90),
        ).execute(context)
        summary = context["ti"].pushed["summary"]
        stored = land_media({"ti": TaskInstance()}, self.root, recordings=found, kinds=("transcript",))
        return {"recordings": found, "stored_files": stored, "summary": summary, "ledger": self.url, **changes}

    def state(self) -> State:
        return Ledger(LocalStore(self.root, self.url)).read()

    def waiting(self) -> set[str]:
        return {key for key, item in self.state().items.items() if item.is_open}


@pytest.fixture
def pipeline(emulated: Any, tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path / "media")


def load(context: Any, **arguments: Any) -> dict[str, int]:
    return RecordingsToSqlOperator(**{"task_id": "load", "sql_conn_id": "warehouse", **arguments}).execute(context)


def rows(warehouse: Path, query: str) -> Rows:
    with closing(sqlite3.connect(warehouse)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(query)]


def shown(found: Rows) -> set[str]:
    return {row["item_key"] for row in found if row["settled_at"] is None}


def test_rows_show_what_the_load_leaves_open(warehouse: Path, pipeline: Pipeline, context: Any) -> None:
    inputs = pipeline.run("one")
    assert len(pipeline.waiting()) == len(inputs["recordings"])
    load(context, **inputs)
    assert pipeline.waiting() == {f"recording:{ENDLESS_RECORD}"}
    assert [row["item_key"] for row in rows(warehouse, "SELECT * FROM pending_items")] == [
        f"recording:{ENDLESS_RECORD}"
    ]
    state = pipeline.state()
    assert state.watched is not None
    dates = {one["listed_by"]: one for one in report.dates(state, state.watched[0])}
    clocks = rows(warehouse, "SELECT * FROM sync_clocks")
    assert {row["selector"] for row in clocks} == set(dates) == {f"owner_id:{owner}" for owner in OWNERS}
    for row in clocks:
        date = dates[row["selector"]]
        assert row["seen_until"][:19] == date["listed_up_to"][:19].replace("T", " ")
        assert row["settled_until"][:19] == date["settled_up_to"][:19].replace("T", " ")
    assert any(row["settled_until"] < row["seen_until"] for row in clocks)


def test_lake_shows_the_same(warehouse: Path, lake: Path, pipeline: Pipeline, context: Any) -> None:
    inputs = pipeline.run("one")
    arguments = {"task_id": "lake", "target": f"file://{lake}"}
    RecordingsToParquetOperator(**{**arguments, **inputs}).execute(context)
    assert pipeline.waiting() == shown(read(lake, "pending_items")) == {f"recording:{ENDLESS_RECORD}"}
    assert {row["selector"] for row in read(lake, "sync_clocks")} == {f"owner_id:{owner}" for owner in OWNERS}


def test_failed_load_closes_nothing(warehouse: Path, pipeline: Pipeline, context: Any) -> None:
    inputs = pipeline.run("one")
    before = pipeline.waiting()
    with pytest.raises(Exception, match="lacks"):
        load(context, **inputs, schema_changes="fail")
    assert pipeline.waiting() == before


def test_death_between_commit_and_close_is_corrected(
    warehouse: Path, pipeline: Pipeline, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = pipeline.run("one")

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Settlement, "write", die)
        with pytest.raises(KeyboardInterrupt):
            load(context, **inputs)
    assert len(rows(warehouse, "SELECT * FROM recordings")) == len(inputs["recordings"])
    assert len(pipeline.waiting()) == len(inputs["recordings"])
    load(context, **pipeline.run("one", recordings=[], stored_files=[]))
    assert shown(rows(warehouse, "SELECT * FROM pending_items")) == pipeline.waiting()
    load(context, **inputs)
    assert shown(rows(warehouse, "SELECT * FROM pending_items")) == pipeline.waiting()


def test_killed_landing_closes_no_ready_recording(
    warehouse: Path, lake: Path, pipeline: Pipeline, context: Any
) -> None:
    inputs = pipeline.run("one")
    before = pipeline.waiting()
    to_sql = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", **inputs)
    to_parquet = RecordingsToParquetOperator(task_id="lake", target=f"file://{lake}", **inputs)
    for operator in (to_sql, to_parquet):
        operator.stored_files = None  # what Airflow renders of the output of a task that was killed
        operator.execute(context)
        assert pipeline.waiting() == before
    assert shown(rows(warehouse, "SELECT * FROM pending_items")) == shown(read(lake, "pending_items")) == before
    assert len(rows(warehouse, "SELECT * FROM recordings")) == len(inputs["recordings"])


def test_summary_of_another_listing_is_refused(warehouse: Path, pipeline: Pipeline, context: Any) -> None:
    inputs = pipeline.run("one")
    for summary in (None, {"platform": "wecom", "tenant": "t", "windows": []}):
        with pytest.raises(AirflowFailException, match="summary must be that of a listing by this ledger"):
            load(context, **{**inputs, "summary": summary})
    assert not warehouse.exists()


def test_ledger_is_templated() -> None:
    for operator in (RecordingsToSqlOperator, RecordingsToParquetOperator):
        assert "ledger" in operator.template_fields


@pytest.mark.parametrize("owner", ["hash", "drop"])
def test_ids_are_redacted_in_items_and_dates(
    warehouse: Path, pipeline: Pipeline, context: Any, key: str, owner: str
) -> None:
    inputs = pipeline.run("one")
    load(context, **inputs, redact={"recording_id": "hash", "meeting_id": "hash", "owner_id": owner})
    assert shown(rows(warehouse, "SELECT * FROM pending_items")) == {f"recording:{hashed(ENDLESS_RECORD)}"}
    selectors = {row["selector"] for row in rows(warehouse, "SELECT * FROM sync_clocks")}
    assert selectors == ({f"owner_id:{hashed(one)}" for one in OWNERS} if owner == "hash" else set())
    with closing(sqlite3.connect(warehouse)) as db:
        dump = json.dumps(list(db.iterdump()), ensure_ascii=False)
    assert ENDLESS_RECORD not in dump
