"""Loading through the operators: what one task hands to the next, into a real database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_meetings.emulator.seed.feishu import GONE_POST, NAMED_POST, READY_MEETING, RUNNING_MEETING
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_sql import PostsToSqlOperator, RecordingsToSqlOperator
from airflow_provider_meetings.warehouse.errors import LoadError


@pytest.fixture
def handed_over(emulated: Any, context: Any, tmp_path: Path) -> dict[str, Any]:
    """What a listing and a landing return, one meeting still running."""
    recordings = ListRecordingsOperator(
        task_id="list", meetings_conn_id="feishu_default", meeting_ids=[READY_MEETING, RUNNING_MEETING]
    ).execute(context)
    summary = context["ti"].pushed["summary"]
    stored = RecordingsToObjectStorageOperator(
        task_id="land", meetings_conn_id="feishu_default", recordings=recordings, target=f"file://{tmp_path}/lake"
    ).execute(context)
    return {"recordings": recordings, "stored_files": stored, "summary": summary}


def load(context: Any, **arguments: Any) -> dict[str, int]:
    return RecordingsToSqlOperator(**{"task_id": "load", "sql_conn_id": "warehouse", **arguments}).execute(context)


def rows(warehouse: Path, table: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(warehouse)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")]


def test_everything_handed_over_is_written(warehouse: Path, handed_over: dict[str, Any], context: Any) -> None:
    written = load(context, **handed_over)
    assert written == {
        "recordings": 1,
        "recording_files": 4,  # three are declared, and one of them is landed
        "landings": 1,
        "pending_items": 1,
        "discovery_windows": 2,
        "sync_clocks": 0,  # asked by id: there is no window to have come through
        "transcript_segments": 0,
        "minute_chapters": 0,
        "minute_todos": 0,
        "minute_statistics": 0,
    }
    (stored,) = handed_over["stored_files"]
    landed = [row for row in rows(warehouse, "recording_files") if row["uri"]]
    assert [(row["uri"], row["sha256"]) for row in landed] == [(stored["uri"], stored["sha256"])]
    assert [row["item_key"] for row in rows(warehouse, "pending_items")] == [f"meeting:{RUNNING_MEETING}"]
    assert {row["selector"] for row in rows(warehouse, "discovery_windows")} == {READY_MEETING, RUNNING_MEETING}


def test_the_same_try_again_adds_no_row(warehouse: Path, handed_over: dict[str, Any], context: Any) -> None:
    load(context, **handed_over)
    journals = ("landings", "discovery_windows", "pending_items")
    before = {table: rows(warehouse, table) for table in (*journals, "recordings", "recording_files")}
    assert all(before.values())
    load(context, **handed_over)
    after = {table: rows(warehouse, table) for table in before}
    assert {t: r for t, r in after.items() if t not in journals} == {
        t: r for t, r in before.items() if t not in journals
    }
    assert {t: len(r) for t, r in after.items()} == {t: len(r) for t, r in before.items()}


def test_another_try_has_journal_rows_of_its_own(warehouse: Path, handed_over: dict[str, Any], context: Any) -> None:
    load(context, **handed_over)
    context["ti"].try_number = 2
    load(context, **handed_over)
    assert [row["try_number"] for row in rows(warehouse, "landings")] in ([1, 2], [2, 1])
    assert len(rows(warehouse, "discovery_windows")) == 4
    assert len(rows(warehouse, "recordings")) == 1


def test_batches_and_mapped_tasks(warehouse: Path, handed_over: dict[str, Any], context: Any) -> None:
    nested = {name: [value] for name, value in handed_over.items()}
    assert load(context, **nested)["discovery_windows"] == 2
    assert load(context, recordings=[])["recordings"] == 0


def test_schema_changes(warehouse: Path, handed_over: dict[str, Any], context: Any) -> None:
    with pytest.raises(LoadError, match="recordings"):
        load(context, **handed_over, schema_changes="fail")
    load(context, **handed_over, table_prefix="meet_")
    assert rows(warehouse, "meet_recordings")
    with pytest.raises(ValueError, match="schema_changes must be one of add, fail"):
        load(context, **handed_over, schema_changes="drop")


def test_posts(warehouse: Path, emulated: Any, context: Any) -> None:
    posts = FeishuPostsOperator(task_id="read", post_ids=[NAMED_POST, GONE_POST]).execute(context)
    operator = PostsToSqlOperator(task_id="load", sql_conn_id="warehouse", posts=posts)
    assert operator.execute(context)["posts"] == 2
    assert operator.execute(context) == {"posts": 0, "post_reactions": 0}
    found = {row["post_id"]: row for row in rows(warehouse, "posts")}
    assert found[NAMED_POST]["_deleted_at"] is None
    assert found[GONE_POST]["_deleted_at"] is not None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"recordings": "{{ x }}"}, "recordings must be a list"),
        ({"stored_files": 3}, "stored_files must be a list"),
        ({"summary": {"outcomes": {}}}, "summary must be the summary of a listing"),
        ({"sql_conn_id": "feishu_default"}, "connection 'feishu_default' .* is not an SQL database"),
    ],
)
def test_bad_input(
    warehouse: Path, handed_over: dict[str, Any], context: Any, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(AirflowFailException, match=text):
        load(context, **{**handed_over, **arguments})
    assert not warehouse.exists() or rows(warehouse, "sqlite_master") == []
