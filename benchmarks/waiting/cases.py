"""The waiting cases and their targets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.peers import Peers
from benchmarks.platform import Platform, State, platform
from benchmarks.processes import Failed
from benchmarks.report import Report
from benchmarks.waiting.meetings import meeting_ids
from benchmarks.waiting.polls import percentile
from benchmarks.waiting.restarts import restarts
from benchmarks.waiting.triggerer import WAITS, deferred

_DEADLINE_SECONDS = 30
_LATEST_SECONDS = 600


def hung(_peers: Peers, report: Report) -> None:
    """1,000 triggers in one process; the platform issues tokens, and never answers anything else."""
    started = time.monotonic()
    order = {"triggers": WAITS, "seconds": _DEADLINE_SECONDS, "poke_interval": 15}
    command = [sys.executable, "-m", "benchmarks.waiting.silent"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host, tempfile.TemporaryDirectory() as home:
        assert host.stdout is not None
        try:
            found = _deadlines(order, host.stdout.readline().strip(), home)
        finally:
            host.kill()
    report.note(f"{len(found['late'])} events: {', '.join(found['statuses'])}; {found['threads']} threads")
    report.target("latest event after its deadline, s", max(found["late"]), 5)
    report.target("p99 loop delay, ms", (percentile(found["delays"], 0.99) or 0) * 1000, 50)
    report.note(f"took {time.monotonic() - started:.0f} s")


def rounds(_peers: Peers, report: Report) -> None:
    """Requests of a round, counted at the platform: the first, in which all are asked, and the second."""
    started = time.monotonic()
    number, waiting = WAITS // 2, WAITS // 20
    pages = -(-number // 20) + 1
    pending: list[tuple[str, State, float]] = [
        (f"{one:05d}", "pending", 0.01 + 25 * one / number) for one in range(number)
    ]
    with platform() as emulator:
        emulator.wecom(pending)
        first, second = _rounds(emulator, "bench_wecom", {}, 30)
        report.note(f"WeCom, {number} recordings of one owner's listing, all wait: {first}, {second} requests")
        report.target("one listing's recordings: requests of a round", max(first, second), pages)

        emulator.wecom([*pending[1:], ("old", "pending", 365)])
        first, second = _rounds(emulator, "bench_wecom", {}, 366)
        report.note(f"WeCom, one of them a year old: {first}, {second} requests")
        report.target("one a year old: requests of a round", max(first, second), pages + 366 // 31 + 1)

        emulator.wecom([*pending[:waiting], *((name, "ready", age) for name, _, age in pending[waiting:])])
        bare = {"meeting_ids": [f"hy-{name}" for name, _, _ in pending]}
        first, second = _rounds(emulator, "bench_wecom", bare, None)
        report.note(f"WeCom, {number} bare meeting ids, {waiting} wait: {first}, {second} requests")
        report.target("bare meeting ids: requests of a round", second, waiting)

        ids = [one for number in range(WAITS) for one in meeting_ids(number, 1)]
        emulator.feishu({one: "pending" if at < WAITS // 10 else "ready" for at, one in enumerate(ids)})
        first, second = _rounds(emulator, "bench_feishu", {"meeting_ids": ids}, None)
        report.note(f"Feishu, {WAITS} meeting ids, {WAITS // 10} wait: {first}, {second} requests")
        report.target("Feishu: requests of a round", second, 1.05 * 2 * (WAITS // 10))
    report.note(f"took {time.monotonic() - started:.0f} s")


def _rounds(emulator: Platform, connection: str, query: dict[str, Any], listed_days: int | None) -> list[int]:
    order = {"query": query, "connection": connection, "list": listed_days, "rounds": 2}
    with tempfile.TemporaryDirectory() as home:
        counted = _ordered("benchmarks.waiting.rounds", order, home, emulator.connections())
    return [sum(calls.values()) for calls in counted]


def _deadlines(order: object, url: str, home: str) -> dict[str, Any]:
    login = {"conn_type": "feishu", "login": "cli_bench", "password": "bench", "host": url}
    found: dict[str, Any] = _ordered(
        "benchmarks.waiting.deadlines", order, home, {"AIRFLOW_CONN_BENCH_SILENT": json.dumps(login)}
    )
    return found


def _ordered(module: str, order: object, home: str, connections: dict[str, str]) -> Any:
    """Run a module with Airflow's settings of its own, and an order; return the JSON of its last line."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        **connections,
        "AIRFLOW_HOME": home,
        "AIRFLOW__MEETINGS__STATE_DIR": f"{home}/state",
    }
    command = [sys.executable, "-m", module]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            printed, errors = process.communicate(json.dumps(order), timeout=_LATEST_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed(f"{module} did not end within {_LATEST_SECONDS} s") from None
        finally:
            process.kill()
    try:
        return json.loads(printed.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise Failed(f"exit {process.returncode}: {errors.strip()[-500:]}") from None


CASES: tuple[Callable[[Peers, Report], None], ...] = (deferred, rounds, restarts, hung)
