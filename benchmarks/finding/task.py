"""One task that lists many recordings; prints its seconds, its memory, its XComs and what it found.

Reads the arguments of `ListRecordingsOperator` from the standard input.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator


def main() -> None:
    """List."""
    task = ListRecordingsOperator(task_id="list", meetings_conn_id="bench_wecom", **json.load(sys.stdin))
    pushed: dict[str, Any] = {}
    ti = SimpleNamespace(
        dag_id="bench", task_id="list", run_id="bench", map_index=-1, try_number=1, task=task,
        xcom_push=lambda key, value, **_: pushed.__setitem__(key, value),
    )  # fmt: skip
    context: Any = {"ti": ti, "task_instance": ti, "run_id": "bench", "task": task}
    before, started = _mib("VmRSS"), time.monotonic()
    pushed["return_value"] = task.execute(context)
    seconds, mib = time.monotonic() - started, _mib("VmHWM") - before
    found = {
        "seconds": seconds,
        "mib": mib,
        "xcoms": {key: len(json.dumps(value).encode()) for key, value in pushed.items()},
        "items": len(pushed["return_value"]),
        "recordings": sum(1 for _ in arguments.values(Recording, pushed["return_value"], "recordings", context)),
    }
    sys.stdout.write(f"\n{json.dumps(found)}\n")


def _mib(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


if __name__ == "__main__":
    main()
