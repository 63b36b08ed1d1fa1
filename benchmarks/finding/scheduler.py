"""The case of a thousand mapped batches on a real scheduler."""

from __future__ import annotations

import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.components import Airflow, Component
from benchmarks.finding.listing import RECORDS, pages, selected
from benchmarks.peers import Peers
from benchmarks.report import Report

BATCHES = int(os.environ.get("BENCH_BATCHES", "1000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
ROUNDS = 2
_LIST_SECONDS = 900
_DAGS = Path(__file__).parent / "dags"
_LOOP = re.compile(r"^(\S+Z).*Ran scheduling loop in ([0-9.]+) ms")
_DEBUG = "airflow.jobs.scheduler_job_runner.SchedulerJobRunner=DEBUG"
"""The scheduler logs the metric scheduler_loop_duration also where no metrics are collected."""


def mapped(_peers: Peers, report: Report) -> None:
    """100,000 recordings in 1,000 mapped batches on a real scheduler, beside the same DAG of empty Python tasks."""
    started = time.monotonic()
    chosen = selected(-(-RECORDS // BATCHES))
    with pages(state=1) as host, tempfile.TemporaryDirectory(prefix="bench-") as lake:
        environment = {
            **host.connection(),
            "AIRFLOW__LOGGING__NAMESPACE_LEVELS": _DEBUG,
            "BENCH_BATCHES": str(BATCHES),
            "BENCH_LAKE": f"file://{lake}",
            "BENCH_SELECTED": json.dumps(chosen),
        }
        with Airflow(_DAGS, environment) as airflow:
            parsed = airflow.run("-m", "benchmarks.finding.parse", str(_DAGS / "ours_mapped.py"))
            scheduler = airflow.start_all(triggerer=False)
            loops: dict[str, list[float]] = {"ours": [], "empty": []}
            for number in range(ROUNDS):
                for dag_id, found in loops.items():
                    measured = _measure(airflow, scheduler, dag_id, first=number == 0)
                    found += measured
                    report.note(f"{dag_id}: {_describe(measured)}; {_finished(airflow, dag_id)} of {BATCHES} tasks ran")
            xcoms = dict(airflow.select("SELECT key, max(octet_length(value::text)) FROM xcom GROUP BY key"))
    report.note(f"largest XComs in bytes: {xcoms}; parse, first and later: {parsed[0]:.3f} s, {parsed[1:]} s")
    ratio = statistics.median(loops["ours"]) / statistics.median(loops["empty"])
    report.note(f"means: {statistics.mean(loops['ours']) / statistics.mean(loops['empty']):.2f} x")
    report.target("median scheduler loop to that of empty tasks", ratio, 1.1)
    report.target("ms to parse the DAG file, imports warm", 1000 * statistics.median(parsed[1:]), 200)
    report.target("largest XCom, kB", max(xcoms.values()) / 1000, 256)
    report.note(f"took {time.monotonic() - started:.0f} s")


def _measure(airflow: Airflow, scheduler: Component, dag_id: str, *, first: bool) -> list[float]:
    """Return the milliseconds of the scheduler's loops while the mapped tasks are created, queued and run."""
    if first:
        seen = "SELECT 1 FROM serialized_dag WHERE dag_id = %s"
        airflow.wait(lambda: bool(airflow.select(seen, dag_id)), 120, f"{dag_id} was not parsed")
        airflow.trigger(dag_id, "bench")
        created = "SELECT count(*) FROM task_instance WHERE dag_id = %s AND map_index >= 0"
        airflow.wait(
            lambda: airflow.select(created, dag_id)[0][0] == BATCHES, _LIST_SECONDS, f"{dag_id} has no mapped tasks"
        )
    else:
        again = "UPDATE task_instance SET state = NULL, end_date = NULL WHERE dag_id = %s AND task_id = 'mapped'"
        airflow.select(again, dag_id)
        airflow.select("UPDATE dag_run SET state = 'running', end_date = NULL WHERE dag_id = %s", dag_id)
    since = datetime.now(UTC)
    time.sleep(SECONDS)
    until = datetime.now(UTC)
    airflow.select("UPDATE dag_run SET state = 'failed' WHERE dag_id = %s", dag_id)
    airflow.select(
        "UPDATE task_instance SET state = 'failed' WHERE dag_id = %s AND coalesce(state, '') <> 'success'", dag_id
    )
    time.sleep(5)  # the tasks that run end
    found = [_LOOP.match(line) for line in scheduler.log.read_text(errors="replace").splitlines()]
    return [float(one[2]) for one in found if one and since <= datetime.fromisoformat(one[1]) <= until]


def _finished(airflow: Airflow, dag_id: str) -> int:
    ran = "SELECT count(*) FROM task_instance WHERE dag_id = %s AND map_index >= 0 AND state = 'success'"
    count: int = airflow.select(ran, dag_id)[0][0]
    return count


def _describe(loops: Sequence[float]) -> str:
    return f"{len(loops)} loops, median {statistics.median(loops):.1f} ms, mean {statistics.mean(loops):.1f} ms"
