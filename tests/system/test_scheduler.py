"""Run DAGs on a whole Airflow: defer, reschedule, retry and map tasks; then clear and run everything again.

All loggers are at DEBUG, and no secret may be in what the runs wrote, as in `test_secrets`. It takes minutes, so
``make test`` skips it and ``make test-scheduler`` runs it, with one start of Airflow for everything.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from local_airflow import LocalAirflow

from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.seed.feishu import (
    DELETED_MINUTE_MEETING,
    GONE_POST,
    PROCESSING_MEETING,
    PROCESSING_MINUTE,
    READY_MEETING,
)
from airflow_provider_meetings.emulator.seed.wecom import PROCESSING_RECORD
from airflow_provider_meetings.emulator.server import serve
from tests.system.landed import JOURNALS, KEYS, files, tables
from tests.system.planted import DEBUG, Planted, PlantedState, detect, plant_app_secrets
from tests.system.remains import places

EXAMPLES = Path(__file__).resolve().parents[2] / "dags"
TEST_DAGS = Path(__file__).parent / "dags"
SLOW_MEETING = "7571000000000000151"
SLOW_MINUTE = "obcnscheduler00000000051"
MAPPED = ("mapped_landing", "land")
RUN = "scheduled"
TIMEOUT_SECONDS = 240


def interval(start: str, end: str) -> dict[str, Any]:
    return {"logical_date": end, "data_interval_start": start, "data_interval_end": end}


def with_conf(**conf: list[str]) -> dict[str, Any]:
    return {"logical_date": "2026-11-13T18:00:00Z", "conf": conf}


RUNS = {
    "feishu_recordings": with_conf(meeting_ids=[READY_MEETING, PROCESSING_MEETING, DELETED_MINUTE_MEETING]),
    "slow_meeting": with_conf(meeting_ids=[SLOW_MEETING]),
    "starts_in_triggerer": with_conf(),
    "wecom_recordings_daily": with_conf(),
    "mapped_landing": interval("2026-10-27T18:00:00Z", "2026-10-28T18:00:00Z"),
    "feishu_moments": with_conf(post_ids=["7571000000000000201", GONE_POST]),
}
BEGIN = "{{ dag.start_date }}"


def company_with_a_slow_meeting() -> Company:
    """Return the default company with one more meeting, which no other DAG polls."""
    company = default_company()
    meeting = replace(company.feishu_meetings[READY_MEETING], meeting_id=SLOW_MEETING, minute_token=SLOW_MINUTE)
    minute = replace(company.feishu_minutes[PROCESSING_MINUTE], token=SLOW_MINUTE)
    return replace(
        company,
        feishu_meetings={**company.feishu_meetings, SLOW_MEETING: meeting},
        feishu_minutes={**company.feishu_minutes, SLOW_MINUTE: minute},
    )


def keys(name: str, rows: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in KEYS[name]) for row in rows]


def without_journals(warehouse: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {name: rows for name, rows in warehouse.items() if name not in JOURNALS}


@pytest.mark.scheduler
def test_cleared_runs_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, warehouse, home, dags = (tmp_path / name for name in ("lake", "warehouse.duckdb", "home", "dags"))
    shutil.copytree(EXAMPLES, dags)
    # Each object is landed by one DAG only.
    daily = dags / "wecom_recordings_daily.py"
    assert BEGIN in daily.read_text()
    daily.write_text(daily.read_text().replace(BEGIN, "2026-11-10T00:00:00+08:00"))
    for name in ("slow_meeting.py", "mapped_landing.py", "starts_in_triggerer.py"):
        shutil.copy(TEST_DAGS / name, dags)
    planted = Planted()
    plant_app_secrets(planted, monkeypatch)
    state = PlantedState(planted, company_with_a_slow_meeting(), uses=25)  # shared by all processes
    # Otherwise it would be ready in the second run, and its row would change.
    state.not_ready(PROCESSING_RECORD, 1_000)
    # A try resolves a dead link again, up to five times: the first try fails.
    state.fault("expired", SLOW_MINUTE, last=5)

    def tries() -> dict[tuple[str, str, int], int]:
        found = {}
        for dag_id in RUNS:
            for task in airflow.tasks(dag_id, RUN):
                if task["task_id"].endswith("fail_run"):
                    assert task["state"] == "skipped", task
                    continue
                assert task["state"] == "success", task
                found[dag_id, task["task_id"], task["map_index"]] = int(task["try_number"])
        return found

    seen: list[str] = []
    with serve(state) as emulator, LocalAirflow(home, dags, emulator, lake, warehouse, DEBUG) as airflow:
        for dag_id, body in RUNS.items():
            airflow.trigger(dag_id, RUN, body)
        airflow.follow(list(RUNS), RUN, seen.append, TIMEOUT_SECONDS)
        first_tries, first, landed = tries(), tables(warehouse), files(lake)

        for dag_id in RUNS:
            airflow.clear(dag_id, RUN)
        airflow.follow(list(RUNS), RUN, lambda line: None, TIMEOUT_SECONDS)
        second_tries, second, landed_again = tries(), tables(warehouse), files(lake)

    assert "feishu_recordings.wait: deferred" in seen
    waits = [line for line in seen if line.startswith("starts_in_triggerer.wait: ")]
    assert waits.index("starts_in_triggerer.wait: deferred") == 0  # no worker before
    assert "starts_in_triggerer.mapped[1]: deferred" in seen
    triggerer = [log.read_text() for log in (home / "logs").rglob("*.trigger.*.log")]
    assert any("Still pending: " in text for text in triggerer)
    assert [text.count("Usage of feishu: ") for text in triggerer] == [1] * len(triggerer)
    assert "slow_meeting.wait: up_for_reschedule" in seen
    assert {task: number for task, number in first_tries.items() if number != 1} == {("slow_meeting", "land", -1): 2}
    # On a Tuesday and a Wednesday: two stand-ups, two weeklies and another meeting.
    assert [index for dag_id, task_id, index in sorted(first_tries) if (dag_id, task_id) == MAPPED] == [0, 1, 2, 3, 4]

    # All tasks ran again and changed no byte, no file time and no row.
    assert second_tries == {task: number + 1 for task, number in first_tries.items()}
    assert len(landed) > 30
    assert landed_again == landed
    objects = {row["uri"].removeprefix(f"file://{lake}/") for row in first["recording_files"] if row["uri"]}
    assert objects == {name for name in landed if not name.endswith(".receipt.json")}
    assert {row["recording_id"] for row in first["recordings"]} >= {PROCESSING_MINUTE, SLOW_MINUTE}
    assert without_journals(second) == without_journals(first)
    for name in KEYS:
        before, after = keys(name, first[name]), keys(name, second[name])
        assert before
        assert len(after) == len(set(after))
        assert set(before) <= set(after)

    left = places(tmp_path)
    for empty in ("printed", "lake, rows"):
        left.pop(empty)
    assert all(left.values())
    assert b"?***" in left["logs"]
    secrets = planted.secrets()
    assert len(secrets) > 30
    assert {place: found for place, text in left.items() if (found := detect(secrets, text))} == {}
