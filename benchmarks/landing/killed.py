"""Kill a transfer near its end, retry it, and count the bytes that the media host sent twice."""

from __future__ import annotations

from benchmarks.comparisons import Contestant
from benchmarks.landing.contestants import Job
from benchmarks.processes import Failed, Process

PART_DONE = 0.95


def fetched_again(job: Job, contestant: Contestant) -> int:
    """Return how many bytes were sent in excess of the file's size, by a try that is killed at 95 % and a second one.

    :raises Failed: if the first try was not killed during its transfer, or the second one failed.
    """
    origin = job.bench.origin
    origin.served()
    try:
        with Process(contestant.command, contestant.environment) as first:
            # Set before the first request: the process is still importing.
            origin.kill(first.pid, int(job.size * PART_DONE))
            code, _ = first.wait()
            if code != -9:
                raise Failed(f"the first try was not killed but ended with exit code {code}: {first.last_error_line()}")
        contestant.do()
        contestant.prove()
        return origin.served() - job.size
    finally:
        origin.spare()
        contestant.clear()
