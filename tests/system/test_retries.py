"""What a second try of a task does, on a real Airflow with its task state store."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from local_airflow import settings

from airflow_provider_meetings.emulator.seed_feishu import AUDIO_ONLY_MINUTE, READY_MINUTE
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state import EmulatorState
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
