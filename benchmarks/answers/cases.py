"""The case about API answers without end, and its targets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.answers.host import KINDS, Pieces, serve
from benchmarks.peers import Peers
from benchmarks.processes import Failed
from benchmarks.report import Report

DEADLINE = 120.0
_AT_ONCE = 2


def answers(_peers: Peers, report: Report) -> None:
    """A task lists recordings from a platform whose answers swell or do not end; then the same task is killed."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        left = dict(zip(KINDS, threads.map(lambda pieces: _run(pieces, kill=False), KINDS.values()), strict=True))
        killed = dict(zip(KINDS, threads.map(lambda pieces: _run(pieces, kill=True), KINDS.values()), strict=True))
    report.note(f"{'answer':<38} {'seconds':>8} {'MiB above idle':>15} {'s after on_kill':>16}  error")
    for kind, found in left.items():
        after = killed[kind]["after_kill"]
        shown = "ended before" if after is None else f"{after:.2f}"
        report.note(f"{kind:<38} {found['seconds']:>8.1f} {found['mib']:>15.1f} {shown:>16}  {found['error'][:110]}")
    report.target("MiB above idle", max(found["mib"] for found in [*left.values(), *killed.values()]), 200)
    report.target("seconds", max(found["seconds"] for found in left.values()), DEADLINE + 2)
    report.target("seconds after on_kill", max(found["after_kill"] or 0.0 for found in killed.values()), 2)


def _run(pieces: Callable[[], Pieces], *, kill: bool) -> dict[str, Any]:
    with serve(pieces, slow=kill) as host, tempfile.TemporaryDirectory(prefix="bench-") as home:
        login = {"conn_type": "feishu", "login": "cli_bench", "password": "bench", "host": host.url}
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": home,
            "AIRFLOW_CONN_BENCH": json.dumps(login),
            "AIRFLOW__MEETINGS__STATE_DIR": f"{home}/state",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.answers.task"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            if kill and host.begun.wait(DEADLINE):
                process.send_signal(signal.SIGTERM)
            printed, errors = process.communicate(timeout=5 * DEADLINE)
        finally:
            process.kill()
        results = [line.removeprefix("RESULT ") for line in printed.splitlines() if line.startswith("RESULT ")]
        if not results:
            raise Failed(f"exit {process.returncode}: {errors.strip()[-300:]}")
        found: dict[str, Any] = json.loads(results[0])
        return found


CASES = (answers,)
