"""Run the example DAGs twice with ``airflow dags test``; the second run must change nothing."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from local_airflow import settings

from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.seed.feishu import (
    DELETED_MINUTE_MEETING,
    GONE_POST,
    PROCESSING_MEETING,
    PROCESSING_MINUTE,
    READY_MEETING,
    READY_MINUTE,
)
from airflow_provider_meetings.emulator.seed.wecom import SPECIAL_DAY, TWO_FILES_RECORD
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from tests.system.conftest import StartAirflow
from tests.system.landed import JOURNALS, KEYS, files, tables

ROOT = Path(__file__).resolve().parents[2]
MEETINGS = [READY_MEETING, PROCESSING_MEETING, DELETED_MINUTE_MEETING]
POSTS = ["7571000000000000201", "7571000000000000203", GONE_POST]
LOGICAL_DATE = "2026-11-12T18:00:00+00:00"
DAGS = Path(__file__).parent / "dags"
RUNS = {
    "wecom_recordings_daily": {},
    "feishu_recordings": {"meeting_ids": MEETINGS},
    "feishu_moments": {"post_ids": POSTS},
}


def test_examples_import_without_error() -> None:
    bag = DagBag(dag_folder=str(ROOT / "dags"))
    assert bag.import_errors == {}
    assert set(bag.dags) == {*RUNS, "feishu_recordings_daily", "first_recordings"}


def test_readme_shows_the_first_dag() -> None:
    code = (ROOT / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    assert len([line for line in code.splitlines() if line]) <= 12
    shown, shipped = (ast.parse(text) for text in (code, (ROOT / "dags" / "first_recordings.py").read_text()))
    assert [ast.dump(one) for one in calls(shown)] == [ast.dump(one) for one in calls(shipped)]


def calls(tree: ast.Module) -> list[ast.Call]:
    """Return the calls that make the DAG: its decorator, the group, and itself."""
    names = {"dag", "land_recordings", "first_recordings"}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names]
    assert len(found) == 3
    return found


def test_first_dag_needs_what_the_quick_start_makes(start_airflow: StartAirflow, tmp_path: Path) -> None:
    lake, warehouse = tmp_path / "lake", tmp_path / "warehouse.duckdb"
    with serve(EmulatorState()) as url:
        env = settings(url, lake, warehouse)
        start_airflow("dags", "test", "first_recordings", env=env, dags=ROOT / "dags").finish()
    landed = [name for name in files(lake) if not name.endswith(".receipt.json")]
    assert {name.split(".")[-2] for name in landed} == {"audio", "transcript-json"}
    loaded = {row["recording_id"] for row in tables(warehouse)["recordings"]}
    assert {name.split("/")[2] for name in landed} <= loaded


def test_second_run_changes_nothing(start_airflow: StartAirflow, tmp_path: Path) -> None:
    lake, warehouse = tmp_path / "lake", tmp_path / "warehouse.duckdb"

    def run_all() -> dict[str, str]:
        with serve(EmulatorState(not_ready_polls=1)) as url:
            env = settings(url, lake, warehouse)
            # All three at once: they share one warehouse file.
            runs = {
                dag_id: start_airflow(
                    "dags", "test", dag_id, LOGICAL_DATE, "--conf", json.dumps(conf), env=env, dags=ROOT / "dags"
                )
                for dag_id, conf in RUNS.items()
            }
            return {dag_id: run.finish() for dag_id, run in runs.items()}

    printed = run_all()
    assert "[DAG TEST] running trigger in line" in printed["feishu_recordings"]
    first, landed = tables(warehouse), files(lake)

    recordings = {row["recording_id"]: row for row in first["recordings"]}
    assert recordings[PROCESSING_MINUTE]["state"] == "ready"
    wecom = [row for row in first["recordings"] if row["platform"] == "wecom"]
    assert len([row for row in wecom if row["started_at"].startswith(SPECIAL_DAY.isoformat())]) == 4
    assert min(row["started_at"] for row in wecom) < "2026-11-10"  # the DAG lists the days before again
    assert any(TWO_FILES_RECORD in name for name in landed)
    assert not any(name.endswith(".part") for name in landed)
    objects = {row["uri"].removeprefix(f"file://{lake}/") for row in first["recording_files"] if row["uri"]}
    assert objects == {name for name in landed if not name.endswith(".receipt.json")}
    assert {row["post_id"]: bool(row["_deleted_at"]) for row in first["posts"]} == {
        POSTS[0]: False,
        POSTS[1]: False,
        GONE_POST: True,
    }
    pending = [row["recording_id"] for row in first["pending_items"] if row["settled_at"] is None]
    assert len(pending) == 2  # on the WeCom day, one recording is processing and one never ends

    run_all()
    second = tables(warehouse)
    assert files(lake) == landed
    assert {n: rows for n, rows in second.items() if n not in JOURNALS} == {
        n: rows for n, rows in first.items() if n not in JOURNALS
    }
    for name, key_columns in KEYS.items():
        assert second[name]
        keys = [tuple(row[column] for column in key_columns) for row in second[name]]
        assert len(keys) == len(set(keys))
    assert [row["item_key"] for row in second["pending_items"]] == [row["item_key"] for row in first["pending_items"]]


def test_feishu_daily_needs_no_ids(start_airflow: StartAirflow, tmp_path: Path) -> None:
    company = default_company()
    warehouse = tmp_path / "warehouse.duckdb"
    with serve(EmulatorState()) as url:
        env = settings(url, tmp_path / "lake", warehouse)
        start_airflow("dags", "test", "feishu_recordings_daily", LOGICAL_DATE, env=env, dags=ROOT / "dags").finish()
    found = {row["recording_id"]: row["state"] for row in tables(warehouse)["recordings"]}
    of_november = [one for one in company.feishu_meetings.values() if one.start and one.start.month == 11]
    ready = {meeting.minute_token for meeting in of_november if meeting.status == "ready"}
    assert set(found) > ready  # also one that was in processing
    assert found[READY_MINUTE] == "ready"
    landed = {row["recording_id"] for row in tables(warehouse)["recording_files"] if row["uri"]}
    assert landed == {recording_id for recording_id, state in found.items() if state == "ready"}


def test_titles_are_not_rendered(start_airflow: StartAirflow, tmp_path: Path) -> None:
    titles = ["{{ conn.feishu_default.password }}", "{% raw %}{{ 7 * 7 }}", "'); DROP TABLE recordings; --"]
    company = default_company()
    records = [r for r in company.wecom_recordings.values() if r.meeting_start_time.date() == SPECIAL_DAY]
    changed = {r.meeting_record_id: replace(r, title=t) for r, t in zip(records, titles, strict=False)}
    hostile = replace(company, wecom_recordings={**company.wecom_recordings, **changed})
    warehouse = tmp_path / "warehouse.duckdb"
    with serve(EmulatorState(hostile)) as url:
        env = settings(url, tmp_path / "lake", warehouse)
        printed = start_airflow("dags", "test", "hostile_titles", LOGICAL_DATE, env=env, dags=DAGS).finish()
    found = {row["recording_id"]: row["title"] for row in tables(warehouse)["recordings"]}
    assert {recording_id: found[recording_id] for recording_id in changed} == {
        recording_id: record.title for recording_id, record in changed.items()
    }
    assert "emulator-feishu-secret" not in printed


@pytest.mark.parametrize("conn_type", ["feishu", "wecom"])
def test_airflow_lists_and_tests_connections(start_airflow: StartAirflow, tmp_path: Path, conn_type: str) -> None:
    with serve(EmulatorState()) as url:
        env = {**settings(url, tmp_path, tmp_path / "w.duckdb"), "AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
        name = f"AIRFLOW_CONN_{conn_type.upper()}_DEFAULT"
        wrong_env = {**env, name: json.dumps({**json.loads(env[name]), "password": "not-the-secret"})}
        test = ("connections", "test", f"{conn_type}_default")
        hooks = start_airflow("providers", "hooks", "--output", "json", env=env, dags=tmp_path)
        good = start_airflow(*test, env=env, dags=tmp_path)
        wrong = start_airflow(*test, env=wrong_env, dags=tmp_path)
        listed, accepted, refused = hooks.finish(), good.finish(), wrong.finish(exit_code=None)
    rows = {row["connection_type"]: row for row in json.loads(listed[listed.index("[") :])}
    assert rows[conn_type]["package_name"] == "airflow-provider-meetings"
    assert "Connection success!" in accepted
    assert "Check login" in refused
    assert "not-the-secret" not in refused
