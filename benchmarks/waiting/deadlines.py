"""Many triggers in one event loop whose deadline comes while the platform does not answer.

Reads ``{"triggers": ..., "seconds": ..., "poke_interval": ...}``; prints how late each event came, its status, the
most threads, and how late the loop woke a ticker.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from typing import Any

from airflow_provider_meetings.api.wait import Schedule
from airflow_provider_meetings.triggers.recordings import RecordingReadyTrigger
from benchmarks.waiting.meetings import meeting_ids

_PAUSE_SECONDS = 0.05


async def _until_event(trigger: RecordingReadyTrigger, deadline: float) -> tuple[float, str]:
    async for event in trigger.run():
        payload: Any = event.payload
        return time.time() - deadline, payload["status"]
    raise RuntimeError("a trigger yielded no event")


async def _tick(threads: list[int], delays: list[float]) -> None:
    while True:
        asleep = time.monotonic()
        await asyncio.sleep(_PAUSE_SECONDS)
        delays.append(time.monotonic() - asleep - _PAUSE_SECONDS)
        threads.append(threading.active_count())


async def main() -> None:
    """Run the triggers until all have yielded their event."""
    order: dict[str, Any] = json.load(sys.stdin)
    schedule = Schedule(started=time.time(), timeout=order["seconds"], poke_interval=order["poke_interval"])
    deadline = schedule.started + schedule.timeout
    triggers = [
        RecordingReadyTrigger(
            meetings_conn_id="bench_silent",
            query={"meeting_ids": meeting_ids(number, 1)},
            until="ready",
            schedule=schedule.to_dict(),
        )
        for number in range(order["triggers"])
    ]
    threads: list[int] = []
    delays: list[float] = []
    ticking = asyncio.create_task(_tick(threads, delays))
    events = await asyncio.gather(*(_until_event(trigger, deadline) for trigger in triggers))
    ticking.cancel()
    late = [seconds for seconds, _ in events]
    statuses = sorted({status for _, status in events})
    found = {"late": late, "statuses": statuses, "threads": max(threads), "delays": delays}
    sys.stdout.write(f"\n{json.dumps(found)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
