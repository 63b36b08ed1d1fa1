"""One task that lists recordings, and prints its error, its seconds and its memory.

As in Airflow's task runner, SIGTERM calls the task's `on_kill`.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from airflow_provider_meetings.operators.recordings import ListRecordingsOperator


def _peak_mib() -> float:
    """Return the largest resident memory of this process, as the kernel counts it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    """List one meeting of the connection ``bench``."""
    task = ListRecordingsOperator(task_id="bench", meetings_conn_id="bench", meeting_ids=["7571000000000000101"])
    killed: list[float] = []

    def kill(*_: object) -> None:
        killed.append(time.monotonic())
        task.on_kill()

    signal.signal(signal.SIGTERM, kill)
    context: Any = {}
    idle, start, error = _peak_mib(), time.monotonic(), "none"
    try:
        task.execute(context)
    except Exception as caught:
        error = f"{type(caught.__cause__ or caught).__name__}: {caught}"
    end = time.monotonic()
    after_kill = end - killed[0] if killed else None
    found = {"error": error, "seconds": end - start, "mib": _peak_mib() - idle, "after_kill": after_kill}
    sys.stdout.write(f"RESULT {json.dumps(found)}\n")


if __name__ == "__main__":
    main()
