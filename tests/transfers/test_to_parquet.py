"""Landing in a lake through the operators: what one task hands to the next, from the emulator, into real files."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_meetings.emulator.seed.feishu import GONE_POST, NAMED_POST, READY_MEETING, RUNNING_MEETING
from airflow_provider_meetings.emulator.seed.wecom import OWNERS
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_parquet import PostsToParquetOperator, RecordingsToParquetOperator
from tests.transfers.conftest import land
from tests.warehouse.lake.lakes import content, read


@pytest.fixture
def handed_over(emulated: Any, context: Any, tmp_path: Path) -> dict[str, Any]:
    """What a listing and a landing return, one meeting still running."""
    recordings = ListRecordingsOperator(
        task_id="list", meetings_conn_id="feishu_default", meeting_ids=[READY_MEETING, RUNNING_MEETING]
    ).execute(context)
    summary = context["ti"].pushed["summary"]
    stored = RecordingsToObjectStorageOperator(
        task_id="land", meetings_conn_id="feishu_default", recordings=recordings, target=f"file://{tmp_path}/media"
    ).execute(context)
    return {"recordings": recordings, "stored_files": stored, "summary": summary}


def test_everything_handed_over_is_written(lake: Path, handed_over: dict[str, Any], context: Any) -> None:
    told = land(lake, context, **handed_over)
    assert json.loads(json.dumps(told)) == {
        "recordings": {"rows": 1, "files": 1},
        "recording_files": {"rows": 3, "files": 1},
        "landings": {"rows": 1, "files": 1},
        "transcript_segments": {"rows": 0, "files": 0},
        "minute_chapters": {"rows": 0, "files": 0},
        "minute_todos": {"rows": 0, "files": 0},
        "minute_statistics": {"rows": 0, "files": 0},
        "pending_items": {"rows": 1, "files": 1},
        "discovery_windows": {"rows": 2, "files": 1},
        "sync_clocks": {"rows": 0, "files": 0},
    }
    (recording,) = read(lake, "recordings")
    assert recording["dt"] == recording["started_at"][:10]
    (stored,) = handed_over["stored_files"]
    landed = [row for row in read(lake, "recording_files") if row["uri"]]
    assert [(row["uri"], row["sha256"]) for row in landed] == [(stored["uri"], stored["sha256"])]
    assert [row["task_id"] for row in read(lake, "landings")] == ["task"]


def test_the_same_try_again_adds_no_row(lake: Path, handed_over: dict[str, Any], context: Any) -> None:
    land(lake, context, **handed_over)
    before = content(lake)
    told = land(lake, context, **handed_over)
    changed = {name.partition("/")[0] for name, held in content(lake).items() if held != before[name]}
    assert changed <= {"landings", "discovery_windows", "pending_items"}  # they say when they were written last
    assert told["recordings"] == told["recording_files"] == {"rows": 0, "files": 0}
    assert [len(read(lake, table)) for table in ("landings", "discovery_windows", "pending_items")] == [1, 2, 1]


def test_no_link_and_no_password_stands_in_any_file(emulated: Any, lake: Path, context: Any) -> None:
    recordings = ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="wecom_default",
        owner_ids=list(OWNERS),
        start="2026-10-05T00:00:00+08:00",
        end="2026-11-14T00:00:00+08:00",
    ).execute(context)
    summary = context["ti"].pushed["summary"]
    land(lake, context, recordings=recordings, summary=summary)
    shared = [
        file.sharing
        for recording in emulated.state.company.wecom_recordings.values()
        for file in recording.files
        if file.sharing
    ]
    planted = {text for sharing in shared for text in (sharing.url, sharing.password) if text}
    assert len(planted) > 1
    tables = ("recordings", "recording_files", "discovery_windows", "sync_clocks")
    text = json.dumps([row for table in tables for row in read(lake, table)])
    assert "has_password" in text
    assert [secret for secret in planted if secret in text] == []


def test_posts(lake: Path, emulated: Any, context: Any) -> None:
    posts = FeishuPostsOperator(task_id="read", post_ids=[NAMED_POST, GONE_POST]).execute(context)
    operator = PostsToParquetOperator(task_id="lake", posts=posts, target=f"file://{lake}")
    told = operator.execute(context)
    assert told["posts"] == {"rows": 2, "files": 2}
    assert operator.execute(context)["posts"] == {"rows": 0, "files": 0}
    found = {row["post_id"]: row for row in read(lake, "posts")}
    assert (found[NAMED_POST]["_deleted_at"], found[NAMED_POST]["dt"]) == (None, found[NAMED_POST]["created_at"][:10])
    assert (found[GONE_POST]["_deleted_at"] is None, found[GONE_POST]["dt"]) == (False, None)


def test_batches_come_by_uri(lake: Path, handed_over: dict[str, Any], context: Any, tmp_path: Path) -> None:
    batch = tmp_path / "batch.ndjson"
    batch.write_text("".join(json.dumps(recording) + "\n" for recording in handed_over["recordings"]))
    given = {**handed_over, "recordings": [f"file://{batch}"], "stored_files": [handed_over["stored_files"]]}
    assert land(lake, context, **given)["recordings"] == {"rows": 1, "files": 1}


def test_a_title_is_never_rendered(lake: Path, handed_over: dict[str, Any], context: Any) -> None:
    recordings = copy.deepcopy(handed_over["recordings"])
    recordings[0]["title"] = "{{ conn.feishu_default.password }}"
    operator = RecordingsToParquetOperator(task_id="lake", recordings=recordings, target="file://{{ place }}")
    rendering: Any = {"place": str(lake), **context}
    operator.render_template_fields(rendering)
    operator.execute(context)
    assert [row["title"] for row in read(lake, "recordings")] == ["{{ conn.feishu_default.password }}"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"recordings": "{{ x }}"}, "recordings must be a list"),
        ({"stored_files": 3}, "stored_files must be a list"),
        ({"summary": {"outcomes": {}}}, "summary must be the summary of a listing"),
        ({"target": "lake"}, "target is not a URL"),
        ({"target": "file://lake"}, "three slashes"),
    ],
)
def test_bad_input(lake: Path, handed_over: dict[str, Any], context: Any, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(AirflowFailException, match=text):
        land(lake, context, **{**handed_over, **arguments})
    assert not lake.exists()
