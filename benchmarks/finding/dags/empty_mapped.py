"""The same shape as ``ours`` of Python tasks that do nothing."""

from __future__ import annotations

import os
from datetime import datetime

from airflow.sdk import DAG, task

with DAG("empty", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):

    @task
    def start() -> list[int]:
        """Return a number for each mapped task."""
        return list(range(int(os.environ["BENCH_BATCHES"])))

    @task
    def mapped(number: int) -> None:
        """Do nothing."""

    mapped.expand(number=start())
