"""Kill a transfer near its end, try it again, and count at the origin what was fetched twice."""

from __future__ import annotations

from benchmarks.comparisons import Contestant
from benchmarks.contestants import Job
from benchmarks.processes import Failed, Process

PART_DONE = 0.95


def fetched_again(job: Job, contestant: Contestant) -> int:
    """Return how many bytes more than the file has were sent, over a try that is killed at 95 % and a second one.

    :raises Failed: if the first try was not in the middle of its transfer, or the second did not do the job.
    """
    origin = job.bench.origin
    origin.served()
    try:
        with Process(contestant.command, contestant.environment) as first:
            # It is still at its imports: the order is there before the first byte is asked for.
            origin.kill(first.pid, int(job.size * PART_DONE))
            code, _ = first.wait()
            if code != -9:
                raise Failed(f"the first try was to be killed, but ended with exit {code}: {first.said()}")
        contestant.do()
        contestant.prove()
        return origin.served() - job.size
    finally:
        origin.spare()
        contestant.clear()
