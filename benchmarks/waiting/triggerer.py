"""The case of many deferred sensors on a real triggerer."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.components import Airflow, Component
from benchmarks.peers import Peers
from benchmarks.platform import Platform, platform
from benchmarks.report import Report
from benchmarks.waiting.meetings import meeting_ids
from benchmarks.waiting.polls import lateness, percentile

WAITS = int(os.environ.get("BENCH_WAITS", "1000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "60")) * 2
POKE_SECONDS = float(os.environ.get("BENCH_POKE_SECONDS", "60"))
IDLE_SECONDS = 20.0
RECORDING_SPACING = 60 / (1000 * 0.98)
"""Seconds between two requests at the limit of Feishu's endpoint, 1,000 a minute and 50 a second, with our margin."""
_DAGS = Path(__file__).parent / "dags"


@dataclass(frozen=True, slots=True)
class _Found:
    """What one kind of sensor cost. Lateness and loop delays in seconds."""

    cpu_percent: float
    mib: float
    late: list[float]
    delays: list[float]
    throttled: int


@contextmanager
def airflow_with_waits(
    emulator: Platform, waits: int, each: int, poke_seconds: float, **extra: str
) -> Iterator[Airflow]:
    """Yield an Airflow that knows the DAG ``waits``; nothing runs yet."""
    environment = {
        **emulator.connections(),
        "BENCH_WAITS": str(waits),
        "BENCH_POKE_SECONDS": str(poke_seconds),
        "BENCH_MEETINGS_EACH": str(each),
        "BENCH_TICKS": "",
        **extra,
    }
    with Airflow(_DAGS, environment) as airflow:
        airflow.environment["BENCH_TICKS"] = str(airflow.home / "ticks")
        yield airflow


def defer(airflow: Airflow, task_id: str) -> int:
    """Defer the tasks of one sensor without a worker; return their number."""
    deferred: int = airflow.run("-m", "benchmarks.waiting.defer", order={"task_id": task_id, "run_id": "bench"})
    return deferred


def deferred(_peers: Peers, report: Report) -> None:
    """1,000 deferred sensors on a real triggerer: ours, Airflow's HttpSensor, and those that only wait for a time."""
    started = time.monotonic()
    with platform() as emulator, airflow_with_waits(emulator, WAITS, 1, POKE_SECONDS) as airflow:
        emulator.feishu({one: "pending" for number in range(WAITS) for one in meeting_ids(number, 1)})
        defer(airflow, "ticker")
        ours = _run(airflow, emulator, "ours", RECORDING_SPACING, report)
        _run(airflow, emulator, "peer", 0.0, report)
        least = _run(airflow, emulator, "time", 0.0, report)
    report.target("% of one core", ours.cpu_percent, 15)
    report.target("MiB above the empty triggerer", ours.mib, 40)
    report.note(f"MiB above the empty triggerer of sensors that only wait for a time: {least.mib:.0f}")
    report.target("p99 lateness of polls beyond the limit, s", percentile(ours.late, 0.99), 1)
    report.target("throttled answers", ours.throttled, 0)
    delay = percentile(ours.delays, 0.99)
    report.target("p99 loop delay, ms", None if delay is None else delay * 1000, 50)
    report.note(f"took {time.monotonic() - started:.0f} s")


def _run(airflow: Airflow, emulator: Platform, kind: str, spacing: float, report: Report) -> _Found:
    """Measure a new triggerer, first with the ticker alone."""
    airflow.select("UPDATE task_instance SET state = NULL, trigger_id = NULL WHERE task_id <> 'ticker'")
    airflow.select("DELETE FROM trigger WHERE id NOT IN (SELECT trigger_id FROM task_instance WHERE trigger_id > 0)")
    airflow.select("UPDATE trigger SET triggerer_id = NULL")
    ticks = airflow.home / "ticks"
    ticks.unlink(missing_ok=True)
    triggerer = airflow.start("triggerer")
    airflow.wait(ticks.exists, 180, "the triggerer runs no trigger")
    time.sleep(IDLE_SECONDS / 2)
    empty_cpu, empty_mib, empty_threads = _measure(triggerer, IDLE_SECONDS)
    count = defer(airflow, kind)
    emulator.limit()
    # A loop of Airflow's triggerer, about a second, starts 50 triggers; the first polls follow after the interval.
    time.sleep(count / 50 * 1.5 + POKE_SECONDS * 1.5)
    since = time.time()
    cpu, mib, threads = _measure(triggerer, SECONDS)
    triggerer.kill()
    times = [(at, path) for at, path in emulator.times() if "token" not in path]
    late = lateness(times, POKE_SECONDS, spacing, since)
    delays = [one for line in ticks.read_text().splitlines() for one in _delays(line, since)]
    calls = emulator.calls()
    report.note(f"{kind}: {count} sensors, {sum(at > since for at, _ in times)} polls in {SECONDS:.0f} s")
    report.note(f"  % of a core: {cpu:.1f}; the empty triggerer: {empty_cpu:.1f}")
    report.note(f"  MiB: {mib:.0f}; the empty triggerer: {empty_mib:.0f}; threads: {threads}, {empty_threads}")
    report.note(f"  polls late by {_quantiles(late)} s; loop late by {_quantiles(delays, 1000)} ms")
    return _Found(cpu, mib - empty_mib, late, delays, calls["throttled"])


def _delays(line: str, since: float) -> list[float]:
    at, found = json.loads(line)
    return found if at > since else []


def _quantiles(values: Sequence[float], factor: float = 1.0) -> str:
    names = {"p50": 0.5, "p99": 0.99, "at most": 1.0}
    return ", ".join(f"{name} {(percentile(values, part) or 0) * factor:.2f}" for name, part in names.items())


def _measure(component: Component, seconds: float) -> tuple[float, float, int]:
    """Return % of a core, MiB and threads over some seconds."""
    cpu, started = component.cpu(), time.monotonic()
    time.sleep(seconds)
    taken = (component.cpu() - cpu) / (time.monotonic() - started)
    return 100 * taken, component.mib(), component.threads()
