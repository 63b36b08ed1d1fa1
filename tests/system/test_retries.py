"""What a second try of a task does, and when it comes, on a real Airflow with its task state store."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from local_airflow import settings

from airflow_provider_meetings.emulator.seed.feishu import AUDIO_ONLY_MINUTE, READY_MINUTE
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from tests.system.landed import files


def test_a_retry_replaces_only_what_is_left(
    start_airflow: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    state = EmulatorState()
    state.fault("html", AUDIO_ONLY_MINUTE, first=1, last=5)

    def fetched() -> int:
        return sum("code" in request.query for request in state.requests)

    with serve(state) as url:
        env = settings(url, lake, tmp_path / "warehouse.duckdb")
        run = start_airflow("dags", "test", "replacing_landing", env=env, dags=Path(__file__).parent / "dags")
        printed, _ = run.communicate(timeout=240)
    assert run.returncode == 0, printed[-6000:]
    # The first try gives up after five pages that are no recording; the second does not touch the file that landed.
    assert fetched() == 1 + 5 + 1, printed[-6000:]
    receipts = [json.loads(content) for name, (content, _) in files(lake).items() if name.endswith(".receipt.json")]
    assert {receipt["file_id"] for receipt in receipts} == {READY_MINUTE, AUDIO_ONLY_MINUTE}


def test_a_throttled_task_comes_back_when_the_platform_said(
    start_airflow: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """The process is ended once all have been refused: it would wait for the retries."""
    state = EmulatorState()
    state.fail("feishu.post", 99991400, times=None, reset=3000)
    state.fail("feishu.meeting_recording", 99991400, times=None, reset=3500)
    printed = ""
    with serve(state) as url:
        env = settings(url, tmp_path / "lake", tmp_path / "warehouse.duckdb")
        run = start_airflow("dags", "test", "throttled_tasks", env=env, dags=Path(__file__).parent / "dags")
        with run:
            assert run.stdout is not None
            for line in run.stdout:
                printed += line
                if "No tasks to run" in line:
                    break
            run.kill()
    with closing(sqlite3.connect(tmp_path / "home-1" / "airflow.db")) as database:
        rows = database.execute("SELECT task_id, state, retry_delay_override FROM task_instance WHERE map_index < 1")
        found = {task_id: (state, delay) for task_id, state, delay in rows}
    states = {task_id: state for task_id, (state, _) in found.items()}
    waiting = "up_for_retry"
    expected = {"plain": waiting, "mapped": waiting, "theirs": waiting, "last": "failed"}
    assert states == expected, printed[-6000:]
    assert 3000 <= found["plain"][1] <= 3300
    assert 3500 <= found["mapped"][1] <= 3850
    assert found["theirs"][1] == 9 * 3600
