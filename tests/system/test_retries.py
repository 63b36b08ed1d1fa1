"""Retries on a real Airflow with its task state store: what the second try does, and when it starts."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from local_airflow import settings

from airflow_provider_meetings.emulator.seed.feishu import AUDIO_ONLY_MINUTE, READY_MINUTE
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from tests.system.conftest import StartAirflow
from tests.system.landed import files

DAGS = Path(__file__).parent / "dags"


def test_retry_replaces_only_missing_files(start_airflow: StartAirflow, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    state = EmulatorState()
    state.fault("html", AUDIO_ONLY_MINUTE, first=1, last=5)
    with serve(state) as url:
        env = settings(url, lake, tmp_path / "warehouse.duckdb")
        printed = start_airflow("dags", "test", "replacing_landing", env=env, dags=DAGS).finish()
    fetches = sum("code" in request.query for request in state.requests)
    # The first try gives up after five HTML pages; the second does not fetch the file that landed.
    assert fetches == 1 + 5 + 1, printed[-6000:]
    receipts = [json.loads(content) for name, (content, _) in files(lake).items() if name.endswith(".receipt.json")]
    assert {receipt["file_id"] for receipt in receipts} == {READY_MINUTE, AUDIO_ONLY_MINUTE}
    with closing(sqlite3.connect(tmp_path / "home-1" / "airflow.db")) as database:
        ((pushed,),) = database.execute("SELECT value FROM xcom WHERE task_id = 'land' AND key = 'return_value'")
    # Of the second try; the first has pushed a failed file.
    assert {file["outcome"] for file in json.loads(pushed)} == {"landed", "skipped"}


def test_throttled_task_retries_after_vendor_reset(start_airflow: StartAirflow, tmp_path: Path) -> None:
    state = EmulatorState()
    state.fail("feishu.post", 99991400, times=None, reset=3000)
    state.fail("feishu.meeting_recording", 99991400, times=None, reset=3500)
    with serve(state) as url:
        env = settings(url, tmp_path / "lake", tmp_path / "warehouse.duckdb")
        run = start_airflow("dags", "test", "throttled_tasks", env=env, dags=DAGS)
        # The command would wait for the retries.
        run.wait_for("No tasks to run")
        run.kill()
    with closing(sqlite3.connect(tmp_path / "home-1" / "airflow.db")) as database:
        rows = database.execute("SELECT task_id, state, retry_delay_override FROM task_instance WHERE map_index < 1")
        found = {task_id: (state, delay) for task_id, state, delay in rows}
    states = {task_id: state for task_id, (state, _) in found.items()}
    waiting = "up_for_retry"
    expected = {"plain": waiting, "mapped": waiting, "user_policy": waiting, "last": "failed"}
    assert states == expected, run.printed[-6000:]
    assert 3000 <= found["plain"][1] <= 3300
    assert 3500 <= found["mapped"][1] <= 3850
    assert found["user_policy"][1] == 9 * 3600
