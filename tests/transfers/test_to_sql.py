"""The SQL operators with the outputs of real tasks, on a real database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.emulator.seed.feishu import (
    GONE_POST,
    NAMED_POST,
    READY_MEETING,
    RUNNING_MEETING,
)
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from airflow_provider_meetings.transfers.to_sql import PostsToSqlOperator, RecordingsToSqlOperator
from airflow_provider_meetings.warehouse.errors import LoadError
from tests.transfers.conftest import Inputs, list_feishu


def load(context: Any, **arguments: Any) -> dict[str, int]:
    return RecordingsToSqlOperator(**{"task_id": "load", "sql_conn_id": "warehouse", **arguments}).execute(context)


def rows(warehouse: Path, table: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(warehouse)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")]


def test_all_tables(warehouse: Path, feishu_video: Inputs, context: Any) -> None:
    written = load(context, **feishu_video)
    assert written == {
        "recordings": 1,
        "recording_files": 4,  # three are listed, one is landed
        "landings": 1,
        "pending_items": 0,  # without a ledger
        "discovery_windows": 2,
        "sync_clocks": 0,
        "transcript_segments": 0,
        "minute_chapters": 0,
        "minute_todos": 0,
        "minute_keywords": 0,
        "minute_statistics": 0,
    }
    (stored,) = feishu_video["stored_files"]
    landed = [row for row in rows(warehouse, "recording_files") if row["uri"]]
    assert [(row["uri"], row["sha256"]) for row in landed] == [(stored["uri"], stored["sha256"])]
    assert {row["selector"] for row in rows(warehouse, "discovery_windows")} == {READY_MEETING, RUNNING_MEETING}


def test_second_load_adds_no_rows(warehouse: Path, feishu_video: Inputs, context: Any) -> None:
    load(context, **feishu_video)
    journals = ("landings", "discovery_windows")
    before = {table: rows(warehouse, table) for table in (*journals, "recordings", "recording_files")}
    assert all(before.values())
    load(context, **feishu_video)
    after = {table: rows(warehouse, table) for table in before}
    assert {t: r for t, r in after.items() if t not in journals} == {
        t: r for t, r in before.items() if t not in journals
    }
    assert {t: len(r) for t, r in after.items()} == {t: len(r) for t, r in before.items()}


def test_each_try_has_its_own_journal_rows(warehouse: Path, feishu_video: Inputs, context: Any) -> None:
    load(context, **feishu_video)
    context["ti"].try_number = 2
    load(context, **feishu_video)
    assert [row["try_number"] for row in rows(warehouse, "landings")] in ([1, 2], [2, 1])
    assert len(rows(warehouse, "discovery_windows")) == 4
    assert len(rows(warehouse, "recordings")) == 1


def test_nested_inputs(warehouse: Path, feishu_video: Inputs, context: Any) -> None:
    nested = {name: [value] for name, value in feishu_video.items()}
    assert load(context, **nested)["discovery_windows"] == 2
    assert load(context, recordings=[])["recordings"] == 0


def test_schema_changes(warehouse: Path, feishu_video: Inputs, context: Any) -> None:
    with pytest.raises(LoadError, match="recordings"):
        load(context, **feishu_video, schema_changes="fail")
    load(context, **feishu_video, table_prefix="meet_")
    assert rows(warehouse, "meet_recordings")


def test_posts(warehouse: Path, emulated: Any, context: Any) -> None:
    posts = FeishuPostsOperator(task_id="read", post_ids=[NAMED_POST, GONE_POST]).execute(context)
    operator = PostsToSqlOperator(task_id="load", sql_conn_id="warehouse", posts=posts)
    assert operator.execute(context)["posts"] == 2
    assert operator.execute(context) == {"posts": 0, "post_reactions": 0}
    found = {row["post_id"]: row for row in rows(warehouse, "posts")}
    assert found[NAMED_POST]["_deleted_at"] is None
    assert found[GONE_POST]["_deleted_at"] is not None


def test_id_that_fails_does_not_change_what_is_known(
    warehouse: Path, emulated: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def query(*meeting_ids: str) -> RecordingQuery:
        return RecordingQuery(meeting_ids=meeting_ids)

    monkeypatch.setattr(Transport, "_wait_seconds", lambda self, state: 0.0)
    load(context, recordings=list_feishu(context, READY_MEETING, RUNNING_MEETING))
    kept = ("recordings", "recording_files")
    before = {table: rows(warehouse, table) for table in kept}
    emulated.state.fail("feishu.minute", 2091006, times=4, status=500)
    found = [one.to_dict() for one in FeishuHook().client.list(query(READY_MEETING, RUNNING_MEETING))]
    assert [r["state"] for r in found] == ["absent", "recording"]
    # An owner that could not be listed is no recording either.
    owner = {**found[0], "meeting_id": None, "owner_id": "ou_1"}
    load(context, recordings=[*found, owner])
    assert {table: rows(warehouse, table) for table in kept} == before
