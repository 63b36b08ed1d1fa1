"""What both platforms have, listed and landed, texts included: what loads are given."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed.feishu import READY_MEETING
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_parquet import RecordingsToParquetOperator

KEY = "a key of the tests, long enough"
KINDS = ("transcript", "ai_transcript", "chapters", "todos", "statistics")


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "warehouse.sqlite"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def land(lake: Path, context: Any, **arguments: Any) -> dict[str, dict[str, int]]:
    operator = RecordingsToParquetOperator(**{"task_id": "lake", "target": f"file://{lake}", **arguments})
    return operator.execute(context)


def listed_and_landed(context: Any, platform: str, lake: Path, **selector: Any) -> dict[str, Any]:
    conn_id = f"{platform}_default"
    recordings = ListRecordingsOperator(task_id="list", meetings_conn_id=conn_id, **selector).execute(context)
    summary = context["ti"].pushed["summary"]
    stored = RecordingsToObjectStorageOperator(
        task_id="land", meetings_conn_id=conn_id, recordings=recordings, target=f"file://{lake}", kinds=KINDS
    ).execute(context)
    return {"recordings": recordings, "stored_files": stored, "summary": summary}


@pytest.fixture
def feishu(emulated: Any, context: Any, tmp_path: Path) -> dict[str, Any]:
    return listed_and_landed(context, "feishu", tmp_path / "media", meeting_ids=[READY_MEETING])


@pytest.fixture
def wecom(emulated: Any, context: Any, tmp_path: Path) -> dict[str, Any]:
    window = {"start": "2026-11-01T00:00:00+08:00", "end": "2026-11-30T00:00:00+08:00"}
    return listed_and_landed(context, "wecom", tmp_path / "media", owner_ids=["zhangsan", "lisi", "wangfang"], **window)


def hashed(value: str) -> str:
    return hmac.new(KEY.encode(), value.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY", KEY)
    return KEY
