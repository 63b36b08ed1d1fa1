"""Compare the provider with its peers: ``python -m benchmarks [CASE …]``; all cases by default.

There are six groups of cases: landing, coordination of many workers, loading, API answers without end, finding, and
waiting. Those of coordination and loading, and those that start Airflow (mapped, deferred, restarts), need the servers
of the tests. BENCH_BYTES (default 1 GiB) is the size of one recording, BENCH_PAIRS (default
5) the number of measured runs per peer, BENCH_SECONDS (default 60) the duration of the rate-limit and scheduler cases
and half of that of deferred sensors, BENCH_ROWS (default 100000) the number of rows loaded, BENCH_LOADS (default 3) the
number of loads. Sizes for a trial: BENCH_RECORDS and BENCH_BATCHES, BENCH_WAITS and BENCH_POKE_SECONDS,
BENCH_RESTART_WAITS and BENCH_RESTARTS.
BENCH_PEERS, BENCH_PEERS_S3FS and BENCH_PEERS_DLT name the environments that `make bench` creates for the peers. Only
ratios within one run are meaningful, and only on an otherwise idle machine.
"""

from __future__ import annotations

import signal
import sys

from benchmarks.answers import cases as answers
from benchmarks.coordination import cases as coordination
from benchmarks.finding import cases as finding
from benchmarks.landing import cases as landing
from benchmarks.landing.body import GIB
from benchmarks.loading import cases as loading
from benchmarks.peers import Peers
from benchmarks.processes import Failed
from benchmarks.report import Report
from benchmarks.waiting import cases as waiting

CASES = (*landing.CASES, *coordination.CASES, *loading.CASES, *answers.CASES, *finding.CASES, *waiting.CASES)


def main(wanted: list[str]) -> int:
    """Run the cases; return 1 if one failed. A missed target is not a failure."""
    # A SIGTERM must still stop the servers and remove the files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    peers, report, failed = Peers(), Report(), False
    if unknown := set(wanted) - {case.__name__ for case in CASES}:
        print(f"no such case: {', '.join(unknown)}; there are {', '.join(case.__name__ for case in CASES)}")
        return 2
    if not wanted or {case.__name__ for case in landing.CASES} & set(wanted):
        size, pairs = landing.SIZE / GIB, landing.PAIRS
        print(f"{size:.2f} GiB on loopback; whole processes, ours without Airflow; {pairs} alternating runs A B A B")
        print("after a warm-up; medians. Ratios are ours to the peer's: below 1 ours is faster or smaller. Peaks below")
        print("the benchmark's own, about 25 MiB, cannot be measured.")
    print("Peers:")
    print(peers.versions())
    for case in CASES:
        if wanted and case.__name__ not in wanted:
            continue
        report.case(case.__name__, case.__doc__ or "")
        try:
            case(peers, report)
        except Failed as error:
            report.note(f"FAILED: {error}")
            failed = True
    print(f"\nnot reached: {'; '.join(report.missed) or 'nothing'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
