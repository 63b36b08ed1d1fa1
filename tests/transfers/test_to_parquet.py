"""The Parquet operators with the outputs of real tasks, on real files."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from airflow_provider_meetings.emulator.seed.wecom import OWNERS
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.to_parquet import RecordingsToParquetOperator
from tests.transfers.conftest import Inputs, load_parquet
from tests.warehouse.lake.lakes import read


def test_all_tables(lake: Path, feishu_video: Inputs, context: Any) -> None:
    written = load_parquet(lake, context, **feishu_video)
    assert json.loads(json.dumps(written)) == {
        "recordings": {"rows": 1, "files": 1},
        "recording_files": {"rows": 3, "files": 1},
        "landings": {"rows": 1, "files": 1},
        "transcript_segments": {"rows": 0, "files": 0},
        "minute_chapters": {"rows": 0, "files": 0},
        "minute_todos": {"rows": 0, "files": 0},
        "minute_keywords": {"rows": 0, "files": 0},
        "minute_statistics": {"rows": 0, "files": 0},
        "pending_items": {"rows": 0, "files": 0},  # without a ledger
        "discovery_windows": {"rows": 2, "files": 1},
        "sync_clocks": {"rows": 0, "files": 0},
    }
    (recording,) = read(lake, "recordings")
    assert recording["dt"] == recording["started_at"][:10]
    (stored,) = feishu_video["stored_files"]
    landed = [row for row in read(lake, "recording_files") if row["uri"]]
    assert [(row["uri"], row["sha256"]) for row in landed] == [(stored["uri"], stored["sha256"])]
    assert [row["task_id"] for row in read(lake, "landings")] == ["task"]


def test_files_contain_no_links_or_passwords(emulated: Any, lake: Path, context: Any) -> None:
    recordings = ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="wecom_default",
        owner_ids=list(OWNERS),
        start="2026-10-05T00:00:00+08:00",
        end="2026-11-14T00:00:00+08:00",
    ).execute(context)
    summary = context["ti"].pushed["summary"]
    load_parquet(lake, context, recordings=recordings, summary=summary)
    shared = [
        file.sharing
        for recording in emulated.state.company.wecom_recordings.values()
        for file in recording.files
        if file.sharing
    ]
    planted = {text for sharing in shared for text in (sharing.url, sharing.password) if text}
    assert len(planted) > 1
    tables = ("recordings", "recording_files", "discovery_windows")
    text = json.dumps([row for table in tables for row in read(lake, table)])
    assert "has_password" in text
    assert [secret for secret in planted if secret in text] == []


def test_titles_are_not_rendered(lake: Path, feishu_video: Inputs, context: Any) -> None:
    recordings = copy.deepcopy(feishu_video["recordings"])
    recordings[0]["title"] = "{{ conn.feishu_default.password }}"
    operator = RecordingsToParquetOperator(task_id="lake", recordings=recordings, target="file://{{ place }}")
    rendering: Any = {"place": str(lake), **context}
    operator.render_template_fields(rendering)
    operator.execute(context)
    assert [row["title"] for row in read(lake, "recordings")] == ["{{ conn.feishu_default.password }}"]
