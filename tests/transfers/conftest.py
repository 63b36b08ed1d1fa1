"""The outputs of listing and landing tasks on both platforms, as the inputs of loads."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed.feishu import READY_MEETING, RUNNING_MEETING
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_parquet import RecordingsToParquetOperator
from tests.conftest import TaskInstance, connection

KEY = "a key of the tests, long enough"
ARTIFACTS = ("transcript", "ai_transcript", "chapters", "todos", "keywords", "statistics")
SOURCES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "feishu": ("feishu", {"meeting_ids": [READY_MEETING]}, ARTIFACTS),
    "feishu_video": ("feishu", {"meeting_ids": [READY_MEETING, RUNNING_MEETING]}, ("video",)),
    "wecom": (
        "wecom",
        {
            "start": "2026-11-01T00:00:00+08:00",
            "end": "2026-11-30T00:00:00+08:00",
            "owner_ids": ["zhangsan", "lisi", "wangfang"],
        },
        ARTIFACTS,
    ),
}
Inputs = dict[str, Any]


def list_wecom(emulated: Any, context: Any, record: str) -> list[dict[str, Any]]:
    meeting = emulated.state.company.wecom_recordings[record].meetingid
    return ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="wecom_default",
        meeting_ids=[meeting],
        start="2026-10-20T00:00:00+08:00",
        end="2026-11-14T00:00:00+08:00",
    ).execute(context)


def list_feishu(context: Any, *meeting_ids: str) -> list[dict[str, Any]]:
    return ListRecordingsOperator(
        task_id="list", meetings_conn_id="feishu_default", meeting_ids=list(meeting_ids)
    ).execute(context)


def land_media(context: Any, target: Path, **arguments: Any) -> list[dict[str, Any]]:
    return RecordingsToObjectStorageOperator(
        **{"task_id": "land", "meetings_conn_id": "wecom_default", "target": f"file://{target}", **arguments}
    ).execute(context)


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "warehouse.sqlite"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def load_parquet(lake: Path, context: Any, **arguments: Any) -> dict[str, dict[str, int]]:
    operator = RecordingsToParquetOperator(**{"task_id": "lake", "target": f"file://{lake}", **arguments})
    return operator.execute(context)


@pytest.fixture(scope="session")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Return a function that lists and lands a source once, into a folder with ``media`` and ``inputs.json``."""
    folder = tmp_path_factory.mktemp("landed")
    with pytest.MonkeyPatch.context() as patch, serve(EmulatorState()) as url:
        patch.setenv("AIRFLOW__MEETINGS__STATE_DIR", str(folder / "state"))

        def land(name: str) -> Path:
            if not (root := folder / name).exists():
                platform, selector, kinds = SOURCES[name]
                context: Any = {"ti": TaskInstance()}
                with pytest.MonkeyPatch.context() as connections:
                    connections.setenv("AIRFLOW_CONN_LANDED", connection(platform, url))
                    recordings = ListRecordingsOperator(task_id="list", meetings_conn_id="landed", **selector).execute(
                        context
                    )
                    summary = context["ti"].pushed["summary"]
                    stored = RecordingsToObjectStorageOperator(
                        task_id="land",
                        meetings_conn_id="landed",
                        recordings=recordings,
                        target=f"file://{root}/media",
                        kinds=kinds,
                    ).execute(context)
                inputs = {"recordings": recordings, "stored_files": stored, "summary": summary}
                (root / "inputs.json").write_text(json.dumps(inputs))
            return root

        yield land


@pytest.fixture
def inputs(landed: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Inputs]:
    """Return a function that copies a landed source and returns the arguments of a load."""

    def copy(name: str) -> Inputs:
        root = landed(name)
        shutil.copytree(root / "media", tmp_path / "media")
        copied: Inputs = json.loads((root / "inputs.json").read_text().replace(str(root), str(tmp_path)))
        return copied

    return copy


@pytest.fixture
def feishu(inputs: Callable[[str], Inputs]) -> Inputs:
    return inputs("feishu")


@pytest.fixture
def feishu_video(inputs: Callable[[str], Inputs]) -> Inputs:
    """One meeting is ready, the other one is running."""
    return inputs("feishu_video")


@pytest.fixture
def wecom(inputs: Callable[[str], Inputs]) -> Inputs:
    return inputs("wecom")


def hashed(value: str) -> str:
    return hmac.new(KEY.encode(), value.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY", KEY)
    return KEY
