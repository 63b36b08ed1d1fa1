"""The simulated month on a whole Airflow: ``make nightly``, or ``pytest --scheduler tests/month``."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pendulum
import pytest
from local_airflow import LocalAirflow

from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.hooks.clock import CLOCK_FILE
from airflow_provider_meetings.hooks.stores import store_at
from tests.month.company import ENDLESS, company
from tests.month.compare import Warehouse, compare
from tests.month.faults import kills
from tests.month.lives import Platform, lives, runs
from tests.month.run import Clock
from tests.month.test_month import ENDPOINTS, KILL_DAYS, MISSED, REVOKED, THROTTLED
from tests.month.truth import expected, fewest

ROOT = Path(__file__).resolve().parents[2]
PLATFORMS: tuple[Platform, ...] = ("feishu", "wecom")
SECONDS = 900
"""For the runs of a day; on an idle machine they take 20."""


@pytest.mark.scheduler
def test_month_on_a_whole_airflow(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    count = int(pytestconfig.getoption("--meetings")) // 2
    days = 30 if count >= 1000 else 16
    of_month = {platform: lives(platform, count, days, seed=1) for platform in PLATFORMS}
    clock = Clock(tmp_path / "now")
    database = tmp_path / "warehouse.db"
    environment = {
        "AIRFLOW_CONN_MONTH_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(database)}),
        "MONTH_ROOT": str(tmp_path),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        CLOCK_FILE: str(tmp_path / "now"),
    }
    state = EmulatorState()
    state.company = company(life for platform in PLATFORMS for life in of_month[platform])
    state.calendar, state.not_ready_polls = clock, ENDLESS
    planned = {day: kill for day, kill in zip(KILL_DAYS, kills(), strict=True) if kill.retried}
    landed_at: dict[str, float] = {}
    tries: Counter[int] = Counter()
    home, dags = tmp_path / "home", Path(__file__).parent / "dags"
    with serve(state) as url, LocalAirflow(home, dags, url, tmp_path / "lake", database, environment) as airflow:
        for day, now in enumerate(runs(days)):
            if day in MISSED:
                continue
            clock.move(now)
            if day == REVOKED:
                state.revoke_tokens()
            if day == THROTTLED:  # each of the first calls; the tasks' next tries come later
                state.fail("feishu.*", 99991400, times=12, reset=1)
                state.fail("wecom.*", 45009, times=12)
            if kill := planned.get(day):
                for platform in PLATFORMS:
                    (tmp_path / f"month_{platform} {kill.task}").write_text(kill.step)
            run_id = f"day-{day:02}"
            dag_ids = [f"month_{platform}" for platform in PLATFORMS]
            for dag_id in dag_ids:
                airflow.trigger(dag_id, run_id, {"logical_date": pendulum.from_timestamp(now).isoformat()})
            airflow.follow(dag_ids, run_id, lambda _: None, SECONDS)
            tries.update(int(task["try_number"]) for dag_id in dag_ids for task in airflow.tasks(dag_id, run_id))
            assert not list(tmp_path.glob("month_*")), "a task that should die did not run"
            for receipt in (tmp_path / "lake").rglob("*.video.receipt.json"):
                landed_at.setdefault(receipt.parent.name, now)
    report: dict[str, dict[str, object]] = {}
    report_to = tmp_path / "figures.json"
    done = [now for day, now in enumerate(runs(days)) if day not in MISSED]
    for platform in PLATFORMS:
        store = store_at(f"file://{tmp_path}/lake/{platform}")
        truth = [expected(life, done) for life in of_month[platform]]
        figures = compare(truth, store, Ledger(store).read(), landed_at, Warehouse(database, platform))
        sent = sum(calls for name, calls in state.calls.items() if name in ENDPOINTS and name.startswith(platform))
        ratio = sent / fewest(of_month[platform], platform, done).total()
        report[platform] = {"wrong": figures.wrong(), "hours": figures.median(), "ratio": round(ratio, 2)}
        report_to.write_text(json.dumps({"meetings": count, "days": len(done), "tries": tries, **report}))
        assert figures.wrong() == {}
        assert figures.median() <= 24
    assert tries[2] >= len(planned)
