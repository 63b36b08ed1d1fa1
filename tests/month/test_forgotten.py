"""A simulated month in which a person and a recording are forgotten: nothing brings them back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.ledger.ledger import FOLDER
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.operators.forget import ForgetOperator
from tests.conftest import TaskInstance
from tests.month.lives import NEVER, Life, Platform, runs
from tests.month.test_month import BACKFILL, Month, a_month, figures_of
from tests.transfers.everywhere import TENANTS

FORGET, REBUILD = 7, 14


@pytest.mark.parametrize("platform", ["feishu", "wecom"])
def test_month_brings_nothing_back(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Daily runs with revisits, a backfill, and a ledger that is deleted and made anew."""
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY", "0123456789abcdef")
    count = int(pytestconfig.getoption("--meetings")) // 5
    with a_month(monkeypatch, tmp_path, platform, count, 10) as month:
        forgotten: list[Life] = []
        for day, now in enumerate(runs(month.days, month.tail)):
            month.clock.move(now)
            if day == BACKFILL:
                month.backfill(f"day {day:02}", now)
            else:
                month.pipeline.run(f"day {day:02}", now)
            if day == FORGET:
                landed = [life for life in month.lives if life.recording_id in month.pipeline.landed_at]
                bos = [life for life in landed if life.owner == "bo"]
                other = next(life for life in landed if life.owner == "anna")
                assert len(found(month, tmp_path, bos)) == len(bos)
                forget(month, person=[f"ou_{bos[0].owner}" if platform == "feishu" else bos[0].owner])
                forget(month, recordings=[other.recording_id])
                # Without a minute, or without permission for it, the platform does not say whose it is.
                told = (life for life in month.lives if life.ready < NEVER and life.refused != "recording")
                forgotten = [other, *(life for life in told if life.owner == "bo")]
            if day == REBUILD:
                shutil.rmtree(tmp_path / "lake" / FOLDER)
            assert found(month, tmp_path, forgotten) == set()
        month.lives = [life for life in month.lives if life not in forgotten]
        assert "missing" not in figures_of(month, month.warehouse()).wrong()


def found(month: Month, folder: Path, lives: list[Life]) -> set[str]:
    """Return the recordings whose id is in the name of an object, or in the database."""
    names = "".join(one.key for one in store_at(month.pipeline.lake).walk())
    content = (folder / "warehouse.db").read_bytes()
    ids = {life.recording_id for life in lives}
    return {one for one in ids if one in names or one.encode() in content}


def forget(month: Month, **subject: Any) -> None:
    lake, platform = month.pipeline.lake, month.pipeline.platform
    where: dict[str, Any] = {"ledger": lake, "targets": [lake], "sql": ["month_warehouse"], "tenant": TENANTS[platform]}
    plan = f"{lake}_plans/{next(iter(subject))}.json"
    operator = ForgetOperator(task_id="forget", plan=plan, platform=platform, apply=True, **where, **subject)
    context: Any = {"ti": TaskInstance()}
    operator.execute(context)
