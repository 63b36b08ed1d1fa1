"""The case of a long listing by reference."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.peers import Peers
from benchmarks.processes import Failed
from benchmarks.report import Report

RECORDS = int(os.environ.get("BENCH_RECORDS", "100000"))
OWNERS = 10
DAYS = 360
LIST_SPACING = 3600 / (150_000 * 0.98)
"""Seconds between two pages at WeCom's limit, 150,000 an hour and 10,000 a minute, with our margin."""


class Pages:
    """The process that lists recordings, and its URL."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self.url = url

    def connection(self) -> dict[str, str]:
        """Return an Airflow connection to it, ``bench_wecom``."""
        login = {"conn_type": "wecom", "login": "ww0bench", "password": "bench-secret", "host": self.url}
        return {"AIRFLOW_CONN_BENCH_WECOM": json.dumps(login)}

    def taken(self) -> tuple[int, float]:
        """Return the number of requests for pages since the last call, and the seconds from the first to the last."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        count, seconds = json.loads(self._process.stdout.readline())
        return count, seconds


@contextmanager
def pages(*, state: int) -> Iterator[Pages]:
    """List `RECORDS` recordings of `OWNERS` owners, each in this state; stop on exit."""
    order = {"each": RECORDS // OWNERS, "days": DAYS, "state": state}
    command = [sys.executable, "-m", "benchmarks.finding.pages"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            yield Pages(process, process.stdout.readline().strip())
        finally:
            process.kill()


def selected(size: int) -> dict[str, Any]:
    """Return the arguments of a listing of all recordings, in batches of this size."""
    end = datetime.now(UTC).replace(microsecond=0)
    return {
        "start": (end - timedelta(days=DAYS)).isoformat(),
        "end": end.isoformat(),
        "owner_ids": [f"owner-{number}" for number in range(OWNERS)],
        "batch_size": size,
    }


def listing(_peers: Peers, report: Report) -> None:
    """100,000 recordings of ten owners, of 360 days in windows of 31, listed by reference at WeCom's limit."""
    started = time.monotonic()
    with pages(state=3) as host, tempfile.TemporaryDirectory(prefix="bench-") as home:
        found = _task({**selected(1000), "batches_to": f"file://{home}/batches"}, host, home)
        requests, seconds = host.taken()
    forced = (requests - 1) * LIST_SPACING
    report.note(f"{found['recordings']} recordings in {found['items']} batches, {requests} pages")
    report.note(f"{seconds:.1f} s from the first to the last page; the limit forces {forced:.1f} s")
    report.target("recordings that are missing", RECORDS - found["recordings"], 0)
    report.target("time to the time at the limit", seconds / forced, 1.03)
    report.at_least("time to the time at the limit", seconds / forced, 0.97)
    report.target("MiB above the process before the listing", found["mib"], 32)
    report.target("largest XCom, kB", max(found["xcoms"].values()) / 1000, 256)
    report.note(f"XComs in bytes: {found['xcoms']}; took {time.monotonic() - started:.0f} s")


def _task(order: dict[str, Any], host: Pages, home: str) -> dict[str, Any]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        **host.connection(),
        "AIRFLOW_HOME": home,
        "AIRFLOW__MEETINGS__STATE_DIR": f"{home}/state",
    }
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.finding.task"],
        env=environment,
        input=json.dumps(order),
        capture_output=True,
        text=True,
    )
    try:
        found: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise Failed(f"exit {run.returncode}: {run.stderr.strip()[-500:]}") from None
    return found
