"""Load the same recordings with dlt: ``python -m benchmarks.dlt_merge KIND ROWS RESULT``, with the peer's Python."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.meetings import recordings


def main(kind: str, count: int, result: Path) -> None:
    """Merge twice, first every second row; write down how long the second took."""
    import dlt

    place = os.environ["BENCH_PLACE"]
    destination: Any
    if kind == "postgres":
        destination = dlt.destinations.postgres("postgresql://postgres:x@127.0.0.1:5432/test")
    else:
        destination = dlt.destinations.duckdb(place)
    dataset = place if kind == "postgres" else "rows"  # not the name of the file: DuckDB could not tell them apart
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name=dataset)
    key = ["platform", "tenant", "recording_id"]

    def run(given: Any) -> None:
        pipeline.run(given, table_name="recordings", write_disposition="merge", primary_key=key)

    run([one for i, one in enumerate(recordings(count, "before")) if i % 2])
    after = list(recordings(count, "after"))
    begun = time.perf_counter()
    run(after)
    result.write_text(json.dumps({"seconds": time.perf_counter() - begun}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
