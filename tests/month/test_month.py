"""A simulated month: the provider's operators against the emulator, with faults; at the end nothing is missing.

``make test`` simulates a tenth, ``make nightly`` all (option ``--meetings``). The days are simulated: one file tells
emulator and provider what counts as now; everything else follows the real clock.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.ledger import ledger
from airflow_provider_meetings.hooks.clock import CLOCK_FILE
from airflow_provider_meetings.hooks.stores import store_at
from tests.conftest import Emulated, run_emulator
from tests.month.company import ENDLESS, company
from tests.month.compare import Figures, Warehouse, check_order, compare
from tests.month.faults import Kill, Unlimited, kills
from tests.month.lives import DAY, HOUR, NEVER, START, TAIL, Life, Platform, lives, runs
from tests.month.run import Clock, Pipeline, interleaved
from tests.month.truth import REVISIT, expected, fewest
from tests.storage.s3.s3_bench import BUCKET, s3_bench

MISSED = (4, 5)
REVOKED, THROTTLED, BACKFILL = 7, 8, 10
KILL_DAYS = (1, 2, 11, 3, 9, 6, 12, 13, 14, 15)
"""Of `kills`: days with new recordings; those that nobody retries are not beside the missed runs."""
_THROTTLED = {"feishu": 99991400, "wecom": 45009}
ENDPOINTS = {
    "feishu.meeting_list": "list", "feishu.meeting_recording": "recording", "feishu.minute": "minute",
    "feishu.minute_media": "media", "feishu.minute_transcript": "transcript", "wecom.record_list": "list",
    "wecom.get_file_list": "files", "wecom.get_detail": "transcript",
}  # fmt: skip


@dataclass
class Month:
    """One simulated month of one platform."""

    emulated: Emulated
    clock: Clock
    pipeline: Pipeline
    lives: list[Life]
    days: int
    database: Path
    tail: int
    marks: list[tuple[float, int]] = field(default_factory=list)

    def simulate(self, planned: Mapping[int, Kill]) -> None:
        """Run every day, with the faults.

        :param planned: the kills by day.
        """
        for day, now in enumerate(runs(self.days, self.tail)):
            if day in MISSED:
                continue
            run_id = f"day {day:02}"
            self.clock.move(now)
            self.marks.append((now, len(self.emulated.state.requests)))
            if day == REVOKED:
                self.emulated.state.revoke_tokens()
            if day == THROTTLED:
                self.throttled(run_id)
            elif day == BACKFILL:
                self.backfill(run_id, now)
            else:
                self.pipeline.run(run_id, now, planned.get(day))
            if self.pipeline.sql_conn_id:
                check_order(self.lives, self.pipeline.state(), self.warehouse())

    def throttled(self, run_id: str) -> None:
        """Run while the platform refuses everything, and again an hour later, as the scheduler does."""
        platform, state = self.pipeline.platform, self.emulated.state
        state.fail(f"{platform}.*", _THROTTLED[platform], times=None, reset=3600)
        self.pipeline.run(run_id, self.clock.now)
        state.clear_failures()
        self.clock.move(self.clock.now + HOUR)
        self.pipeline.run(run_id, self.clock.now)

    def backfill(self, run_id: str, now: float) -> None:
        """Run a backfill of some days, whose tasks alternate with those of the daily run."""
        window = START + 2 * DAY, now - DAY
        interleaved(self.steps(run_id, now), self.steps("backfill", now, window))

    def steps(self, run_id: str, now: float, window: tuple[float, float] | None = None) -> Iterator[Callable[[], Any]]:
        ended: dict[str, Any] = {}
        one = self.pipeline
        yield lambda: ended.update(listed=one.list(run_id, window=window))
        yield lambda: ended.update(landed=one.land(run_id, ended["listed"], now))
        yield lambda: one.load(run_id, ended["listed"], ended["landed"])

    def warehouse(self) -> Warehouse:
        return Warehouse(self.database, self.pipeline.platform)

    def done(self) -> list[float]:
        """Return the times of the runs that were not missed."""
        return [now for day, now in enumerate(runs(self.days, self.tail)) if day not in MISSED]

    def asked(self, meeting_id: str) -> list[float]:
        """Return the runs that have asked for a meeting by its id."""
        found = []
        ends = [*(first for _, first in self.marks[1:]), None]
        for (now, first), end in zip(self.marks, ends, strict=True):
            for request in self.emulated.state.requests[first:end]:
                if meeting_id in request.path or (
                    isinstance(request.body, dict) and meeting_id in request.body.values()
                ):
                    found.append(now)
        return found

    def requests(self) -> Counter[str]:
        """Return the requests by what they ask for."""
        count: Counter[str] = Counter()
        for endpoint, calls in self.emulated.state.calls.items():
            if endpoint in ENDPOINTS and endpoint.startswith(self.pipeline.platform):
                count[ENDPOINTS[endpoint]] += calls
        return count


@contextmanager
def a_month(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: Platform, count: int, days: int, tail: int = TAIL
) -> Iterator[Month]:
    """Serve a month of a platform, for a pipeline with lake and warehouse below a folder."""
    clock = Clock(tmp_path / "now")
    monkeypatch.setenv(CLOCK_FILE, str(tmp_path / "now"))
    monkeypatch.setattr("airflow_provider_meetings.hooks.meetings.SharedRateLimiter", Unlimited)
    database = tmp_path / "warehouse.db"
    warehouse = {"conn_type": "sqlite", "host": str(database)}
    monkeypatch.setenv("AIRFLOW_CONN_MONTH_WAREHOUSE", json.dumps(warehouse))
    of_month = lives(platform, count, days, seed=1)
    with run_emulator(monkeypatch, tmp_path / "state") as emulated:
        state = emulated.state
        state.company, state.calendar, state.not_ready_polls = company(of_month), clock, ENDLESS
        pipeline = Pipeline(platform, f"file://{tmp_path}/lake", "month_warehouse")
        yield Month(emulated, clock, pipeline, of_month, days, database, tail)


def figures_of(month: Month, warehouse: Warehouse | None) -> Figures:
    truth = [expected(life, month.done()) for life in month.lives]
    pipeline = month.pipeline
    return compare(truth, store_at(pipeline.lake), pipeline.state(), pipeline.landed_at, warehouse)


def check_age(month: Month) -> None:
    """Nobody waits for ever for what never appears, and what is landed and old is dropped by the next compaction."""
    last = month.done()[-1]
    endless = [life for life in month.lives if life.ready == NEVER and life.deleted == NEVER and not life.in_series]
    assert any(life.end + REVISIT < last for life in endless)
    for life in endless:
        first_seen = next(run for run in month.done() if run >= life.end)
        assert max(month.asked(life.meeting_id), default=0) <= first_seen + REVISIT + DAY
    settled = [one for one in month.pipeline.state().items.values() if one.settled and not one.settled.refused]
    oldest = min(one.settled_at or last for one in settled if one.seen.state == "ready")
    assert last - oldest < REVISIT + 10 * DAY


@pytest.mark.parametrize("platform", ["feishu", "wecom"])
def test_month_ends_without_a_gap(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    count = int(pytestconfig.getoption("--meetings")) // 2
    with a_month(monkeypatch, tmp_path, platform, count, 30 if count >= 1000 else 16) as month:
        month.simulate(dict(zip(KILL_DAYS, kills(), strict=True)))
        figures = figures_of(month, month.warehouse())
        sent, least = month.requests(), fewest(month.lives, platform, month.done())
    ratio = sent.total() / least.total()
    report = {
        "meetings": len(month.lives), "wrong": figures.wrong(), "hours": figures.median(), "ratio": round(ratio, 2),
        "sent": sent, "fewest": least, "outcomes": month.pipeline.outcomes, "red": month.pipeline.red,
    }  # fmt: skip
    (tmp_path / "figures.json").write_text(json.dumps(report, indent=1))
    assert figures.wrong() == {}
    check_age(month)
    assert figures.median() <= 24
    assert ratio <= 1.5, (sent, least)


def test_lake_on_s3_without_a_warehouse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with s3_bench() as bench, a_month(monkeypatch, tmp_path, "wecom", 16, 2, tail=4) as month:
        monkeypatch.setattr(ledger, "MAX_OBJECTS", 4)  # each is a request
        extra = {"endpoint_url": bench.front.moto, "region_name": "us-east-1"}
        bucket = {"conn_type": "aws", "login": "AKIDEXAMPLE", "password": "s3cr3t-s3cr3t", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_MONTH_LAKE", json.dumps(bucket))
        month.pipeline = Pipeline("wecom", f"s3://month_lake@{BUCKET}/raw", None)
        month.simulate({})
        assert figures_of(month, None).wrong() == {}
