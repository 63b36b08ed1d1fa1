"""Example DAGs of which a part fails: what is loaded all the same, and the state of the run."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from local_airflow import settings

from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.seed.wecom import SHARED_RECORD, TWO_FILES_RECORD
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from tests.system.conftest import StartAirflow
from tests.system.landed import tables

ROOT = Path(__file__).resolve().parents[2]
LOGICAL_DATE = "2026-11-12T18:00:00+00:00"
RETRIES = '"retries": 2'
TARGET = 'target="{{ var.value.meetings_lake }}"'
TARGET_OF_TEST = 'target="{{ var.value.target }}"'
RUN = ("dags", "test", "wecom_recordings_daily", LOGICAL_DATE)


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """Return a folder with an example DAG, without its retries: the command would wait for them."""
    code = (ROOT / "dags" / "wecom_recordings_daily.py").read_text()
    assert code.count(RETRIES) == code.count(TARGET) == 1
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "daily.py").write_text(code.replace(RETRIES, '"retries": 0').replace(TARGET, TARGET_OF_TEST))
    return folder


def states(home: Path) -> tuple[str, Mapping[str, str]]:
    """Return the states of the only run and of its tasks."""
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        ((run,),) = database.execute("SELECT state FROM dag_run").fetchall()
        found = database.execute("SELECT task_id, state FROM task_instance").fetchall()
    return run, {task_id.removeprefix("recordings."): state for task_id, state in found}


def test_load_runs_if_the_landing_fails(start_airflow: StartAirflow, dags: Path, tmp_path: Path) -> None:
    """One recording is refused, one file fails; in a second run the landing returns nothing."""
    company = default_company()
    refused = replace(company.wecom_recordings[SHARED_RECORD], refusal=730005)
    failed = company.wecom_recordings[TWO_FILES_RECORD].files[0].record_file_id
    changed = {**company.wecom_recordings, SHARED_RECORD: refused}
    state = EmulatorState(replace(company, wecom_recordings=changed))
    state.fault("html", failed)
    some, none = tmp_path / "some.duckdb", tmp_path / "none.duckdb"
    with serve(state) as url:
        env = {**settings(url, tmp_path / "lake", some), "AIRFLOW_VAR_TARGET": f"file://{tmp_path}/lake"}
        partly = start_airflow(*RUN, env=env, dags=dags)
        env = {**settings(url, tmp_path / "other", none), "AIRFLOW_VAR_TARGET": "unknown://lake"}
        dead = start_airflow(*RUN, env=env, dags=dags)
        printed = [run.finish(exit_code=None) for run in (partly, dead)]
    expected = ("failed", {"list": "success", "land": "failed", "load": "success", "fail_run": "failed"})
    for number, text in enumerate(printed, 1):
        assert states(tmp_path / f"home-{number}") == expected, text[-6000:]

    found, without = tables(some), tables(none)
    assert [row["recording_id"] for row in found["recordings"]] == [
        row["recording_id"] for row in without["recordings"]
    ]
    outcomes: dict[str, set[str]] = {}
    for row in found["landings"]:
        outcomes.setdefault(row["outcome"], set()).add(row["recording_id"])
        assert (row["reason"] is None) == (row["outcome"] == "landed")
    assert outcomes.pop("refused") == {SHARED_RECORD}
    assert outcomes.pop("failed") == {TWO_FILES_RECORD}
    assert {TWO_FILES_RECORD} < outcomes.pop("landed")
    assert outcomes.keys() <= {"absent"}
    assert {row["file_id"] for row in found["landings"] if row["outcome"] == "failed"} == {failed}
    landed = {(row["file_id"], row["kind"]) for row in found["landings"] if row["outcome"] == "landed"}
    assert {(row["file_id"], row["kind"]) for row in found["recording_files"] if row["uri"]} == landed
    assert (without["landings"], [row for row in without["recording_files"] if row["uri"]]) == ([], [])


def test_load_does_not_run_if_the_listing_fails(start_airflow: StartAirflow, dags: Path, tmp_path: Path) -> None:
    state = EmulatorState()
    state.fail("wecom.record_list", 48002, times=None)
    warehouse = tmp_path / "warehouse.duckdb"
    with serve(state) as url:
        env = settings(url, tmp_path / "lake", warehouse)
        printed = start_airflow(*RUN, env=env, dags=dags).finish(exit_code=None)
    skipped = dict.fromkeys(("land", "load"), "upstream_failed")
    assert states(tmp_path / "home-1") == ("failed", {"list": "failed", **skipped, "fail_run": "failed"}), printed[
        -6000:
    ]
    assert not warehouse.exists()
