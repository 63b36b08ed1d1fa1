"""Load the recordings with dlt, by the peer's Python: ``python -m benchmarks.loading.dlt_merge KIND ROWS RESULT``."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.loading.meetings import recordings


def main(kind: str, count: int, result: Path) -> None:
    """Merge every second row, then all rows; write the seconds of the second merge."""
    import dlt

    target = os.environ["BENCH_TARGET"]
    destination: Any
    if kind == "postgres":
        destination = dlt.destinations.postgres("postgresql://postgres:x@127.0.0.1:5432/test")
    else:
        destination = dlt.destinations.duckdb(target)
    dataset = target if kind == "postgres" else "rows"  # must differ from the name of DuckDB's file
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name=dataset)
    key = ["platform", "tenant", "recording_id"]

    def run(dicts: Any) -> None:
        pipeline.run(dicts, table_name="recordings", write_disposition="merge", primary_key=key)

    run([recording for i, recording in enumerate(recordings(count, "before")) if i % 2])
    after = list(recordings(count, "after"))
    started = time.perf_counter()
    run(after)
    result.write_text(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
